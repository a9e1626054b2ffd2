"""The store: one thread, one connection, a queue with taps first; durable before anybody is told.

turn(decide) ─▶ queue ─▶ BEGIN ─ SAVEPOINT ─ decide ─ insert ─ … ─ COMMIT (FULL) ─▶ Record
Waiting turns share one COMMIT; one turn alone needs no SAVEPOINT. Reading and upkeep come in
between in slices of at most 5 ms. After an error of SQLite everything under way is refused, the
file is closed, and the next job opens it by the start-up path.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TypeVar

from offline_store.event import Event as StoredEvent
from offline_store.event import Record
from offline_store.faults import IdentityGone, JournalStopped, Unstored
from offline_store.jobs import Job
from offline_store.journal import Journal, Setting
from offline_store.reading import Reading, verified
from offline_store.receipts import Receipt, outbox
from offline_store.rows import as_sealed, open_intents
from offline_store.sealing import Sealer
from offline_store.status import Head, Status, Verification
from offline_store.turn import Entry, ListSource, NoLists, Seen, Turn
from offline_store.writer import Decide, Waiting, Writer
from trust.keystore import KeyStore
from world import Event, Queue, QueueEmpty, Task, World

__all__ = ["Entry", "Head", "Seen", "Status", "Store", "Turn", "Unstored", "Verification"]

T = TypeVar("T")

MOST_TURNS = 32  # that share a COMMIT
SLICE = 50  # rows read at once, ≤ 5 ms
QUIET = 2.0  # seconds without a job before the WAL is folded in
PATIENCE = 2.0  # seconds that a job waits for its begin: the person stands at the gate

_TAP, _ASKED, _END = range(3)  # priorities
_Work = Callable[[], None]


class Store:
    """The journal of one terminal; used by any number of threads."""

    def __init__(
        self,
        world: World,
        directory: Path,
        *,
        terminal: str,
        boot: str,
        keys: KeyStore,
        lists: ListSource | None = None,
        patience: float = PATIENCE,
    ) -> None:
        """`lists` is a `Lists`; without it nobody is listed."""
        self._world = world
        self._sealer = Sealer(world, keys)
        setting = Setting(world, directory, terminal, boot, keys)
        self._writer = Writer(setting, self._sealer, lists or NoLists())
        self._patience = patience
        self._queue: Queue[Waiting | _Work | None] = world.queue()
        self._subscribing = world.lock()
        self._task: Task | None = None
        self._status = Status()

    def start(self) -> None:
        """Open the journal, making or mending it first.

        Raises the Fault that a person has to act on (keystore.*, `JournalForeign`, `JournalNewer`,
        `MigrationFailed`). A disk that is full or failing is not raised: the store goes on trying
        and refuses turns meanwhile.
        """
        self._task = self._world.spawn(self._serve, name="store")
        try:
            self._queued(lambda journal: None).wait(None, self._task)
        except Unstored:
            fault = self._writer.fault
            if fault is not None and not isinstance(fault, Unstored):
                self.close()
                raise fault from None

    def close(self) -> None:
        """Do what waits, fold the WAL in, and end."""
        if self._task is not None:
            self._queue.put(None, _END)
            self._task.join()

    # Writing

    def turn(self, decide: Decide) -> Record:
        """Have `decide` run in the transaction that inserts what it gives; returns after COMMIT.

        `decide` reads through its `Turn` only, is quick, and may be run in one transaction with
        others. What it raises is raised here and nothing is stored. Raises `Unstored`: not stored,
        and if it should be in the file after all, an event after it says "not executed".
        """
        worker = self._worker()
        job: Job[Record] = Job(self._world)
        self._queue.put(Waiting(job, decide), _TAP)
        return job.wait(self._patience, worker)

    def look(self, read: Callable[[Turn], T]) -> T:
        """What a turn can read, before there is anything to record; `read` must not raise, and
        what it found may have changed by the turn. Raises `Unstored`."""
        worker = self._worker()
        job: Job[T] = Job(self._world)
        self._queue.put(lambda: self._writer.look(job, read), _TAP)
        return job.wait(self._patience, worker)

    def receipt(self, receipt: Receipt) -> None:
        """Take the platform's receipt in; durable on return. Raises `Unstored`."""
        self._ask(lambda journal: self._writer.receipt(journal, receipt))

    def forget_before(self, day: date) -> int:
        """Destroy the identity keys of the days before `day` (China); how many. From then on what
        they sealed cannot be read by anybody. Raises faults of the key store."""
        return self._sealer.forget_before(day)

    # Reading

    def unreceipted(self, limit: int) -> Sequence[Record]:
        """The next rows to send, at most `limit`: oldest first, old epochs first. A row that
        cannot be read any more is a stand-in, which is no event. Raises `Unstored`."""
        return self._ask(lambda journal: outbox(journal.db, limit))

    def subscribe(self, event: Event) -> None:
        """Have `event` set after every commit."""
        with self._subscribing:
            self._writer.listeners = (*self._writer.listeners, event)

    def head(self) -> Head | None:
        """The last durable row; None before the journal was first opened."""
        return self._writer.head

    def records(self, epoch: str | None, after: int, limit: int) -> list[Record]:
        """At most `limit` rows behind row `after` of `epoch`, in journal order over all epochs.

        Without an epoch: 0 means from the very first row, else the present epoch is meant. None
        when there is no such epoch. Raises `Unstored`.
        """
        return self._reading().records(epoch, after, limit)

    def open_intents(self) -> Sequence[StoredEvent]:
        """Payments that were begun and have no end yet, oldest first, of all epochs: at a start
        these are what a power cut or a card that left has left open. Raises `Unstored`."""
        return self._ask(lambda journal: open_intents(journal.db))

    def verify(self) -> Verification:
        """Check the chain of every epoch, in slices between taps. Raises `Unstored`."""
        return verified(self._reading())

    def identity(self, epoch: str, seq: int) -> bytes:
        """The private bytes of an event. Raises `IdentityGone`, `Unstored`."""
        sealed = self._ask(lambda journal: _sealed(journal, epoch, seq))
        private = self._sealer.open(sealed) if sealed else None
        if private is None:
            raise IdentityGone(epoch=epoch, seq=seq)
        return private

    def status(self) -> Status:
        """Always answers; while the journal cannot be used, with its last figures and `fault`."""
        try:
            self._status = self._ask(self._writer.status)
        except Unstored as fault:
            return replace(self._status, fault=fault.code, last_fault=fault.code)
        return self._status

    def _reading(self) -> Reading:
        return Reading(lambda read: self._ask(lambda journal: read(journal.db)), SLICE)

    # The thread

    def _ask(self, do: Callable[[Journal], T]) -> T:
        worker = self._worker()
        return self._queued(do).wait(self._patience, worker)

    def _queued(self, do: Callable[[Journal], T]) -> Job[T]:
        job: Job[T] = Job(self._world)
        self._queue.put(lambda: self._writer.work(job, do), _ASKED)
        return job

    def _worker(self) -> Task:
        if self._task is None or not self._task.alive:
            raise JournalStopped()
        return self._task

    def _serve(self) -> None:
        """Until `close`: turns in batches, then one other thing, then upkeep."""
        while (item := self._next()) is not None:
            other = self._turns(item) if isinstance(item, Waiting) else item
            if other is None:
                break
            other()
        self._writer.upkeep()
        self._writer.close()

    def _next(self) -> Waiting | _Work | None:
        while True:
            try:
                return self._queue.get(self._writer.until_upkeep(QUIET))
            except QueueEmpty:
                self._writer.upkeep()

    def _turns(self, first: Waiting) -> _Work | None:
        """Carry out `first` and the turns that wait with it; what came out of the queue behind
        them, or something that does nothing."""
        batch = [first]
        behind: _Work | None = _nothing
        while len(batch) < MOST_TURNS:
            try:
                item = self._queue.get(0.0)
            except QueueEmpty:
                break
            if not isinstance(item, Waiting):
                behind = item
                break
            batch.append(item)
        self._writer.turns(batch)
        return behind


def _nothing() -> None:
    """Stands where no other work came out of the queue."""


def _sealed(journal: Journal, epoch: str, seq: int) -> bytes | None:
    row = journal.db.execute(
        "SELECT sealed FROM events WHERE epoch = (SELECT number FROM epochs WHERE epoch = ?)"
        " AND seq = ?",
        (epoch, seq),
    ).fetchone()
    return None if row is None else as_sealed(row[0])
