"""What the journal knows of a person's rides today: read in the turn that decides the next fare."""

from typing import Protocol

from agent.clock import ClockReading
from agent.fares.ride import CONCESSION, FARE, LINE, TRANSFERS, LastRide, State
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
    rides = [
        event
        for event in turn.accepted_events(person, scene=scene, since_ms=since, at_most=MOST)
        if FARE in event.amounts and event.time_ms <= clock.time_ms
    ]
    today = [event for event in rides if event.time_ms >= begins]
    return State(
        paid_today=sum(event.amounts[FARE] for event in today),
        rides_today=len(today),
        conceded_today=sum(bool(event.detail.get(CONCESSION)) for event in today),
        last=_last(rides[0]) if rides else None,
    )


def _last(event: Event) -> LastRide:
    return LastRide(
        line=str(event.detail.get(LINE, "")),
        time_ms=event.time_ms,
        paid=event.amounts[FARE],
        transfers=int(event.detail.get(TRANSFERS, 0)),
    )
