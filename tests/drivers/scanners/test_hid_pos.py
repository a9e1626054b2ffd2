"""HID POS scanners: codes of several reports, hostile reports, and the contract over a bus."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.drivers.reader import until
from contracts.drivers.source import PATIENCE, SourceContract, read, ready
from drivers.contract import DeviceState
from drivers.options import OptionsFault
from drivers.scanners.framing import Discarded, Framed
from drivers.scanners.hid_pos import HidPosScanner, Reports
from drivers.scanners.source import SETTLED_WITHIN
from simulators.devices.scan_module import HidPosScanner as Module
from simulators.devices.scan_module import hid_pos_reports
from simulators.devices.usb import UsbBus
from simulators.world import SimWorld
from tests.drivers.babbler import Babbler
from tests.drivers.scanners.recovery import reads_again
from tests.drivers.scanners.test_framing import MINISTRY
from tests.drivers.scanners.test_serial import TEXTS
from world.real import RealWorld

WORLD = RealWorld()
ONE_REPORT = hid_pos_reports(b"hello")[0]


class HidPosBench:
    """A scanner and its module on a bus."""

    contents: Sequence[bytes] = [*TEXTS, MINISTRY, b"x" * 56, b"y" * 112]

    def __init__(self) -> None:
        self.module = Module(serial="A1")
        self.bus = UsbBus(self.module)
        self.bus.__enter__()
        self.source = HidPosScanner(WORLD, "scanner", {"usb": "0C2E:*:A1", "window": 600})
        self.source.start()

    def show(self, content: bytes) -> None:
        self.module.show(content)

    def hide(self) -> None:
        pass

    def unplug(self) -> None:
        self.bus.unplug(self.module)

    def plug(self) -> None:
        self.bus.plug(self.module)

    def free(self) -> bool:
        return self.bus.open_handles(self.module) == 0 and self.module.kernel_has == {0, 1}

    def close(self) -> None:
        self.unplug()  # which ends the read that waits
        self.source.stop()
        self.bus.__exit__(None, None, None)


@pytest.fixture
def bench() -> Iterator[HidPosBench]:
    bench = HidPosBench()
    yield bench
    bench.close()


class TestHidPosScanner(SourceContract):
    pass


def test_a_report_without_bytes_breaks_no_code_off(bench: HidPosBench) -> None:
    ready(bench)
    send = bench.module.send

    def with_empty_ones(data: bytes, endpoint: int | None = None) -> None:
        for part in (b"", data, b""):
            send(part, endpoint)

    bench.module.send = with_empty_ones  # type: ignore[method-assign]
    assert read(bench, MINISTRY).content == MINISTRY
    assert bench.source.status().counters == {}


def test_report_is_read_byte_for_byte() -> None:
    report = bytes.fromhex("02055D5131") + b"hello" + bytes(53) + b"\0"
    assert Reports(400).feed(report, 1.0) == [Framed(b"hello", 1.0, "]Q1")]
    assert report == ONE_REPORT


def test_code_of_several_reports_is_one_and_seen_with_the_first() -> None:
    reports = Reports(400)
    parts = hid_pos_reports(MINISTRY, "]Q1")
    assert [reports.feed(part, at) for at, part in enumerate(parts[:-1])] == [[]] * (len(parts) - 1)
    assert reports.feed(parts[-1], 9.0) == [Framed(MINISTRY, 0.0, "]Q1")]
    assert reports.patience is None


def test_what_is_no_aim_identifier_is_none() -> None:
    for aim in ("\0\0\0", "abc", "]\r1", "]é"[:2] + "x"):
        raw = bytearray(ONE_REPORT)
        raw[2:5] = aim.encode("latin-1")
        (framed,) = Reports(400).feed(bytes(raw), 0.0)
        assert isinstance(framed, Framed)
        assert framed.symbology == ""


@pytest.mark.parametrize(
    "report",
    [ONE_REPORT[:-1], ONE_REPORT + b"\0", b"\x01" + ONE_REPORT[1:], b"\x02\x39" + ONE_REPORT[2:],
     ONE_REPORT[:-1] + b"\x02", b"\x00"],
)  # fmt: skip
def test_report_of_another_form_is_dropped_and_so_is_what_it_interrupts(report: bytes) -> None:
    reports = Reports(400)
    reports.feed(hid_pos_reports(b"z" * 100)[0], 0.0)
    assert reports.feed(report, 1.0) == [Discarded("incomplete"), Discarded("garbled")]
    assert reports.feed(ONE_REPORT, 2.0) == [Framed(b"hello", 2.0, "]Q1")]


def test_code_that_never_goes_on_is_incomplete() -> None:
    reports = Reports(400)
    reports.feed(hid_pos_reports(b"z" * 100)[0], 0.0)
    assert reports.patience is not None
    assert reports.feed(b"", 1.0) == [Discarded("incomplete")]


def test_overlong_code_is_dropped_whole_and_the_next_is_read() -> None:
    reports = Reports(100)
    outcomes = [o for part in hid_pos_reports(b"z" * 120) for o in reports.feed(part, 0.0)]
    assert outcomes == [Discarded("overruns")]
    assert reports.feed(ONE_REPORT, 1.0) == [Framed(b"hello", 1.0, "]Q1")]


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=80),
            st.binary(min_size=62, max_size=62).map(lambda b: b"\x02" + b + b"\x01"),
            st.sampled_from([*hid_pos_reports(MINISTRY), ONE_REPORT, b""]),
        ),
        max_size=40,
    )
)
def test_garbage_makes_no_exception_no_endless_code_and_no_lasting_harm(
    reports: list[bytes],
) -> None:
    parser = Reports(100)
    for at, report in enumerate(reports):
        for outcome in parser.feed(report, at):
            assert isinstance(outcome, Discarded) or 0 < len(outcome.content) <= 100
    parser.feed(b"", 99.0)
    assert parser.feed(ONE_REPORT, 100.0) == [Framed(b"hello", 100.0, "]Q1")]


def test_symbology_comes_along(bench: HidPosBench) -> None:
    ready(bench)
    bench.module.show(b"6901234567892", "]E0")
    assert bench.source.events.get(PATIENCE).symbology == "]E0"


def test_half_a_code_is_never_delivered(bench: HidPosBench) -> None:
    ready(bench)
    for turn in range(1, 4):
        bench.module.faults.unplug_after = turn
        bench.module.show(MINISTRY)
        until(lambda turn=turn: bench.source.status().lost == turn, PATIENCE)  # type: ignore[misc]
        bench.plug()
        bench.source.look()
        ready(bench)
    assert read(bench, MINISTRY).content == MINISTRY
    assert bench.source.status().presented == 1


def test_two_with_one_serial_number_are_ambiguous(bench: HidPosBench) -> None:
    ready(bench)
    bench.unplug()
    until(lambda: bench.source.status().lost == 1, PATIENCE)
    bench.plug()
    bench.bus.plug(Module(serial="A1", port=2))
    bench.source.look()
    until(lambda: bench.source.status().fault == "device.ambiguous", PATIENCE)


def test_without_permission_it_says_so_and_comes_when_it_may(bench: HidPosBench) -> None:
    bench.unplug()
    bench.module.faults.denied = True
    bench.plug()
    until(lambda: bench.source.status().state is DeviceState.NO_PERMISSION, PATIENCE)
    bench.module.faults.denied = False
    bench.source.look()
    ready(bench)


def test_stalling_or_flooding_device_is_a_protocol_error_and_comes_back(
    bench: HidPosBench,
) -> None:
    ready(bench)
    bench.module.faults.stall = 1
    bench.module.show(b"x")
    until(lambda: bench.source.status().lost == 1, PATIENCE)
    ready(bench)
    for _ in range(40):
        bench.module.say(hid_pos_reports(b"z" * 100)[0])
    until(lambda: bench.source.status().lost == 2, PATIENCE)
    assert bench.source.status().counters["overruns"] == 3
    ready(bench)
    assert read(bench, b"and on").content == b"and on"


@pytest.mark.parametrize("report", [bytes(8), hid_pos_reports(b"z" * 100)[0]])
def test_one_that_never_pauses_nor_ends_a_code_is_garbled(
    report: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = SimWorld(1)

    def history() -> None:
        babbler = Babbler(world, report, pause=0.5)
        monkeypatch.setattr("drivers.scanners.hid_pos.open_usb", lambda *_, **__: babbler)
        scanner = HidPosScanner(world, "scanner", {"usb": "0C2E:*"})
        scanner.start()
        world.wait(2 * SETTLED_WITHIN)
        assert scanner.status().fault == "scanner.garbled"
        scanner.stop()

    world.play(history)


@pytest.mark.parametrize("options", [{}, {"usb": "scanner"}, {"usb": "0C2E:*", "port": "x"}])
def test_options_that_do_not_fit_are_told(options: dict[str, object]) -> None:
    with pytest.raises(OptionsFault):
        HidPosScanner(WORLD, "scanner", options)


@given(
    reports=st.lists(
        st.one_of(
            st.binary(max_size=130),
            st.binary(min_size=62, max_size=62).map(lambda b: b"\x02" + b + b"\x01"),
        ),
        max_size=8,
    )
)
@settings(max_examples=12, deadline=None)
def test_live_driver_survives_garbage(live: HidPosBench, reports: list[bytes]) -> None:
    for report in reports:
        live.module.say(report)
    reads_again(live)


@pytest.fixture(scope="module")
def live() -> Iterator[HidPosBench]:
    bench = HidPosBench()
    yield bench
    bench.close()
