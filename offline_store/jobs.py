"""What waits for the store's thread: a job that can be withdrawn until it has begun."""

import sqlite3
from types import TracebackType
from typing import Generic, TypeVar

from offline_store.faults import JournalBusy, JournalDamaged, JournalStopped
from world import Database, Task, World

T = TypeVar("T")

_LOOK = 1.0  # seconds between looks whether the store's thread still lives


class Job(Generic[T]):
    """Ends once, with a value or an error; `wait` gives or raises it."""

    def __init__(self, world: World) -> None:
        self._changing = world.lock()
        self._ended = world.event()
        self._begun = False
        self._withdrawn = False
        self._values: list[T] = []
        self._error: Exception | None = None

    def begin(self) -> bool:
        """False when nobody waits for it any more; then it must not be done."""
        with self._changing:
            self._begun = not self._withdrawn
            return self._begun

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    def finish(self, value: T) -> None:
        self._values.append(value)
        self._ended.set()

    def fail(self, error: Exception) -> None:
        self._error = error
        self._ended.set()

    def wait(self, patience: float | None, worker: Task) -> T:
        """Raises the job's error; `JournalBusy` when it had not begun after `patience` seconds
        (None: it is never withdrawn), `JournalStopped` when `worker` has ended."""
        if patience is not None and not self._ended.wait(patience) and self._withdraw():
            raise JournalBusy(cause="waiting") if worker.alive else JournalStopped()
        while not self._ended.wait(_LOOK):
            if not worker.alive and not self._ended.is_set():
                raise JournalStopped()
        if self._error is not None:
            raise self._error
        return self._values[0]

    def _withdraw(self) -> bool:
        with self._changing:
            self._withdrawn = not self._begun
            return self._withdrawn


class Savepoint:
    """One turn's part of a transaction. An exception of the turn's own takes back this part only
    and is carried to the turn's caller; one of SQLite, and damage that the turn has found, concern
    everybody and go on."""

    def __init__(self, db: Database, job: Job[T], *, alone: bool = False) -> None:
        """`alone`: nobody else's turn is in the transaction, so all of it is this part."""
        self._db = db
        self._fail = job.fail
        self._alone = alone

    def __enter__(self) -> None:
        if not self._alone:
            self._db.execute("SAVEPOINT turn")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if value is not None and (
            isinstance(value, sqlite3.Error | JournalDamaged) or not isinstance(value, Exception)
        ):
            return False
        if self._alone and value is not None:
            self._db.execute("ROLLBACK")
            self._db.execute("BEGIN IMMEDIATE")
        elif not self._alone:
            if value is not None:
                self._db.execute("ROLLBACK TO turn")
            self._db.execute("RELEASE turn")
        if isinstance(value, Exception):
            self._fail(value)
        return value is not None
