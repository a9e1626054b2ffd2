"""Serial scan modules: the contract over a simulated wire, and conversations byte for byte."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.drivers.reader import until
from contracts.drivers.source import PATIENCE, SourceContract, read, ready
from drivers.contract import DeviceFault, DeviceState
from drivers.io.line import LineOptions, OpenLine, open_line
from drivers.options import OptionsFault
from drivers.scanners.serial import SerialScanner
from simulators.devices.lines import BOOT_TEXT, EchoingLine, RestartingBoard
from simulators.devices.pty import PtyPort
from simulators.devices.scan_module import MANUALS, Kind, ScanModule, gm65_answer
from tests.drivers.scanners.recovery import reads_again
from tests.drivers.scanners.test_framing import MINISTRY
from world.real import RealWorld

WORLD = RealWorld()
TEXTS = [b"https://example.org/a?b=1", "市民卡码 中文".encode("gbk"), b"6222020000000000"]
BINARY = [*TEXTS, MINISTRY, b"\r\n\r\n\x00\xff\r"]


class SerialBench:
    """A scanner and its module."""

    def __init__(
        self, path: Path, module: ScanModule, options: Mapping[str, object] | None = None
    ) -> None:
        self.module = module
        self.port: PtyPort = module.plugged_at(path)
        self.port.plug()
        settings = {"port": str(path), "window": 600.0, **(options or {})}
        self.scanner = SerialScanner(WORLD, "scanner", settings)
        self.scanner.start()

    contents: Sequence[bytes] = BINARY

    @property
    def source(self) -> SerialScanner:
        return self.scanner

    def show(self, content: bytes) -> None:
        self.module.show(content)

    def hide(self) -> None:
        self.module.hide()

    def unplug(self) -> None:
        self.port.unplug()

    def plug(self) -> None:
        self.port.plug()

    def free(self) -> bool:
        try:
            open_line(WORLD, LineOptions(port=str(self.port.path)), device="other").close()
        except DeviceFault:
            return False
        return True

    def close(self) -> None:
        self.scanner.stop()
        self.port.unplug()


WAYS: dict[str, tuple[Callable[[], ScanModule], dict[str, object]]] = {
    "auto": (lambda: ScanModule(), {}),
    "auto crlf fast": (
        lambda: ScanModule(suffix=b"\r\n", baudrate=115200),
        {"suffix": "crlf", "baudrate": 115200},
    ),
    "idle": (lambda: ScanModule(suffix=b""), {"framing": "idle"}),
    "prefix": (lambda: ScanModule(prefix=b"EEEE"), {"prefixes": ["EEEE"]}),
    "vguang": (lambda: ScanModule("vguang"), {"framing": "vguang"}),
    "newland": (lambda: ScanModule("newland"), {"trigger": "newland"}),
    "honeywell": (lambda: ScanModule("honeywell"), {"trigger": "honeywell"}),
}


@pytest.mark.parametrize("way", WAYS)
class TestSerialScanner(SourceContract):
    @pytest.fixture
    def bench(self, tmp_path: Path, way: str) -> Iterator[SerialBench]:
        module, options = WAYS[way]
        bench = SerialBench(tmp_path / "scanner", module(), options)
        yield bench
        bench.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., SerialBench]]:
    """Makes benches: a module, and the scanner's options."""
    benches: list[SerialBench] = []

    def make(module: ScanModule, **options: object) -> SerialBench:
        benches.append(SerialBench(tmp_path / f"scanner{len(benches)}", module, options))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


Start = Callable[..., SerialBench]


@pytest.mark.parametrize("kind", ["newland", "gm65", "honeywell", "ssi"])
def test_module_is_armed_at_the_start_after_each_code_and_dark_at_the_end(
    start: Start, kind: Kind
) -> None:
    module = ScanModule(kind)
    bench = start(module, trigger=kind, rearm=60)
    for count, content in enumerate(TEXTS, start=1):
        await_starts(module, count)
        assert read(bench, content).content == content
    await_starts(module, len(TEXTS) + 1)
    bench.source.stop()
    assert module.unknown == b""
    if MANUALS[kind].stop:
        until(lambda: module.stops == 1, PATIENCE)
        assert not module.armed
    assert bench.source.status().presented == len(TEXTS)
    assert len(bench.source.events) == 0  # no answer was taken for a code


@pytest.mark.parametrize("kind", ["newland", "gm65", "honeywell", "ssi"])
def test_a_trigger_that_the_line_gives_back_is_no_code_and_no_answer(
    tmp_path: Path, kind: Kind
) -> None:
    module = ScanModule(kind)
    bench = SerialBench(tmp_path / "scanner", module, {"trigger": kind, "rearm": 60})
    bench.unplug()
    bench.port.peer = line = EchoingLine(module)
    bench.plug()
    bench.source.look()
    ready(bench)
    for content in TEXTS:
        assert read(bench, content).content == content
    assert len(bench.source.events) == 0
    if MANUALS[kind].yes:
        line.powered = False
        until(lambda: bench.source.status().fault == "device.echo", PATIENCE)
    bench.close()


@pytest.mark.parametrize("kind", ["newland", "gm65", "ssi"])
@pytest.mark.parametrize("text", [b"", BOOT_TEXT], ids=["silent", "boot text"])
def test_a_triggered_module_that_restarts_when_its_port_is_opened_comes_to_work(
    tmp_path: Path, kind: Kind, text: bytes
) -> None:
    module = ScanModule(kind)
    bench = SerialBench(tmp_path / "scanner", module, {"trigger": kind, "rearm": 60})
    bench.unplug()
    bench.port.peer = board = RestartingBoard(module, text=text)
    bench.plug()
    bench.source.look()
    ready(bench)
    assert read(bench, TEXTS[0]).content == TEXTS[0]
    assert board.openings == 1
    bench.close()


@pytest.mark.parametrize("kind", ["honeywell", "ssi"])
def test_module_whose_time_is_over_is_armed_again(start: Start, kind: Kind) -> None:
    module = ScanModule(kind)
    bench = start(module, trigger=kind, rearm=0.5)
    await_starts(module, 1)
    module.time_out()
    await_starts(module, 2)
    assert read(bench, TEXTS[0]).content == TEXTS[0]


def test_code_that_holds_an_answer_is_a_code(start: Start) -> None:
    module = ScanModule("gm65")
    bench = start(module, trigger="gm65", rearm=60)
    await_starts(module, 1)
    ready(bench)
    content = b"\x81" + gm65_answer(3) + b"\x00"
    assert read(bench, content).content == content


def test_code_and_answer_in_one_piece_are_told_apart(start: Start) -> None:
    module = ScanModule("newland")
    module.answer = b"first half " + MANUALS["newland"].yes + b"and second\r"
    bench = start(module, trigger="newland", rearm=60)
    assert bench.source.events.get(PATIENCE).content == b"first half and second"


def test_module_that_does_not_answer_is_silent(start: Start) -> None:
    module = ScanModule("newland")
    module.says_nothing = True
    bench = start(module, trigger="newland")
    until(lambda: bench.source.status().fault == "device.silent", PATIENCE)
    module.says_nothing = False
    bench.source.look()
    reads_again(bench)


@pytest.mark.parametrize("kind", ["newland", "gm65", "ssi"])
def test_module_that_is_not_set_to_be_triggered_says_so(start: Start, kind: Kind) -> None:
    module = ScanModule(kind)
    module.refuses = True
    bench = start(module, trigger=kind)
    until(lambda: bench.source.status().fault == "scanner.refused", PATIENCE)
    assert bench.source.status().state is DeviceState.PROTOCOL_ERROR
    module.refuses = False
    bench.source.look()
    reads_again(bench)


@pytest.mark.parametrize(
    "answer", [b"\x80\xfe\x80", gm65_answer(0)[:-1], gm65_answer(0)[:-1] + b"\x00", b"x" * 5000]
)
def test_garbled_answer_is_a_protocol_error(start: Start, answer: bytes) -> None:
    module = ScanModule("gm65")
    module.answer = answer
    bench = start(module, trigger="gm65")
    until(lambda: bench.source.status().fault == "scanner.garbled", PATIENCE)
    assert bench.source.status().state is DeviceState.PROTOCOL_ERROR


def test_wrong_baud_rate_of_a_module_that_scans_by_itself_is_a_protocol_error(
    start: Start,
) -> None:
    module = ScanModule(baudrate=115200)
    bench = start(module, baudrate=9600)
    ready(bench)
    for number in range(3):
        module.show(b"code %d" % number)
        until(lambda n=number: incomplete(bench) == n + 1, PATIENCE)  # type: ignore[misc]
    until(lambda: bench.source.status().lost == 1, PATIENCE)
    assert len(bench.source.events) == 0


def test_wrong_baud_rate_of_a_triggered_module_is_silence(start: Start) -> None:
    bench = start(ScanModule("newland", baudrate=115200), trigger="newland", baudrate=9600)
    until(lambda: bench.source.status().fault == "device.silent", PATIENCE)


def test_half_a_code_is_never_delivered(start: Start) -> None:
    module = ScanModule()
    bench = start(module)
    ready(bench)
    whole = module.framed(MINISTRY)
    for turn, cut in enumerate((1, 100, len(whole) - 1), start=1):
        module.say(whole[:cut])
        bench.unplug()
        until(lambda turn=turn: bench.source.status().lost == turn, PATIENCE)  # type: ignore[misc]
        bench.plug()
        bench.source.look()
        ready(bench)
    assert read(bench, MINISTRY).content == MINISTRY
    assert bench.source.status().presented == 1


def test_code_that_breaks_off_is_counted_and_not_joined_to_the_next(start: Start) -> None:
    module = ScanModule()
    bench = start(module)
    ready(bench)
    module.say(b"broken")
    until(lambda: incomplete(bench) == 1, PATIENCE)
    assert read(bench, b"whole").content == b"whole"


def test_overlong_code_is_dropped_and_counted(start: Start) -> None:
    module = ScanModule()
    bench = start(module, limit=100)
    ready(bench)
    module.show(b"x" * 101)
    until(lambda: bench.source.status().counters.get("overruns") == 1, PATIENCE)
    assert read(bench, b"y" * 100).content == b"y" * 100


def test_endless_stream_is_a_protocol_error_and_ends_when_it_ends(start: Start) -> None:
    module = ScanModule(baudrate=115200)
    bench = start(module, baudrate=115200)
    ready(bench)
    flood = Flood(module)
    until(lambda: bench.source.status().fault == "scanner.garbled", PATIENCE)
    flood.stop()
    bench.source.look()
    reads_again(bench)
    assert bench.source.status().lost >= 1


class Flood:
    """A module that cannot stop."""

    def __init__(self, module: ScanModule) -> None:
        self._module = module
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            self._module.say(b"x" * 1000)


def test_prefix_may_be_text_or_bytes_and_may_be_missing(start: Start) -> None:
    for prefix, setting in ((b"EEEE", "EEEE"), (b"\xee\xee", "0xEEEE")):
        module = ScanModule(prefix=prefix)
        bench = start(module, prefixes=[setting])
        ready(bench)
        assert read(bench, b"with").content == b"with"
        module.prefix = b""
        assert read(bench, b"without").content == b"without"


def test_time_of_the_first_byte_is_kept(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    said, heard, taken = threading.Event(), threading.Event(), threading.Event()
    real = OpenLine.read

    def noted(line: OpenLine, *arguments: Any) -> bytes:
        if heard.is_set():  # what it heard has been taken in: it reads on
            taken.set()
        data = real(line, *arguments)
        if data and said.is_set():
            heard.set()
        return data

    monkeypatch.setattr(OpenLine, "read", noted)
    module = ScanModule()
    bench = start(module)
    ready(bench)
    before = WORLD.monotonic()
    said.set()
    module.say(b"first ")
    assert taken.wait(PATIENCE)
    between = WORLD.monotonic()
    module.say(b"second\r")
    code = bench.source.events.get(PATIENCE)
    assert before <= code.seen < between <= code.at


def test_serial_server_is_a_port_like_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"socket://127.0.0.1:{server.getsockname()[1]}"
        scanner = SerialScanner(WORLD, "scanner", {"port": address, "trigger": "honeywell"})
        scanner.start()
        for content in (b"one", b"two"):
            module, _ = server.accept()
            with module:
                assert module.recv(100) == MANUALS["honeywell"].start
                module.sendall(content + b"\r")
                assert scanner.events.get(PATIENCE).content == content
            until(lambda: scanner.status().fault != "" or scanner.status().lost > 0, PATIENCE)
            scanner.look()
        scanner.stop()


@given(parts=st.lists(st.binary(max_size=700), max_size=8))
@settings(max_examples=12, deadline=None)
def test_live_driver_survives_garbage(live: SerialBench, parts: list[bytes]) -> None:
    for part in parts:
        live.module.say(part)
    live.module.say(b"\r")
    WORLD.wait(0.1)  # the gap that ends it
    reads_again(live)


@pytest.fixture(scope="module", params=["none", "newland", "gm65", "ssi"])
def live(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SerialBench]:
    trigger = request.param
    module = ScanModule("continuous" if trigger == "none" else trigger)
    path = tmp_path_factory.mktemp("live") / trigger
    bench = SerialBench(path, module, {"trigger": trigger, "rearm": 0.5})
    yield bench
    bench.close()


@pytest.mark.parametrize(
    "options",
    [{}, {"port": ""}, {"port": "x", "trigger": "zebra"}, {"port": "x", "gap": 0},
     {"port": "x", "limit": 0}, {"port": "x", "prefixes": ["0xEEE"]}, {"port": "x", "baud": 9600},
     {"port": "x", "framing": "suffix", "suffix": "none"}],
)  # fmt: skip
def test_options_that_do_not_fit_are_told(options: dict[str, object]) -> None:
    with pytest.raises(OptionsFault):
        SerialScanner(WORLD, "scanner", options)


def await_starts(module: ScanModule, count: int) -> None:
    with module.changed:
        assert module.changed.wait_for(lambda: module.starts >= count, PATIENCE)


def incomplete(bench: SerialBench) -> int:
    return bench.source.status().counters.get("incomplete", 0)
