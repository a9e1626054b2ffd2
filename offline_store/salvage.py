"""From a damaged journal into a fresh one: every readable row, and a note of what is unreadable.

Forwards until the damage, backwards until the damage, and one by one in between. A row counts as
readable when its text has its hash and names its own place. Runs in the child (`migrate`).
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from offline_store.chain import body_hash
from offline_store.epochs import Epoch
from offline_store.event import OFFLINE, Event
from offline_store.files import SALVAGED
from offline_store.rows import MOST_SEQ, SEQ_BITS, Span, as_text, checked, merged, row_id, without
from offline_store.schema import OPEN_INTENTS
from world import Database, World

_CHUNK = 100
_COLUMNS = "id, kind, time_ms, person, scene, lane, verdict, refers, body, hash, mac, sealed"
_ENTERED = f"{_COLUMNS}, asked, offline, code"

Row = tuple[Any, ...]


def salvage(world: World, damaged: Path, fresh: Database) -> None:
    """Fill `fresh`, all in one transaction. Raises `sqlite3.Error` of `fresh` only.

    Of `damaged` no row changes; reading it may let SQLite fold its WAL in.
    """
    old = world.database(damaged)
    old.text_factory = as_text
    try:
        fresh.execute("BEGIN IMMEDIATE")
        fresh.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (SALVAGED, damaged.name))
        for table in ("receipts", "damage"):
            _enter(fresh, table, _checked_rows(old, table))
        _enter(fresh, "quarantined", _rows(old, "quarantined"))
        lost_before = _checked_rows(old, "damage")
        ends = _known_ends(old)
        for epoch in _epochs(old, ends):
            _enter(fresh, "epochs", [checked(*epoch)])
            number, end = epoch.number, ends.get(epoch.number, 0)
            held = _copy_events(old, fresh, epoch, end)
            whole = Span(1, max(end, held[-1] if held else 0))
            known = [Span(*row[1:3]) for row in lost_before if row[0] == number]
            lost = without(whole, merged(held) + known)
            _enter(fresh, "damage", [checked(number, *span, damaged.name) for span in lost])
        fresh.execute(OPEN_INTENTS)
        fresh.execute("COMMIT")
    finally:
        _close(old)


def _enter(fresh: Database, table: str, rows: Iterable[Row]) -> None:
    for row in rows:
        marks = ", ".join("?" * len(row))
        fresh.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)


def _copy_events(old: Database, fresh: Database, epoch: Epoch, end: int) -> list[int]:
    """Sequence numbers that were readable, ascending."""
    held = set()
    for row, event in _readable(old, epoch.number, end):
        if event.epoch == epoch.epoch:
            whole = (*row, *_standing(row, event))
            marks = ", ".join("?" * len(whole))
            fresh.execute(f"INSERT OR IGNORE INTO events ({_ENTERED}) VALUES ({marks})", whole)
            held.add(event.seq)
    return sorted(held)


def _standing(row: Row, event: Event) -> Row:
    """The columns that an older form of the table does not have, from the event's text. A row that
    was entered again has no person in its column, and none of these."""
    if row[3] != event.person:
        return None, None, None
    asked = event.card if event.asked else None
    return asked, event.detail.get(OFFLINE), event.used_code or None


def _sound(row: Row, number: int) -> Event | None:
    row_number, body, digest = row[0], row[8], row[9]
    if not isinstance(body, str) or body_hash(body) != digest:
        return None
    try:
        event = msgspec.json.decode(body, type=Event)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return event if row_id(number, event.seq) == row_number else None


def _readable(old: Database, number: int, end: int) -> Iterator[tuple[Row, Event]]:
    """Sound rows of an epoch; `end` is the highest seq that is known to have been there."""
    first, last = row_id(number, 1), row_id(number, MOST_SEQ)
    at = first - 1
    for row in _walk(old, f"id > ? AND id <= {last} ORDER BY id", at, direction=1):
        if event := _sound(row, number):
            at = row[0]
            yield row, event
    back = max(row_id(number, end), at) + 1
    for row in _walk(old, f"id < ? AND id > {at} ORDER BY id DESC", last + 1, direction=-1):
        if event := _sound(row, number):
            back = row[0]
            yield row, event
    for missing in range(at + 1, back):
        for row in _fetch(old, f"SELECT {_COLUMNS} FROM events WHERE id = ?", missing)[0]:
            if event := _sound(row, number):
                yield row, event


def _walk(old: Database, where: str, start: int, *, direction: int) -> Iterator[Row]:
    """Rows from `start` on until there are no more or the file cannot be read any further, which
    is also when ids no longer go in one direction."""
    at, whole = start, True
    while whole:
        rows, whole = _fetch(old, f"SELECT {_COLUMNS} FROM events WHERE {where}", at)
        yield from rows
        if not rows or (rows[-1][0] - at) * direction <= 0:
            return
        at = rows[-1][0]


def _fetch(old: Database, query: str, start: int) -> tuple[list[Row], bool]:
    """At most `_CHUNK` rows, and whether the reading went well."""
    rows: list[Row] = []
    try:
        cursor = old.execute(f"{query} LIMIT {_CHUNK}", (start,))
        for row in cursor:
            rows.append(row)
    except sqlite3.DatabaseError:
        return rows, False
    return rows, True


def _rows(old: Database, table: str) -> list[Row]:
    """The readable rows of a small table."""
    rows: list[Row] = []
    try:
        for row in old.execute(f"SELECT * FROM {table}"):
            rows.append(row)
    except sqlite3.DatabaseError:
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
    last = next((row[0] >> SEQ_BITS for row in top if _sound(row, row[0] >> SEQ_BITS)), 0)
    for number in range(1, max([*known, *ends, last], default=0) + 1):
        if number in known:
            yield known[number]
        elif told := next(_readable(old, number, 0), None):
            yield Epoch(number, told[1].epoch, "", "damaged", 0, "", 0, None)


def _close(old: Database) -> None:
    try:
        old.close()
    except sqlite3.DatabaseError:
        return  # the damage again; it was reported by the time we are here
