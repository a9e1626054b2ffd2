"""The amount that a table gives for a journey, before anybody's concession."""

from agent.fares.lines import LineBook, Stop
from agent.fares.ride import Journey, Why
from agent.fares.tariff import Distance, Flat, Segments, Table


class Priceless(Exception):
    """The table gives no amount for this journey."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


def base_fare(table: Table, journey: Journey, lines: LineBook) -> tuple[int, str]:
    """(fen, what it went by). Raises `Priceless`."""
    match table:
        case Flat():
            return table.amount, table.name
        case Segments():
            touched = _segments(journey, lines)
            amounts = [amount for most, amount in table.upto if touched <= most]
            amount = amounts[0] if amounts else table.upto[-1][1]
            return amount, f"{table.name} {touched} segments"
        case Distance():
            return _distance(table, journey, lines)


def _segments(journey: Journey, lines: LineBook) -> int:
    """How many fare segments the ride touches; to the last stop where its end is not known, or one
    where the cheapest is asked for."""
    course = _course(journey, lines)
    numbers = lines.lines[journey.line].segments
    if not numbers:
        raise Priceless(Why.NO_PRICE)
    first = _place(course, journey.boarded)
    if not journey.left and journey.guess == "cheapest":
        return 1
    last = _place(course, journey.left) if journey.left else len(course) - 1
    if last < first:  # left before he boarded: a loop, or the vehicle turned
        first, last = last, first
    touched = [numbers[stop.id] for stop in course[first : last + 1]]
    return max(touched) - min(touched) + 1


def _distance(table: Distance, journey: Journey, lines: LineBook) -> tuple[int, str]:
    """From stop to stop, which may lie on different lines; the dearest one from here, or the
    cheapest, where the end is not known."""
    boarded = journey.boarded
    _require_stop(boarded, table, lines)
    if journey.left:
        _require_stop(journey.left, table, lines)
        amount = table.between(boarded, journey.left)
        if amount is None:
            raise Priceless(Why.NO_PRICE)
        return amount, f"{table.name} {boarded}-{journey.left}"
    along = lines.lines and not journey.network
    ends = [stop.id for stop in _course(journey, lines)] if along else []
    found = [table.between(boarded, end) for end in (ends or sorted(_places(table)))]
    amounts = [amount for amount in found if amount is not None]
    if not amounts:
        raise Priceless(Why.NO_PRICE)
    if journey.guess == "cheapest":
        return min(amounts), f"{table.name} {boarded}-nearest"
    return max(amounts), f"{table.name} {boarded}-farthest"


def _course(journey: Journey, lines: LineBook) -> tuple[Stop, ...]:
    course = lines.course(journey.line, journey.direction)
    if not course:
        raise Priceless(Why.LINE_UNKNOWN)
    return course


def _place(course: tuple[Stop, ...], stop: str) -> int:
    for index, one in enumerate(course):
        if one.id == stop:
            return index
    raise Priceless(Why.STOP_UNKNOWN)


def _require_stop(stop: str, table: Distance, lines: LineBook) -> None:
    if stop not in lines.stops and stop not in _places(table):
        raise Priceless(Why.STOP_UNKNOWN)


def _places(table: Distance) -> set[str]:
    """Every stop that the table itself names."""
    named = {*table.amounts, *(to for row in table.amounts.values() for to in row)}
    return named | set(table.zones)
