"""What the store says about itself, and about its chain."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from offline_store.chain import Break
from offline_store.columns import row_id
from offline_store.files import wal_of
from offline_store.receipts import standings
from offline_store.rows import as_number, lost_spans
from world import Database, World


@dataclass(frozen=True)
class LastRow:
    """The end of the journal: `epoch` (32 hex), `seq`, `hash` (64 hex)."""

    epoch: str
    seq: int
    hash: str


@dataclass(frozen=True)
class StoreStatus:
    """For `status`, `doctor` and metrics."""

    epoch: str = ""
    seq: int = 0
    unreceipted: int = 0  # rows to be sent
    oldest_unreceipted_ms: int | None = None  # its time, unix milliseconds
    quarantined: int = 0  # rows that the platform keeps but does not understand
    unreadable: int = 0  # rows lost to damage
    unknown_receipts: int = 0  # for epochs that are not on this disk, since start
    file: str = ""
    file_bytes: int = 0
    wal_bytes: int = 0
    fault: str = ""  # code of what keeps the journal from being used, empty when nothing does
    last_fault: str = ""  # code of the last one since start


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What came of checking the chain of all epochs on this disk."""

    whole: bool  # no break; rows that are known to be lost are counted, not held against it
    rows: int
    epochs: int
    unreadable: int
    breaks: list[Break]


def measured(world: World, path: Path, db: Database) -> StoreStatus:
    """Status of an open journal, without head and faults."""
    waiting = [
        (row_id(standing.number, span.first), row_id(standing.number, span.last))
        for standing in standings(db)
        for span in standing.wanted()
    ]
    oldest = None
    if waiting:
        query = "SELECT time_ms FROM events WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1"
        row = db.execute(query, waiting[0]).fetchone()
        oldest = as_number(row[0]) if row else None
    (quarantined,) = db.execute("SELECT count(*) FROM quarantined").fetchone()
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    (size,) = db.execute("PRAGMA page_size").fetchone()
    return StoreStatus(
        unreceipted=sum(last - first + 1 for first, last in waiting),
        oldest_unreceipted_ms=oldest,
        quarantined=quarantined,
        unreadable=lost_rows(db),
        file=path.name,
        file_bytes=pages * size,
        wal_bytes=wal_size(world, path),
    )


def lost_rows(db: Database) -> int:
    """How many sequence numbers damage made unreadable, in all epochs. Raises `JournalDamaged`,
    `sqlite3.Error`."""
    return sum(lost.last - lost.first + 1 for lost in lost_spans(db))


def wal_size(world: World, path: Path) -> int:
    """Bytes of the WAL. SQLite holds no lock on it that opening and closing it could end."""
    try:
        with world.open(wal_of(path), "rb") as file:
            return file.seek(0, 2)
    except FileNotFoundError:
        return 0
