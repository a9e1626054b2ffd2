"""The table of decisions: who rides how, and what it costs; each has a name and says its rule."""

from dataclasses import dataclass, field
from typing import Final

import msgspec
import pytest

from agent.fares.decide import fare
from agent.fares.lines import LineBook
from agent.fares.ride import Fare, Journey, Rider, Why
from agent.fares.rules import Rules
from offline_store.clock import ClockReading
from offline_store.events.seen import LastRide, RidesBefore
from tests.agent.fares.city import (
    ELSEWHERE,
    MADE_UP,
    NOON,
    as_recorded,
    at,
    people,
    person,
    rules,
    tariff,
)

NIGHT, PEAK, EARLY, SATURDAY = 11.5, -4.0, -6.0, 96.0  # hours from that Tuesday's noon
RULES: Final = rules()


def card(name: str = "", card_type: int = 1, city: str = MADE_UP, interop: bool = True) -> Rider:
    return Rider(person(name) if name else person("anon"), card_type, city, interop)


def code(name: str) -> Rider:
    return Rider(person(name))


def ride(line: str = "1", boarded: str = "", left: str = "", way: str = "up") -> Journey:
    return Journey(line, "up" if way == "up" else "down", boarded, left)


def after(minutes: float, line: str = "2", paid: int = 200, transfers: int = 0) -> RidesBefore:
    last = LastRide(line, NOON - round(minutes * 60_000), paid, transfers)
    return RidesBefore(paid_today=paid, rides_today=1, last=last)


@dataclass(frozen=True)
class Case:
    name: str
    rider: Rider
    journey: Journey
    amount: int
    why: Why = Why.CHARGED
    concession: str = ""
    state: RidesBefore = field(default_factory=RidesBefore)
    clock: ClockReading = field(default_factory=at)


FREE = Why.FREE
CASES = [
    # tables
    Case("flat", card(), ride(), 200),
    Case("flat by code", code("anon"), ride(), 200),
    Case("a flat fare needs no stop", card(), ride("2", "", ""), 200),
    Case("the night's own table goes first", card(), ride(), 300, clock=at(NIGHT)),
    Case("a night that began yesterday goes on", card(), ride(), 300, clock=at(16)),
    Case("the night ends on its minute", card(), ride(), 200, clock=at(17)),
    Case("a line without a table", card(), ride("77"), 0, Why.NO_TABLE),
    Case("one segment", card(), ride("9", "S1", "S2"), 100),
    Case("two segments", card(), ride("9", "S1", "S3"), 250),
    Case("three segments cost what four cost", card(), ride("9", "S1", "S4"), 400),
    Case("all segments", card(), ride("9", "S1", "S5"), 400),
    Case("segments the other way", card(), ride("9", "S5", "S4", "down"), 250),
    Case("left before he boarded", card(), ride("9", "S4", "S3"), 250),
    Case("segments to the end where the exit is unknown", card(), ride("9", "S3"), 400),
    Case("the last stop is one segment", card(), ride("9", "S5"), 100),
    Case("a stop of another line", card(), ride("9", "M11"), 0, Why.STOP_UNKNOWN),
    Case("no stop where one is needed", card(), ride("9"), 0, Why.STOP_UNKNOWN),
    Case("within a zone", card(), ride("M1", "M11", "M12"), 200),
    Case("in and out at one station", card(), ride("M1", "M11", "M11"), 200),
    Case("to the next zone", card(), ride("M1", "M12", "M13"), 300),
    Case("through all zones", card(), ride("M1", "M11", "M14"), 500),
    Case("the same way back", card(), ride("M1", "M14", "M11"), 500),
    Case("the dearest where the exit is unknown", card(), ride("M1", "M13"), 300),
    Case("a station nobody knows", card(), ride("M1", "M11", "X9"), 0, Why.STOP_UNKNOWN),
    Case("a pair that has no price", card(), ride("M1", "M11", "S1"), 0, Why.NO_PRICE),
    # cards by type
    Case("a normal card", card(card_type=1), ride(), 200),
    Case("a student's card", card(card_type=2), ride(), 100, concession="student"),
    Case("a student's card by metro", card(card_type=2), ride("M1", "M11", "M14"), 370,
         concession="student"),
    Case("a senior's card off peak", card(card_type=3), ride(), 0, FREE, "senior"),
    Case("a senior's card at peak", card(card_type=3), ride(), 100, concession="senior",
         clock=at(PEAK)),
    Case("a senior's card on Saturday", card(card_type=3), ride(), 0, FREE, "senior",
         clock=at(SATURDAY + PEAK)),
    Case("a soldier's card", card(card_type=5), ride(), 0, FREE, "veteran"),
    Case("a monthly card", card(card_type=0x11), ride(), 50, concession="monthly"),
    Case("a monthly card where it does not hold", card(card_type=0x11), ride("9", "S1", "S2"), 100),
    Case("a card of who is old enough", card(card_type=0x12), ride(), 0, FREE, "senior-free",
         clock=at(PEAK)),
    Case("a card of who is nearly old enough", card(card_type=0x13), ride(), 100,
         concession="senior-reduced"),
    Case("a driver's card", card(card_type=0x70), ride(), 0, FREE, "driver"),
    Case("a type nobody has heard of", card(card_type=0x66), ride(), 200),
    Case("a test card", card(card_type=4), ride(), 0, Why.CARD_REFUSED),
    Case("a senior's seventh ride", card(card_type=3), ride(), 100, concession="senior",
         state=RidesBefore(0, 6, 6)),
    Case("a senior's sixth ride", card(card_type=3), ride(), 0, FREE, "senior",
         state=RidesBefore(0, 5, 5)),
    # people by the list
    Case("a senior by card", card("senior"), ride(), 0, FREE, "senior"),
    Case("a senior by code", code("senior"), ride(), 0, FREE, "senior"),
    Case("a senior by code at peak", code("senior"), ride(), 100, concession="senior",
         clock=at(PEAK)),
    Case("a student by code", code("student"), ride(), 100, concession="student"),
    Case("who has a disability", code("disabled"), ride(), 0, FREE, "disabled"),
    Case("a veteran", code("veteran"), ride("M1", "M11", "M14"), 0, FREE, "veteran"),
    Case("staff", code("staff"), ride(), 50, concession="staff"),
    Case("a driver off duty", code("driver"), ride(), 0, FREE, "driver"),
    Case("of two classes the cheaper", code("both"), ride(), 0, FREE, "disabled"),
    Case("who has graduated, by code", code("graduate"), ride(), 200),
    Case("who has graduated, by his student's card", card("graduate", 2), ride(), 200),
    Case("who is no student yet", code("freshman"), ride(), 200),
    Case("a class that the fares do not know", code("strange"), ride(), 200),
    Case("the list goes before the card", card("student", 12), ride(), 100, concession="student"),
    Case("nobody in particular", Rider(""), ride(), 200),
    # other cities
    Case("another city's card", card(city=ELSEWHERE), ride(), 200),
    Case("another city's senior", card(card_type=3, city=ELSEWHERE), ride(), 200),
    Case("another city's test card", card(card_type=4, city=ELSEWHERE), ride(), 0,
         Why.CARD_REFUSED),
    Case("another city's card that stays there", card(city=ELSEWHERE, interop=False), ride(), 0,
         Why.NOT_INTEROPERABLE),
    Case("our own card need not be interoperable", card(interop=False), ride(), 200),
    Case("our own person with another city's card", card("senior", 1, ELSEWHERE), ride(), 0, FREE,
         "senior"),
    # time of day
    Case("the early bird", card(), ride("M1", "M11", "M14"), 250, clock=at(EARLY)),
    Case("the early bird who studies", card(card_type=2), ride("M1", "M11", "M14"), 180,
         concession="student", clock=at(EARLY)),
    Case("no early bird at the weekend", card(), ride("M1", "M11", "M14"), 500,
         clock=at(SATURDAY + EARLY)),
    Case("no early bird by bus", card(), ride(), 200, clock=at(EARLY)),
    Case("the entry's time counts", card(), Journey("M1", "up", "M11", "M14", NOON - 6 * 3_600_000),
         250),
    Case("a holiday is no peak", card(card_type=3), ride(), 0, FREE, "senior",
         clock=at(9 * 24 + PEAK)),
    # transfers
    Case("bus to bus within the hour", card(), ride(), 100, state=after(60)),
    Case("bus to bus a minute later", card(), ride(), 200, state=after(61)),
    Case("the same line again is none", card(), ride(), 200, state=after(10, "1")),
    Case("bus to metro", card(), ride("M1", "M11", "M14"), 400, state=after(80)),
    Case("metro to bus is none", card(), ride(), 200, state=after(10, "M1")),
    Case("a second transfer in a row is none", card(), ride(), 200, state=after(10, "2", 100, 1)),
    Case("a transfer on top of a concession", card(card_type=2), ride(), 0, FREE, "student",
         state=after(10)),
    Case("one that is not for who has a concession", card(card_type=2), ride("M1", "M11", "M14"),
         370, concession="student", state=after(10)),
    Case("a last ride in the future", card(), ride(), 200, state=after(-10)),
    # caps
    Case("the day's cap", card(), ride(), 100, state=RidesBefore(1900, 9)),
    Case("beyond the day's cap", card(), ride(), 0, FREE, state=RidesBefore(2000, 10)),
    Case("more than the cap was paid", card(), ride(), 0, FREE, state=RidesBefore(2300, 10)),
    Case("a class's own cap", card(card_type=2), ride(), 50, concession="student",
         state=RidesBefore(550, 6)),
    Case("which is not everybody's", card(), ride(), 200, state=RidesBefore(550, 6)),
    # no clock
    Case("no clock, flat", card(), ride(), 200, clock=at(known=False)),
    Case("no clock, a night's table is not taken", card(), ride(), 200,
         clock=at(NIGHT, known=False)),
    Case("no clock, a senior is not made to pay for it", card(card_type=3), ride(), 0, FREE,
         "senior", clock=at(PEAK, known=False)),
    Case("no clock, an entitlement that may be over", code("graduate"), ride(), 100,
         concession="student", clock=at(known=False)),
    Case("no clock, no transfer", card(), ride(), 200, state=after(10), clock=at(known=False)),
]  # fmt: skip


def decide(case: Case, by: Rules = RULES) -> Fare:
    return fare(case.journey, case.rider, by, case.state, case.clock)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_decision(case: Case) -> None:
    found = decide(case)
    assert (found.amount_fen, found.reason, found.concession) == (
        case.amount,
        case.why,
        case.concession,
    )


def test_the_table_has_at_least_60_decisions_with_names_of_their_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_decision_explains_its_amount(case: Case) -> None:
    found = decide(case)
    assert found.steps[-1].amount == found.amount_fen
    assert found.explained().count("; ") == len(found.steps) - 1
    assert bool(found.concession) == any(step.rule == "concession" for step in found.steps)


@pytest.mark.parametrize("hours", [0, PEAK, EARLY, NIGHT, SATURDAY])
@pytest.mark.parametrize("name", ["senior", "student", "disabled", "veteran", "staff", "graduate"])
@pytest.mark.parametrize("journey", [ride(), ride("9", "S1", "S4"), ride("M1", "M11", "M14")])
def test_the_same_person_pays_the_same_by_card_and_by_code(
    name: str, hours: float, journey: Journey
) -> None:
    by_code = fare(journey, code(name), RULES, RidesBefore(), at(hours))
    for card_type in (1, 2, 3, 5, 0x12, 0x13, 0x70):
        assert fare(journey, card(name, card_type), RULES, RidesBefore(), at(hours)) == by_code


def test_control_a_senior_who_is_not_in_the_list_pays_more_by_code() -> None:
    unlisted = Rules(tariff(), lines=RULES.lines)
    assert fare(ride(), card("senior", 3), unlisted, RidesBefore(), at()).amount_fen == 0
    assert fare(ride(), code("senior"), unlisted, RidesBefore(), at()).amount_fen == 200


def test_without_a_fare_list_nobody_is_charged_or_let_in() -> None:
    found = fare(ride(), card(), Rules(), RidesBefore(), at())
    assert (found.reason, found.accepted, found.amount_fen) == (Why.NO_FARES, False, 0)


def test_without_lines_the_line_is_unknown() -> None:
    bare = Rules(tariff(), people(), LineBook())
    assert fare(ride("9", "S1"), card(), bare, RidesBefore(), at()).reason == Why.LINE_UNKNOWN
    assert fare(ride("M1", "M13"), card(), bare, RidesBefore(), at()).amount_fen == 300


def test_a_city_may_have_people_pay_in_full_while_it_does_not_know_the_time() -> None:
    strict = Rules(msgspec.structs.replace(tariff(), without_clock="full"), people())
    found = fare(ride(), card(card_type=3), strict, RidesBefore(), at(known=False))
    assert (found.amount_fen, found.concession) == (100, "senior")


@pytest.mark.parametrize(
    ("how", "to", "amount"), [("down", 100, 300), ("up", 100, 400), ("half-up", 100, 400),
                              ("half-up", 10, 380), ("down", 1, 375)],
)  # fmt: skip
def test_rounding(how: str, to: int, amount: int) -> None:
    rounding = msgspec.convert({"how": how, "to": to}, type(tariff().rounding))
    other = Rules(msgspec.structs.replace(tariff(), rounding=rounding), people(), RULES.lines)
    found = fare(ride("M1", "M11", "M14"), card(card_type=2), other, RidesBefore(), at())
    assert found.amount_fen == amount


def test_a_recorded_state_decides_the_same_again() -> None:
    for case in CASES:
        assert as_recorded(case.state) == case.state
