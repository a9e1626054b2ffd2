"""From a damaged journal into a fresh one: every readable row, and a note of what is unreadable.

Forwards until the damage, backwards until the damage, and one by one in between. A row counts as
readable when its text has its hash and names its own place; what the columns beside it say is
taken from the text. Runs in the child (`migrate`).
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from offline_store.chain import body_hash
from offline_store.columns import MARKS, NAMES, SEQ_BITS, NumberOf, columns, row_id
from offline_store.epochs import Epoch
from offline_store.events.row import Row as Text
from offline_store.events.row import read
from offline_store.faults import MISREAD
from offline_store.files import SALVAGED
from offline_store.rows import MOST_SEQ, Span, as_text, checked, merged, without
from offline_store.schema import OPEN_INTENTS
from world import Database, World

_CHUNK = 100
_READ = "id, body, hash, mac, sealed"

Row = tuple[Any, ...]


class _Held(NamedTuple):
    """A row as it was found: damage may have left anything in any column."""

    id: object
    body: object
    hash: object
    mac: object
    sealed: object


def salvage(world: World, damaged: Path, fresh: Database) -> None:
    """Fill `fresh`, all in one transaction. Raises `sqlite3.Error` of `fresh` only.

    Of `damaged` no row changes; reading it may let SQLite fold its WAL in.
    """
    old = world.database(damaged)
    old.text_factory = as_text
    try:
        fresh.execute("BEGIN IMMEDIATE")
        fresh.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (SALVAGED, damaged.name))
        fresh.execute("SAVEPOINT taking_over")
        try:
            _take_over(old, fresh, damaged.name)
        except MISREAD:  # a terminal that keeps no journal any more would be worse
            fresh.execute("ROLLBACK TO taking_over")
        fresh.execute("COMMIT")
    finally:
        _close(old)


def _take_over(old: Database, fresh: Database, file: str) -> None:
    for table in ("receipts", "damage"):
        _enter(fresh, table, _checked_rows(old, table))
    told = [row for row in _rows(old, "quarantined") if len(row) == 1 and isinstance(row[0], int)]
    _enter(fresh, "quarantined", told)
    lost_before = _checked_rows(old, "damage")
    ends = _known_ends(old)
    for epoch in _epochs(old, ends):
        _enter(fresh, "epochs", [checked(*epoch)])
        number, end = epoch.number, ends.get(epoch.number, 0)
        held = _copy_events(old, fresh, epoch, end)
        whole = Span(1, max(end, held[-1] if held else 0))
        known = [Span(*row[1:3]) for row in lost_before if row[0] == number]
        lost = without(whole, merged(held) + known)
        _enter(fresh, "damage", [checked(number, *span, file) for span in lost])
    fresh.execute(OPEN_INTENTS)


def _enter(fresh: Database, table: str, rows: Iterable[Row]) -> None:
    for row in rows:
        marks = ", ".join("?" * len(row))
        fresh.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)


def _copy_events(old: Database, fresh: Database, epoch: Epoch, end: int) -> list[int]:
    """Sequence numbers that were readable, ascending."""
    held = set()
    number_of = _numbers(fresh)
    for row, text in _readable(old, epoch.number, end):
        if text.epoch == epoch.epoch:
            sealed = row.sealed if isinstance(row.sealed, bytes) else None
            own = (row.id, row.body, row.hash, row.mac, sealed)
            fresh.execute(
                f"INSERT OR IGNORE INTO events ({NAMES}) VALUES ({MARKS})",
                (*own, *columns(text, number_of)),
            )
            held.add(text.seq)
    return sorted(held)


def _numbers(fresh: Database) -> NumberOf:
    """Of the epochs that were taken over so far; an event is about none that comes later."""
    known: dict[str, int] = dict(fresh.execute("SELECT epoch, number FROM epochs").fetchall())
    return known.get


def _sound(row: _Held, number: int) -> Text | None:
    if not isinstance(row.body, str) or body_hash(row.body) != row.hash:
        return None
    if not isinstance(row.mac, str) or not row.mac:
        return None
    try:
        text = read(row.body)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return text if row_id(number, text.seq) == row.id else None


def _readable(old: Database, number: int, end: int) -> Iterator[tuple[_Held, Text]]:
    """Sound rows of an epoch; `end` is the highest seq that is known to have been there."""
    first, last = row_id(number, 1), row_id(number, MOST_SEQ)
    at = first - 1
    for row in _walk(old, f"id > ? AND id <= {last} ORDER BY id", at, direction=1):
        if event := _sound(row, number):
            at = row_id(number, event.seq)
            yield row, event
    back = max(row_id(number, end), at) + 1
    for row in _walk(old, f"id < ? AND id > {at} ORDER BY id DESC", last + 1, direction=-1):
        if event := _sound(row, number):
            back = row_id(number, event.seq)
            yield row, event
    for missing in range(at + 1, back):
        for row in _fetch(old, "id = ?", missing)[0]:
            if event := _sound(row, number):
                yield row, event


def _walk(old: Database, where: str, start: int, *, direction: int) -> Iterator[_Held]:
    """Rows from `start` on until there are no more or the file cannot be read any further, which
    is also when ids no longer go in one direction."""
    at, whole = start, True
    while whole:
        rows, whole = _fetch(old, where, at)
        yield from rows
        last = rows[-1].id if rows else None
        if not isinstance(last, int) or (last - at) * direction <= 0:
            return
        at = last


def _fetch(old: Database, where: str, start: int) -> tuple[list[_Held], bool]:
    """At most `_CHUNK` rows, and whether the reading went well."""
    rows: list[_Held] = []
    try:
        query = f"SELECT {_READ} FROM events WHERE {where} LIMIT {_CHUNK}"
        for row in old.execute(query, (start,)):
            rows.append(_Held(*row))
    except sqlite3.Error:
        return rows, False
    return rows, True


def _rows(old: Database, table: str) -> list[Row]:
    """The readable rows of a small table."""
    rows: list[Row] = []
    try:
        for row in old.execute(f"SELECT * FROM {table}"):
            rows.append(row)
    except sqlite3.Error:
        return rows
    return rows


def _checked_rows(old: Database, table: str) -> list[Row]:
    """Those that are as they were written."""
    return [row for row in _rows(old, table) if row == checked(*row[:-1])]


def _known_ends(old: Database) -> dict[int, int]:
    """Epoch number → a seq that it reached, as far as that is told outside of its events."""
    ends = {row[1]: row[2] for row in _checked_rows(old, "forward_key")}
    for number, seq, *_ in _checked_rows(old, "receipts"):
        ends[number] = max(ends.get(number, 0), seq)
    return ends


def _epochs(old: Database, ends: Mapping[int, int]) -> Iterator[Epoch]:
    """All epochs; one that only its events tell of stands under their name."""
    known = {row[0]: Epoch(*row[:-1]) for row in _checked_rows(old, "epochs")}
    top = _walk(old, "id < ? ORDER BY id DESC", 1 << 62, direction=-1)
    last = next((number for row in top if (number := _number_of(row)) is not None), 0)
    for number in range(1, max([*known, *ends, last], default=0) + 1):
        if number in known:
            yield known[number]
        elif told := next(_readable(old, number, 0), None):
            yield Epoch(number, told[1].epoch, "", "damaged", 0, "", 0, None)


def _number_of(row: _Held) -> int | None:
    """The epoch's number of a sound row."""
    number = row.id >> SEQ_BITS if isinstance(row.id, int) else 0
    return number if _sound(row, number) else None


def _close(old: Database) -> None:
    try:
        old.close()
    except sqlite3.Error:
        return  # the damage again; it was reported by the time we are here
