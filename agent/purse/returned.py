"""What comes back of a visit that did not happen, how much of it today, and what is still owed.

Pure, but for the turn that is read. A visit that was not paid for is as if it had never been: uses
of tickets and codes, repetition, counts. Money and cards stay as they are: a holder who paid for a
ride, or whose card tells of it (inside by now, changed for less), is owed one boarding.
"""

from itertools import islice
from typing import Final, Protocol

from agent.fares.history import MOST, History
from agent.fares.ride import ride_of
from agent.messages.reasons import Reason
from offline_store.clock import ClockReading
from offline_store.events.about import Returned
from offline_store.events.payment import PaymentEnd
from offline_store.events.row import Event
from offline_store.events.seen import OwedRide
from offline_store.events.tap import Tap
from offline_store.turn import Uses

VISIT: Final[Returned] = "visit"  # all that the tap used up
RIDE: Final[Returned] = "ride"  # one boarding: the payment stands
TIMED_OUT: Final = "timed-out"  # reason of one: the sensors have seen nobody go through

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


class PurseHistory(History, Protocol):
    """See `offline_store.turn.Turn`."""

    def code_uses(self, code: str) -> Uses:
        """How often the code with this reference (64 hexadecimal digits) was used here."""
        ...


def returned(event: Event) -> Returned | None:
    """What comes back of a tap, or of a payment's end; None: it used nothing up."""
    if not isinstance(event, Tap | PaymentEnd) or event.reason not in VISITS:
        return None
    known = event.person or code_of(event)
    if event.verdict != "accepted" or not known:
        return None
    ride = event.ride
    by_card = ride.on_card or ride.again_of or ride.again is not None
    return RIDE if by_card or paid_for(event) else VISIT


def paid_for(event: Tap | PaymentEnd) -> int:
    """Fen, debited or to be charged to an account."""
    if isinstance(event, Tap):
        return event.ride.fare or 0
    return event.confirmed or 0


def code_of(event: Tap | PaymentEnd) -> str:
    """The code or ticket that it used; a purse uses none."""
    return event.code if isinstance(event, Tap) else ""


def trip_moment(event: Tap | PaymentEnd) -> str:
    """At a metro's gate the time, as the card has it, of the trip's end that the tap was for."""
    if event.ride.again_of:
        return event.ride.again_of
    bought = isinstance(event, PaymentEnd) and event.ride.trip_end is not None
    return event.purchase.moment if isinstance(event, PaymentEnd) and bought else ""


def given_today(
    turn: PurseHistory, event: Tap | PaymentEnd, returns: Returned, clock: ClockReading
) -> int:
    """How much of that kind was given back today to a holder who tapped and was not seen to go
    through; of a ticket that names no person, how many of its uses ever were. What may be of today
    is."""
    if not event.person:
        return turn.code_uses(code_of(event)).given_back
    today = clock.perhaps_within(turn.given_back(event.person), clock.today_ms + 1)
    timed_out = (one.event for one in today if one.stands and one.event.reason == TIMED_OUT)
    return sum(event.returns == returns for event in timed_out)


def owed(
    turn: History, person: str, *, scene: str, clock: ClockReading, minutes: int
) -> OwedRide | None:
    """The ride that somebody has for nothing here, because it was given back, the oldest one; None:
    there is none that was given back surely no more than `minutes` ago and is not ridden yet."""
    within_ms = minutes * MINUTE_MS
    recent = clock.perhaps_within(turn.given_back(person), within_ms + 1)
    rides = [
        one.event
        for one in islice(recent, MOST)
        if one.stands
        and one.event.scene == scene
        and one.event.returns == RIDE
        and clock.is_within(one.clock, within_ms)
    ]
    used = ridden(turn, person, scene) if rides else set()
    given = next((ride for ride in reversed(rides) if ride.about.place not in used), None)
    return OwedRide(given.about, given.amount, given.again_of) if given else None


def ridden(turn: History, person: str, scene: str) -> set[tuple[str, int]]:
    """The rides that were given back and for which the holder has boarded since: epoch and seq of
    each."""
    events = (done.event for done in islice(turn.accepted(person, scene=scene), MOST))
    return {again.place for event in events if (again := ride_of(event).again) is not None}
