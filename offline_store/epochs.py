"""The epochs of a journal: one row each, the only rows beside receipts that are rewritten."""

from typing import NamedTuple

from offline_store.rows import checked, require_checked
from world import Database


class Epoch(NamedTuple):
    """Columns as in `offline_store.schema`."""

    number: int  # 1, 2, 3 … on this disk
    epoch: str
    head: str  # last known head before it, empty when there was none
    cause: str
    step: int  # how often the seed had been stepped
    mark: str  # fingerprint of the seed as it must be after the epoch has begun
    abandoned: int
    reenter: int | None


def write_epoch(db: Database, epoch: Epoch) -> None:
    """Put the epoch's row, with its check value, in place of one with its number. Raises
    `sqlite3.Error`."""
    db.execute("INSERT OR REPLACE INTO epochs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", checked(*epoch))


def read_epoch(db: Database, number: int | None = None) -> Epoch | None:
    """That epoch, or the last one. Raises `JournalDamaged`."""
    row = db.execute(
        "SELECT * FROM epochs WHERE ?1 IS NULL OR number = ?1 ORDER BY number DESC LIMIT 1",
        (number,),
    ).fetchone()
    return None if row is None else Epoch(*require_checked(row))


def all_epochs(db: Database) -> list[Epoch]:
    """Oldest first. Raises `JournalDamaged`."""
    rows = db.execute("SELECT * FROM epochs ORDER BY number").fetchall()
    return [Epoch(*require_checked(row)) for row in rows]
