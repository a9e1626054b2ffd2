"""A scanner that is opened in the middle of a code gives nothing of it, and the next one whole."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from evdev import ecodes as keys

from contracts.drivers.reader import until
from contracts.drivers.source import PATIENCE, SourceBench, read, ready
from simulators.devices.keyboard import press, typed
from simulators.devices.scan_module import ScanModule, hid_pos_reports
from tests.drivers.scanners.test_hid_pos import HidPosBench
from tests.drivers.scanners.test_keyboard import KeyboardBench
from tests.drivers.scanners.test_serial import SerialBench

CODE = b"LIB-000011112222-and-a-second-report-of-a-code-that-is-long-enough"


def serial(folder: Path, **options: object) -> tuple[SerialBench, Callable[[bytes], None]]:
    bench = SerialBench(folder / "scanner", ScanModule(), options)
    return bench, lambda tail: bench.module.say(tail + b"\r\n")


def keyboard(folder: Path) -> tuple[KeyboardBench, Callable[[bytes], None]]:
    bench = KeyboardBench(folder / "usb-Scanner-event-kbd")
    return bench, lambda tail: bench.keyboard.say(typed(tail.decode()) + press(keys.KEY_ENTER))


def hid_pos(_: Path) -> tuple[HidPosBench, Callable[[bytes], None]]:
    bench = HidPosBench()
    return bench, lambda _: bench.module.say(hid_pos_reports(CODE)[-1])


WAYS: dict[str, Callable[[Path], tuple[SourceBench, Callable[[bytes], None]]]] = {
    "serial": serial,
    "serial, suffix at once": lambda folder: serial(folder, framing="suffix"),
    "keyboard": keyboard,
    "hid-pos": hid_pos,
}


@pytest.fixture(params=WAYS)
def way(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[SourceBench, Callable[[bytes], None]]]:
    bench, say = WAYS[request.param](tmp_path)
    yield bench, say
    bench.close()  # type: ignore[attr-defined]


def test_the_tail_of_a_code_is_no_code(way: tuple[SourceBench, Callable[[bytes], None]]) -> None:
    bench, say = way
    ready(bench)
    for _ in range(3):
        bench.source.release()
        until(bench.free, PATIENCE)
        bench.source.take_back()
        until(lambda: not bench.free(), PATIENCE)  # open, and listening
        say(CODE[-10:])
        ready(bench)
        assert bench.source.status().presented == 0
    assert read(bench, bench.contents[0]).content == bench.contents[0]
