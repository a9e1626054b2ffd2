"""Payments as the clearing wants them: one row per payment that a card made, or may have made, and
one per ride that was paid by code, which other clearing houses settle.

Columns, units and their sources are in docs/clearing.md; the table here is what they are made from.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, Literal, TypeVar

from agent.fares.ride import ride_of
from agent.purse.returned import RIDE
from offline_store.clock import CHINA
from offline_store.columns import verdict_of
from offline_store.events.about import GiveBack, Recovery
from offline_store.events.payment import PaymentEnd
from offline_store.events.reference import Reference
from offline_store.events.ride import Ride, Trip
from offline_store.events.row import Event, Stored, of_kind
from offline_store.events.tap import Tap
from offline_store.in_force import Place, identity, in_force

Value = int | str
# A ride that was given back: owed to who paid, ridden for nothing since, or, of one that cost
# nothing, as if it had never been.
GivenBack = Literal["", "owed", "ridden", "visit"]
R = TypeVar("R", Tap, PaymentEnd)
NO_TRIP: Final = Trip()


@dataclass
class Settled(Generic[R]):
    """What one row is made of."""

    row: Stored[R]
    given_back: GivenBack = ""

    @property
    def event(self) -> R:
        """What was stored, without place and time of its row."""
        return self.row.event

    @property
    def ride(self) -> Ride:
        """Of the event, empty fields where it is about no ride."""
        return self.row.event.ride

    @property
    def trip(self) -> Trip:
        """Of the ride; `NO_TRIP` where it is none by rail."""
        return self.ride.trip or NO_TRIP


Columns = Mapping[str, Callable[[Settled[R]], Value]]


def _known(value: int | str | None) -> Value:
    return "" if value is None else value


def _moment(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms // 1000, CHINA):%Y%m%d%H%M%S}"


def _station(ride: Ride) -> Value:
    """Its code, else its id."""
    return ride.station_code or ride.station


def _number(digits: str) -> Value:
    """Of hex; empty where there is none."""
    return int(digits, 16) if digits else ""


PLACES: Final[Mapping[str, Callable[[Settled[Tap] | Settled[PaymentEnd]], Value]]] = {
    "terminal": lambda one: one.row.terminal,
    "epoch": lambda one: one.row.at.epoch,
    "seq": lambda one: one.row.at.seq,
}
RIDES: Final[Mapping[str, Callable[[Settled[Tap] | Settled[PaymentEnd]], Value]]] = {
    "line": lambda one: one.ride.line,
    "vehicle": lambda one: one.ride.vehicle,
    "driver": lambda one: one.ride.driver,
    "station": lambda one: _station(one.ride),
}
REST: Final[Mapping[str, Callable[[Settled[Tap] | Settled[PaymentEnd]], Value]]] = {
    "given_back": lambda one: one.given_back,
    "again_epoch": lambda one: one.ride.again.epoch if one.ride.again else "",
    "again_seq": lambda one: one.ride.again.seq if one.ride.again else "",
    "clock": lambda one: one.row.clock.quality,
}

COLUMNS: Final[Columns[PaymentEnd]] = {
    **PLACES,
    "intent_epoch": lambda one: one.event.intent.epoch,
    "intent_seq": lambda one: one.event.intent.seq,
    "grey": lambda one: int(one.event.outcome == "grey"),
    "reason": lambda one: one.event.reason,
    "card_number": lambda one: one.event.purchase.card_number[1:],
    "issuer": lambda one: one.event.purchase.issuer.upper(),
    "province": lambda one: one.event.purchase.province,
    "city": lambda one: one.event.purchase.city,
    "card_type": lambda one: one.event.purchase.card_type,
    "card_seq": lambda one: one.event.purchase.card_seq,
    "amount": lambda one: one.event.purchase.amount,
    "full": lambda one: _known(one.ride.full),
    "balance_before": lambda one: one.event.purchase.balance_before,
    "moment": lambda one: one.event.purchase.moment,
    "type": lambda one: one.event.purchase.type,
    "terminal_number": lambda one: one.event.purchase.terminal.upper(),
    "psam_serial": lambda one: one.event.purchase.psam_serial.upper(),
    "psam_seq": lambda one: _number(one.event.purchase.psam_seq),
    "tac": lambda one: one.event.tac.upper(),
    "mac2": lambda one: one.event.mac2,
    "key_version": lambda one: one.event.purchase.key_version,
    "key_index": lambda one: one.event.purchase.key_index,
    "algorithm": lambda one: one.event.purchase.algorithm,
    **RIDES,
    "trip": lambda one: _known(one.trip.end),
    "trip_type": lambda one: one.trip.type or "",
    "entry_station": lambda one: one.trip.entry_station,
    "entry_moment": lambda one: one.trip.entry_moment,
    "missing": lambda one: _known(one.trip.missing),
    "overstay": lambda one: _known(one.trip.overstay),
    "concession": lambda one: one.ride.concession,
    "proof": lambda one: 1 if one.event.purchase.proof else "",
    "proved_by": lambda one: _number(one.event.proved_by),
    **REST,
}

CODE_COLUMNS: Final[Columns[Tap]] = {
    **PLACES,
    "kind": lambda one: one.event.credential.partition(":")[2],
    "amount": lambda one: _known(one.ride.fare),
    "full": lambda one: _known(one.ride.full),
    "moment": lambda one: _moment(one.row.clock.time_ms),
    **RIDES,
    "concession": lambda one: one.ride.concession,
    **REST,
    "code": lambda one: one.event.code_content.upper(),
}


def clearing_rows(rows: Iterable[Stored[Event]]) -> Iterator[Mapping[str, Value]]:
    """The ends that are confirmed or grey, in journal order."""
    return _written(rows, COLUMNS, PaymentEnd, lambda end: end.outcome != "not-made")


def code_rows(rows: Iterable[Stored[Event]]) -> Iterator[Mapping[str, Value]]:
    """The rides that were paid by code, in journal order. A ticket has no fare before concessions;
    it was paid for elsewhere."""
    return _written(
        rows, CODE_COLUMNS, Tap, lambda tap: bool(tap.code_content) and tap.ride.full is not None
    )


def _written(
    rows: Iterable[Stored[Event]],
    columns: Columns[R],
    kind: type[R],
    wanted: Callable[[R], bool],
) -> Iterator[Mapping[str, Value]]:
    """Of the rows that count (`offline_store.in_force`)."""
    kept: _Rows[R] = _Rows()
    for row in in_force(row for row in rows if _matters(row.event)):
        event = row.event
        if isinstance(event, GiveBack):
            kept.give_back(event.about, "owed" if event.returns == RIDE else "visit")
        again = ride_of(event).again
        if again is not None and verdict_of(event) == "accepted":
            kept.ride(again)
        ride = of_kind(row, kind)
        if ride is not None and wanted(ride.event):
            kept[identity(row)] = Settled(ride)
    for settled in kept.values():
        yield {name: column(settled) for name, column in columns.items()}


def _matters(event: Event) -> bool:
    """The clearing keeps it until the journal has been read to its end."""
    if isinstance(event, Tap):
        return bool(event.code_content) or event.ride.again is not None
    return isinstance(event, PaymentEnd | GiveBack | Recovery)


class _Rows(dict[Place, Settled[R]]):
    """By where their events stand. A boarding for a ride that was given back may be given back as
    well; what is owed then is that ride still, which somebody has paid for."""

    def give_back(self, about: Reference, how: GivenBack) -> None:
        place = about.place
        if place in self:
            paid = self._paid(place)
            self[place].given_back = "visit"
            self[paid].given_back = how

    def ride(self, again: Reference) -> None:
        """Somebody has boarded for it."""
        if again.place in self:
            self[self._paid(again.place)].given_back = "ridden"

    def _paid(self, place: Place) -> Place:
        """The ride that a boarding was for in the end, as far as its row is here."""
        while (again := self[place].ride.again) is not None and again.place in self:
            place = again.place
        return place
