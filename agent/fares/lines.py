"""The signed list `lines`: a city's stops and lines, with places and fare segments.

Payload: one JSON object as in docs/fares.md. Coordinates are WGS-84, as receivers give them; a map
in GCJ-02 (火星坐标) lies up to 600 m beside it and has to be converted before.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from offline_store.lists.in_memory import Unfit, load_json, require_once

LINES = "lines"
FORM = 1
LEFT_OUT = -1  # no code: no stop in force has that

Direction = Literal["up", "down"]
Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,16}\Z")]
Code = Annotated[int, Meta(ge=0, le=0xFFFF)]  # two bytes of the card's transaction (001E)
Operator = Annotated[str, Meta(pattern=r"^[0-9A-F]{4}\Z")]  # its two bytes there


class _Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base: what is not known is an error."""


class Stop(_Said, frozen=True, kw_only=True):
    """A place where people get on and off."""

    id: Id
    zh: Annotated[str, Meta(min_length=1, max_length=64)]
    en: Annotated[str, Meta(max_length=64)] = ""
    code: Code = LEFT_OUT  # with the line's the name by which cards know it
    lat: Annotated[float, Meta(ge=-90, le=90)] | None = None
    lon: Annotated[float, Meta(ge=-180, le=180)] | None = None
    radius: Annotated[int, Meta(ge=10, le=500)] = 40  # metres


class TransitLine(_Said, frozen=True, kw_only=True):
    """A line: its stops one way and the other, in the order in which they are reached."""

    id: Id
    zh: Annotated[str, Meta(min_length=1, max_length=64)]
    en: Annotated[str, Meta(max_length=64)] = ""
    code: Code = 0
    operator: Operator | None = None  # where several metros share a city; None: whichever it is
    up: Annotated[tuple[Id, ...], Meta(min_length=2)]
    down: tuple[Id, ...] = ()  # empty: a loop, or the way back is the same
    segments: dict[Id, Annotated[int, Meta(ge=0, le=999)]] = {}  # stop → number of its segment


class _Payload(_Said, frozen=True, kw_only=True):
    form: Literal[1]
    list: Literal["lines"]
    stops: tuple[Stop, ...]
    lines: tuple[TransitLine, ...]


class LineBook:
    """All lines and stops of a version, by id."""

    def __init__(self, stops: tuple[Stop, ...] = (), lines: tuple[TransitLine, ...] = ()) -> None:
        self.stops = {stop.id: stop for stop in stops}
        self.lines = {line.id: line for line in lines}

    def codes(self, line: str, stop: str) -> tuple[int, int]:
        """What a card has of a line and a stop; 0 for what is not in the list."""
        known, at = self.lines.get(line), self.stops.get(stop)
        return (known.code if known else 0, at.code if at else 0)

    def operator_of(self, line: str) -> str | None:
        """Who runs it, as cards have it; None: not said, or not in the list."""
        known = self.lines.get(line)
        return known.operator if known else None

    def line_of(self, code: int, operator: str = "") -> str:
        """The line's id, by what a card has of it; empty: none, or several."""
        found = [
            line.id
            for line in self.lines.values()
            if line.code == code != 0 and (not operator or line.operator in (None, operator))
        ]
        return found[0] if len(found) == 1 else ""

    def course(self, line: str, direction: Direction) -> tuple[Stop, ...]:
        """The line's stops in the order of that direction; empty for an unknown line."""
        found = self.lines.get(line)
        if found is None:
            return ()
        way = found.up if direction == "up" else found.down or tuple(reversed(found.up))
        return tuple(self.stops[stop] for stop in way)


class CodedStop(NamedTuple):
    """A stop by what cards have of it."""

    line: TransitLine
    stop: Stop

    @property
    def codes(self) -> tuple[int, int]:
        """The codes of line and stop, as transit cards have them."""
        return self.line.code, self.stop.code

    def may_be(self, other: "CodedStop") -> bool:
        """Whether a card could mean either."""
        operators = {self.line.operator, other.line.operator}
        return self.codes == other.codes and (None in operators or len(operators) == 1)


def parse_lines(payload: bytes) -> LineBook:
    """Raises `Unfit`."""
    said = load_json(payload, _Payload)
    require_once("stop", (stop.id for stop in said.stops))
    require_once("line", (line.id for line in said.lines))
    book = LineBook(said.stops, said.lines)
    for stop in said.stops:
        if stop.code == LEFT_OUT:
            raise Unfit(f"stop {stop.id}: no code")
        if (stop.lat is None) != (stop.lon is None):
            raise Unfit(f"stop {stop.id}: half a place")
    for line in said.lines:
        for stop_id in (*line.up, *line.down, *line.segments):
            if stop_id not in book.stops:
                raise Unfit(f"line {line.id}: no stop {stop_id}")
        if line.segments and not {*line.up, *line.down} <= line.segments.keys():
            raise Unfit(f"line {line.id}: a stop without a segment")
    _require_one_stop_each(book)
    return book


def coded_stops(book: LineBook) -> Iterator[CodedStop]:
    """Every stop of every line, once a line."""
    for line in book.lines.values():
        for stop in dict.fromkeys((*line.up, *line.down)):
            yield CodedStop(line, book.stops[stop])


def _require_one_stop_each(book: LineBook) -> None:
    """A card names a stop by line code, stop code and operator: no two may have the same."""
    by_codes: dict[tuple[int, int], list[CodedStop]] = {}
    for coded in coded_stops(book):
        by_codes.setdefault(coded.codes, []).append(coded)
    for (line_code, stop_code), found in by_codes.items():
        for one, other in combinations(found, 2):
            if one.stop.id != other.stop.id and one.may_be(other):
                raise Unfit(
                    f"stops {one.stop.id} (line {one.line.id}) and {other.stop.id}"
                    f" (line {other.line.id}): both have line code {line_code}, code {stop_code}"
                )
