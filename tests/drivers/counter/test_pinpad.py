"""The serial PIN pad: its contract on a simulated port, its wiped buffers, and hostile bytes."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.drivers.pinpad import PATIENCE, Asked, PinPadContract, asking
from contracts.drivers.reader import until
from drivers.contract import DeviceState, Pin, PinCancelled, PinFault, PinTimeout
from drivers.counter import pinpad
from drivers.counter.entry import DigitEntry
from drivers.counter.pinpad import SerialPinPad
from drivers.io.line import OpenLine
from drivers.options import OptionsFault
from simulators.devices.lines import BOOT_TEXT, EchoingLine, RestartingBoard
from simulators.devices.pinpad import BACK, CANCEL, CLEAR, CONFIRM, PinPadSimulator
from simulators.devices.pty import Peer
from world.real import RealWorld

WORLD = RealWorld()
BEGIN, AGAIN, END = b"\x01", b"\x02", b"\x03"
SIGNS = {"begin": "01", "again": "02", "end": "03"}


class SerialBench:
    """See `contracts.drivers.pinpad.PinPadBench`."""

    def __init__(self, simulator: PinPadSimulator, pad: SerialPinPad) -> None:
        self.simulator = simulator
        self.pad = pad
        self.pressed = 0

    def press(self, digits: str) -> None:
        self._send(digits.encode("ascii"))

    def confirm(self) -> None:
        self._send(CONFIRM)

    def cancel(self) -> None:
        self._send(CANCEL)

    def back(self) -> None:
        self._send(BACK)

    def unplug(self) -> None:
        self.simulator.port.unplug()

    def plug(self) -> None:
        self.simulator.port.plug()

    def await_question(self, count: int = 1) -> None:
        until(lambda: self._asked() >= count and self.pad._question is not None, PATIENCE)

    def await_begin(self) -> None:
        """A question has begun; it may be over by now."""
        until(lambda: self._asked() > 0, PATIENCE)

    def settled(self) -> None:
        """Every byte is either shown as a mask or counted as not asked for."""
        shown = self.simulator.peer.shown
        until(lambda: self._taken() >= self.pressed, PATIENCE)
        assert len(self.simulator.peer.shown) >= len(shown)

    def _asked(self) -> int:
        shown = self.simulator.peer.shown
        return shown.count(BEGIN) + shown.count(AGAIN)

    def _taken(self) -> int:
        unasked = self.pad.status().counters.get("unasked", 0)
        return unasked + self.simulator.peer.shown.count(b"*")

    def _send(self, data: bytes) -> None:
        self.pressed += len(data)
        self.simulator.port.send(data)


@pytest.fixture
def around() -> Callable[[Peer], Peer]:
    """What the pad's electronics hang on."""
    return lambda pad: pad


@pytest.fixture
def bench(tmp_path: Path, around: Callable[[Peer], Peer]) -> Iterator[SerialBench]:
    path = tmp_path / "by-id" / "usb-Pad_1-if00"
    simulator = PinPadSimulator(path)
    simulator.port.peer = around(simulator.peer)
    with simulator:
        pad = SerialPinPad(WORLD, "pad", {"port": str(path), **SIGNS})
        pad.start()
        until(lambda: pad.status().state is DeviceState.READY, PATIENCE)
        yield SerialBench(simulator, pad)
        pad.stop()


class TestOnALineThatHearsItself(PinPadContract):
    """What the pad is sent comes back, and is no key: `08 20 08` takes nothing more back."""

    @pytest.fixture
    def around(self) -> Callable[[Peer], Peer]:
        return EchoingLine


class TestThatRestarts:
    """A pad that is asked while it says its boot text, digits and line ends among it."""

    @pytest.fixture
    def around(self) -> Callable[[Peer], Peer]:
        return lambda pad: RestartingBoard(pad, boot=0.0)

    def test_boot_text_is_no_pin(self, bench: SerialBench) -> None:
        with asking(bench, lambda: bench.pad.ask(minimum=4)) as asked:
            bench.simulator.port.send(BOOT_TEXT)
            bench.await_question(2)  # it begins anew
            bench.press("493017")
            bench.confirm()
            assert asked.entered() == b"493017"
        assert bench.pad.status().lost == 0

    def test_one_that_is_taken_for_starting_can_be_cancelled(self, bench: SerialBench) -> None:
        with asking(bench, bench.pad.ask) as asked:
            bench.simulator.port.send(b"12?34")
            bench.cancel()
            assert isinstance(asked.failed(), PinCancelled)


class TestSerialPinPad(PinPadContract):
    def test_conversation_byte_for_byte(self, bench: SerialBench) -> None:
        with asking(bench, bench.pad.ask_new) as asked:
            bench.press("4938")
            bench.back()
            bench.press("017")
            bench.confirm()
            bench.await_question(2)
            bench.press("493017")
            bench.confirm()
            assert asked.entered() == b"493017"
        bench.simulator.peer.await_shown(END + AGAIN)
        until(lambda: bench.simulator.peer.shown.endswith(END), PATIENCE)
        assert bench.simulator.peer.shown == (
            BEGIN + b"****\x08 \x08***" + END + AGAIN + b"******" + END
        )

    def test_the_pad_goes_dark_behind_the_last_mask(
        self, bench: SerialBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However late the masks of a PIN go out that came with its confirmation."""
        late, let_go = threading.Event(), threading.Event()
        real = OpenLine.write

        def write(line: OpenLine, data: bytes, *, marks: bool = False) -> None:
            if data.startswith(b"*"):
                late.set()
                assert let_go.wait(PATIENCE)
            real(line, data, marks=marks)

        monkeypatch.setattr(OpenLine, "write", write)
        with asking(bench, bench.pad.ask) as asked:
            bench.press("493017\r")
            assert late.wait(PATIENCE)
            asked.over(0.2)  # what would go before them, goes now
            let_go.set()
            assert asked.entered() == b"493017"
        until(lambda: END in bench.simulator.peer.shown, PATIENCE)
        assert bench.simulator.peer.shown == BEGIN + b"******" + END

    def test_clear_takes_all_back(self, bench: SerialBench) -> None:
        with asking(bench, bench.pad.ask) as asked:
            bench.press("999")
            bench.simulator.port.send(CLEAR)
            bench.press("493017")
            bench.confirm()
            assert asked.entered() == b"493017"

    def test_taking_back_what_was_too_much_leaves_the_right_digits(
        self, bench: SerialBench
    ) -> None:
        with asking(bench, bench.pad.ask) as asked:
            bench.press("49301788")
            bench.back()
            bench.back()
            bench.confirm()
            assert asked.entered() == b"493017"

    def test_other_keys_are_data(self, tmp_path: Path) -> None:
        path = tmp_path / "other"
        options = {"digits": "41 42 43 44 45 46 47 48 49 4A", "confirm": "4F", "mask": "", **SIGNS}
        with PinPadSimulator(path, baudrate=2400) as simulator:
            pad = SerialPinPad(WORLD, "pad", {"port": str(path), "baudrate": 2400, **options})
            pad.start()
            until(lambda: pad.status().state is DeviceState.READY, PATIENCE)
            with asking(SerialBench(simulator, pad), pad.ask) as asked:
                simulator.port.send(b"ABCDEF" + b"O")
                assert asked.entered() == b"012345"
            pad.stop()

    @pytest.mark.parametrize(
        "options", [{"digits": "30 31"}, {"confirm": "30"}, {"cancel": "xx"}, {"unheard": 1}]
    )
    def test_options_that_do_not_fit_are_told(self, options: dict[str, object]) -> None:
        with pytest.raises(OptionsFault):
            SerialPinPad(WORLD, "pad", {"port": "/dev/x", **options})


class Watched:
    """Every buffer that the driver had digits in."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.buffers: list[bytearray] = []
        real_take, real_read = DigitEntry.take, OpenLine.read_into

        def make(minimum: int, maximum: int) -> DigitEntry:
            entry = DigitEntry(minimum, maximum)
            self.buffers.append(entry.buffer)
            return entry

        def take(entry: DigitEntry) -> bytearray:
            digits = real_take(entry)
            self.buffers.append(digits)
            return digits

        def read_into(line: OpenLine, buffer: bytearray, timeout: float | None = None) -> int:
            self.buffers.append(buffer)
            return real_read(line, buffer, timeout)

        monkeypatch.setattr(pinpad, "DigitEntry", make)
        monkeypatch.setattr(DigitEntry, "take", take)
        monkeypatch.setattr(OpenLine, "read_into", read_into)

    def wiped(self) -> bool:
        return not any(any(buffer) for buffer in self.buffers)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


class TestWiped:
    """`watched` comes before `bench`, so that the driver is made with it."""

    def test_after_a_pin_only_the_pin_itself_is_left(
        self, watched: Watched, bench: SerialBench
    ) -> None:
        with asking(bench, bench.pad.ask) as asked:
            bench.press("493017")
            bench.confirm()
            assert asked.entered() == b"493017"
        assert asked.pin is not None
        left = [buffer for buffer in watched.buffers if any(buffer)]
        assert all(buffer is asked.pin.digits for buffer in left)
        asked.pin.wipe()
        assert watched.wiped()
        assert not asked.pin.digits

    @pytest.mark.parametrize("end", [CANCEL, CONFIRM])
    def test_after_cancel_and_after_a_wrong_length(
        self, watched: Watched, bench: SerialBench, end: bytes
    ) -> None:
        with asking(bench, bench.pad.ask) as asked:
            bench.simulator.press("493", end)
            asked.failed()
        assert watched.wiped()

    def test_after_a_timeout(self, watched: Watched, bench: SerialBench) -> None:
        asked = Asked(lambda: bench.pad.ask(timeout=0.5))
        bench.await_begin()
        bench.press("49301")
        bench.settled()
        asked.failed()
        assert watched.wiped()

    def test_after_a_mismatch(self, watched: Watched, bench: SerialBench) -> None:
        with asking(bench, bench.pad.ask_new) as asked:
            bench.simulator.press("493017", CONFIRM)
            bench.await_question(2)
            bench.simulator.press("493018", CONFIRM)
            asked.failed()
        assert watched.wiped()

    @pytest.mark.parametrize("how", ["unplug", "cancel", "stop"])
    def test_after_the_second_entry_never_came(
        self, watched: Watched, bench: SerialBench, how: str
    ) -> None:
        asked = Asked(bench.pad.ask_new)
        bench.await_question()
        bench.simulator.press("493017", CONFIRM)
        bench.await_question(2)
        bench.simulator.press("493")
        {"unplug": bench.unplug, "cancel": bench.pad.cancel, "stop": bench.pad.stop}[how]()
        asked.failed()
        until(watched.wiped, PATIENCE)

    def test_control_an_entry_that_is_still_open_is_seen(
        self, watched: Watched, bench: SerialBench
    ) -> None:
        with asking(bench, bench.pad.ask):
            bench.press("49301")
            bench.settled()
            assert not watched.wiped()


def memory_of(pid: int) -> Iterator[bytes]:
    """What a process has written: its private, writable memory."""
    with (
        open(f"/proc/{pid}/maps", encoding="ascii") as maps,
        open(f"/proc/{pid}/mem", "rb", buffering=0) as memory,
    ):
        for row in maps:
            fields = row.split()
            if fields[1] == "rw-p" and not row.rstrip().endswith("[vvar]"):
                first, last = (int(end, 16) for end in fields[0].split("-"))
                memory.seek(first)
                yield memory.read(last - first)


def enter(simulator: PinPadSimulator, pin: str) -> None:
    """Press the digits until all of them are shown: before the question they are no answer."""
    whole = False
    while not whole:
        before = simulator.peer.shown.count(b"*")
        simulator.port.send(CLEAR + pin.encode("ascii"))
        with suppress(AssertionError):
            until(lambda: simulator.peer.shown.count(b"*") - before == len(pin), 1.0)  # noqa: B023
            whole = True
    simulator.port.send(CONFIRM)


@pytest.mark.parametrize(("mode", "found"), [("wipe", False), ("keep", True)])
def test_no_trace_of_a_pin_in_the_memory_of_the_process(
    tmp_path: Path, mode: str, found: bool
) -> None:
    """`keep` is the control: a copy of it as `bytes` is seen. The PIN is known to this process and
    to the pad alone."""
    pin = "".join(str(byte % 10) for byte in os.urandom(12))
    with PinPadSimulator(tmp_path / "pad") as simulator:
        command = [sys.executable, "-m", "tests.drivers.counter.pin_holder"]
        with subprocess.Popen(
            [*command, str(simulator.port.path), mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
        ) as holder:
            assert holder.stdout is not None
            for _ in range(2):
                enter(simulator, pin)
            assert holder.stdout.readline().startswith(b"asked")
            seen = any(pin.encode() in part for part in memory_of(holder.pid))
            holder.terminate()
    assert seen == found


def test_nothing_that_was_entered_is_logged_or_shown(
    bench: SerialBench, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), asking(bench, bench.pad.ask) as asked:
        bench.press("49301")
        bench.settled()
        told = [repr(bench.pad), repr(bench.pad._question), str(bench.pad.status())]
        bench.press("7")
        bench.confirm()
        asked.entered()
    told += [repr(asked.pin), caplog.text]
    assert not any("4930" in text for text in told)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(noise=st.binary(max_size=200))
def test_hostile_bytes_are_never_a_pin_of_another_length(bench: SerialBench, noise: bytes) -> None:
    asked = Asked(lambda: bench.pad.ask(timeout=PATIENCE))
    until(lambda: bench.pad._question is not None, PATIENCE)
    bench.simulator.port.send(noise + CANCEL)
    asked._task.join(PATIENCE)
    if asked.pin is not None:
        assert len(asked.pin.digits) == 6
        assert all(chr(digit) in "0123456789" for digit in asked.pin.digits)
    else:
        assert isinstance(asked.fault, PinFault)
    assert bench.pad.status().state is DeviceState.READY


def test_endless_digits_take_no_memory_and_end_by_the_clock(bench: SerialBench) -> None:
    asked = Asked(lambda: bench.pad.ask(timeout=0.5))
    bench.await_begin()
    bench.simulator.port.send(b"7" * 50_000)
    assert isinstance(asked.failed(), PinTimeout | PinCancelled)
    assert bench.pad.status().state is DeviceState.READY


class TestEntry:
    """The buffer alone."""

    @given(keys=st.lists(st.one_of(st.integers(0, 9), st.just("back"), st.just("wipe"))))
    def test_is_what_the_keys_say(self, keys: list[int | str]) -> None:
        entry, expected = DigitEntry(0, 12), ""
        for key in keys:
            if isinstance(key, int):
                entry.add(key)
                expected += str(key)
            elif key == "back":
                assert entry.back() == bool(expected)
                expected = expected[:-1]
            else:
                assert entry.wipe() == len(expected)
                expected = ""
        if len(expected) <= 12:
            assert entry.take() == expected.encode()
        assert len(entry.buffer) == 12

    def test_pin_hides_its_digits(self) -> None:
        assert repr(Pin(bytearray(b"493017"))) == "Pin(…)"
        assert repr(DigitEntry(6, 6)) == "Entry(…)"
