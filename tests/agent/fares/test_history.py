"""A person's rides in the real journal become the state of the next fare."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from agent.fares import Journey, LastRide, Rider, State, fare
from agent.fares.history import state_of
from agent.fares.ride import CARD_TOLD, CONCESSION, EXIT, FARE, TRIP
from offline_store.clock import ClockReading
from offline_store.events.happened import EventKind, Verdict
from offline_store.store import Entry
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
        kind: EventKind = "payment-end",
        verdict: Verdict = "accepted",
        scene: str = BUS,
    ) -> int:
        """Decide and record in one turn, as a scene does; what was paid."""
        assert RULES.tariff is not None
        tariff = RULES.tariff

        def decide(turn: object) -> Entry:
            state = state_of(turn, who, tariff, clock, scene=BUS)  # type: ignore[arg-type]
            found = fare(journey, Rider(who), RULES, state, clock)
            return Entry(
                Draft(
                    kind=kind,
                    time_ms=clock.time_ms,
                    clock=clock.quality,
                    boot=clock.boot,
                    scene=scene,
                    person=who,
                    verdict=verdict,
                    amounts={FARE: found.amount_fen},
                    state=state.recorded(),
                    detail={"line": journey.line, **found.recorded()},
                )
            )

        return self.store.turn(decide).event().amounts[FARE]

    def state(self, who: str, clock: ClockReading) -> State:
        found: list[State] = []

        def look(turn: object) -> Entry:
            assert RULES.tariff is not None
            found.append(state_of(turn, who, RULES.tariff, clock, scene=BUS))  # type: ignore[arg-type]
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
        assert journal.state(STUDENT, at(1)) == State(
            200, 3, 3, LastRide("1", NOON + 2_160_000, 100)
        )
        for record in journal.store.records(None, 0, 100):
            event = record.event()
            if event.scene == BUS:
                again = fare(
                    Journey(str(event.detail["line"])),
                    Rider(event.person),
                    RULES,
                    State.of(event.state),
                    ClockReading(event.time_ms, event.clock, event.boot),
                )
                assert again.amount_fen == event.amounts[FARE]
                assert again.explained() == event.detail["steps"]
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
        journal.ride(STUDENT, bus, at(), kind="intent", verdict="unknown")
        journal.ride(STUDENT, bus, at(), scene="elsewhere")
        journal.ride(STUDENT, bus, at(5))  # the clock was wrong then
        journal.ride(SENIOR, bus, at())
        assert journal.state(STUDENT, at(1)) == State()
        assert journal.state("", at(1)) == State()
    finally:
        journal.store.close()


@pytest.mark.parametrize(
    ("detail", "counted"), [({}, 0), ({CARD_TOLD: 1}, 1), ({TRIP: EXIT}, 1)], ids=str
)
def test_a_ride_for_nothing_that_was_given_back_was_never_unless_it_stands_on_the_card(
    tmp_path: Path, detail: dict[str, int | str], counted: int
) -> None:
    """That one is owed, and ridden by a boarding that is no ride itself."""
    journal = Journal(tmp_path)
    try:
        ride = Draft(
            kind="payment-end",
            time_ms=NOON,
            clock="synchronised",
            boot="boot",
            scene=BUS,
            person=SENIOR,
            verdict="accepted",
            amounts={FARE: 0},
            detail={CONCESSION: "senior", **detail},
        )
        record = journal.store.turn(lambda turn: Entry(ride))
        assert journal.state(SENIOR, at(1)).conceded_today == 1
        given = replace(ride, kind="give-back", verdict=None, amounts={}, refers=record.seq)
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
