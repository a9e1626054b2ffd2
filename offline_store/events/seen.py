"""What a decision read in its turn, so that it can be made again from its event.

Whatever a scene's `look` finds stands in a field of `Seen`; `decide` goes by nothing else. Amounts
are fen, times unix milliseconds.
"""

from typing import Final, Literal

import msgspec

from offline_store.events.reference import Reference


class LastRide(msgspec.Struct, frozen=True, omit_defaults=True):
    """A person's ride before this one, for the transfer that it allows."""

    line: str
    time_ms: int
    paid: int
    transfers: int = 0  # how many rides in a row were transfers by then


class RidesBefore(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the journal knows of a person's rides this day; with what the card told joined in."""

    paid_today: int = 0
    rides_today: int = 0
    conceded_today: int = 0  # of these with a concession
    last: LastRide | None = None


class CardTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the card told of its holder's rides elsewhere. None: it has no such field."""

    line: int | None = None  # of the newest row of 001E: its code
    time_ms: int | None = None
    day_ms: int | None = None  # of the city's own record: its last ride's time
    paid_today: int | None = None
    conceded_today: int | None = None
    transfers: int | None = None


class TripPoint(msgspec.Struct, frozen=True, omit_defaults=True):
    """One end of a trip as the card has it; hex, `time` 14 digits of China time where there is
    one."""

    city: str = ""
    station: str = ""
    terminal: str = ""
    time: str = ""


class CardTrip(msgspec.Struct, frozen=True, omit_defaults=True):
    """The rail record of 001A."""

    inside: int  # 0 initial, 1 in, 2 out; a card may hold anything
    entry: TripPoint = TripPoint()
    exit: TripPoint = TripPoint()


class CodeSeen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a code or ticket that is shown now was used here before."""

    uses: int
    last_ms: int | None = None  # this very code's last use
    last_account_ms: int | None = None  # the account's, where that was a moment ago
    good_for: int = 1  # uses of a ticket, this one and those before among them
    limit: int | None = None  # of a single trip
    pays: bool = False  # by the account behind it
    counted: bool = False  # its issuer says how often it is good for


class PurseSeen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The purse that was to pay, as its files 0015 and 0017 have it: what lists and fares go by."""

    number: str  # 19 digits
    issuer: str  # 8 bytes, hex
    card_type: int
    city: str  # four digits
    interoperable: bool = False


class Boarding(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where somebody boarded, or stood at a gate, when the price was made."""

    line: str
    direction: Literal["up", "down"] = "up"
    stop: str = ""


class OwedRide(msgspec.Struct, frozen=True, omit_defaults=True):
    """A ride that was given back and not ridden since."""

    about: Reference  # its tap or payment
    amount: int = 0  # fen, that were paid for it
    again_of: str = ""  # at a metro's gate the trip's end that it was for, by the card's own time


class Price(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a ride costs without a purse."""

    amount: int | None = None  # None: he does not ride
    full: int | None = None  # before anything was taken off; None with a ticket
    refused: str = ""  # the reason why there is no price
    passes: str = ""  # the reason, where it costs nothing for once
    driver: bool = False  # he signs on or off, and does not ride


class Seen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All of it; what was not looked at is missing."""

    card_issued: int | None = None  # the card's own dates, YYYYMMDD
    card_expires: int | None = None
    last_entry_ms: int | None = None
    offline_today: int | None = None  # taps of this person that went unanswered today
    foreign_offline_today: int | None = None  # of all cards of other provinces, at this terminal
    code: CodeSeen | None = None
    price: Price | None = None
    rides: RidesBefore | None = None
    card: CardTold | None = None
    trip: CardTrip | None = None
    purse: PurseSeen | None = None
    boarding: Boarding | None = None
    owed: OwedRide | None = None
    let_through: bool = False  # once more already, for the end of a trip that the card tells of
    unreadable: str = ""  # the signed list that could not be read, so that there was no price
    extra: dict[str, int | str] = {}  # of scenes of third parties, by names of their own

    def joined(self, more: "Seen") -> "Seen":
        """With what somebody else has looked at."""
        known = {
            name: value
            for name in self.__struct_fields__
            if (value := getattr(more, name)) != getattr(NOTHING_SEEN, name)
        }
        return msgspec.structs.replace(self, **known)


NOTHING_SEEN: Final = Seen()
