"""A SAM_V reader over a simulated serial port and a simulated USB bus, two and four pipes."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import pytest

from contracts.drivers.document import PATIENCE, DocumentContract, away, expect, ready
from contracts.drivers.reader import until
from contracts.secrets_probe import Probe
from drivers import registry
from drivers.contract import DeviceFault, DeviceSilent, DeviceState, Document, Unread
from drivers.idcard.frames import PREAMBLE
from drivers.idcard.reader import SamVReader
from drivers.io.keeper import ManagedDevice
from drivers.options import OptionsFault
from simulators.devices.idcard import AfterRead, IdCard, SamVModule, SamVUsb, document_of
from simulators.devices.lines import BOOT_TEXT, EchoingLine, RestartingBoard
from simulators.devices.pty import Peer, PtyPort
from simulators.devices.usb import UsbBus
from simulators.people import load_cast
from world import QueueEmpty
from world.real import RealWorld

WORLD = RealWorld()
PEOPLE = load_cast().people[:3]
INTERVAL = 0.01


class Bench:
    """See `contracts.drivers.document.DocumentBench`."""

    def __init__(self, module: SamVModule, **options: object) -> None:
        self.module = module
        self._options = {"interval": INTERVAL, **options}
        self.reader = SamVReader(WORLD, "id", self._options)
        self.cards: Sequence[IdCard] = [document_of(person) for person in PEOPLE]
        self.planted = Probe(
            {person.key: person.number for person in PEOPLE}
            | {f"{person.key}'s name": person.name for person in PEOPLE}
        )

    def lay(self, card: IdCard, *, damaged: bool = False) -> None:
        if damaged:
            self.module.faults.refusals["read"] = [0x41] * 2
        self.module.lay(card)

    def lift(self) -> None:
        self.looked_again()
        self.module.lift()
        self.looked_again()

    def looked_again(self) -> None:
        # The first may have been under way already.
        assert self.module.wait_asked("find", 3, PATIENCE)

    def go(self, way: str) -> None:
        match way:
            case "unplug":
                self.unplug()
                away(self)
            case "take back":
                self.reader.release()
            case "reload":
                self.reader.stop()

    def come_back(self, way: str) -> None:
        match way:
            case "unplug":
                self.plug()
                self.reader.look()
            case "take back":
                self.reader.take_back()
            case "reload":
                self.reader = SamVReader(WORLD, "id", self._options)
                self.reader.start()

    def unplug_in_read(self) -> None:
        self.module.faults.meanwhile["read"] = self.unplug

    def unplug(self) -> None:
        raise NotImplementedError

    def plug(self) -> None:
        raise NotImplementedError

    def free(self) -> bool:
        raise NotImplementedError


class SerialBench(Bench):
    def __init__(self, folder: Path, module: SamVModule, **options: object) -> None:
        self.port = PtyPort(folder / "by-id" / "usb-SAM_V-if00", module)
        super().__init__(module, **{"port": str(self.port.path), **options})

    def unplug(self) -> None:
        self.port.unplug()

    def plug(self) -> None:
        self.module.reset()
        self.port.plug()

    def free(self) -> bool:
        other = SamVReader(WORLD, "other", {"port": str(self.port.path)})
        try:
            other._open().close()
        except DeviceFault:
            return False
        return True


class UsbBench(Bench):
    def __init__(self, bus: UsbBus, pipes: Literal[2, 4]) -> None:
        module = SamVModule()
        super().__init__(module, usb="0400:C35A")
        self._bus = bus
        self.device = SamVUsb(module, pipes=pipes)
        bus.plug(self.device)

    def unplug(self) -> None:
        self._bus.unplug(self.device)

    def plug(self) -> None:
        self.module.reset()
        self._bus.plug(self.device)

    def free(self) -> bool:
        return not self._bus.open_handles(self.device)


Serial = Callable[..., SerialBench]


@pytest.fixture
def serial(tmp_path: Path) -> Iterator[Serial]:
    """Makes a bench whose reader is started, and ready unless the module is not `well`."""
    with ExitStack() as stack:

        def make(
            module: SamVModule | None = None, *, well: bool = True, **options: object
        ) -> SerialBench:
            bench = SerialBench(tmp_path, module or SamVModule(), **options)
            stack.enter_context(bench.port)
            bench.reader.start()
            stack.callback(lambda: bench.reader.stop())
            if well:
                ready(bench)
            return bench

        yield make


class TestSerial(DocumentContract):
    @pytest.fixture
    def bench(self, serial: Serial) -> SerialBench:
        return serial()


@pytest.fixture(params=[2, 4], ids=["two pipes", "four pipes"])
def usb(request: pytest.FixtureRequest) -> Iterator[UsbBench]:
    with UsbBus() as bus:
        bench = UsbBench(bus, request.param)
        bench.reader.start()
        yield bench
        bench.reader.stop()


class TestUsb(DocumentContract):
    @pytest.fixture
    def bench(self, usb: UsbBench) -> UsbBench:
        return usb


def test_four_pipes_carry_the_head_and_the_rest_apart() -> None:
    with UsbBus() as bus:
        bench = UsbBench(bus, 4)
        bench.reader.start()
        ready(bench)
        bench.reader.stop()
    assert bench.device.written[:2] == [
        (0x02, bytes.fromhex("AAAAAA9669 0003")),
        (0x06, bytes.fromhex("11FF ED")),
    ]


def test_garbage_on_a_pipe_is_thrown_away_before_the_next_command(usb: UsbBench) -> None:
    ready(usb)
    for pipe in usb.device.interfaces[0].endpoints:
        if pipe.address & 0x80:
            usb.device.send(PREAMBLE + b"\x09\x60" + b"\xaa" * 500, pipe.address)
    usb.lay(usb.cards[0])
    assert expect(usb, Document).text == usb.cards[0].text


def test_packets_without_bytes_are_no_answer_and_no_end(usb: UsbBench) -> None:
    """Before each answer, between its parts, and behind it."""
    ready(usb)
    send = usb.device.send

    def with_empty_ones(data: bytes, endpoint: int | None = None) -> None:
        for part in (b"", data, b""):
            send(part, endpoint)

    usb.device.send = with_empty_ones  # type: ignore[method-assign]
    usb.lay(usb.cards[0])
    assert expect(usb, Document).text == usb.cards[0].text
    usb.looked_again()
    assert usb.reader.status().counters == {}


def test_a_rest_that_never_comes_on_the_second_pipe_is_not_waited_for_again(usb: UsbBench) -> None:
    ready(usb)
    usb.looked_again()
    usb.module.faults.truncated = 1  # only the head of "no card" and of "found" is left
    usb.lay(usb.cards[0])
    assert expect(usb, Document).text == usb.cards[0].text
    assert usb.reader.status().counters == {"garbled": 1}


class Mute:
    """A wire with nothing at its other end."""

    attached = "nowhere"

    def __init__(self) -> None:
        self.closed = WORLD.event()

    def read(self, timeout: float | None = None) -> bytes:
        WORLD.wait(timeout or 0.0)
        return b""

    def write(self, data: bytes, *, marks: bool = False) -> None: ...

    def silent(self) -> DeviceFault:
        return DeviceSilent(device="id", port=self.attached)

    def discard(self) -> None: ...

    def interrupt(self) -> None: ...

    def close(self) -> None:
        self.closed.set()


def test_a_device_that_is_no_module_is_told_at_once_and_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wire = Mute()
    reader = SamVReader(WORLD, "id", {"port": "/dev/null"})
    monkeypatch.setattr(reader, "_wire", lambda: wire)
    reader.start()
    until(lambda: reader.status().fault == "device.silent", PATIENCE)
    reader.stop()
    assert wire.closed.is_set()


@pytest.mark.parametrize("text", [b"", BOOT_TEXT], ids=["silent", "boot text"])
def test_a_module_that_restarts_when_its_port_is_opened_comes_to_work(
    serial: Serial, text: bytes
) -> None:
    bench = serial()
    board = RestartingBoard(bench.module, text=text)
    bench.unplug()
    away(bench)
    bench.port.peer = board
    bench.plug()
    bench.reader.look()
    ready(bench)
    assert board.openings == 1
    bench.lay(bench.cards[0])
    assert expect(bench, Document).text == bench.cards[0].text


def test_a_module_on_an_echoing_line_reads_and_an_echo_alone_is_no_module(serial: Serial) -> None:
    bench = serial()
    line = EchoingLine(bench.module)
    bench.unplug()
    away(bench)
    bench.port.peer = line
    bench.plug()
    bench.reader.look()
    ready(bench)
    bench.lay(bench.cards[0])
    assert expect(bench, Document).text == bench.cards[0].text
    line.powered = False
    until(lambda: bench.reader.status().fault == "device.echo", PATIENCE)


def test_the_driver_is_found_by_its_name() -> None:
    assert registry.document_reader("sam-v") is SamVReader


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"port": "/dev/ttyUSB0", "usb": "0400:C35A"},
        {"port": ""},
        {"usb": "0400"},
        {"port": "/dev/ttyUSB0", "interval": 0},
        {"port": "/dev/ttyUSB0", "attempts": 0},
        {"port": "/dev/ttyUSB0", "baud": 9600},
    ],
    ids=str,
)
def test_options_that_do_not_fit_are_refused_without_touching_a_device(
    options: dict[str, object],
) -> None:
    with pytest.raises(OptionsFault):
        SamVReader(WORLD, "id", options)


@pytest.mark.parametrize("after_read", ["hidden", "refused", "again"])
def test_a_document_that_stays_is_read_once_whatever_the_module_says_of_it(
    serial: Serial, after_read: AfterRead
) -> None:
    bench = serial(SamVModule(after_read=after_read))
    for card in bench.cards:
        bench.lay(card)
        assert expect(bench, Document).text == card.text
        bench.lift()
    assert len(bench.reader.events) == 0
    assert bench.module.count("read") == len(bench.cards)
    assert bench.reader.status().counters == {}


def test_a_read_that_fails_once_is_tried_again_while_the_document_lies_there(
    serial: Serial,
) -> None:
    bench = serial()
    bench.module.faults.refusals["read"] = [0x41]
    bench.lay(bench.cards[0])
    expect(bench, Document)
    assert bench.reader.status().counters == {"failed reads": 1}
    steps = [step for step in bench.module.asked if step not in ("status", "find")]
    assert steps == ["select", "read", "select", "read"]


@pytest.mark.parametrize(
    ("step", "sw", "status"),
    [
        ("select", 0x81, "select"),
        ("select", 0x40, "unknown card"),
        ("read", 0x31, "card refused the module"),
        ("read", 0x32, "module refused the card"),
        ("read", 0x33, "verification"),
        ("read", 0x41, "read"),
        ("read", 0x21, "order"),
        ("read", 0x77, "unknown"),
    ],
)
def test_what_cannot_be_read_is_told_with_the_modules_own_words(
    serial: Serial, step: str, sw: int, status: str
) -> None:
    bench = serial()
    bench.module.faults.refusals[step] = [sw] * 2
    bench.lay(bench.cards[0])
    fault = expect(bench, Unread).fault
    assert fault.code == "document.unread"
    assert fault.facts == {"device": "id", "step": step, "sw": f"{sw:02X}", "status": status}
    assert bench.reader.status().state is DeviceState.READY


def test_a_document_taken_away_too_early_is_told_as_that(serial: Serial) -> None:
    bench = serial()
    bench.module.faults.meanwhile["read"] = bench.module.lift
    bench.lay(bench.cards[0])
    fault = expect(bench, Unread).fault
    assert (fault.code, fault.facts) == ("document.gone", {"device": "id"})
    bench.looked_again()
    bench.lay(bench.cards[1])
    expect(bench, Document)


@pytest.mark.parametrize("step", ["find", "select", "newest address"])
def test_an_answer_with_a_wrong_check_byte_is_asked_for_again(serial: Serial, step: str) -> None:
    bench = serial(newest_address=True)
    ready(bench)

    def garble() -> None:
        bench.module.faults.wrong_xor = 1

    bench.module.faults.meanwhile[step] = garble
    bench.lay(bench.cards[0])
    expect(bench, Document)
    until(lambda: bench.reader.status().counters.get("garbled") == 1, PATIENCE)


@pytest.mark.parametrize("damage", ["wrong_xor", "truncated"])
def test_a_read_that_comes_garbled_is_never_taken_and_always_told(
    serial: Serial, damage: str
) -> None:
    """The module thinks that it has been read, so it has to be laid down again."""
    bench = serial()

    def spoil() -> None:
        setattr(bench.module.faults, damage, 1)

    bench.module.faults.meanwhile["read"] = spoil
    bench.lay(bench.cards[0])
    assert expect(bench, Unread).fault.code == "document.gone"
    assert bench.reader.status().counters["garbled"] == 1
    bench.lift()
    bench.lay(bench.cards[0])
    assert expect(bench, Document).text == bench.cards[0].text


def test_noise_before_every_answer_hinders_nothing(serial: Serial) -> None:
    bench = serial()
    bench.module.faults.noise = b"\x00\xff\xaa\xaa" + PREAMBLE[:4]
    for card in bench.cards:
        bench.lay(card)
        assert expect(bench, Document).text == card.text
        bench.lift()
    assert bench.reader.status().lost == 0


def test_a_module_that_falls_silent_over_a_document_is_told_and_comes_back(
    serial: Serial, caplog: pytest.LogCaptureFixture
) -> None:
    bench = serial()
    ready(bench)
    bench.module.faults.silent.add("select")
    with caplog.at_level(logging.INFO, logger="onecard.devices"):
        bench.lay(bench.cards[0])
        assert expect(bench, Unread).fault.code == "device.silent"
        bench.module.faults.silent.clear()
        assert not expect(bench, Unread).came
    assert [record.getMessage() for record in caplog.records] == [
        "device id: device.silent",
        "device id: back",
    ]


def test_a_slow_module_is_waited_for(serial: Serial) -> None:
    bench = serial()
    bench.module.faults.work = {"find": 0.1, "select": 0.2, "read": 0.6}
    bench.lay(bench.cards[0])
    document = expect(bench, Document)
    assert document.at - document.seen >= 0.8
    assert bench.reader.status().counters == {}


@pytest.mark.parametrize("size", [0, 512, 1024])
def test_fingerprints_come_along_when_they_are_asked_for(serial: Serial, size: int) -> None:
    bench = serial(fingerprint=True)
    card = document_of(PEOPLE[0], fingerprint=b"F" * size)
    bench.lay(card)
    document = expect(bench, Document)
    assert (document.text, document.photo) == (card.text, card.photo)
    assert document.fingerprint == card.fingerprint
    assert bench.module.count("read") == 0


def test_without_the_options_nothing_more_is_read_than_needed(serial: Serial) -> None:
    bench = serial()
    bench.lay(document_of(PEOPLE[0], fingerprint=b"F" * 1024, newest_address="别处"))
    document = expect(bench, Document)
    assert (document.fingerprint, document.newest_address) == (b"", b"")
    assert bench.module.count("read fingerprint") == bench.module.count("newest address") == 0


def test_the_newest_address_comes_along_when_there_is_one(serial: Serial) -> None:
    bench = serial(newest_address=True)
    bench.lay(document_of(PEOPLE[0], newest_address="测试市别处2号"))
    assert expect(bench, Document).newest_address.decode("utf-16-le").strip() == "测试市别处2号"
    bench.lift()
    bench.lay(bench.cards[1])
    assert expect(bench, Document).newest_address == b""
    bench.lift()
    bench.module.faults.refusals["newest address"] = [0x41]
    bench.lay(bench.cards[2])
    assert expect(bench, Document).newest_address == b""
    assert bench.reader.status().counters == {"no newest address": 1}


def test_a_module_that_does_not_know_the_newest_address_reads_documents_all_the_same(
    serial: Serial,
) -> None:
    bench = serial(newest_address=True)
    bench.module.faults.silent.add("newest address")
    for card in bench.cards[:2]:
        bench.lay(card)
        document = expect(bench, Document)
        assert (document.text, document.newest_address) == (card.text, b"")
        bench.lift()
    assert bench.reader.status().lost == 0
    assert bench.reader.status().counters == {"no newest address": 2}


@pytest.mark.parametrize(
    ("sw", "status"), [(0x60, "self test"), (0x66, "not authorised")], ids=["60", "66"]
)
def test_a_module_that_is_out_of_order_says_so_until_it_is_mended(
    serial: Serial, sw: int, status: str
) -> None:
    module = SamVModule()
    module.faults.refusals["status"] = [sw] * 2
    bench = serial(module, well=False)
    until(lambda: bench.reader.status().fault == "document.module", PATIENCE)
    told = bench.reader.status()
    assert told.state is DeviceState.PROTOCOL_ERROR
    assert told.facts == {"device": "id", "sw": f"{sw:02X}", "status": status}
    ready(bench)


def test_a_module_that_answers_nothing_is_silent(serial: Serial) -> None:
    module = SamVModule()
    module.faults.silent.add("status")
    bench = serial(module, well=False)
    until(lambda: bench.reader.status().fault == "device.silent", PATIENCE)
    assert bench.reader.status().state is DeviceState.NO_ANSWER
    module.faults.silent.clear()
    ready(bench)


def test_at_the_wrong_speed_nothing_is_understood(serial: Serial) -> None:
    bench = serial(well=False, baudrate=9600)
    until(lambda: bench.reader.status().fault == "device.silent", PATIENCE)
    assert bench.module.asked == []


class Echo:
    """Another device on the port: an echo."""

    baudrate = 115_200

    def received(self, data: bytes, send: Callable[[bytes], None]) -> None:
        send(data)


class Babbler:
    """Another device on the port: once it is spoken to, it never stops."""

    baudrate = 115_200

    def __init__(self) -> None:
        self.stopped = False

    def received(self, data: bytes, send: Callable[[bytes], None]) -> None:
        # Bounded by what a host reads before it closes; an unplug ends it at once.
        for _ in range(400):
            if self.stopped:
                return
            send(PREAMBLE + b"\x09\x60" + b"\xaa" * 57)
            WORLD.wait(0.005)


@pytest.mark.parametrize(("make", "fault"), [(Echo, "device.echo"), (Babbler, "device.protocol")])
def test_another_device_on_the_port_is_a_protocol_error_and_no_document(
    tmp_path: Path, make: Callable[[], Peer], fault: str
) -> None:
    peer = make()
    with PtyPort(tmp_path / "id", peer) as port:
        reader = SamVReader(WORLD, "id", {"port": str(port.path)})
        reader.start()
        until(lambda: reader.status().fault == fault, PATIENCE)
        assert reader.status().state is DeviceState.PROTOCOL_ERROR
        assert len(reader.events) == 0
        if isinstance(peer, Babbler):
            peer.stopped = True
        reader.stop()


def test_stop_does_not_wait_for_a_module_that_is_reading(serial: Serial) -> None:
    bench = serial()
    ready(bench)
    bench.module.faults.silent.add("read")
    asked = WORLD.event()
    bench.module.faults.meanwhile["read"] = asked.set
    bench.lay(bench.cards[0])
    assert asked.wait(PATIENCE)
    bench.reader.stop()
    assert bench.free()
    with pytest.raises(QueueEmpty):  # it was not the document's fault
        bench.reader.events.get(0.0)


def test_control_a_driver_that_reads_whatever_is_found_reads_a_document_twice(
    serial: Serial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule of reading once is not the simulator's doing."""

    def greedy(self: SamVReader, connection: object) -> None:
        while True:
            if connection.find():  # type: ignore[attr-defined]
                self._take(connection)  # type: ignore[arg-type]

    monkeypatch.setattr(SamVReader, "_serve", greedy)
    bench = serial(SamVModule(after_read="again"))
    bench.lay(bench.cards[0])
    assert expect(bench, Document).text == expect(bench, Document).text


def test_released_to_another_program_it_reads_nothing_until_taken_back(serial: Serial) -> None:
    bench = serial()
    ready(bench)
    assert isinstance(bench.reader, ManagedDevice)
    bench.reader.release()
    away(bench)
    assert bench.free()
    bench.reader.take_back()
    ready(bench)
    bench.lay(bench.cards[0])
    expect(bench, Document)
