"""Reading the journal in slices: through the store's thread, or from the file without a daemon."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from offline_store.chain import Break, verify_chain
from offline_store.epochs import all_epochs
from offline_store.events.row import Record
from offline_store.faults import JournalInUse, JournalUnreadable, NoJournal
from offline_store.files import generations, journal_file
from offline_store.rows import after, as_text, lost_spans, read_records
from offline_store.status import Verification, lost_rows
from world import Database, World

T = TypeVar("T")

_BUSY = sqlite3.SQLITE_BUSY


class Reading:
    """`ask` runs a short read where the connection lives and gives back what it found."""

    def __init__(self, ask: Callable[[Callable[[Database], Any]], Any], slice_: int) -> None:
        self._ask = ask
        self._slice = slice_

    def records(self, epoch: str | None, after_seq: int, limit: int) -> list[Record]:
        """See `Store.records`."""
        at = self._ask(lambda db: after(db, epoch, after_seq))
        records: list[Record] = []
        while at is not None and len(records) < limit:
            page, at = self.page(at, limit - len(records))
            records += page
        return records

    def page(self, at: int, limit: int | None = None) -> tuple[list[Record], int | None]:
        """The rows behind id `at`, and where to go on; None at the end."""
        most = min(self._slice, limit or self._slice)
        records, last = self._ask(lambda db: _page(db, at, most))
        return records, last

    def lost(self) -> tuple[int, int, set[tuple[str, int]]]:
        """Rows known to be lost, epochs, and the (epoch, seq) that follow upon lost rows."""
        found: tuple[int, int, set[tuple[str, int]]] = self._ask(_lost)
        return found


def verified(reading: Reading) -> Verification:
    """Check the chain of all epochs."""
    lost, epochs, expected = reading.lost()
    breaks: list[Break] = []
    rows, at = 0, 0
    last: list[Record] = []  # the row before the slice, so that the slices are joined
    place: int | None = at
    while place is not None:
        page, place = reading.page(place)
        rows += len(page)
        found = verify_chain([*last, *page])
        breaks += [each for each in found if not last or each.seq != last[0].seq]
        last = page[-1:] or last
    breaks = [b for b in breaks if not (b.kind == "gap" and (b.epoch, b.seq) in expected)]
    return Verification(whole=not breaks, rows=rows, epochs=epochs, unreadable=lost, breaks=breaks)


class ReadOnlyJournal:
    """The journal's file while no daemon runs. Every call opens and closes it, so that a daemon
    which starts meanwhile is not kept out."""

    def __init__(self, world: World, directory: Path) -> None:
        self._world = world
        self._directory = directory

    def records(self, epoch: str | None, after: int, limit: int) -> list[Record]:
        """See `Store.records`. Raises `NoJournal`, `JournalInUse`, `JournalUnreadable`."""
        return Reading(self._ask, limit).records(epoch, after, limit)

    def verify(self) -> dict[str, Any]:
        """The fields of `Verification`. Raises like `records`."""
        result: dict[str, Any] = msgspec.to_builtins(verified(Reading(self._ask, 1000)))
        return result

    def _ask(self, read: Callable[[Database], T]) -> T:
        known = generations(self._world, self._directory)
        if not known:
            raise NoJournal(path=str(self._directory))
        path = journal_file(self._directory, known[-1])
        try:
            db = self._world.database(path)
            try:
                db.text_factory = as_text
                db.execute("PRAGMA busy_timeout = 100")  # ms; a daemon does not let go
                db.execute("PRAGMA query_only = ON")
                return read(db)
            finally:
                db.close()
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == _BUSY:
                raise JournalInUse(path=str(path)) from error
            cause = getattr(error, "sqlite_errorname", type(error).__name__)
            raise JournalUnreadable(path=str(path), cause=cause) from error


def _page(db: Database, at: int, limit: int) -> tuple[list[Record], int | None]:
    (last,) = db.execute(
        "SELECT max(id) FROM (SELECT id FROM events WHERE id > ? ORDER BY id LIMIT ?)", (at, limit)
    ).fetchone()
    if last is None:
        return [], None
    return read_records(db, at + 1, last, limit, sound=False), last


def _lost(db: Database) -> tuple[int, int, set[tuple[str, int]]]:
    epochs = {epoch.number: epoch.epoch for epoch in all_epochs(db)}
    expected = {
        (epochs[lost.number], lost.last + 1) for lost in lost_spans(db) if lost.number in epochs
    }
    return lost_rows(db), len(epochs), expected
