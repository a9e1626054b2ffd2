"""The ESC/POS printer: its contract over every kind of port, its status, and hostile texts."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from escpos.printer import Dummy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.drivers.printer import PATIENCE, RECEIPT, PrinterContract
from contracts.drivers.reader import until
from drivers.contract import (
    DeviceAbsent,
    DeviceBusy,
    DeviceFault,
    DeviceLost,
    DeviceSilent,
    DeviceState,
    Line,
    Receipt,
)
from drivers.counter import printer as driver
from drivers.counter.printer import (
    EscposOptions,
    EscposPrinter,
    PrinterCover,
    PrinterOffline,
    PrinterPaper,
)
from drivers.counter.receipt import Form, ReceiptTooLong, rendered
from drivers.io.line import LineEchoes
from drivers.io.wait import Interrupted
from drivers.options import OptionsFault
from simulators.devices.lines import BOOT_TEXT, EchoingLine, RestartingBoard
from simulators.devices.printer import PrinterPeer, PrinterSimulator
from simulators.devices.serial_server import TcpPort
from simulators.world import SimWorld
from tests.drivers.babbler import Babbler
from world import Queue, QueueEmpty
from world.real import RealWorld
from world.tasks import RealTask

WORLD = RealWorld()
FORM = Form(columns=32, encoding="gb18030", cut="partial", module=6)


@dataclass
class Bench:
    """See `contracts.drivers.printer.PrinterBench`."""

    simulator: PrinterSimulator
    printer: EscposPrinter

    @property
    def peer(self) -> PrinterPeer:
        return self.simulator.peer

    def paper(self) -> list[str]:
        return [receipt.text for receipt in self.peer.receipts]

    def codes(self) -> list[str]:
        return self.peer.receipts[-1].codes

    def take_paper_out(self) -> None:
        self.peer.paper_lines = 0

    def let_paper_end(self, lines: int) -> None:
        self.peer.tells = True
        self.peer.paper_lines = lines

    def put_paper_in(self) -> None:
        self.peer.paper_lines = -1

    def unplug(self) -> None:
        self.simulator.port.unplug()

    def plug(self) -> None:
        self.simulator.port.plug()


class UsbWorld(RealWorld):
    """A pty stands for a printer's node, and not for a link to a tty."""

    def real_path(self, path: Path) -> Path:
        return path if path.name.startswith("lp") else super().real_path(path)


MakeBench = Callable[..., Bench]


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[MakeBench]:
    made: list[Bench] = []

    def make(name: str = "usb-Printer_1-if00", **options: object) -> Bench:
        path = tmp_path / "port" / name
        simulator = PrinterSimulator(path, 38_400 if name.startswith("lp") else 9600)
        simulator.port.plug()
        world = UsbWorld() if name.startswith("lp") else WORLD
        printer = EscposPrinter(world, "slips", {"port": str(path), **options})
        made.append(Bench(simulator, printer))
        printer.start()
        until(lambda: printer.status().state is DeviceState.READY, PATIENCE)
        return made[-1]

    yield make
    for bench in made:
        bench.printer.stop()
        bench.unplug()


class TestSerialPrinter(PrinterContract):
    @pytest.fixture
    def bench(self, make_bench: MakeBench) -> Bench:
        return make_bench()


class TestUsbPrinter(PrinterContract):
    """/dev/usb/lp0 is a device file and no serial line; a pty can be both."""

    @pytest.fixture
    def bench(self, make_bench: MakeBench) -> Bench:
        return make_bench("lp0")


class NetworkBench(Bench):
    """A printer on the network: the same peer behind a loopback server."""

    def __init__(self, peer: PrinterPeer) -> None:
        self._peer = peer
        self.server = TcpPort(peer)
        self.server.plug()
        self.printer = EscposPrinter(WORLD, "slips", {"port": self.server.url})

    @property
    def peer(self) -> PrinterPeer:
        return self._peer

    def unplug(self) -> None:
        self.server.unplug()

    def plug(self) -> None:
        self.server.plug()


class TestNetworkPrinter(PrinterContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        bench = NetworkBench(PrinterPeer())
        bench.printer.start()
        until(lambda: bench.printer.status().state is DeviceState.READY, PATIENCE)
        yield bench
        bench.printer.stop()
        bench.unplug()


class TestStatus:
    @pytest.mark.parametrize(
        ("trouble", "fault"),
        [
            ({"paper_lines": 0}, PrinterPaper),
            ({"cover_open": True}, PrinterCover),
            ({"offline": True}, PrinterOffline),
        ],
    )
    def test_what_is_wrong_before_is_said_and_nothing_is_sent(
        self, make_bench: MakeBench, trouble: dict[str, int], fault: type[DeviceFault]
    ) -> None:
        bench = make_bench()
        vars(bench.peer).update(trouble)
        with pytest.raises(fault):
            bench.printer.print(RECEIPT)
        assert b"\x1b@" not in bench.peer.received_bytes
        assert bench.printer.status().state is DeviceState.READY
        assert bench.printer.status().counters["failed"] == 1

    def test_paper_that_ends_in_the_middle_is_said(self, make_bench: MakeBench) -> None:
        bench = make_bench()
        bench.peer.paper_lines = 2
        with pytest.raises(PrinterPaper):
            bench.printer.print(RECEIPT)
        assert bench.paper() == []

    def test_paper_that_ends_after_the_last_line_is_said(self, make_bench: MakeBench) -> None:
        """Even when the printer seems to have answered: a byte alone is no proof of it."""
        bench = make_bench()
        receipt = Receipt("", [Line("1"), Line("2")])
        bench.peer.paper_lines = 2
        bench.peer.stops_at_once = False
        for _ in range(2):
            with pytest.raises(PrinterPaper):
                bench.printer.print(receipt)
            assert bench.paper() == ["1\n2"]

    @pytest.mark.parametrize("status", ["realtime", "none"])
    def test_a_printer_that_cannot_confirm_still_prints(
        self, make_bench: MakeBench, status: str
    ) -> None:
        bench = make_bench(status=status)
        bench.peer.answers = status == "realtime"
        bench.printer.print(RECEIPT)
        assert bench.peer.await_receipts(1)

    def test_one_that_does_not_answer_is_silent(
        self, make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(driver, "ANSWER_WITHIN", 0.05)
        bench = make_bench()
        bench.peer.answers = False
        with pytest.raises(DeviceSilent):
            bench.printer.print(RECEIPT)

    def test_one_that_never_gets_ready_is_given_up(
        self, make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(driver, "ANSWER_WITHIN", 0.2)
        monkeypatch.setattr(driver, "PRINT_WITHIN", 0.5)
        bench = make_bench()
        monkeypatch.setattr(bench.peer, "_in_turn", lambda: b"")
        with pytest.raises(DeviceSilent):
            bench.printer.print(RECEIPT)

    @pytest.mark.parametrize("lost", range(4))
    def test_a_status_that_nobody_asked_for_is_no_confirmation(
        self, make_bench: MakeBench, lost: int
    ) -> None:
        """Also one whose beginning was lost: its rest looks like answers."""
        bench = make_bench()
        bench.peer.tells, bench.peer.tells_lost = True, lost
        bench.peer.paper_lines = 2
        with pytest.raises(PrinterPaper):
            bench.printer.print(RECEIPT)
        assert bench.paper() == []

    def test_what_an_earlier_receipt_still_owed_confirms_none_after_it(
        self, make_bench: MakeBench
    ) -> None:
        """With new paper a printer goes on, and answers what it was asked before."""
        bench = make_bench()
        bench.peer.paper_lines = 2
        with pytest.raises(PrinterPaper):
            bench.printer.print(RECEIPT)
        bench.put_paper_in()
        bench.printer.print(Receipt("", [Line("second")]))
        assert [("second" in text) for text in bench.paper()] == [False, True]

    def test_on_a_line_that_hears_itself_nothing_printed_is_an_answer(
        self, make_bench: MakeBench
    ) -> None:
        bench = make_bench()
        line = EchoingLine(bench.peer)
        bench.unplug()
        until(lambda: bench.printer.status().state is DeviceState.ABSENT, PATIENCE)
        bench.simulator.port.peer = line
        bench.plug()
        bench.printer.look()
        until(lambda: bench.printer.status().state is DeviceState.READY, PATIENCE)
        bench.printer.print(RECEIPT)
        assert len(bench.paper()) == 1
        bench.peer.paper_lines = 2
        with pytest.raises(PrinterPaper):
            bench.printer.print(RECEIPT)
        line.powered = False
        with pytest.raises(LineEchoes):
            bench.printer.print(RECEIPT)

    def test_one_that_restarts_when_its_port_is_opened_comes_to_work(
        self, make_bench: MakeBench
    ) -> None:
        bench = make_bench()
        board = RestartingBoard(bench.peer, text=BOOT_TEXT)
        bench.unplug()
        until(lambda: bench.printer.status().state is DeviceState.ABSENT, PATIENCE)
        bench.simulator.port.peer = board
        bench.plug()
        bench.printer.look()
        until(lambda: bench.printer.status().state is DeviceState.READY, PATIENCE)
        bench.printer.print(RECEIPT)
        assert len(bench.paper()) == 1
        assert board.openings == 1

    def test_unplugged_in_the_middle_is_lost(self, make_bench: MakeBench) -> None:
        bench = make_bench()
        bench.peer.answers = False
        bench.peer.received_bytes.clear()
        faults: list[DeviceFault] = []

        def print_it() -> None:
            with pytest.raises(DeviceFault) as caught:
                bench.printer.print(RECEIPT)
            faults.append(caught.value)

        task = RealTask(print_it, "prints")
        until(lambda: bool(bench.peer.received_bytes), PATIENCE)
        bench.unplug()
        assert task.join(PATIENCE)
        assert [type(fault) for fault in faults] == [DeviceLost]

    def test_two_at_once_come_out_one_after_another(self, make_bench: MakeBench) -> None:
        bench = make_bench()
        tasks = [
            RealTask(partial(bench.printer.print, Receipt("", [Line(f"{at}")] * 20)), "prints")
            for at in range(4)
        ]
        assert all(task.join(PATIENCE) for task in tasks)
        assert bench.peer.await_receipts(4)
        assert all(len(set(text.split())) == 1 for text in bench.paper())

    def test_while_one_hangs_the_next_is_refused(
        self, make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(driver, "TURN_WITHIN", 0.05)
        bench = make_bench()
        bench.peer.answers = False
        bench.peer.received_bytes.clear()
        task = RealTask(lambda: _fails(bench), "prints")
        until(lambda: bool(bench.peer.received_bytes), PATIENCE)
        with pytest.raises(DeviceBusy):
            bench.printer.print(RECEIPT)
        assert task.join(PATIENCE)

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(noise=st.binary(min_size=1, max_size=100))
    def test_noise_from_the_printer_is_at_most_one_fault(
        self, make_bench: MakeBench, noise: bytes
    ) -> None:
        """Noise that looks like an answer may be taken for one, and is over then."""
        bench = self._shared(make_bench)
        bench.simulator.port.send(noise)
        with suppress(DeviceFault):
            bench.printer.print(Receipt("", [Line("x")]))
        until(lambda: bench.printer.status().state is DeviceState.READY, PATIENCE)
        before = len(bench.paper())
        bench.printer.print(Receipt("", [Line("x")]))
        assert bench.peer.await_receipts(before + 1)

    _bench: Bench | None = None

    @classmethod
    def _shared(cls, make_bench: MakeBench) -> Bench:
        cls._bench = cls._bench or make_bench()
        return cls._bench


class ScriptedPort:
    """A printer by a simulated clock. `hears` is given what is written to it."""

    attached = "a port"

    def __init__(self, world: SimWorld, hears: Callable[[bytes], None]) -> None:
        self.said: Queue[bytes | None] = world.queue()
        self._hears = hears

    def read(self, timeout: float | None = None) -> bytes:
        try:
            data = self.said.get(timeout)
        except QueueEmpty:
            return b""
        if data is None:
            raise Interrupted
        return data

    def write(self, data: bytes, *, marks: bool = False) -> None:
        self._hears(data)

    def silent(self) -> DeviceFault:
        return DeviceSilent(device="slips", port=self.attached)

    def interrupt(self) -> None:
        self.said.put(None)

    def close(self) -> None:
        pass


class SimPrinter(EscposPrinter):
    """At a scripted port."""

    def __init__(self, world: SimWorld, hears: Callable[[bytes], None]) -> None:
        super().__init__(world, "slips", {"port": "/dev/x"})
        self.port = ScriptedPort(world, hears)

    def _open(self) -> Any:
        return self.port


@pytest.mark.parametrize("seed", range(20))
def test_a_status_that_pauses_before_its_last_byte_is_no_confirmation(seed: int) -> None:
    """The paper ends behind the last line: GS r is never answered."""
    world = SimWorld(seed)
    answers = dict.fromkeys([b"\x10\x04\x04", b"\x10\x04\x02", b"\x10\x04\x01"], b"\x12")

    def history() -> None:
        def tell() -> None:
            printer.port.said.put(b"\x18\x20\x0c")
            world.wait(0.07)
            printer.port.said.put(b"\x0f")

        def hears(data: bytes) -> None:
            if data == driver.FINISHED:
                answers.update(zip(answers, (b"\x72", b"\x32", b"\x1a"), strict=True))
                world.spawn(tell, name="paper ends")
            elif data in answers:
                printer.port.said.put(answers[data])

        printer = SimPrinter(world, hears)
        printer.start()
        with pytest.raises(PrinterPaper):
            printer.print(RECEIPT)
        printer.stop()

    world.play(history)


@pytest.mark.parametrize("pause", [0.001, 0.04])
def test_one_that_never_pauses_is_a_protocol_error(
    pause: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = SimWorld(1)

    def history() -> None:
        babbler = Babbler(world, b"\x12", pause)
        monkeypatch.setattr(driver, "open_line", lambda *_, **__: babbler)
        printer = EscposPrinter(world, "slips", {"port": "socket://x:1"})
        printer.start()
        world.wait(2 * driver.GREETED_WITHIN)
        assert printer.status().state is DeviceState.PROTOCOL_ERROR
        printer.stop()

    world.play(history)


def _fails(bench: Bench) -> None:
    with pytest.raises(DeviceFault):
        bench.printer.print(RECEIPT)


class TestPort:
    """Its kind is decided by what is found, not by the setting's text."""

    @pytest.mark.parametrize(
        ("setting", "opened"),
        [
            ("socket://lp-hall:9100", ("line", "socket://lp-hall:9100")),
            ("{}/usb/lp0", ("file", "{}/usb/lp0")),
            ("{}/receipts", ("file", "{}/receipts")),  # a link of udev's to lp0
            ("{}/usb/lp* | {}/ttyUSB0", ("file", "{}/usb/lp0")),
            ("{}/usb/lp7 | {}/ttyUSB0", ("line", "{}/ttyUSB0")),
            ("{}/ttyUSB0 | {}/usb/lp0", ("line", "{}/ttyUSB0")),
            ("{}/lp-by-name", ("line", "{}/lp-by-name")),  # a link to ttyUSB0
        ],
    )
    def test_what_was_found_decides_how_it_is_opened(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        setting: str,
        opened: tuple[str, str],
    ) -> None:
        (tmp_path / "usb").mkdir()
        (tmp_path / "usb" / "lp0").touch()
        (tmp_path / "ttyUSB0").touch()
        (tmp_path / "receipts").symlink_to("usb/lp0")
        (tmp_path / "lp-by-name").symlink_to("ttyUSB0")
        found: Queue[tuple[str, str]] = WORLD.queue()

        def as_line(_: object, options: EscposOptions, *, device: str) -> None:
            found.put(("line", options.port))
            raise DeviceAbsent(device=device)

        def as_file(_: object, port: str, *, device: str) -> None:
            found.put(("file", port))
            raise DeviceAbsent(device=device)

        monkeypatch.setattr(driver, "open_line", as_line)
        monkeypatch.setattr(driver, "open_device_file", as_file)
        printer = EscposPrinter(WORLD, "slips", {"port": setting.replace("{}", str(tmp_path))})
        printer.start()
        kind, port = found.get(PATIENCE)
        printer.stop()
        assert (kind, port) == (opened[0], opened[1].replace("{}", str(tmp_path)))


class TestRendered:
    def test_byte_for_byte(self) -> None:
        receipt = Receipt("凭条", [Line("姓名", "张*"), Line("好", emphasis=True)], code="x")
        assert rendered(receipt, FORM, device="slips") == (
            b"\x1b@\x1c&"
            b"\x1ba\x01\x1b!\x00\x1b!0" + "凭条".encode("gb18030") + b"\n"
            b"\x1b!\x00\x1b!\x00\x1ba\x00"
            + "姓名".encode("gb18030")
            + b" " * 25
            + "张*".encode("gb18030")
            + b"\n\x1bE\x01"
            + "好".encode("gb18030")
            + b"\n\x1bE\x00"
            b"\x1ba\x01\x1d(k\x04\x001A2\x00\x1d(k\x03\x001C\x06\x1d(k\x03\x001E1"
            b"\x1d(k\x04\x001P0x\x1d(k\x03\x001Q0\n\x1ba\x00"
            b"\x1bd\x04\x1dV\x01"
        )

    def test_the_code_is_what_python_escpos_sends(self) -> None:
        dummy = Dummy()
        dummy.qr("https://city.example/r/7", ec=1, size=6, native=True)
        assert dummy.output in rendered(RECEIPT, FORM, device="slips")

    @given(
        text=st.text(max_size=80),
        value=st.text(max_size=80),
        columns=st.integers(16, 80),
        encoding=st.sampled_from(["gb18030", "gbk", "gb2312"]),
    )
    def test_no_text_steers_the_printer_and_no_row_is_too_long(
        self, text: str, value: str, columns: int, encoding: str
    ) -> None:
        form = Form(columns, encoding, "none", 6)  # type: ignore[arg-type]
        data = rendered(Receipt("", [Line(text, value)]), form, device="slips")
        body = data.removeprefix(b"\x1b@\x1c&").removesuffix(b"\x1bd\x04")
        assert not any(byte < 0x20 and byte != 0x0A for byte in body)
        for row in body.split(b"\n"):
            assert len(row) <= columns  # a byte is a column
            row.decode(encoding)

    @pytest.mark.parametrize(
        "receipt",
        [
            Receipt("", [Line("x" * 100)] * 1000),
            Receipt("", [], code="x" * 1001),
        ],
    )
    def test_what_is_too_long_is_refused(self, receipt: Receipt) -> None:
        with pytest.raises(ReceiptTooLong):
            rendered(receipt, FORM, device="slips")

    @pytest.mark.parametrize("options", [{"columns": 3}, {"encoding": "big5"}, {"cut": "half"}])
    def test_options_that_do_not_fit_are_told(self, options: dict[str, object]) -> None:
        with pytest.raises(OptionsFault):
            EscposPrinter(WORLD, "slips", {"port": "/dev/x", **options})
