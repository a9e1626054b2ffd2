"""From a damaged journal into a fresh one: every readable row, and a note of what is unreadable.

Forwards until the damage, backwards until the damage, and one by one in between. A row counts as
readable when its text has its hash and names its own place. Runs in the child (`migrate`).
"""

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from offline_store.chain import body_hash
from offline_store.event import Event
from offline_store.rows import SEQ_BITS, Span, as_text, merged, row_id, without
from world import Database, World

SALVAGED = "salvaged-from"  # meta: the damaged file's name, until the store has told of it

_CHUNK = 100
_COLUMNS = "id, kind, time_ms, person, scene, lane, verdict, refers, body, hash, mac, sealed"

Row = tuple[Any, ...]


def salvage(world: World, damaged: Path, fresh: Database) -> None:
    """Fill `fresh`, all in one transaction. Raises `sqlite3.Error` of `fresh` only.

    Of `damaged` no row changes; reading it may let SQLite fold its WAL in.
    """
    old = world.database(damaged)
    old.text_factory = as_text
    try:
        epochs = list(_table(old, "epochs", 8))
        fresh.execute("BEGIN IMMEDIATE")
        fresh.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (SALVAGED, damaged.name))
        for table, columns in (("meta", 2), ("epochs", 8), ("receipts", 4), ("quarantined", 1)):
            marks = ", ".join("?" * columns)
            rows = epochs if table == "epochs" else _table(old, table, columns)
            fresh.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", rows)
        lost_before = list(_table(old, "damage", 3))
        ends = _known_ends(old)
        for number, epoch in _epochs(old, epochs, fresh):
            held = _copy_epoch(old, fresh, number, epoch, ends.get(number, 0))
            last = max(ends.get(number, 0), held[-1] if held else 0)
            fresh.executemany(
                "INSERT OR IGNORE INTO damage VALUES (?, ?, ?)",
                [(number, *span) for span in without(Span(1, last), merged(held))],
            )
        fresh.executemany("INSERT OR IGNORE INTO damage VALUES (?, ?, ?)", lost_before)
        fresh.execute("COMMIT")
    finally:
        _close(old)


def _copy_epoch(old: Database, fresh: Database, number: int, epoch: str, end: int) -> list[int]:
    """Sequence numbers that were readable, ascending."""
    held = set()
    for row in _readable(old, row_id(number, 1), row_id(number + 1, 0) - 1, row_id(number, end)):
        if (event := _sound(row, number)) is None or event.epoch != epoch:
            continue
        marks = ", ".join("?" * len(row))
        fresh.execute(f"INSERT OR IGNORE INTO events ({_COLUMNS}) VALUES ({marks})", row)
        held.add(event.seq)
    return sorted(held)


def _sound(row: Row, number: int) -> Event | None:
    row_number, body, digest = row[0], row[8], row[9]
    if not isinstance(body, str) or body_hash(body) != digest:
        return None
    try:
        event = msgspec.json.decode(body, type=Event)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return event if row_id(number, event.seq) == row_number else None


def _readable(old: Database, first: int, last: int, end: int) -> Iterator[Row]:
    """Rows with ids first … last; `end` is the highest id that is known to have been there."""
    at = first - 1
    for row in _walk(old, f"id > ? AND id <= {last} ORDER BY id", at):
        at = row[0]
        yield row
    back = max(end, at) + 1
    for row in _walk(old, f"id < ? AND id > {at} ORDER BY id DESC", last + 1):
        back = row[0]
        yield row
    for missing in range(at + 1, back):
        yield from _walk(old, "id = ?", missing, once=True)


def _walk(old: Database, where: str, start: int, *, once: bool = False) -> Iterator[Row]:
    """Rows from `start` on until there are no more or the file cannot be read any further."""
    at = start
    while True:
        rows, whole = _fetch(old, f"SELECT {_COLUMNS} FROM events WHERE {where}", at)
        yield from rows
        if once or not whole or not rows:
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


def _table(old: Database, table: str, columns: int) -> Iterator[Row]:
    """The readable rows of a small table."""
    try:
        for row in old.execute(f"SELECT * FROM {table}"):
            if len(row) == columns:
                yield row
    except sqlite3.DatabaseError:
        return


def _known_ends(old: Database) -> dict[int, int]:
    """Epoch number → a seq that it reached, as far as that is told somewhere else."""
    ends = {row[1]: row[2] for row in _table(old, "forward_key", 4)}
    for number, seq, *_ in _table(old, "receipts", 4):
        ends[number] = max(ends.get(number, 0), seq)
    return ends


def _epochs(old: Database, rows: Iterable[Row], fresh: Database) -> Iterator[tuple[int, str]]:
    """(number, epoch) of all epochs; those that only their events tell of are entered anew."""
    known = {row[0]: row[1] for row in rows}
    tops = (row[0] >> SEQ_BITS for row in _walk(old, "id < ? ORDER BY id DESC", 1 << 62, once=True))
    highest = max([*known, *_known_ends(old), *tops], default=0)
    for number in range(1, highest + 1):
        epoch = known.get(number) or _told_by_events(old, number)
        if epoch is None:
            continue
        if number not in known:
            fresh.execute(
                "INSERT INTO epochs (number, epoch, head, cause, step, mark)"
                " VALUES (?, ?, '', 'damaged', 0, '')",
                (number, epoch),
            )
        yield number, epoch


def _told_by_events(old: Database, number: int) -> str | None:
    first, last = row_id(number, 1), row_id(number + 1, 0) - 1
    for row in _readable(old, first, last, first):
        if (event := _sound(row, number)) is not None:
            return event.epoch
    return None


def _close(old: Database) -> None:
    try:
        old.close()
    except sqlite3.DatabaseError:
        return  # the damage again; it was reported by the time we are here
