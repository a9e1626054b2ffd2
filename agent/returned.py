"""What comes back of a visit that did not happen, how much of it today, and what is still owed.

Pure, but for the turn that is read. A visit for which nobody paid is as if it had never been: uses
of tickets and codes, repetition, counts. Money and cards stay as they are: who paid for a ride, or
whose card tells of it (that he is inside by now, that he has changed for less), is owed one
boarding.
"""

from itertools import islice
from typing import Final, Literal, Protocol

from agent.clock import ClockReading
from agent.fares.history import MOST, History
from agent.fares.ride import (
    AGAIN_EPOCH,
    AGAIN_OF,
    AGAIN_SEQ,
    CONFIRMED,
    FARE,
    MOMENT,
    ON_CARD,
    TRIP,
)
from agent.reasons import Reason
from offline_store.event import Event
from offline_store.turn import Uses

Returned = Literal["visit", "ride"]
VISIT: Final[Returned] = "visit"  # all that the tap used up
RIDE: Final[Returned] = "ride"  # one boarding: the payment stands
PAID: Final = "amount"  # `Draft.amounts` of one: fen, paid for a ride that did not happen
TIMED_OUT: Final = "timed-out"  # reason of one: the sensors have seen nobody go through
RETURNS: Final = "returns"  # `Draft.detail` of a give-back: which of the two

# What somebody comes to a gate for. Leaving uses nothing up, and whoever drives visits nothing.
VISITS: Final = frozenset(
    {
        Reason.ACCEPTED,
        Reason.PAID,
        Reason.TORN_RECOVERED,
        Reason.TRIP_BEGUN,
        Reason.TRIP_ENDED,
        Reason.TRIP_AGAIN,
        Reason.RIDE_AGAIN,
    }
)
MINUTE_MS: Final = 60_000
Place = tuple[str, int]  # epoch and seq


class Memory(History, Protocol):
    """See `offline_store.turn.Turn`."""

    def code_uses(self, code: str) -> Uses:
        """How often the code with this reference (64 hexadecimal digits) was used here."""
        ...


def returned(event: Event) -> Returned | None:
    """What comes back of a tap, or of a payment's end; None: it used nothing up."""
    known = event.person or event.code
    if event.verdict != "accepted" or event.reason not in VISITS or not known:
        return None
    by_card = (ON_CARD | {AGAIN_OF, AGAIN_SEQ}) & event.detail.keys()
    return RIDE if by_card or paid_for(event) else VISIT


def paid_for(event: Event) -> int:
    """Fen, debited or to be charged to an account."""
    return event.amounts.get(CONFIRMED, event.amounts.get(FARE, 0))


def trip_moment(event: Event) -> str:
    """At a metro's gate the time, as the card has it, of the trip's end that the tap was for."""
    if AGAIN_OF in event.detail:
        return str(event.detail[AGAIN_OF])
    return str(event.detail[MOMENT]) if TRIP in event.detail else ""


def given_today(turn: Memory, event: Event, returns: Returned, clock: ClockReading) -> int:
    """How much of that kind was given back today to who tapped and was not seen to go through; of a
    ticket that names nobody, how many of its uses ever were. What may be of today is."""
    if not event.person:
        return turn.code_uses(event.code).given_back
    today = clock.perhaps_within(turn.given_back(event.person), clock.today_ms + 1)
    timed_out = (one.event for one in today if one.stands and one.event.reason == TIMED_OUT)
    return sum(event.detail.get(RETURNS) == returns for event in timed_out)


def owed(
    turn: History, person: str, *, scene: str, clock: ClockReading, minutes: int
) -> Event | None:
    """The give-back by which somebody has a boarding for nothing here, the oldest one; None: there
    is none that was made surely no more than `minutes` ago and is not ridden for yet."""
    within_ms = minutes * MINUTE_MS
    recent = clock.perhaps_within(turn.given_back(person), within_ms + 1)
    rides = [
        one.event
        for one in islice(recent, MOST)
        if one.stands
        and one.event.scene == scene
        and one.event.detail.get(RETURNS) == RIDE
        and clock.is_within(one.event, within_ms)
    ]
    used = ridden(turn, person, scene) if rides else set()
    return next((ride for ride in reversed(rides) if place_of(ride) not in used), None)


def ridden(turn: History, person: str, scene: str) -> set[Place]:
    """The rides that were given back and for which he has boarded since."""
    events = (done.event for done in islice(turn.accepted(person, scene=scene), MOST))
    return {
        (str(event.detail[AGAIN_EPOCH]), int(event.detail[AGAIN_SEQ]))
        for event in events
        if AGAIN_SEQ in event.detail
    }


def place_of(give_back: Event) -> Place:
    """Where the tap stands that was given back."""
    assert give_back.refers is not None
    return give_back.epoch, give_back.refers


def boarding_for(give_back: Event) -> dict[str, int | str]:
    """For `Draft.detail` of the boarding that it is good for."""
    epoch, seq = place_of(give_back)
    return {AGAIN_EPOCH: epoch, AGAIN_SEQ: seq}
