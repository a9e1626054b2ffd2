"""`prove tear` on a few of its boundaries: it holds, its controls are caught, and it can fail."""

import json
from dataclasses import fields, replace

import pytest

from proving.proofs.tear.boundaries import tears
from proving.proofs.tear.business import PIN_BUSINESS, WRITE_BUSINESS, Business
from proving.proofs.tear.calls import CallTrial
from proving.proofs.tear.judging import Whole
from proving.proofs.tear.proof import (
    BUSINESS,
    FEW,
    QUICK,
    controls,
    report,
    tear_calls,
    tear_hsm_taps,
    tear_psam_taps,
)
from proving.proofs.tear.tally import GOALS, Tally
from proving.proofs.tear.taps import FLOWS
from simulators.pcscd import Pcscd
from simulators.vpcd import Moment, TearAtApdu

GOOD = Tally(boundaries=1, taps=2, calls=1, slowest_ready_ms=2000.0)
LOST = {"a variant": 1, "another one": 3}


def test_torn_cards_and_psams_leave_no_stuck_session_and_no_false_accept(pcscd: Pcscd) -> None:
    tally = Tally()
    tear_psam_taps(pcscd, tally, 29)
    assert tally.loses_nothing(), tally


def test_whatever_happens_while_the_hsm_is_asked_nobody_comes_in_by_it(pcscd: Pcscd) -> None:
    tally = Tally()
    tear_hsm_taps(pcscd, tally, 29)
    assert tally.loses_nothing(), tally


def test_a_torn_call_spends_no_try_twice_writes_no_half_and_tells_no_success(pcscd: Pcscd) -> None:
    tally = Tally()
    tear_calls(pcscd, tally, BUSINESS, FEW, [FLOWS[1], FLOWS[3]])
    assert tally.loses_nothing(), tally
    assert tally.calls > 2 * len(BUSINESS)


def test_control_each_variant_that_does_what_may_not_be_done_is_caught(pcscd: Pcscd) -> None:
    lost = controls(pcscd, 29)
    assert len(lost) == 4
    assert all(lost.values()), lost
    # Every false card gets in, the 3.0 card's by its RKSSSE.
    assert lost["accepts before comparing"] >= len(FLOWS)


class Straying(CallTrial):
    """One boundary at which so many commands went to the card that came, time after time."""

    def __init__(self, *strayed: int) -> None:
        self._tally = Tally()
        self._strayed = iter(strayed)

    def at_one_boundary(self) -> Tally:
        self._tear(PIN_BUSINESS[0], Whole(3, [2], {}, {}), TearAtApdu(1, Moment.AFTER))
        return self._tally

    def _torn(self, business: Business, whole: Whole, tear: TearAtApdu) -> int:
        return next(self._strayed)


@pytest.mark.parametrize(
    ("strayed", "counted"), [((0,), 0), ((1, 0), 0), ((1, 1, 1), 1), ((4,), 4), ((1, 4), 4)]
)
def test_a_command_that_pcscd_lets_through_once_is_not_the_products(
    strayed: tuple[int, ...], counted: int
) -> None:
    tally = Straying(*strayed).at_one_boundary()
    assert (tally.boundaries, tally.strayed) == (1, counted)


@pytest.mark.parametrize("figure", [field.name for field in fields(Tally)])
def test_one_violation_is_enough_to_fail(figure: str) -> None:
    assert GOOD.holds()
    if figure in ("taps", "calls"):
        return
    worse = GOALS[f"{figure}_max"] + 0.1 if f"{figure}_max" in GOALS else 0
    assert not replace(GOOD, **{figure: worse}).holds()  # type: ignore[arg-type]


def test_one_control_that_gets_through_is_enough_to_fail() -> None:
    assert report(GOOD, LOST)["holds"]
    assert not report(GOOD, {**LOST, "a third": 0})["holds"]
    assert not report(GOOD, {})["holds"]
    assert json.loads(json.dumps(report(GOOD, LOST))) == report(GOOD, LOST)


def test_every_generation_is_torn_at_each_of_its_interfaces_and_all_moments() -> None:
    assert {flow.interface.value for flow in FLOWS if flow.card == "lin"} == {
        "contact",
        "contactless",
    }
    assert len(set(FLOWS)) == len(FLOWS) == 4
    assert [moment.value for moment in Moment] == ["before", "during", "after"]
    assert {tear.moment for tear in tears(40, QUICK)} == set(Moment)


def test_every_function_that_spends_tries_or_writes_is_torn() -> None:
    assert {one.name for one in PIN_BUSINESS} == {
        "verify",
        "verify-wrong",
        "change",
        "change-wrong",
        "reload",
        "unblock",
        "reload-in-steps",
    }
    assert {one.name for one in WRITE_BUSINESS} == {
        "write-records",
        "write-image",
        "write-several",
        "write-records-in-steps",
        "write-image-in-steps",
    }
