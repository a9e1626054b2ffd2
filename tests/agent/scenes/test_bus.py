"""Who has no purse: whose fare is nothing rides, everybody else is told to pay another way."""

from dataclasses import replace

import pytest

from agent.fares.ride import Journey
from agent.fares.rules import Rules
from agent.reasons import Reason
from agent.scenes import Decision, scene_for
from agent.transit.fares import FlatFare, ListedFare
from config.model import Scene
from offline_store.event import Check
from tests.agent.fares.city import lines, people, person, tariff
from tests.agent.scenes.test_library_gate import CARD, at, somebody
from tests.agent.stand import FakeLists, FakeTurn

RULES = Rules(tariff=tariff(), entitlements=people(), lines=lines())
LISTED = ListedFare(lambda: RULES, lambda: Journey("1", boarded="S1"), FlatFare(200), "bus")
ABOARD = ListedFare(
    lambda: RULES, lambda: Journey("1", boarded="S1"), FlatFare(200), "bus", aboard=True
)
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


def test_who_drives_signs_on_in_a_vehicle_and_rides_nowhere() -> None:
    decision = decided("driver", fares=ABOARD)
    assert (decision.verdict, decision.reason) == ("accepted", Reason.DRIVER)
    assert decision.amounts == {}


def test_where_there_is_no_vehicle_a_driver_rides_like_anybody() -> None:
    assert decided("driver").reason is not Reason.DRIVER


@pytest.mark.parametrize("who", ["veteran", "nobody"])
def test_who_does_not_drive_signs_nobody_on(who: str) -> None:
    assert decided(who, fares=ABOARD).reason is decided(who).reason


LOST = Check(subject="card", status="lost", source="platform")


@pytest.mark.parametrize("who", ["veteran", "driver"])
def test_a_card_that_is_reported_lost_neither_rides_nor_signs_on(who: str) -> None:
    scene = scene_for(Scene(kind="bus", check="ask"), "990100", ABOARD)
    identity = replace(somebody(), person=person(who))
    state = scene.look(FakeTurn([], FakeLists()), identity, at(), [LOST])
    decision = scene.decide(identity, FakeLists(), state, at(), [LOST])
    assert (decision.verdict, decision.reason) == ("refused", Reason.CARD_LOST)
    assert LOST in decision.checks


def test_a_listed_card_signs_nobody_on() -> None:
    lists = FakeLists(cards=[CARD])
    assert decided("driver", lists, ABOARD).reason is Reason.BLACKLISTED


def test_without_fares_nobody_rides_for_nothing() -> None:
    assert decided("veteran", fares=None).reason is Reason.NO_PURSE
