"""What a fare is decided from, besides the rules, and what comes out of it. All amounts are fen."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from agent.fares.lines import Direction
from offline_store.events.payment import Intent, PaymentEnd
from offline_store.events.ride import NO_RIDE, Ride, TripEnd
from offline_store.events.row import Event
from offline_store.events.tap import Tap

TRANSFER: Final = "transfer"  # the rule of a step
Guess = Literal["dearest", "cheapest"]
ENTRY: Final[TripEnd] = "entry"
EXIT: Final[TripEnd] = "exit"


class Why(StrEnum):
    """What a fare decision came to."""

    CHARGED = "charged"
    FREE = "free"
    NO_FARES = "no-fares"  # no fare list was ever installed
    NO_TABLE = "no-table"  # none of its tables is for this line now
    LINE_UNKNOWN = "line-unknown"
    STOP_UNKNOWN = "stop-unknown"  # or not on this line, this way
    NO_PRICE = "no-price"  # the distance table has no amount for these two stops
    NOT_INTEROPERABLE = "not-interoperable"  # another city's card that is good only there
    CARD_REFUSED = "card-refused"  # a card type that does not ride here, a test card


@dataclass(frozen=True)
class Journey:
    """A ride to be paid: on which line, from where, and, if known, to where."""

    line: str
    direction: Direction = "up"
    boarded: str = ""  # stop's id; not needed for a flat fare
    left: str = ""  # empty: not known, so as far as it goes, or as near
    boarded_ms: int = 0  # unix ms of the entry, by which times of day go; 0: now
    guess: Guess = "dearest"  # where its end is not known
    network: bool = False  # one may change lines: the end is any place of a distance table


@dataclass(frozen=True)
class Rider:
    """Who rides, as far as fares go. A code has neither card type nor city of its own."""

    person: str  # person reference, 64 hex; of an anonymous card the card's
    card_type: int | None = None  # byte of file 0017
    city: str = ""  # of file 0017, four digits; empty: no card of the transit world
    interoperable: bool = True  # of file 0017


@dataclass(frozen=True)
class AppliedRule:
    """One rule that was applied."""

    rule: str  # table, concession, time, transfer, rounding, minimum, cap; or why not
    by: str  # which one, and what it went by
    amount: int  # after it


@dataclass(frozen=True)
class Fare:
    """The decision. `concession` is the class that made it cheaper, empty without one."""

    amount_fen: int
    concession: str
    reason: Why
    steps: tuple[AppliedRule, ...] = field(default=())
    full_fen: int = 0  # before anything was taken off

    @property
    def accepted(self) -> bool:
        """Whether the passenger rides: charged, or free by right."""
        return self.reason in (Why.CHARGED, Why.FREE)

    def explained(self) -> str:
        """The steps in one line: `rule by=amount; …`."""
        return "; ".join(f"{step.rule} {step.by}={step.amount}" for step in self.steps)

    def of_ride(self) -> Ride:
        """What a ride's event says of it."""
        return Ride(full=self.full_fen, steps=self.explained(), concession=self.concession)


def paid(event: Event) -> int | None:
    """What an accepted ride cost (fen); None: no ride, or it is unknown whether it was paid. A trip
    with an exit is a ride when it ends; a holder who only proved the card has not ridden for that,
    and one who boards for a ride that was given back rides that one."""
    if not isinstance(event, Tap | PaymentEnd) or event.verdict != "accepted":
        return None
    if event.ride.trip_end == ENTRY or event.ride.again is not None:
        return None
    if isinstance(event, Tap):
        return event.ride.fare
    return None if event.purchase.proof else event.confirmed


def ride_of(event: Event) -> Ride:
    """What its event says of a ride; nothing where it is of none."""
    return event.ride if isinstance(event, Tap | Intent | PaymentEnd) else NO_RIDE


def is_transfer(event: Event) -> bool:
    """Whether a recorded ride was cheaper for being a transfer."""
    steps = ride_of(event).steps.split("; ")
    return any(step.startswith(f"{TRANSFER} ") for step in steps)
