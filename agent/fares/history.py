"""What the journal knows of a person's rides today: read in the turn that decides the next fare."""

from collections.abc import Sequence
from itertools import takewhile
from typing import Protocol

from agent.clock import ClockReading
from agent.fares.ride import CONCESSION, LINE, LastRide, State, is_transfer, paid
from agent.fares.tariff import DAY_MS, Tariff
from offline_store.event import Event

MOST = 64  # rides of one person that are looked at; who rides more often has paid his cap long ago


class History(Protocol):
    """What this needs of `offline_store.turn.Turn`."""

    def accepted_events(
        self, person: str, *, scene: str, since_ms: int, at_most: int
    ) -> list[Event]: ...


def state_of(
    turn: History, person: str, tariff: Tariff, clock: ClockReading, *, scene: str
) -> State:
    """The person's state for `fare`. An empty reference has none. Rides "in the future" of a clock
    that was set back do not count, or somebody's cap would be used up by tomorrow's rides."""
    begins = tariff.day_start_ms(clock.time_ms)
    # a transfer reaches back over the end of the day
    since = min(begins, clock.time_ms - DAY_MS)
    events = turn.accepted_events(person, scene=scene, since_ms=since, at_most=MOST)
    rides = [
        (event, amount)
        for event in events
        if event.time_ms <= clock.time_ms and (amount := paid(event)) is not None
    ]
    today = [(event, amount) for event, amount in rides if event.time_ms >= begins]
    return State(
        paid_today=sum(amount for _, amount in today),
        rides_today=len(today),
        conceded_today=sum(bool(event.detail.get(CONCESSION)) for event, _ in today),
        last=_last(rides) if rides else None,
    )


def _last(rides: Sequence[tuple[Event, int]]) -> LastRide:
    """Of rides, newest first."""
    event, amount = rides[0]
    in_a_row = takewhile(is_transfer, (ride for ride, _ in rides))
    return LastRide(
        line=str(event.detail.get(LINE, "")),
        time_ms=event.time_ms,
        paid=amount,
        transfers=sum(1 for _ in in_a_row),
    )
