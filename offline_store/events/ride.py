"""A ride, a trip and a purchase as events have them. All amounts are fen."""

from typing import Final, Literal, TypeVar

import msgspec

from offline_store.events.reference import Reference

TripEnd = Literal["entry", "exit"]
# What is known of the MAC2 that a card gave for a payment. `proved`: it could not be checked, and
# the card has proved itself since. Only these and `verified` ones are ever confirmed.
Mac2 = Literal["verified", "proved", "unverified", "refused", "none"]
# What the clearing counts: the card paid; nobody here knows whether it did; it did not.
Outcome = Literal["confirmed", "grey", "not-made"]


class Trip(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where entry and exit are taps of their own: what was bought of a trip, and how it began."""

    end: TripEnd | None = None  # None: nothing was bought
    type: int = 0  # of the row in 001E
    entry_station: str = ""  # the stop's id, or the card's eight bytes where it is none
    entry_moment: str = ""  # 14 digits of hex, as the card has it: not always a time
    missing: int | None = None  # part of the amount: for a trip not ended, or not begun
    overstay: int | None = None  # part of the amount


class Ride(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a ride, and how its price came about. What is not known is missing."""

    line: str = ""
    direction: str = ""
    vehicle: str = ""
    driver: str = ""  # person reference, 64 hex
    shift: str = ""
    station: str = ""  # the stop's id
    line_code: int | None = None
    station_code: int | None = None
    fare: int | None = None  # to be charged to the account behind a code, or 0; a purse has paid
    full: int | None = None  # before anything was taken off; missing with a ticket
    steps: str = ""  # how the price came about: `rule by=amount; …`
    concession: str = ""  # the class that made it cheaper
    trip: Trip | None = None
    # Of a boarding for nothing: the tap that was paid for, given back and is ridden now; and of
    # which end of a trip, by the card's own time.
    again: Reference | None = None
    again_of: str = ""
    card_told: bool = False  # the ride stands on the card as well, for the next terminal

    @property
    def trip_end(self) -> TripEnd | None:
        """Which end of a trip was bought; None: none."""
        return self.trip.end if self.trip else None

    @property
    def on_card(self) -> bool:
        """Something of it stands on the card, which no give-back undoes."""
        return self.trip_end is not None or self.card_told


NO_RIDE: Final = Ride()
S = TypeVar("S", bound=msgspec.Struct)


def over(base: S, known: S) -> S:
    """`base`, with all that `known` knows in its place."""
    defaults = type(known)()
    more = {
        name: value
        for name in known.__struct_fields__
        if (value := getattr(known, name)) != getattr(defaults, name)
    }
    return msgspec.structs.replace(base, **more)


class Purchase(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a purse was asked to pay: all that is needed to find out later whether it did, and to
    clear it (docs/clearing.md). Bytes are hex."""

    amount: int
    balance_before: int  # as 8050 told it
    overdraft: int
    card_number: str  # 20 digits
    issuer: str
    terminal: str  # the PSAM's terminal number, 6 bytes
    psam_serial: str
    psam_seq: str  # 4 bytes
    type: int  # of the transaction, as the card has it
    moment: str  # 14 digits, as card and PSAM have it
    card_seq: int  # the card's own number, as 8050 told it
    key_version: int
    key_index: int
    algorithm: int
    province: str
    city: str
    card_type: int
    proof: bool = False  # of 0 fen, by which a card proves itself: no ride
