"""A metro's trip on its card: the rail record of 001A and the row of 001E, bytes ⇄ values.

Where a field stands, the city's table says (`apdu/transit/layouts`). What the specification leaves
open is inferred (L), each in one place here: the eight bytes of a station, which of 07 and 08 is
which, 001E's balance. Source: spec transit-card.md, Applications and files.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import IntEnum
from typing import Final, Literal, Protocol

from msgspec import structs

from agent.fares.lines import LineBook, coded_stops
from agent.fares.ride import ENTRY, EXIT
from apdu.transit.files import BLANK, Layout, Value, national
from apdu.transit.values import Initialised
from offline_store.clock import CHINA
from offline_store.events.payment import Intent
from offline_store.events.ride import Ride, TripEnd
from offline_store.events.seen import CardTrip, TripPoint

METRO: Final = 0x01  # 001E's industry
# 001E's types: rides that were paid for, and entries, some of them with what was missing before.
RIDE_ROWS: Final = frozenset({0x04, 0x06, 0x07})
ENTRY_ROWS: Final = frozenset({0x03, 0x08})
CENTURY: Final = range(2000, 2100)  # years; a card may say anything

# What a card's record is to a purchase that was begun on it: it holds what that would have
# written; it is as it was before; somebody else has written it; nothing of that kind is known.
RecordEvidence = Literal["ours", "before", "others", "nothing"]


class Inside(IntEnum):
    """001A: where its holder is."""

    INITIAL = 0x00
    IN = 0x01
    OUT = 0x02


class TripType(IntEnum):
    """001E: what a row is about."""

    ENTRY = 0x03
    EXIT = 0x04
    NO_ENTRY = 0x07  # paid at an exit by who had not entered (L)
    NO_EXIT = 0x08  # paid at an entry by who had not left; the new trip is begun with it (L)

    @property
    def end(self) -> TripEnd:
        """Which end of a trip the card is at afterwards."""
        return ENTRY if self in (TripType.ENTRY, TripType.NO_EXIT) else EXIT


@dataclass(frozen=True)
class RailStop:
    """A stop on a line, with the codes that cards know it by (hex)."""

    stop: str
    line: str
    line_code: str
    stop_code: str
    operator: str | None = None  # the line's, where the list says it

    @classmethod
    def find(cls, line: str, stop: str, book: LineBook) -> "RailStop | None":
        """None: the signed list has no such stop on that line."""
        found = book.lines.get(line)
        if found is None or stop not in (*found.up, *found.down):
            return None
        codes = f"{found.code:04X}", f"{book.stops[stop].code:04X}"
        return cls(stop, line, *codes, found.operator)

    def of_ride(self, ride: Ride) -> Ride:
        """The ride, with these codes, as a vehicle's desk has them."""
        codes = int(self.line_code, 16), int(self.stop_code, 16)
        return structs.replace(ride, line_code=codes[0], station_code=codes[1])

    def record(self, operator: str) -> str:
        """The eight bytes of 001A (transaction, stations): as 001E's transaction (L). `operator`:
        the terminal's."""
        return f"{METRO:02X}{self.line_code}{self.stop_code}{self.operator or operator}00"


def stop_of(record: str, book: LineBook) -> str:
    """The stop's id of eight bytes of 001A (16 hex); empty: none of this city's."""
    if record[:2] != f"{METRO:02X}":
        return ""
    codes, operator = (int(record[2:6], 16), int(record[6:10], 16)), record[10:14]
    for line, stop in coded_stops(book):
        if (line.code, stop.code) == codes and line.operator in (None, operator):
            return stop.id
    return ""


@dataclass(frozen=True)
class RailRecord:
    """The rail record of 001A."""

    inside: int  # see `Inside`; a card may hold anything
    entry: TripPoint
    exit: TripPoint

    @classmethod
    def read(cls, layout: Layout, raw: bytes) -> "RailRecord":
        """A record that was never written is the initial one. A time may be anything: only who
        decides by it needs one (`moment_of`). Raises `TransitRecordFault`: another length, another
        record's id."""
        written = raw if raw.strip(BLANK) else layout.encode({}, bytes(len(raw)))
        values = layout.decode(written, digits=())
        return cls(int(values["state"]), _point(values, ENTRY), _point(values, EXIT))

    def at(self, end: TripEnd) -> TripPoint:
        """Place and time of that end of the trip."""
        return self.entry if end == ENTRY else self.exit

    @property
    def day(self) -> date | None:
        """Of the entry of who is inside: a card that ran out at midnight still leaves."""
        moment = moment_of(self.entry) if self.inside == Inside.IN else None
        return moment.date() if moment else None

    def seen(self) -> CardTrip:
        """For the event."""
        return CardTrip(self.inside, self.entry, self.exit)

    def ends_with(self, intent: Intent) -> bool:
        """Whether that end of the trip is at the terminal and of the second that `intent` says."""
        return _place(self.seen(), intent) == _wanted(intent)

    def sight(self, intent: Intent) -> RecordEvidence:
        """What this record is to a purchase that `intent` began."""
        end, before = intent.ride.trip_end, intent.seen.trip
        if end is None:
            return "nothing"
        inside = Inside.IN if end == ENTRY else Inside.OUT
        if _place(before, intent) == _wanted(intent):
            # A clock that was set back: the card had that second before. Only its state can tell.
            unchanged = before == self.seen() and self.inside != inside
            return "before" if unchanged else "nothing"
        if before == self.seen():
            return "before"
        return "ours" if self.ends_with(intent) else "others"


class DayWord(Protocol):
    """What the city's own record is told of a ride; see `agent.purse.card_memory.RideStamp`."""

    def day(self, begun: Initialised, moment: str) -> Iterator[tuple[Layout, bytes]]:
        """The records that a ride changes besides 001A: each one's layout, and its new content.
        `moment`: YYYYMMDDhhmmss."""
        ...


@dataclass(frozen=True)
class TripStamp:
    """See `agent.purse.pricing.Stamp`. `ride`: of a trip that ends, where the city's record keeps
    the day."""

    type: TripType
    layout: Layout  # of 001A
    base: bytes = field(repr=False)  # 001A as it was: what no field names stays
    station: RailStop
    city: str
    operator: str
    institution: str
    dearest: int  # fen; the most that a trip from here costs
    ride: DayWord | None = None

    @property
    def less(self) -> "TripStamp":
        """The trip itself has to be written, or the card could not leave."""
        return replace(self, ride=None) if self.ride else self

    def records(self, begun: Initialised, moment: str) -> tuple[tuple[Layout, bytes], ...]:
        """001A and the new row of 001E, each with its table. Raises `TransitRecordFault`: the
        city's table has no room for one of these values."""
        return (
            (self.layout, self.layout.encode(self._trip(begun, moment), self.base)),
            (national().trip, national().trip.encode(self._row(begun, moment))),
            *(self.ride.day(begun, moment) if self.ride else ()),
        )

    def _trip(self, begun: Initialised, moment: str) -> Mapping[str, Value]:
        end, here = self.type.end, self.station.record(self.operator)
        values: dict[str, Value] = {
            "state": Inside.IN if end == ENTRY else Inside.OUT,
            "transaction": here,
            f"{end}_city": self.city,
            f"{end}_institution": self.institution,
            f"{end}_station": here,
            f"{end}_terminal": eight(begun.terminal.number.hex()),
            f"{end}_time": moment,
        }
        if end == ENTRY:
            values["maximum_fare"] = self.dearest
        known = {one.name for one in self.layout.fields}
        return {name: value for name, value in values.items() if name in known}

    def _row(self, begun: Initialised, moment: str) -> Mapping[str, Value]:
        return {
            "type": self.type,
            "terminal": eight(begun.terminal.number.hex()),
            "industry": METRO,
            "line": self.station.line_code,
            "station": self.station.stop_code,
            "operator": self.station.operator or self.operator,
            "amount": begun.amount,
            "balance": max(0, begun.balance - begun.amount),  # after it (L)
            "moment": moment,
            "city": self.city,
            "institution": self.institution,
        }


def moment_of(point: TripPoint) -> datetime | None:
    """None: no time at all, or none that a trip can be of."""
    return _moment(point.time)


def _moment(digits: str) -> datetime | None:
    try:
        moment = datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=CHINA)
    except ValueError:
        return None
    return moment if moment.year in CENTURY else None


def moment_ms(digits: str) -> int:
    """Unix ms of 14 digits of China time; 0: no time at all, or none that a trip can be of."""
    moment = _moment(digits)
    return int(moment.timestamp() * 1000) if moment else 0


def _place(trip: CardTrip | None, intent: Intent) -> tuple[str, str] | None:
    """Terminal and time of the end that `intent` is about."""
    if trip is None:
        return None
    point = trip.entry if intent.ride.trip_end == ENTRY else trip.exit
    return point.terminal, point.time


def _wanted(intent: Intent) -> tuple[str, str]:
    return eight(intent.purchase.terminal), intent.purchase.moment


def _point(values: Mapping[str, Value], end: TripEnd) -> TripPoint:
    """A city's table need not have every field."""
    parts = ("city", "station", "terminal", "time")
    return TripPoint(*(str(values.get(f"{end}_{part}", "")) for part in parts))


def eight(terminal: str) -> str:
    """A terminal number of six bytes as 001A and 001E have it."""
    return terminal.upper().rjust(16, "0")
