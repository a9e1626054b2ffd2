"""What the journal knows of a person's rides today: read in the turn that decides the next fare."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Protocol

from agent.fares.ride import is_transfer, paid, ride_of
from agent.fares.tariff import DAY_MS, Tariff
from offline_store.clock import ClockReading
from offline_store.events.row import Event
from offline_store.events.seen import LastRide, RidesBefore
from offline_store.turn import Done, GivenBack

MOST = 64  # events of one person that are looked at; who rides more often has paid his cap


class History(Protocol):
    """What this needs of `offline_store.turn.Turn`."""

    def accepted(self, person: str, *, scene: str) -> Iterator[Done]:
        """The person's accepted taps of that scene, newest first."""
        ...

    def given_back(self, person: str) -> Iterator[GivenBack]:
        """What was given back to the person, newest first."""
        ...


@dataclass(frozen=True)
class _Ride:
    event: Event
    amount: int


def state_of(
    turn: History, person: str, tariff: Tariff, clock: ClockReading, *, scene: str
) -> RidesBefore:
    """The person's state for `fare`. An empty reference has none.

    What makes the next ride cheaper (what was paid towards a cap, the ride before, for a transfer)
    counts only where its time is sure: rides "in the future" of a clock that was set back do not,
    or a cap would be used up by tomorrow's. What makes it dearer (rides with a concession,
    transfers in a row) counts as long as it may have been today.
    """
    today_ms = clock.time_ms - tariff.day_start_ms(clock.time_ms)
    # a transfer reaches back over the end of the day
    farthest_ms = max(today_ms, DAY_MS)
    done = islice(turn.accepted(person, scene=scene), MOST)
    rides = [
        _Ride(one.event, amount)
        for one in clock.perhaps_within(done, farthest_ms + 1)
        if (amount := paid(one.event)) is not None
        and not (one.given_back and _never_was(one.event))
    ]
    sure = [ride for ride in rides if clock.is_within(ride.event.clock, farthest_ms)]
    today = [ride for ride in sure if clock.is_within(ride.event.clock, today_ms)]
    perhaps = [ride for ride in rides if clock.may_be_within(ride.event.clock, today_ms + 1)]
    return RidesBefore(
        paid_today=sum(ride.amount for ride in today),
        rides_today=len(today),
        conceded_today=sum(bool(ride_of(ride.event).concession) for ride in perhaps),
        last=_last(sure[0], rides) if sure else None,
    )


def _never_was(event: Event) -> bool:
    """Of what was given back: nobody paid for it, and no card tells of it."""
    return not paid(event) and not ride_of(event).on_card


def _last(last: _Ride, rides: Sequence[_Ride]) -> LastRide:
    """`rides`: newest first."""
    in_a_row = takewhile(is_transfer, (ride.event for ride in rides))
    return LastRide(
        line=ride_of(last.event).line,
        time_ms=last.event.clock.time_ms,
        paid=last.amount,
        transfers=sum(1 for _ in in_a_row),
    )
