"""Who has no purse: whose fare is nothing rides, everybody else is told to pay another way."""

from dataclasses import replace

import pytest

from agent.fares.ride import Journey
from agent.fares.rules import Rules
from agent.reasons import Reason
from agent.scenes import Decision, scene_for
from agent.transit.fares import FlatFare, ListedFare
from config.model import Scene
from tests.agent.fares.city import lines, people, person, tariff
from tests.agent.scenes.test_library_gate import CARD, at, somebody
from tests.agent.stand import FakeLists, FakeTurn

RULES = Rules(tariff=tariff(), entitlements=people(), lines=lines())
LISTED = ListedFare(lambda: RULES, lambda: Journey("1", boarded="S1"), FlatFare(200), "bus")
SETTINGS = Scene(kind="bus")


def decided(
    who: str, lists: FakeLists | None = None, fares: ListedFare | None = LISTED
) -> Decision:
    scene = scene_for(SETTINGS, "990100", fares)
    identity = replace(somebody(), person=person(who))
    state = scene.look(FakeTurn([], FakeLists()), identity, at())
    return scene.decide(identity, lists or FakeLists(), state, at())


@pytest.mark.parametrize("who", ["veteran", "disabled", "senior", "both"])
def test_who_rides_for_nothing_by_the_signed_list(who: str) -> None:
    decision = decided(who)
    assert (decision.verdict, decision.reason) == ("accepted", Reason.ACCEPTED)
    assert decision.amounts == {"fare": 0}
    assert decision.detail["line"] == "1"
    assert decision.detail["concession"]


@pytest.mark.parametrize("who", ["student", "staff", "nobody", "graduate"])
def test_who_has_to_pay_needs_a_purse(who: str) -> None:
    assert decided(who).reason is Reason.NO_PURSE


def test_a_listed_card_does_not_ride_for_nothing() -> None:
    assert decided("veteran", FakeLists(cards=[CARD])).reason is Reason.BLACKLISTED


def test_without_fares_nobody_rides_for_nothing() -> None:
    assert decided("veteran", fares=None).reason is Reason.NO_PURSE
