"""`prove tear` on a few of its boundaries: it holds, its control is caught, and it can fail."""

import json
from dataclasses import replace

import pytest

from simulators.pcscd import Pcscd
from simulators.proofs.tear import FLOWS, Flow, Tally, prove
from simulators.vpcd import Moment

GOOD = Tally(boundaries=1, taps=2, slowest_ready_ms=2000.0)


def test_torn_cards_and_psams_leave_no_stuck_session_and_no_false_accept(pcscd: Pcscd) -> None:
    report = prove(pcscd, every=13)
    assert report["holds"], report
    assert report["stuck"] == report["accepted_without_authentication"] == 0
    assert report["missing_events"] == report["extra_events"] == 0
    control = report["control"]
    assert isinstance(control, dict)
    assert control["caught"]
    assert control["lost"] >= len(FLOWS)  # every false card gets in, the 3.0 card's by its RKSSSE
    assert json.loads(json.dumps(report)) == report


@pytest.mark.parametrize(
    "worse",
    [
        {"boundaries": 0},
        {"stuck": 1},
        {"accepted_without_authentication": 1},
        {"missing_events": 1},
        {"extra_events": 1},
        {"unreached": 3},
        {"slowest_ready_ms": 2000.1},
    ],
    ids=str,
)
def test_one_violation_is_enough_to_fail(worse: dict[str, float]) -> None:
    assert GOOD.holds()
    assert not replace(GOOD, **worse).holds()  # type: ignore[arg-type]


def test_every_generation_is_torn_at_each_of_its_interfaces_and_all_moments() -> None:
    assert {flow.interface.value for flow in FLOWS if flow.card == "lin"} == {
        "contact",
        "contactless",
    }
    assert len(FLOWS) == len({Flow(flow.card, flow.interface) for flow in FLOWS}) == 4
    assert [moment.value for moment in Moment] == ["before", "during", "after"]
