"""`bench tap` prints what it promises, and its floor is of the standard flow and of no other."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence

import pytest

from benchmarks.measure import NoMeasurement
from benchmarks.tap import floor_ms
from benchmarks.tap_hsm import Clock, TimedAsked, TimedHandle
from simulators.cards import Interface
from simulators.timing import Exchange, TimeTable

AIR, SAM = Interface.CONTACTLESS, Interface.SAM
FLOW = (
    [Exchange(AIR, b"\x00\xa4", b"\x90\x00")]
    + [Exchange(AIR, b"\x00\xb2", b"\x90\x00")] * 6
    + [Exchange(AIR, b"\x00\x84", b"\x90\x00")] * 4
    + [Exchange(AIR, b"\x00\x88", b"\x90\x00"), Exchange(AIR, b"\x00\x82", b"\x90\x00")]
    + [Exchange(SAM, b"\xbf\xde", b"\x90\x00"), Exchange(SAM, b"\x80\xfa", b"\x61\x10")] * 2
    + [Exchange(SAM, b"\x00\xc0", b"\x90\x00")] * 2
)


def bench(*arguments: str) -> dict[str, object]:
    """In a process of its own, as its cards are forked from one without threads."""
    command = [sys.executable, "-m", "benchmarks.tap", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    report: dict[str, object] = json.loads(done.stdout)
    return report


def figure(report: dict[str, object], key: str) -> float:
    value = report[key]
    assert isinstance(value, float)
    return value


def test_floor_is_the_tables_sum_over_the_flow() -> None:
    table = TimeTable(106)
    assert floor_ms(table, FLOW) == pytest.approx(table.floor(FLOW) * 1000)
    # SELECT 4, 6 READ 2, 4 GET CHALLENGE 3, 0088 and 0082 12, 2 × (BFDE 8, 80FA 6), and bytes.
    assert floor_ms(table, FLOW) > 4 + 12 + 12 + 24 + 28


@pytest.mark.parametrize(
    "flow",
    [FLOW[1:], [*FLOW, FLOW[0]], [*FLOW, Exchange(SAM, b"\x00\xa4", b"\x90\x00")]],
    ids=["one less", "one more", "PSAM selected again"],
)
def test_floor_of_another_flow_is_refused(flow: Sequence[Exchange]) -> None:
    with pytest.raises(NoMeasurement):
        floor_ms(TimeTable(106), flow)


def test_full_and_bare_taps_alternate_and_all_are_accepted() -> None:
    report = bench("--taps", "3")
    assert report["name"] == "tap"
    assert report["taps"] == 3
    assert figure(report, "ratio_p50") == pytest.approx(
        figure(report, "p50") / figure(report, "bare_p50"), abs=0.01
    )
    assert figure(report, "barrier_p50") > 0
    assert report["holds"] == (figure(report, "ratio_p50") <= 1.25)


def test_air_takes_the_tables_time_on_both_sides() -> None:
    report = bench("--taps", "2", "--air", "848")
    flow = figure(report, "floor") - figure(report, "bare_commit_p50")
    flow -= figure(report, "bare_power_p50")
    assert figure(report, "bare_power_p50") >= 6.4  # activation
    assert flow > 100  # the PSAM's line alone takes some 80 ms
    assert report["holds"] == (figure(report, "floor_ratio") <= 0.95)


def test_hsm_mode_takes_card_and_request_off() -> None:
    report = bench("--mode", "hsm", "--taps", "3")
    assert (report["name"], report["taps"]) == ("tap-hsm", 3)
    parts = [figure(report, f"{part}_p50") for part in ("card", "request", "ours")]
    assert min(parts) > 0
    assert max(parts) < figure(report, "p50")
    assert report["holds"] == (figure(report, "ours_p50") <= 3.0)


class Slow:
    """A card and an answer that take their time."""

    def transmit(self, command: bytes) -> bytes:
        time.sleep(0.002)
        return command

    def result(self) -> bytes:
        return self.transmit(b"")


def test_control_what_card_and_platform_take_is_on_the_clock_and_once() -> None:
    clock = Clock()
    handle = TimedHandle(Slow(), clock)  # type: ignore[arg-type]
    handle.transmit(b"")
    handle.transmit(b"")
    assert clock.card >= 0.004
    asked = TimedAsked(Slow(), time.perf_counter(), clock)
    asked.result()
    once = clock.request
    asked.result()
    assert clock.request == once >= 0.002
