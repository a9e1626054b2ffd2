"""Who has no purse: whose fare is nothing rides, everybody else is told to pay another way."""

from dataclasses import replace

import pytest

from agent.fares.memory import JournalMemory
from agent.fares.ride import Journey, Rider
from agent.fares.rules import Rules
from agent.identify.identity import VerifiedCode
from agent.messages.reasons import Reason
from agent.purse.pricing import FlatFare, ListedFare
from agent.scenes.port import Case, Decision, Looked, Scene
from agent.scenes.status_rule import to_charge
from config.model import SceneSettings as Settings
from contracts.scenes.shipped import scene_of
from contracts.scenes.stand import FakeLists, FakeTurn
from offline_store.events.happened import Check
from offline_store.events.ride import NO_RIDE, Ride
from tests.agent.fares.city import MADE_UP, lines, people, person, tariff
from tests.agent.scenes.test_library_gate import CARD, at, somebody

RULES = Rules(tariff=tariff(), entitlements=people(), lines=lines(), versions={"fares": 3})
LISTED = ListedFare(lambda: RULES, lambda: Journey("1", boarded="S1"), FlatFare(200), "bus")
ABOARD = ListedFare(
    lambda: RULES, lambda: Journey("1", boarded="S1"), FlatFare(200), "bus", aboard=True
)
SETTINGS = Settings(kind="bus")


def aboard(fares: ListedFare | None) -> Scene:
    return scene_of(SETTINGS, "990100", fares, lambda: Ride(vehicle="0042"))


def looked(
    who: str, fares: ListedFare | None = LISTED, shown: VerifiedCode | None = None
) -> Looked:
    identity = replace(somebody(), person=person(who), shown=shown)
    return aboard(fares).look(FakeTurn([], FakeLists()), Case(identity, at()))


def decided(
    who: str,
    lists: FakeLists | None = None,
    fares: ListedFare | None = LISTED,
    shown: VerifiedCode | None = None,
) -> Decision:
    identity = replace(somebody(), person=person(who), shown=shown)
    seen = looked(who, fares, shown).seen
    return aboard(fares).decide(lists or FakeLists(), Case(identity, at()), seen)


@pytest.mark.parametrize("who", ["veteran", "disabled", "senior", "both"])
def test_who_rides_for_nothing_by_the_signed_list(who: str) -> None:
    decision = decided(who)
    assert (decision.verdict, decision.reason) == ("accepted", Reason.ACCEPTED)
    ride = looked(who).ride
    assert (ride.fare, ride.full) == (0, 200)
    assert ride.line == "1"
    assert ride.concession


SHOWN = VerifiedCode("c" * 64, 1, Reason.CODE_SEEN, 2000, "", pays=True)
TICKET = VerifiedCode("d" * 64, 1, Reason.TICKET_USED, None, "")


@pytest.mark.parametrize(
    ("who", "fare"), [("nobody", 200), ("student", 100), ("staff", 50), ("senior", 0)]
)
def test_a_code_pays_what_a_purse_of_the_same_person_would(who: str, fare: int) -> None:
    decision = decided(who, shown=SHOWN)
    assert (decision.verdict, decision.reason) == ("accepted", Reason.PAID)
    ride = looked(who, shown=SHOWN).ride
    assert (ride.fare, ride.full) == (fare, 200)
    memory = JournalMemory(FakeTurn([], FakeLists()))
    purse = LISTED.price(memory, Rider(person(who), 1, MADE_UP), at())
    assert (purse.amount, purse.full) == (fare, 200)
    assert ride.steps == purse.ride.steps


def test_a_code_that_nothing_is_charged_for_here_is_refused_for_that_reason() -> None:
    nowhere = ListedFare(lambda: RULES, lambda: Journey("77"), FlatFare(200), "bus")
    decision = decided("nobody", fares=nowhere, shown=SHOWN)
    assert (decision.verdict, decision.reason) == ("refused", Reason.NO_FARE)
    assert decided("nobody", fares=nowhere).reason == Reason.NO_PURSE


def test_a_codes_fare_is_told_to_what_guards_its_limit() -> None:
    scene = scene_of(SETTINGS, "990100", LISTED)
    turn = FakeTurn([], FakeLists())
    identity = replace(somebody(), person=person("student"), shown=SHOWN)
    seen = scene.look(turn, Case(identity, at())).seen
    assert to_charge(identity, seen) == 100
    without = replace(identity, shown=None)
    assert to_charge(without, scene.look(turn, Case(without, at())).seen) is None


def test_a_ticket_rides_without_a_fare_and_says_where() -> None:
    decision = decided("nobody", fares=None, shown=TICKET)
    assert (decision.verdict, decision.reason) == ("accepted", Reason.ACCEPTED)
    ride = looked("nobody", fares=None, shown=TICKET).ride
    assert ride == Ride(vehicle="0042", fare=0)


def test_a_blacklisted_account_pays_nothing() -> None:
    lists = FakeLists(persons=[person("nobody")])
    assert decided("nobody", lists, shown=SHOWN).reason == Reason.BLACKLISTED


def test_a_code_signs_its_driver_on() -> None:
    assert decided("driver", fares=ABOARD, shown=SHOWN).reason == Reason.DRIVER


def test_the_ride_and_the_versions_that_it_went_by_are_recorded() -> None:
    found = looked("nobody", shown=SHOWN)
    assert found.ride.vehicle == "0042"
    assert found.lists == {"fares": 3}


@pytest.mark.parametrize("who", ["student", "staff", "nobody", "graduate"])
def test_who_has_to_pay_needs_a_purse(who: str) -> None:
    assert decided(who).reason == Reason.NO_PURSE


def test_a_listed_card_does_not_ride_for_nothing() -> None:
    assert decided("veteran", FakeLists(cards=[CARD])).reason == Reason.BLACKLISTED


def test_who_drives_signs_on_in_a_vehicle_and_rides_nowhere() -> None:
    decision = decided("driver", fares=ABOARD)
    assert (decision.verdict, decision.reason) == ("accepted", Reason.DRIVER)
    assert looked("driver", ABOARD).ride == NO_RIDE


def test_where_there_is_no_vehicle_a_driver_rides_like_anybody() -> None:
    assert decided("driver").reason != Reason.DRIVER


@pytest.mark.parametrize("who", ["veteran", "nobody"])
def test_who_does_not_drive_signs_nobody_on(who: str) -> None:
    assert decided(who, fares=ABOARD).reason == decided(who).reason


LOST = Check(subject="card", status="lost", source="platform")


@pytest.mark.parametrize("who", ["veteran", "driver"])
def test_a_card_that_is_reported_lost_neither_rides_nor_signs_on(who: str) -> None:
    scene = scene_of(Settings(kind="bus", check="ask"), "990100", ABOARD)
    identity = replace(somebody(), person=person(who))
    seen = scene.look(FakeTurn([], FakeLists()), Case(identity, at(), [LOST])).seen
    decision = scene.decide(FakeLists(), Case(identity, at(), [LOST]), seen)
    assert (decision.verdict, decision.reason) == ("refused", Reason.CARD_LOST)
    assert LOST in decision.checks


def test_a_listed_card_signs_nobody_on() -> None:
    lists = FakeLists(cards=[CARD])
    assert decided("driver", lists, ABOARD).reason == Reason.BLACKLISTED


def test_without_fares_nobody_rides_for_nothing() -> None:
    assert decided("veteran", fares=None).reason == Reason.NO_PURSE
