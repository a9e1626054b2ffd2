"""Rows and where they stand: row ids, reading records in slices, ranges of sequence numbers.

A row's id is its epoch's number (1, 2, 3 … on this disk) and its seq in one integer, so the
primary key is the order of the journal, oldest epoch first, and no second index is written.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from offline_store.chain import body_hash
from offline_store.columns import SEQ_BITS, row_id
from offline_store.events.row import Event, Record, Row, Stored, read, stored
from offline_store.faults import JournalDamaged
from trust.sm3 import sm3
from world import Database

OPEN_AT_MOST = 500  # intents, ≤ 5 ms
MOST_SEQ = (1 << SEQ_BITS) - 1
COLUMNS = "events.id, epochs.epoch, events.body, events.hash, events.mac"
SOURCE = "events JOIN epochs ON epochs.number = events.id >> 40"


def as_text(raw: bytes) -> str:
    """What a connection to a journal has as `text_factory`: bytes that damage has made no UTF-8
    become a text that fails its hash, where sqlite3 would fail without a result code."""
    return raw.decode("utf-8", "replace")


def checked(*values: int | str | bytes | None) -> tuple[int | str | bytes | None, ...]:
    """A row of a small table that is not covered by the chain, with its check value behind it: a
    flipped bit in a receipt must not keep events from being sent."""
    return (*values, sm3(repr(values).encode()).hex())


def require_checked(row: Sequence[Any]) -> Sequence[Any]:
    """The row without its check value. Raises `JournalDamaged` when that is not its own."""
    if tuple(row) != checked(*row[:-1]):
        raise JournalDamaged(cause="row")
    return row[:-1]


class Span(NamedTuple):
    """Sequence numbers of one epoch, both ends included."""

    first: int
    last: int


def seq_of(row: int) -> int:
    """The `seq` in a row's id; the bits above are the number of its epoch."""
    return row & MOST_SEQ


def read_records(
    db: Database, first: int, last: int, limit: int, *, sound: bool = True
) -> list[Record]:
    """Rows with ids first … last, ascending; `sound`: each must have the hash that it says.

    Of a damaged row that need not be sound, what is no text is the empty text. Raises
    `JournalDamaged`, `sqlite3.Error`.
    """
    rows = db.execute(
        f"SELECT {COLUMNS} FROM {SOURCE} WHERE events.id BETWEEN ? AND ?"
        " ORDER BY events.id LIMIT ?",
        (first, last, limit),
    ).fetchall()
    records = [
        Record(epoch=texts[0], seq=seq_of(row), body=texts[1], hash=texts[2], mac=texts[3])
        for row, *values in rows
        for texts in [[_text(value) for value in values]]
    ]
    if sound and any(not _sound(record) for record in records):
        raise JournalDamaged(cause="hash")
    return records


def open_intents(db: Database) -> list[Stored[Event]]:
    """Payments that were begun and have no end yet, oldest first; there are ever only a few."""
    rows = db.execute(
        "SELECT body, hash FROM open_intents JOIN events USING (id) ORDER BY id LIMIT ?",
        (OPEN_AT_MOST,),
    ).fetchall()
    return [as_stored(body, digest) for body, digest in rows]


def as_row(body: object) -> Row:
    """The row of a text. Raises `JournalDamaged` where it is none."""
    if not isinstance(body, str):
        raise JournalDamaged(cause="event")
    try:
        return read(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise JournalDamaged(cause="event") from error


def as_stored(body: object, digest: object) -> Stored[Event]:
    """The event of a row's text and hash. Raises `JournalDamaged`."""
    return stored(as_row(body), _text(digest))


def as_sealed(value: object) -> bytes | None:
    """The sealed bytes of a row; None: it has none. Raises `JournalDamaged`."""
    if value is None or isinstance(value, bytes):
        return value
    raise JournalDamaged(cause="sealed")


def as_number(value: object) -> int:
    """A whole number of a row. Raises `JournalDamaged`."""
    if not isinstance(value, int):
        raise JournalDamaged(cause="number")
    return value


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _sound(record: Record) -> bool:
    return (
        body_hash(record.body) == record.hash
        and f'"epoch":"{record.epoch}"' in record.body
        and record.mac != ""
    )


class UnreadRows(NamedTuple):
    """Rows of an epoch that could not be read from the file of that name."""

    number: int  # of the epoch
    first: int
    last: int
    file: str


def lost_spans(db: Database, number: int | None = None) -> list[UnreadRows]:
    """Of all epochs, or of that one, in the order of the journal. Raises `JournalDamaged`."""
    rows = db.execute(
        "SELECT * FROM damage WHERE ?1 IS NULL OR epoch = ?1 ORDER BY epoch, first", (number,)
    ).fetchall()
    return [UnreadRows(*require_checked(row)) for row in rows]


def after(db: Database, epoch: str | None, seq: int) -> int | None:
    """The id that stands before the rows wanted: see `Store.records`. None: no such epoch."""
    if epoch is None and seq == 0:
        return 0
    query = "SELECT max(number) FROM epochs WHERE ?1 IS NULL OR epoch = ?1"
    (number,) = db.execute(query, (epoch,)).fetchone()
    return None if number is None else row_id(number, seq)


def without(span: Span, holes: Iterable[Span]) -> Iterator[Span]:
    """The parts of `span` that lie in none of `holes`."""
    first = span.first
    for hole in sorted(holes):
        if hole.first > first:
            part = Span(first, min(hole.first - 1, span.last))
            if part.first <= part.last:
                yield part
        first = max(first, hole.last + 1)
    if first <= span.last:
        yield Span(first, span.last)


def merged(numbers: Sequence[int]) -> list[Span]:
    """Ascending numbers as spans."""
    spans: list[Span] = []
    for number in numbers:
        if spans and spans[-1].last + 1 == number:
            spans[-1] = Span(spans[-1].first, number)
        else:
            spans.append(Span(number, number))
    return spans
