"""A person's rides in the real journal become the state of the next fare."""

from pathlib import Path

import pytest
from msgspec import structs

from agent.fares.decide import fare
from agent.fares.history import state_of
from agent.fares.ride import Journey, Rider
from offline_store.clock import ClockReading
from offline_store.events.about import GiveBack
from offline_store.events.happened import Verdict
from offline_store.events.payment import Intent, PaymentEnd
from offline_store.events.reference import Reference
from offline_store.events.ride import Ride, Trip
from offline_store.events.seen import LastRide, RidesBefore, Seen
from offline_store.store import Entry, Turn
from tests.agent.events import as_kind, purchase
from tests.agent.fares.city import NOON, at, person, rules
from tests.offline_store.support import Site

SENIOR, STUDENT = person("senior"), person("student")
RULES = rules()
BUS = "bus"


class Journal:
    """A real store in which people ride."""

    def __init__(self, folder: Path) -> None:
        self.store = Site(folder).store()
        self.store.start()

    def ride(
        self,
        who: str,
        journey: Journey,
        clock: ClockReading,
        *,
        verdict: Verdict = "accepted",
        scene: str = BUS,
        ends: bool = True,
    ) -> int:
        """Decide and record in one turn, as paying does, and record its end; what was paid."""
        assert RULES.tariff is not None
        tariff = RULES.tariff

        def decide(turn: Turn) -> Entry:
            state = state_of(turn, who, tariff, clock, scene=BUS)
            found = fare(journey, Rider(who), RULES, state, clock)
            return Entry(
                Intent(
                    clock=clock,
                    scene=scene,
                    person=who,
                    purchase=purchase(found.amount_fen),
                    ride=structs.replace(found.of_ride(), line=journey.line),
                    seen=Seen(rides=state),
                )
            )

        record = self.store.turn(decide)
        intent = as_kind(record.event(), Intent)
        end = PaymentEnd(
            clock=clock,
            scene=scene,
            person=who,
            intent=record.reference,
            outcome="confirmed",
            purchase=intent.purchase,
            ride=intent.ride,
            verdict=verdict,
        )
        if ends:
            self.store.turn(lambda turn: Entry(end))
        return intent.purchase.amount

    def state(self, who: str, clock: ClockReading) -> RidesBefore:
        found: list[RidesBefore] = []

        def look(turn: Turn) -> Entry:
            assert RULES.tariff is not None
            found.append(state_of(turn, who, RULES.tariff, clock, scene=BUS))
            raise LookupError  # nothing is recorded

        try:
            self.store.turn(look)
        except LookupError:
            return found[0]
        raise AssertionError


def test_rides_become_the_state_and_the_record_decides_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    bus, other = Journey("1"), Journey("2")
    try:
        assert journal.ride(STUDENT, bus, at()) == 100
        assert journal.ride(STUDENT, other, at(0.5)) == 0  # a transfer
        assert journal.ride(STUDENT, bus, at(0.6)) == 100  # no second one in a row
        assert journal.state(STUDENT, at(1)) == RidesBefore(
            200, 3, 3, LastRide("1", NOON + 2_160_000, 100)
        )
        events = [record.event() for record in journal.store.records(None, 0, 100)]
        intents = [event for event in events if isinstance(event, Intent)]
        assert len(intents) == 3
        for event in intents:
            assert event.seen.rides is not None
            journey, rider = Journey(event.ride.line), Rider(event.person)
            again = fare(journey, rider, RULES, event.seen.rides, event.clock)
            assert again.amount_fen == event.purchase.amount
            assert again.explained() == event.ride.steps
    finally:
        journal.store.close()


def test_the_days_cap_is_reached_and_a_new_day_begins_at_its_hour(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    far = Journey("M1", "up", "M11", "M14")
    try:
        paid = [journal.ride(STUDENT, far, at(hour / 10)) for hour in range(4)]
        assert paid == [370, 230, 0, 0]
        assert journal.state(STUDENT, at(15.9)).paid_today == 600  # 03:54
        assert journal.state(STUDENT, at(16)).paid_today == 0  # 04:00
        assert journal.ride(STUDENT, far, at(16)) == 370
    finally:
        journal.store.close()


def test_only_accepted_rides_of_that_person_and_scene_before_now_count(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    bus = Journey("1")
    try:
        journal.ride(STUDENT, bus, at(), verdict="refused")
        journal.ride(STUDENT, bus, at(), ends=False)
        journal.ride(STUDENT, bus, at(), scene="elsewhere")
        journal.ride(STUDENT, bus, at(5))  # the clock was wrong then
        journal.ride(SENIOR, bus, at())
        assert journal.state(STUDENT, at(1)) == RidesBefore()
        assert journal.state("", at(1)) == RidesBefore()
    finally:
        journal.store.close()


@pytest.mark.parametrize(
    ("on_card", "counted"),
    [(Ride(), 0), (Ride(card_told=True), 1), (Ride(trip=Trip(end="exit")), 1)],
    ids=["nothing", "told", "trip"],
)
def test_a_ride_for_nothing_that_was_given_back_was_never_unless_it_stands_on_the_card(
    tmp_path: Path, on_card: Ride, counted: int
) -> None:
    """That one is owed, and ridden by a boarding that is no ride itself."""
    journal = Journal(tmp_path)
    try:
        ride = PaymentEnd(
            clock=at(),
            scene=BUS,
            person=SENIOR,
            intent=Reference("e" * 32, 1),
            outcome="confirmed",
            purchase=purchase(0),
            ride=structs.replace(on_card, concession="senior"),
            verdict="accepted",
        )
        record = journal.store.turn(lambda turn: Entry(ride))
        assert journal.state(SENIOR, at(1)).conceded_today == 1
        given = GiveBack(
            clock=at(), scene=BUS, person=SENIOR, about=record.reference, returns="visit"
        )
        journal.store.turn(lambda turn: Entry(given))
        assert journal.state(SENIOR, at(1)).conceded_today == counted
    finally:
        journal.store.close()


HOUR_MS = 3_600_000


def up(hours: float, wrong: float = 0.0, boot: str = "boot") -> ClockReading:
    """Hours after the machine was switched on at that Tuesday's noon; its clock is `wrong` hours
    beside the truth."""
    up_ms = round((hours + 1) * HOUR_MS)
    return ClockReading(at(hours + wrong).time_ms, "holdover", boot, up_ms)


def test_a_clock_that_goes_back_gives_no_concession_twice(tmp_path: Path) -> None:
    """Six rides a day for nothing: more are not, however often the clock is set back."""
    journal = Journal(tmp_path)
    bus = Journey("1")
    try:
        paid = [journal.ride(SENIOR, bus, up(hour / 10)) for hour in range(6)]
        assert paid == [0] * 6
        assert journal.state(SENIOR, up(0.7, wrong=-3)).conceded_today == 6
        assert journal.ride(SENIOR, bus, up(0.7, wrong=-3)) == 100
        assert journal.ride(SENIOR, bus, up(0.8, wrong=-30)) == 100
        assert journal.state(SENIOR, up(0.1, -60, "other boot")).conceded_today == 8
        assert journal.state(SENIOR, up(60, -60, "other boot")).conceded_today == 0
    finally:
        journal.store.close()


def test_a_clock_that_goes_back_lets_nobody_change_twice(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    bus, other = Journey("1"), Journey("2")
    try:
        assert journal.ride(STUDENT, bus, up(0)) == 100
        assert journal.ride(STUDENT, other, up(0.5)) == 0  # a transfer
        assert journal.ride(STUDENT, bus, up(0.6, wrong=-0.3)) == 100  # before it, by the clock
    finally:
        journal.store.close()


def test_what_makes_a_ride_cheaper_has_a_sure_time(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    far = Journey("M1", "up", "M11", "M14")
    try:
        assert journal.ride(STUDENT, far, up(0)) == 370
        state = journal.state(STUDENT, up(0.1, wrong=-3))
        assert (state.paid_today, state.rides_today, state.last) == (0, 0, None)
    finally:
        journal.store.close()
