"""The store thread's side: opens and reopens the journal, carries out turns, keeps it tidy."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from offline_store.event import Record
from offline_store.faults import MISREAD, JournalDamaged, Unprepared, unstored
from offline_store.jobs import Job, Savepoint
from offline_store.journal import Journal, Setting, Tip, open_journal, tell_not_executed
from offline_store.receipts import Receipt, reenter, take_receipt
from offline_store.sealing import Sealer
from offline_store.status import Head, Status, measured, wal_size
from offline_store.turn import Entry, ListSource, Turn
from world import Event, Fault

T = TypeVar("T")
Decide = Callable[[Turn], Entry]

# Bytes; then the checkpoint does not wait for quiet. As long as it takes, a tap waits.
WAL_LIMIT = 2 * 1024 * 1024
LOOK_AT_WAL = 16  # commits between looks at its size


@dataclass(frozen=True, eq=False)
class Waiting:
    """A turn in the queue."""

    job: Job[Record]
    decide: Decide


def _is_damage(error: Exception) -> bool:
    """Of the file that was being opened. What is asked of it then is always the same, so where that
    makes no sense to SQLite (SQLITE_ERROR), or its answer none to us, the file is another."""
    if isinstance(error, MISREAD):
        return True
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code == sqlite3.SQLITE_ERROR or isinstance(unstored(error), JournalDamaged)


class Writer:
    """Used by the store's thread alone, but for `head`, `fault` and `listeners`, which are
    replaced whole."""

    def __init__(self, setting: Setting, sealer: Sealer, lists: ListSource) -> None:
        self._setting = setting
        self._sealer = sealer
        self._lists = lists
        self._journal: Journal | None = None
        self._damaged = False  # the next opening gives the file up first
        self._refused: Tip | None = None  # the tip before turns whose COMMIT failed
        self._commits = 0  # since the last checkpoint
        self._committed_at = 0.0  # World.monotonic()
        self._more = False  # contested rows wait to be entered again
        self._unknown_receipts = 0
        self.listeners: tuple[Event, ...] = ()
        self.head: Head | None = None
        self.fault: Fault | None = None
        self.last_fault = ""

    # The open journal

    def opened(self) -> Journal:
        """Raises what `open_journal` raises."""
        if self._journal is None:
            self._journal = self._open()
            self._more = True
            self.fault = None
            self._noted(self._journal)
        return self._journal

    def _open(self) -> Journal:
        try:
            journal = open_journal(self._setting, damaged=self._damaged)
        except (sqlite3.Error, JournalDamaged, *MISREAD) as error:
            if self._damaged or not _is_damage(error):
                raise
            journal = open_journal(self._setting, damaged=True)
        self._damaged = False
        try:
            if self._refused is not None:
                tell_not_executed(journal, self._refused)
        except BaseException:
            journal.close()
            raise
        self._refused = None
        return journal

    def _noted(self, journal: Journal) -> None:
        """After every commit."""
        self._advance(journal)
        self._tell()

    def _advance(self, journal: Journal) -> None:
        """Before anybody hears that a row is stored: who has heard it finds it in `head`."""
        self._commits += 1
        self._committed_at = self._setting.world.monotonic()
        tip = journal.tip
        self.head = Head(tip.epoch, tip.seq, tip.hash)

    def _tell(self) -> None:
        for listener in self.listeners:
            listener.set()

    def _lost(self, error: Exception) -> None:
        """Whatever was under way is not done, as far as we know; the next use opens anew."""
        fault = unstored(error)
        self.fault = error if isinstance(error, Fault) else fault
        self.last_fault = fault.code
        self._damaged = self._damaged or isinstance(fault, JournalDamaged)
        self.close()

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    # What it does

    def turns(self, batch: Sequence[Waiting]) -> None:
        """One transaction for all of them; those that are stored are told after its COMMIT."""
        begun = [waiting for waiting in batch if waiting.job.begin()]
        if not begun:
            return
        try:
            journal = self.opened()
            stored = self._transact(journal, begun)
        except (sqlite3.Error, OSError, Fault, *MISREAD) as error:
            if self._journal is not None:
                self._refused = self._journal.tip
            self._lost(error)
            for waiting in begun:
                if not waiting.job.ended:
                    waiting.job.fail(unstored(error))
            return
        self._advance(journal)
        for waiting, record in stored:
            waiting.job.finish(record)
        self._tell()
        if self._commits % LOOK_AT_WAL == 0:
            self.work(Job(self._setting.world), self._limit_wal)

    def _transact(self, journal: Journal, batch: Sequence[Waiting]) -> list[tuple[Waiting, Record]]:
        stored = []
        lists = self._lists.view()
        journal.begin()
        tip = journal.tip
        for waiting in batch:
            with Savepoint(journal.db, waiting.job, alone=len(batch) == 1):
                entry = waiting.decide(Turn(journal.db, tip.number, lists))
                record, tip = journal.insert(tip, entry.draft, self._seal(entry))
                stored.append((waiting, record))
        journal.commit(tip)
        return stored

    def _seal(self, entry: Entry) -> bytes | None:
        if not entry.private:
            return None
        try:
            return self._sealer.seal(entry.private, entry.draft.time_ms)
        except Fault as fault:
            raise Unprepared(cause=fault.code) from fault

    def look(self, job: Job[T], read: Callable[[Turn], T]) -> None:
        """What a turn could read, without an event of its own."""
        self.work(
            job,
            lambda journal: read(Turn(journal.db, journal.tip.number, self._lists.view())),
        )

    def work(self, job: Job[T], do: Callable[[Journal], T]) -> None:
        """Anything that is no turn: at most 5 ms, no cursor left open."""
        if not job.begin():
            return
        try:
            value = do(self.opened())
        except (sqlite3.Error, OSError, Fault, *MISREAD) as error:
            self._lost(error)
            job.fail(unstored(error))
        else:
            job.finish(value)

    def receipt(self, journal: Journal, receipt: Receipt) -> None:
        if take_receipt(journal, receipt):
            self._unknown_receipts += 1
        elif journal.tip.epoch != (self.head.epoch if self.head else ""):
            self._more = True
            self._noted(journal)

    def status(self, journal: Journal) -> Status:
        return replace(
            measured(self._setting.world, journal.path, journal.db),
            epoch=journal.tip.epoch,
            seq=journal.tip.seq,
            unknown_receipts=self._unknown_receipts,
            last_fault=self.last_fault,
        )

    # Upkeep, while nobody waits

    def until_upkeep(self, quiet: float) -> float | None:
        """Seconds until there is something to do if nobody comes; None: there is nothing. The WAL
        is folded in `quiet` seconds after the last commit."""
        if self._journal is None:
            return None
        if self._more:
            return 0.0
        if not self._commits:
            return None
        return max(0.0, self._committed_at + quiet - self._setting.world.monotonic())

    def upkeep(self) -> None:
        """One slice."""
        if self._journal is not None:
            do = self._reenter if self._more else self._checkpoint
            self.work(Job(self._setting.world), do)

    def _reenter(self, journal: Journal) -> None:
        self._more = reenter(journal)
        if self._more:
            self._noted(journal)

    def _limit_wal(self, journal: Journal) -> None:
        if wal_size(self._setting.world, journal.path) >= WAL_LIMIT:
            self._checkpoint(journal)

    def _checkpoint(self, journal: Journal) -> None:
        journal.checkpoint()
        self._commits = 0
