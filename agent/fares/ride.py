"""What a fare is decided from, besides the rules, and what comes out of it. All amounts are fen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from agent.journey.lines import Direction
from offline_store.event import Event

# How a ride stands in its event (tap or payment end), so that the next fare and the driver's trip
# summary find it. `Draft.amounts`, what was paid in fen: by a purse's confirmed debit, or else.
CONFIRMED: Final = "confirmed"
FARE: Final = "fare"
FULL: Final = "full"  # before anything was taken off
# `Draft.detail`:
CONCESSION: Final = "concession"  # the class; missing: none
EXPLAINED: Final = "steps"  # the steps, `Fare.explained`
LINE: Final = "line"
PROOF: Final = "proof"  # of a purchase of 0 fen by which a card proves itself: no ride
TRANSFER: Final = "transfer"  # the rule of a step
MOMENT: Final = "moment"  # of a purse's payment: 14 digits, as card and PSAM have it
# Of a boarding for nothing: the ride that was paid for, given back and is ridden now; and of which
# end of a trip, by the card's own time.
AGAIN_EPOCH: Final = "again_epoch"
AGAIN_SEQ: Final = "again_seq"
AGAIN_OF: Final = "again_of"
CARD_TOLD: Final = "card_told"  # the ride stands on the card as well, for the next terminal
TRIP: Final = "trip"  # where entry and exit are taps of their own: which of them it was
# What of a tap stands on the card, which no give-back undoes.
ON_CARD: Final = frozenset({TRIP, CARD_TOLD})
Guess = Literal["dearest", "cheapest"]
TripEnd = Literal["entry", "exit"]
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
class LastRide:
    """The person's ride before this one, for what it lets him transfer."""

    line: str
    time_ms: int
    paid: int
    transfers: int = 0  # how many rides in a row were transfers by then


@dataclass(frozen=True)
class State:
    """What the journal knows of the person this day, read in the turn that decides."""

    paid_today: int = 0
    rides_today: int = 0
    conceded_today: int = 0  # of these with a concession
    last: LastRide | None = None

    def recorded(self) -> dict[str, int | str]:
        """For `Draft.state`; `State.of` makes the same state of it."""
        found: dict[str, int | str] = {
            "paid_today": self.paid_today,
            "rides_today": self.rides_today,
            "conceded_today": self.conceded_today,
        }
        if self.last is not None:
            found["last_line"] = self.last.line
            found["last_ms"] = self.last.time_ms
            found["last_paid"] = self.last.paid
            found["last_transfers"] = self.last.transfers
        return found

    @classmethod
    def of(cls, recorded: Mapping[str, int | str]) -> "State":
        """What `recorded` gave, to decide once more."""
        last = None
        if "last_line" in recorded:
            last = LastRide(
                str(recorded["last_line"]),
                *(int(recorded[key]) for key in ("last_ms", "last_paid", "last_transfers")),
            )
        return cls(
            paid_today=int(recorded["paid_today"]),
            rides_today=int(recorded["rides_today"]),
            conceded_today=int(recorded["conceded_today"]),
            last=last,
        )


@dataclass(frozen=True)
class Step:
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
    steps: tuple[Step, ...] = field(default=())
    full_fen: int = 0  # before anything was taken off

    @property
    def accepted(self) -> bool:
        return self.reason in (Why.CHARGED, Why.FREE)

    def explained(self) -> str:
        """The steps in one line: `rule by=amount; …`."""
        return "; ".join(f"{step.rule} {step.by}={step.amount}" for step in self.steps)

    def recorded(self) -> dict[str, int | str]:
        """For `Draft.detail`, beside the vehicle's (`JourneyDesk.recorded`)."""
        found: dict[str, int | str] = {EXPLAINED: self.explained()}
        return {**found, CONCESSION: self.concession} if self.concession else found


def paid(event: Event) -> int | None:
    """What an accepted ride cost (fen); None: no ride, or nobody knows whether it was paid. A trip
    with an exit is a ride when it ends; who only proved his card has not ridden for that, and who
    boards for a ride that was given back rides that one."""
    if event.kind not in ("tap", "payment-end") or event.verdict != "accepted":
        return None
    if event.detail.get(TRIP) == ENTRY or {PROOF, AGAIN_SEQ} & event.detail.keys():
        return None
    return event.amounts.get(CONFIRMED, event.amounts.get(FARE))


def is_transfer(event: Event) -> bool:
    """Whether a recorded ride was cheaper for being a transfer."""
    steps = str(event.detail.get(EXPLAINED, "")).split("; ")
    return any(step.startswith(f"{TRANSFER} ") for step in steps)
