"""A purse as the memory of its holder's rides: what it tells is read before the fare is made, and
what it is to tell the next terminal is written with the debit.

001E (every card's) and the city's bus record of 001A, as tables (`apdu/transit/layouts`); one
exchange each, and only where the tariff goes by it. What a card does not have, or has in a form
that no table reads, it does not tell: that is no reason to turn its holder away.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from agent.fares.carried import (
    MINUTE_MS,
    CardDay,
    CardRide,
    Carried,
    CarriedRide,
    Wants,
    counts_concessions,
)
from agent.fares.tariff import Tariff
from agent.purse.trips import ENTRY_ROWS, RIDE_ROWS, eight, moment_ms
from apdu.transit.faults import PurseMalformed, PurseStatus
from apdu.transit.files import (
    Field,
    Layout,
    Layouts,
    LayoutUnknown,
    TransitRecordFault,
    Value,
    national,
)
from apdu.transit.purse import Purse
from apdu.transit.values import Initialised
from offline_store.clock import ClockReading

BUS: Final = 0x02  # 001E's industry
SINGLE: Final = 0x06  # 001E's type of a ride that is paid at once
MOST_ROWS: Final = 8  # of 001E that are read at most

# Fields of a city's bus record that are read and written, where its table has them.
TIME: Final = "entry_time"  # 14 digits: without it nothing of the record has a day
DAY: Final = ("paid_today", "conceded_today", "transfer_count")


@dataclass(frozen=True)
class Operator:
    """How cards know the operator of this terminal; hex. `city`: four digits."""

    city: str = "0000"
    operator: str = "0000"
    institution: str = "0000000000000000"


@dataclass(frozen=True)
class DayRecord:
    """The city's record as it stood on the card."""

    layout: Layout
    raw: bytes = field(repr=False)


@dataclass(frozen=True)
class CardWord:
    """All that one card told, and where the next word of it goes."""

    carried: Carried
    trips: bool = False  # rides go into 001E
    day: DayRecord | None = None

    @property
    def listens(self) -> bool:
        """There is somewhere to write to."""
        return self.trips or self.day is not None


@dataclass(frozen=True)
class RideStamp:
    """See `agent.purse.pricing.Stamp`. What a card is to tell of a ride."""

    word: CardWord
    ridden: CarriedRide
    operator: Operator

    @property
    def less(self) -> None:
        """A card that will not have it written still rides."""
        return None

    def records(self, begun: Initialised, moment: str) -> tuple[tuple[Layout, bytes], ...]:
        return (*self.day(begun, moment), *self.trip(begun, moment))

    def day(self, begun: Initialised, moment: str) -> Iterator[tuple[Layout, bytes]]:
        if self.word.day is None:
            return
        layout, ridden = self.word.day.layout, self.ridden
        told: Mapping[str, int | str] = {
            TIME: moment,
            "entry_terminal": eight(begun.terminal.number.hex()),
            "line": ridden.line,
            "paid": begun.amount,
            "paid_today": ridden.paid_before + begun.amount,
            "conceded_today": ridden.conceded_today,
            "transfer_count": ridden.transfers,
        }
        values = {
            one.name: _fitted(one, told[one.name]) for one in layout.fields if one.name in told
        }
        yield layout, layout.encode(values, self.word.day.raw)

    def trip(self, begun: Initialised, moment: str) -> Iterator[tuple[Layout, bytes]]:
        """The row of 001E that tells of this ride; none where the city's cards have no such
        rows."""
        if not self.word.trips:
            return
        row: Mapping[str, Value] = {
            "type": SINGLE,
            "terminal": eight(begun.terminal.number.hex()),
            "industry": BUS,
            "line": f"{self.ridden.line:04X}",
            "station": f"{self.ridden.station:04X}",
            "operator": self.ridden.operator or self.operator.operator,
            "amount": begun.amount,
            "balance": max(0, begun.balance - begun.amount),
            "moment": moment,
            "city": self.operator.city,
            "institution": self.operator.institution,
        }
        yield national().trip, national().trip.encode(row)


class CardMemory:
    """Of all cards at a terminal; any thread. `read_clock` is `Clock.read`: without it
    one row more is read than need be."""

    def __init__(
        self, layouts: Layouts, read_clock: Callable[[], ClockReading] | None = None
    ) -> None:
        self._layouts = layouts
        self._read_clock = read_clock

    def read(self, purse: Purse, city: str, wants: Wants) -> CardWord:
        """`city`: of the card (0017). Raises the channel's faults and `ChainFault`."""
        record = self._day_record(purse, city) if wants.day and city in wants.cities else None
        day = _day(record) if record else None
        rides = tuple(self._rides(purse, wants, day)) if wants.minutes else ()
        return CardWord(Carried(rides, day), trips=wants.minutes > 0, day=record)

    def _day_record(self, purse: Purse, city: str) -> DayRecord | None:
        try:
            layout = self._layouts.find(city, "bus")
        except LayoutUnknown:
            return None
        if not keeps_a_day(layout):
            return None
        try:
            raw = purse.read_record(layout)
        except (PurseStatus, PurseMalformed):
            return None
        return DayRecord(layout, raw) if len(raw) == layout.size else None

    def _rides(self, purse: Purse, wants: Wants, day: CardDay | None) -> Iterator[CardRide]:
        """Newest first; as many as it takes to know how many of them were transfers."""
        before: CardRide | None = None
        found = 0
        for number in range(1, MOST_ROWS + 1):
            ride = _ride(purse, number)
            if ride is None:
                return
            if isinstance(ride, _NoRide):
                continue
            yield ride
            found += 1
            apart = before is not None and before.time_ms - ride.time_ms > wants.minutes * MINUTE_MS
            if apart or found > wants.in_a_row or self._told_enough(ride, wants, day):
                return
            before = ride

    def _told_enough(self, ride: CardRide, wants: Wants, day: CardDay | None) -> bool:
        """The city's record says how many were transfers; or it is too long ago to change from."""
        if day is not None and day.transfers is not None and day.time_ms == ride.time_ms:
            return True
        if self._read_clock is None:
            return False
        return self._read_clock().time_ms - ride.time_ms > wants.minutes * MINUTE_MS


class _NoRide:
    """A row of 001E that only says that somebody entered."""


def _ride(purse: Purse, number: int) -> CardRide | _NoRide | None:
    """None: there are no more rows, or none that can be read."""
    try:
        row = purse.trip(number)
    except (PurseStatus, PurseMalformed):
        return None
    if row is None:
        return None
    time_ms = moment_ms(str(row["moment"]))
    if row["type"] in ENTRY_ROWS:
        return _NoRide()
    if row["type"] not in RIDE_ROWS or not time_ms:
        return None
    return CardRide(int(str(row["line"]), 16), str(row["operator"]), time_ms, int(row["amount"]))


def keeps_a_day(layout: Layout) -> bool:
    """Whether a city's bus record has room for what a day's rides cost, or how many were for
    less."""
    names = {one.name for one in layout.fields}
    return TIME in names and bool(names & set(DAY))


Alone = Literal["caps", "rides-per-day"]


def held_alone(tariff: Tariff, layouts: Layouts) -> Iterator[tuple[Alone, str]]:
    """What of a tariff each terminal keeps by its own journal alone, with the city whose cards have
    no room for it. (Transfers stand in 001E, which every card has.)"""
    for city in tariff.cities:
        try:
            names = {one.name for one in layouts.find(city, "bus").fields}
        except LayoutUnknown:
            names = set()
        if tariff.caps and not {TIME, "paid_today"} <= names:
            yield "caps", city
        if counts_concessions(tariff) and not {TIME, "conceded_today"} <= names:
            yield "rides-per-day", city


def _day(record: DayRecord) -> CardDay | None:
    try:  # times but this one decide nothing: many a city has F for a ride that nobody ended
        values = record.layout.decode(record.raw, digits=("line",))
    except TransitRecordFault:  # another city's, or nobody's: it is written anew
        return None
    time_ms = moment_ms(str(values[TIME]))
    if not time_ms:
        return None
    line = next((one for one in record.layout.fields if one.name == "line"), None)
    return CardDay(
        time_ms,
        None if line is None else _code(line, values["line"]),
        *(int(values[name]) if name in values else None for name in DAY),
    )


def _code(of: Field, value: Value) -> int:
    """A line's code, in whichever form the table has it."""
    return int(value) if of.kind in ("int", "bcd") else int(str(value), 16)


def _fitted(of: Field, value: int | str) -> Value:
    """A number in whichever form the table has it; the most that there is room for."""
    if isinstance(value, str):
        return value.rjust(2 * of.length, "0")[-2 * of.length :]
    if of.kind == "int":
        return min(value, (1 << 8 * of.length) - 1)
    digits = f"{value:d}" if of.kind == "bcd" else f"{value:X}"
    return digits.rjust(2 * of.length, "0")[-2 * of.length :]
