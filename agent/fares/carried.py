"""What a card tells of its holder's rides, wherever they were, joined with what this journal knows.

Rows of 001E and the city's record of 001A → the state of the next fare, and after it what the card
is to tell the next terminal. Pure. A card can be anybody's emulator: what it says makes a ride
cheaper only for who proves it (the purchase, if only of 0 fen), and never dearer for anybody else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from msgspec.structs import replace

from agent.fares.lines import LineBook
from agent.fares.ride import TRANSFER, Fare
from agent.fares.tariff import Tariff, Transfer, among
from offline_store.clock import ClockReading
from offline_store.events.seen import CardTold, LastRide, RidesBefore

MINUTE_MS = 60_000


@dataclass(frozen=True)
class Wants:
    """What a tariff goes by that a card can tell. `minutes`: the longest between a ride and the one
    that is changed to, 0: there are no transfers. `in_a_row`: transfers at most. `day`: what was
    paid and conceded in a day, of cards of these `cities`."""

    minutes: int = 0
    in_a_row: int = 0
    day: bool = False
    cities: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.minutes > 0 or self.day


NOTHING = Wants()


def wants_of(tariff: Tariff) -> Wants:
    """See `Wants`."""
    transfers = tariff.transfers
    return Wants(
        minutes=max((one.minutes for one in transfers), default=0),
        in_a_row=max((one.most for one in transfers), default=0),
        day=bool(tariff.caps) or counts_concessions(tariff),
        cities=tariff.cities,
    )


def counts_concessions(tariff: Tariff) -> bool:
    """Whether a class rides for less only so often a day."""
    return any(one.rides_per_day is not None for one in tariff.concessions)


@dataclass(frozen=True)
class CardRide:
    """A row of 001E that is a ride. `line`: its code; `time_ms` by the other terminal's clock."""

    line: int
    operator: str
    time_ms: int
    paid: int


@dataclass(frozen=True)
class CardDay:
    """The city's record: its holder's last ride in the city, and the day up to it. None: the table
    has no such field."""

    time_ms: int
    line: int | None = None
    paid_today: int | None = None
    conceded_today: int | None = None
    transfers: int | None = None  # in a row, that ride's own among them


@dataclass(frozen=True)
class Carried:
    """All that a card told. `rides`: newest first, as many as matter."""

    rides: tuple[CardRide, ...] = ()
    day: CardDay | None = None

    def seen(self) -> CardTold | None:
        """For the event: what the decision had of the card, beside what came of it."""
        if not self.rides and self.day is None:
            return None
        newest, day = self.rides[0] if self.rides else None, self.day
        return CardTold(
            line=newest.line if newest else None,
            time_ms=newest.time_ms if newest else None,
            day_ms=day.time_ms if day else None,
            paid_today=day.paid_today if day else None,
            conceded_today=day.conceded_today if day else None,
            transfers=day.transfers if day else None,
        )


@dataclass(frozen=True)
class CarriedRide:
    """What the next terminal is to be told of a ride, beside its amount."""

    line: int
    station: int
    paid_before: int  # that day
    conceded_today: int  # this one among them
    transfers: int
    operator: str | None = None  # the line's, where the list says it


def joined(
    state: RidesBefore,
    carried: Carried,
    tariff: Tariff,
    book: LineBook,
    clock: ClockReading,
    line: str = "",
) -> RidesBefore:
    """`state` is what this journal knows, `line` the one that is ridden now. A card of which all
    terminals write knows of the rides here as well, so neither is added to the other; without a
    clock no time of it means anything."""
    if clock.quality == "unset":
        return state
    return replace(
        _with_day(state, carried.day, tariff, clock),
        last=_last(state, carried, tariff, _Codes(book, line)),
    )


def ridden(
    found: Fare, state: RidesBefore, line: int, station: int, operator: str | None = None
) -> CarriedRide:
    """After that fare; `operator` as in `CarriedRide`."""
    changed = any(step.rule == TRANSFER for step in found.steps)
    before = state.last.transfers if state.last else 0
    return CarriedRide(
        line,
        station,
        state.paid_today,
        state.conceded_today + bool(found.concession),
        before + 1 if changed else 0,
        operator,
    )


def _with_day(
    state: RidesBefore, day: CardDay | None, tariff: Tariff, clock: ClockReading
) -> RidesBefore:
    """What was paid counts in somebody's favour, so only of today and not of a time to come; what
    was conceded counts against him, so also where the other clock is ahead."""
    if day is None or day.time_ms < tariff.day_start_ms(clock.time_ms):
        return state
    conceded = max(state.conceded_today, day.conceded_today or 0)
    paid = max(state.paid_today, day.paid_today or 0)
    if day.time_ms > clock.time_ms:
        paid = state.paid_today
    return replace(state, paid_today=paid, conceded_today=conceded)


@dataclass(frozen=True)
class _Codes:
    """Lines by what a card has of them. A code that several have, or none, leaves open which it
    was: then it may have been the line that is ridden now (`line`), if that one has it."""

    book: LineBook
    line: str

    def line_of(self, code: int, operator: str = "") -> str:
        return self.book.line_of(code, operator) or (self.line if self._own(code, operator) else "")

    def _own(self, code: int, operator: str) -> bool:
        runs = self.book.operator_of(self.line)
        same = self.book.codes(self.line, "")[0] == code
        return same and (not operator or runs in (None, operator))


def _last(state: RidesBefore, carried: Carried, tariff: Tariff, book: _Codes) -> LastRide | None:
    """The later of both."""
    told = _told(carried, tariff, book)
    if told is None or (state.last is not None and state.last.time_ms >= told.time_ms):
        return state.last
    return told


def _told(carried: Carried, tariff: Tariff, book: _Codes) -> LastRide | None:
    rides, day = carried.rides, carried.day
    if not rides:
        return _by_day(day, book)
    newest = rides[0]
    if day is not None and day.time_ms == newest.time_ms and day.transfers is not None:
        transfers = day.transfers
    else:
        transfers = _in_a_row(rides, tariff, book)
    return LastRide(
        book.line_of(newest.line, newest.operator), newest.time_ms, newest.paid, transfers
    )


def _by_day(day: CardDay | None, book: _Codes) -> LastRide | None:
    """Where a card has no rows: what the city's record says of the last ride, if that is all."""
    if day is None or day.line is None or day.transfers is None:
        return None
    return LastRide(book.line_of(day.line), day.time_ms, 0, day.transfers)


def _in_a_row(rides: Sequence[CardRide], tariff: Tariff, book: _Codes) -> int:
    """How many of the newest rides may have been transfers: 001E does not say which were."""
    count = 0
    for later, earlier in pairwise(rides):
        if not any(_changes(one, earlier, later, book) for one in tariff.transfers):
            break
        count += 1
    return count


def _changes(transfer: Transfer, earlier: CardRide, later: CardRide, book: _Codes) -> bool:
    from_line = book.line_of(earlier.line, earlier.operator)
    to_line = book.line_of(later.line, later.operator)
    return (
        among(from_line, transfer.from_lines)
        and transfer.on(to_line)
        and (transfer.same_line or from_line != to_line)
        and later.time_ms - earlier.time_ms <= transfer.minutes * MINUTE_MS
    )
