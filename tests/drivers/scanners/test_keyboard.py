"""Scanners that are keyboards: every character, nothing wrong, nothing to the desktop."""

import os
import string
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from evdev import ecodes as keys
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.drivers.reader import until
from contracts.drivers.source import PATIENCE, SourceContract, read, ready
from drivers.contract import (
    Code,
    DeviceBusy,
    DeviceFault,
    DeviceProtocol,
    DeviceState,
    DeviceStatus,
)
from drivers.io.events import InputEvent, open_events
from drivers.scanners import keyboard as driver
from drivers.scanners.framing import Discarded, Framed, Outcome
from drivers.scanners.keyboard import ENDS, KeyboardScanner, Typing
from drivers.scanners.source import SETTLED_WITHIN
from simulators.devices.keyboard import EVENT, KEY_OF, Keyboard, event, press, typed
from simulators.world import SimWorld
from tests.drivers.babbler import Babbler
from tests.drivers.io.descriptors import out_of_descriptors
from tests.drivers.scanners.recovery import reads_again
from world.real import RealWorld

WORLD = RealWorld()
PRINTABLE = string.ascii_letters + string.digits + string.punctuation + " \t"


class KeyboardBench:
    """A scanner and its keyboard."""

    contents: Sequence[bytes] = [
        b"https://example.org/?a=1&b=%7E#C", b"6222020000000000", b"{\"x\": [1, '2']}",
    ]  # fmt: skip

    def __init__(self, path: Path) -> None:
        self.keyboard = Keyboard(path)
        self.keyboard.__enter__()
        self.source = KeyboardScanner(WORLD, "scanner", {"port": str(path), "window": 600})
        self.source.start()

    def show(self, content: bytes) -> None:
        self.keyboard.show(content.decode())

    def hide(self) -> None:
        pass

    def unplug(self) -> None:
        self.keyboard.port.unplug()

    def plug(self) -> None:
        self.keyboard.port.plug()

    def free(self) -> bool:
        return not self.keyboard.grabbed

    def close(self) -> None:
        self.source.stop()
        self.keyboard.__exit__(None, None, None)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[KeyboardBench]:
    bench = KeyboardBench(tmp_path / "by-id" / "usb-Scanner-event-kbd")
    yield bench
    bench.close()


class TestKeyboardScanner(SourceContract):
    pass


def events(data: bytes) -> list[InputEvent]:
    return [InputEvent(*one[2:]) for one in EVENT.iter_unpack(data)]


def typing(limit: int = 400, *, end: str = "enter") -> Typing:
    return Typing(ends=ENDS[end], gap=0.1, limit=limit)


def feed(parser: Typing, data: bytes) -> Sequence[Outcome]:
    return parser.feed(events(data), 1.0)


ENTER = press(keys.KEY_ENTER)


@given(st.text(PRINTABLE, min_size=1, max_size=80))
def test_every_character_of_a_us_keyboard_comes_through(text: str) -> None:
    assert set(PRINTABLE) == set(KEY_OF)
    assert feed(typing(), typed(text) + ENTER) == [Framed(text.encode(), 1.0)]


def test_keypad_types_digits_and_its_enter_ends() -> None:
    data = b"".join(press(getattr(keys, f"KEY_KP{digit}")) for digit in "0123456789")
    assert feed(typing(), data + press(keys.KEY_KPENTER)) == [Framed(b"0123456789", 1.0)]


def test_autorepeat_types_nothing() -> None:
    repeated = event(keys.EV_KEY, keys.KEY_A, 2) * 5
    assert feed(typing(), press(keys.KEY_A) + repeated + ENTER) == [Framed(b"a", 1.0)]


@pytest.mark.parametrize("key", ["KEY_F1", "KEY_COMPOSE", "KEY_ZENKAKUHANKAKU", "KEY_UP"])
def test_code_with_a_key_without_character_is_dropped_whole(key: str) -> None:
    parser = typing()
    assert feed(parser, typed("12") + press(getattr(keys, key)) + typed("34") + ENTER) == [
        Discarded("garbled")
    ]
    assert feed(parser, typed("next") + ENTER) == [Framed(b"next", 1.0)]


@pytest.mark.parametrize("chord", ["LEFTCTRL", "RIGHTALT", "LEFTMETA"])
def test_key_with_control_or_alt_is_no_character(chord: str) -> None:
    held = getattr(keys, f"KEY_{chord}")
    down, up = event(keys.EV_KEY, held, 1), event(keys.EV_KEY, held, 0)
    assert feed(typing(), down + typed("0") + up + typed("1") + ENTER) == [Discarded("garbled")]


def test_events_that_the_kernel_dropped_spoil_the_code_and_no_other() -> None:
    parser = typing()
    dropped = event(keys.EV_SYN, keys.SYN_DROPPED, 0)
    # Up to the next report, what comes is of no use: an Enter in there ends nothing.
    lost = event(keys.EV_KEY, keys.KEY_ENTER, 1) + event(keys.EV_SYN, keys.SYN_REPORT, 0)
    assert feed(parser, typed("12") + dropped + lost) == []
    assert feed(parser, typed("34") + ENTER) == [Discarded("garbled")]
    assert feed(parser, typed("56") + ENTER) == [Framed(b"56", 1.0)]


def test_code_without_its_enter_is_given_up() -> None:
    parser = typing()
    assert feed(parser, typed("12")) == []
    assert parser.patience is not None
    assert parser.feed([], 2.0) == [Discarded("incomplete")]
    assert parser.patience is None


def test_silence_ends_a_code_where_the_settings_say_so() -> None:
    parser = typing(end="gap")
    feed(parser, typed("12"))
    assert parser.feed([], 2.0) == [Framed(b"12", 1.0)]


def test_tab_ends_a_code_where_the_settings_say_so_and_enter_ends_every_code() -> None:
    parser = typing(end="tab")
    found = feed(parser, typed("12") + press(keys.KEY_TAB) + typed("34") + ENTER)
    assert [framed.content for framed in found if isinstance(framed, Framed)] == [b"12", b"34"]


def test_overlong_code_is_dropped_and_memory_is_bounded() -> None:
    parser = typing(limit=10)
    assert feed(parser, typed("x" * 1000) + ENTER) == [Discarded("overruns")]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 767), st.integers(-1, 2))))
def test_garbage_makes_no_exception_and_no_lasting_harm(raw: list[tuple[int, int, int]]) -> None:
    parser = typing(limit=20)
    for outcome in parser.feed([InputEvent(*one) for one in raw], 1.0):
        assert isinstance(outcome, Discarded) or 0 < len(outcome.content) <= 20
    up = b"".join(event(keys.EV_KEY, key, 0) for key in range(1, 250))
    feed(parser, up + event(keys.EV_SYN, keys.SYN_REPORT, 0) + ENTER)
    assert feed(parser, typed("next") + ENTER) == [Framed(b"next", 1.0)]


def test_nothing_leaks_to_the_desktop_while_it_is_held(bench: KeyboardBench) -> None:
    ready(bench)
    read(bench, b"secret")
    assert bench.keyboard.leaked == b""


def test_control_released_it_types_to_the_desktop(bench: KeyboardBench) -> None:
    ready(bench)
    bench.source.release()
    bench.show(b"public")
    assert bench.keyboard.leaked


def test_another_that_has_grabbed_it_is_busy(bench: KeyboardBench) -> None:
    ready(bench)
    with pytest.raises(DeviceBusy) as caught:
        open_events(WORLD, str(bench.keyboard.port.path), device="other")
    assert "(" in str(caught.value.facts["holder"])


def test_without_permission_it_says_so_and_comes_when_it_may(bench: KeyboardBench) -> None:
    bench.keyboard.denied = True
    bench.unplug()
    bench.plug()
    until(lambda: bench.source.status().state is DeviceState.NO_PERMISSION, PATIENCE)
    bench.keyboard.denied = False
    bench.source.look()
    ready(bench)


@pytest.mark.parametrize("path", ["/dev/null", "/dev/ptmx", "/proc/self/status"])
def test_file_that_is_no_input_device_is_a_protocol_error(path: str) -> None:
    with pytest.raises(DeviceProtocol):
        open_events(WORLD, path, device="scanner")


def test_a_keyboard_for_which_no_descriptors_are_left_is_a_fault_and_free_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Keyboard(tmp_path / "kbd") as keyboard:
        with monkeypatch.context() as patch:
            patch.setattr(os, "eventfd", out_of_descriptors)
            with pytest.raises(DeviceFault) as told:
                open_events(WORLD, str(tmp_path / "kbd"), device="scanner")
        assert told.value.facts == {"device": "scanner", "port": str(tmp_path / "kbd")}
        until(lambda: not keyboard.grabbed, PATIENCE)
        open_events(WORLD, str(tmp_path / "kbd"), device="scanner").close()


def test_half_a_code_is_never_delivered(bench: KeyboardBench) -> None:
    ready(bench)
    bench.keyboard.show("12345", end="")
    bench.unplug()
    until(lambda: bench.source.status().lost == 1, PATIENCE)
    bench.plug()
    bench.source.look()
    ready(bench)
    assert read(bench, b"67890").content == b"67890"


def serve_babbling(
    monkeypatch: pytest.MonkeyPatch,
    word: bytes,
    then: Callable[[Babbler[Sequence[InputEvent]]], None],
) -> tuple[Code, DeviceStatus]:
    """What a scanner whose keyboard never pauses reads first, after `then`."""
    world = SimWorld(1)

    def history() -> tuple[Code, DeviceStatus]:
        babbler: Babbler[Sequence[InputEvent]] = Babbler(world, events(word), pause=0.03)
        monkeypatch.setattr(driver, "open_events", lambda *_, **__: babbler)
        scanner = KeyboardScanner(world, "scanner", {"port": "/dev/x"})
        scanner.start()
        world.wait(2 * SETTLED_WITHIN)
        assert scanner.status().state is DeviceState.READY
        then(babbler)
        code = scanner.events.get(PATIENCE)
        scanner.stop()
        return code, scanner.status()

    return world.play(history)


STUCK = event(keys.EV_KEY, keys.KEY_A, 2)


def test_a_key_that_is_stuck_keeps_no_code_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def then(babbler: Babbler[Sequence[InputEvent]]) -> None:
        babbler.first = [events(typed("hello") + ENTER)]

    code, _ = serve_babbling(monkeypatch, STUCK, then)
    assert code.content == b"hello"


def test_what_is_typed_without_an_end_while_it_is_opened_is_no_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def then(babbler: Babbler[Sequence[InputEvent]]) -> None:
        babbler.word = events(STUCK)
        babbler.first = [events(typed("tail") + ENTER), events(typed("hello") + ENTER)]

    code, status = serve_babbling(monkeypatch, typed("1"), then)
    assert code.content == b"hello"
    assert status.counters == {"incomplete": 2}


@given(data=st.lists(st.binary(max_size=96), max_size=12))
@settings(max_examples=12, deadline=None)
def test_live_driver_survives_garbage(live: KeyboardBench, data: list[bytes]) -> None:
    for part in data:
        live.keyboard.say(part.ljust(-(-len(part) // EVENT.size) * EVENT.size, b"\0"))
    up = b"".join(event(keys.EV_KEY, key, 0) for key in range(1, 250))
    live.keyboard.say(up + event(keys.EV_SYN, keys.SYN_REPORT, 0) + ENTER)
    reads_again(live)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyboardBench]:
    bench = KeyboardBench(tmp_path_factory.mktemp("live") / "event-kbd")
    yield bench
    bench.close()
