"""The signed list `fares`: a city's rules for what a ride costs. JSON → structs → checked.

Every field is explained in docs/fares.md, with an example. Amounts are fen, shares are percent,
times of day are `HH:MM` in China, days of the week 1 (Monday) to 7.
"""

from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agent.fares.lines import Id
from offline_store.lists.in_memory import Unfit, load_json, require_once

FARES = "fares"
ANY = "*"
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
CHINA_AHEAD_MS = 8 * HOUR_MS
HIGHEST = 1_000_000  # fen; ten thousand yuan is a slip of somebody's pen

Amount = Annotated[int, Meta(ge=0, le=HIGHEST)]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}\Z")]
LineName = Annotated[str, Meta(pattern=r"^([A-Za-z0-9_.-]{1,16}|\*)\Z")]
CardType = Annotated[str, Meta(pattern=r"^[0-9A-F]{2}\Z")]
City = Annotated[str, Meta(pattern=r"^[0-9]{4}\Z")]
TimeOfDay = Annotated[str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)\Z")]
Day = Annotated[str, Meta(pattern=r"^[0-9]{8}\Z")]


def among(line: str, lines: tuple[str, ...]) -> bool:
    """Whether a line is meant: by name, by `*`, or because none is named."""
    return not lines or ANY in lines or line in lines


class _Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base: what is not known is an error, for whoever wrote it meant something."""


class WeekWindow(_Said, frozen=True, kw_only=True):
    """A part of the week. One that ends before it begins ends on the next day."""

    name: Name
    days: tuple[Annotated[int, Meta(ge=1, le=7)], ...] = (1, 2, 3, 4, 5, 6, 7)
    begins: TimeOfDay = "00:00"
    ends: TimeOfDay = "24:00"  # first minute that is not in it
    dates: tuple[Day, ...] = ()  # only on these, whatever day of the week
    not_dates: tuple[Day, ...] = ()  # holidays

    def holds(self, moment: datetime) -> bool:
        """Whether the moment (of the city's own clock) lies in the window, begin included, end
        not."""
        minute = moment.hour * 60 + moment.minute
        begins, ends = _minute(self.begins), _minute(self.ends)
        if begins < ends:
            return begins <= minute < ends and self._on(moment)
        if minute >= begins:
            return self._on(moment)
        return minute < ends and self._on(moment - timedelta(days=1))

    def _on(self, moment: datetime) -> bool:
        day = moment.strftime("%Y%m%d")
        if self.dates:
            return day in self.dates
        return moment.isoweekday() in self.days and day not in self.not_dates


class Scoped(_Said, frozen=True, kw_only=True):
    """On which lines and when something holds; empty: on all, always."""

    lines: tuple[LineName, ...] = ()
    when: tuple[Name, ...] = ()  # any of these windows

    def on(self, line: str) -> bool:
        """Whether it holds on the line with this id."""
        return among(line, self.lines)


class ConcessionPrice(Scoped, frozen=True, kw_only=True):
    """What is paid instead: a share, an amount, or so much less. Exactly one of them."""

    percent: Annotated[int, Meta(ge=0, le=100)] | None = None
    amount: Amount | None = None
    off: Amount | None = None

    def of(self, fen: int) -> int:
        """What is left of `fen`, never more, never below 0; a share in whole fen, half up."""
        if self.percent is not None:
            return (fen * self.percent + 50) // 100
        if self.amount is not None:
            return min(fen, self.amount)
        return max(0, fen - (self.off or 0))

    def said(self) -> str:
        """`50%`, `100`, or `-100`."""
        if self.percent is not None:
            return f"{self.percent}%"
        return f"{self.amount}" if self.amount is not None else f"-{self.off}"


class Flat(Scoped, frozen=True, kw_only=True, tag_field="kind", tag="flat"):
    """One amount however far."""

    name: Name
    amount: Amount


class Segments(Scoped, frozen=True, kw_only=True, tag_field="kind", tag="segments"):
    """By the number of fare segments that the ride touches; the list `lines` numbers them."""

    name: Name
    # (as many segments at most, amount), both growing; the last holds for longer rides too.
    upto: Annotated[tuple[tuple[Annotated[int, Meta(ge=1)], Amount], ...], Meta(min_length=1)]


class Distance(Scoped, frozen=True, kw_only=True, tag_field="kind", tag="distance"):
    """A table from stop to stop, or from zone to zone where `zones` says where stops lie."""

    name: Name
    zones: dict[Id, Name] = {}  # stop → zone; a stop that is not named stands for itself
    amounts: Annotated[dict[str, dict[str, Amount]], Meta(min_length=1)]  # either way round

    def between(self, one: str, other: str) -> int | None:
        """Fen from one stop to the other, in either direction; None: the table does not say."""
        a, b = self.zones.get(one, one), self.zones.get(other, other)
        there = self.amounts.get(a, {}).get(b)
        return there if there is not None else self.amounts.get(b, {}).get(a)


Table = Flat | Segments | Distance


class Concession(ConcessionPrice, frozen=True, kw_only=True):
    """What a class of people pays. Several for one class: the first that fits."""

    name: Name  # the class
    rides_per_day: Annotated[int, Meta(ge=1, le=1000)] | None = None  # then the next, or none


class Discount(ConcessionPrice, frozen=True, kw_only=True):
    """For everybody at certain times."""

    name: Name


class Transfer(ConcessionPrice, frozen=True, kw_only=True):
    """A ride soon after another; `lines` are those of this one."""

    name: Name
    from_lines: tuple[LineName, ...] = ()
    minutes: Annotated[int, Meta(ge=1, le=1440)]  # since the ride before began
    same_line: bool = False
    most: Annotated[int, Meta(ge=1, le=20)] = 1  # transfers in a row
    with_concession: bool = True


class Cap(_Said, frozen=True, kw_only=True):
    """The most that one person pays in a day."""

    name: Name
    amount: Amount
    classes: tuple[Name, ...] = ()  # empty: everybody


class Rounding(_Said, frozen=True, kw_only=True):
    """To which coin, and how."""

    to: Literal[1, 10, 50, 100] = 1
    how: Literal["down", "up", "half-up"] = "down"

    def of(self, fen: int) -> int:
        """`fen` rounded to a multiple of `to`."""
        more = {"down": 0, "up": self.to - 1, "half-up": self.to // 2}[self.how]
        return (fen + more) // self.to * self.to


class Tariff(_Said, frozen=True, kw_only=True):
    """The whole list."""

    form: Literal[1]
    list: Literal["fares"]
    cities: Annotated[tuple[City, ...], Meta(min_length=1)]  # whose cards are no strangers'
    tables: Annotated[tuple[Table, ...], Meta(min_length=1)]  # the first for the line and time
    windows: tuple[WeekWindow, ...] = ()
    card_types: dict[CardType, Name] = {}  # → class; a type that is not named is nobody special's
    refused_types: tuple[CardType, ...] = ("04",)  # test cards
    concessions: tuple[Concession, ...] = ()
    discounts: tuple[Discount, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    caps: tuple[Cap, ...] = ()
    rounding: Rounding = Rounding()
    minimum: Amount = 0  # for whoever does not ride free
    day_begins: Annotated[int, Meta(ge=0, le=23)] = 0  # hour at which caps and counts start anew
    # What a terminal that does not know the time does with what depends on it.
    without_clock: Literal["concede", "full"] = "concede"

    def day_start_ms(self, time_ms: int) -> int:
        """Unix ms at which the day of that moment began, for counting what was paid in it."""
        ahead = CHINA_AHEAD_MS - self.day_begins * HOUR_MS
        return (time_ms + ahead) // DAY_MS * DAY_MS - ahead


def parse_tariff(payload: bytes) -> Tariff:
    """Raises `Unfit`."""
    tariff = load_json(payload, Tariff)
    _require_names(tariff)
    _require_windows(tariff)
    classes = {concession.name for concession in tariff.concessions}
    for card_type, name in tariff.card_types.items():
        if name not in classes:
            raise Unfit(f"card_types.{card_type}: no concession {name}")
    for cap in tariff.caps:
        for name in cap.classes:
            if name not in classes:
                raise Unfit(f"caps.{cap.name}: no concession {name}")
    for one in _offers(tariff):
        if sum(value is not None for value in (one.percent, one.amount, one.off)) != 1:
            raise Unfit(f"{one.name}: one of percent, amount, off")
    for table in tariff.tables:
        if isinstance(table, Segments) and list(table.upto) != _growing(table.upto):
            raise Unfit(f"tables.{table.name}: upto does not grow")
        if isinstance(table, Distance):
            _require_one_place_each(table)
            _require_one_amount_each(table)
    return tariff


def _require_names(tariff: Tariff) -> None:
    """A name that a record may tell is one rule's. A class may have several concessions."""
    require_once("cities", tariff.cities)
    for what in ("windows", "tables", "discounts", "transfers", "caps"):
        require_once(what, (one.name for one in getattr(tariff, what)))


def _require_one_place_each(table: Distance) -> None:
    """A stop in a zone is named by that zone alone: what else is said of it would never count."""
    named = {*table.zones.values(), *table.amounts}
    for row in table.amounts.values():
        named |= row.keys()
    for stop, zone in table.zones.items():
        if stop in named and stop != zone:
            raise Unfit(f"tables.{table.name}: {stop} is a place of its own, and lies in {zone}")


def _require_one_amount_each(table: Distance) -> None:
    """From place to place it is the same as back."""
    for one, row in table.amounts.items():
        for other, amount in row.items():
            back = table.amounts.get(other, {}).get(one, amount)
            if back != amount:
                raise Unfit(f"tables.{table.name}: {one}-{other} {amount}, {other}-{one} {back}")


def _require_windows(tariff: Tariff) -> None:
    known = [window.name for window in tariff.windows]
    for scoped in (*tariff.tables, *_offers(tariff)):
        for name in scoped.when:
            if name not in known:
                raise Unfit(f"{scoped.name}: no window {name}")


def _offers(tariff: Tariff) -> tuple[Concession | Discount | Transfer, ...]:
    return (*tariff.concessions, *tariff.discounts, *tariff.transfers)


def _growing(upto: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """Rides that touch more segments are never cheaper."""
    amounts = sorted(amount for _, amount in upto)
    return list(zip(sorted({most for most, _ in upto}), amounts, strict=False))


def _minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)
