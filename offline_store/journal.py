"""The open journal: one connection, the tip of the chain in memory, rows that are only added.

`open_journal` is the one start-up path, also after every error. All of it runs on the store's
thread. Durable steps of a new epoch: (1) COMMIT of its row, its first key and its first event;
(2) the key store's seed takes its step. Between the two the seed still stands where `mark` says
it must not be, and the next opening takes the step before anything is stored.
"""

import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from offline_store import chain
from offline_store.clock import ClockReading, read_clock
from offline_store.columns import MARKS, NAMES, columns, row_id, subject
from offline_store.epochs import Epoch, all_epochs, read_epoch, write_epoch
from offline_store.events.about import NOT_EXECUTED, Alarm, LostRows, Recovery
from offline_store.events.payment import Intent, PaymentEnd
from offline_store.events.reference import Reference
from offline_store.events.row import ROW_VERSION, Event, Record, Row
from offline_store.events.terminal import Checkpoint, EpochCause
from offline_store.faults import (
    JournalDamaged,
    JournalForeign,
    JournalNewer,
    MigrationFailed,
    by_code,
)
from offline_store.files import (
    SALVAGED,
    SCHEMA,
    STATUS_BASE,
    TABLES_MARK,
    VERSION_MARK,
    generations,
    journal_file,
    tables_hash,
)
from offline_store.rows import (
    as_number,
    as_row,
    as_text,
    checked,
    lost_spans,
    read_records,
    require_checked,
    seq_of,
)
from trust.keystore import KeyStore
from trust.secrets import KEY_32, read_secret
from trust.sm3 import sm3
from world import Database, World

SEED = "journal-seed"
TAIL = 64  # rows whose chain is checked at every opening

_FORMS, _WAL_FORM = slice(18, 20), 2  # bytes of the header that say it; what they say of WAL
_MIGRATION_TIME = 600.0  # seconds
_LOCK_PATIENCE = 500  # ms: a reader from outside (`ReadOnlyJournal`) is quick


@dataclass(frozen=True)
class ChainHead:
    """The last row, and the key of the next one."""

    number: int
    epoch: str
    seq: int
    hash: str  # of the last row; what the first row's `prev` is before there is one
    key: bytes = field(repr=False)


@dataclass(frozen=True)
class JournalContext:
    """Where the journal lives and whose it is."""

    world: World
    directory: Path
    terminal: str
    boot: str
    keys: KeyStore

    def clock(self) -> ClockReading:
        """When an event of the store's own is."""
        return read_clock(self.world, self.boot)


class Journal:
    """Made by `open_journal`. After any `sqlite3.Error` it is only good for `close`."""

    def __init__(self, setting: JournalContext, path: Path, db: Database) -> None:
        self.setting = setting
        self.path = path
        self.db = db
        self.tip = ChainHead(0, "", 0, "", b"")

    # Transactions

    def begin(self) -> None:
        """Open a transaction that may write (`BEGIN IMMEDIATE`). Raises `sqlite3.Error`."""
        self.db.execute("BEGIN IMMEDIATE")

    def commit(self, tip: ChainHead) -> None:
        """Make it durable; only then does the tip in memory advance."""
        if tip != self.tip:
            self.db.execute(
                "INSERT OR REPLACE INTO forward_key VALUES (?, ?, ?, ?, ?)",
                checked(1, tip.number, tip.seq, tip.key),
            )
        self.db.execute("COMMIT")
        self.tip = tip

    def insert(
        self,
        tip: ChainHead,
        event: Event,
        sealed: bytes | None = None,
        *,
        was: Reference | None = None,
    ) -> tuple[Record, ChainHead]:
        """The row after `tip`, and the tip after it. `was`: where it stood, if it is entered
        again."""
        row = Row(
            v=ROW_VERSION,
            terminal=self.setting.terminal,
            epoch=tip.epoch,
            seq=tip.seq + 1,
            prev=tip.hash,
            sealed=sm3(sealed).hex() if sealed else "",
            was=was,
            event=event,
        )
        body = msgspec.json.encode(row).decode()
        digest = chain.body_hash(body)
        mac = chain.mac(tip.key, digest)
        place = row_id(tip.number, row.seq)
        self.db.execute(
            f"INSERT INTO events ({NAMES}) VALUES ({MARKS})",
            (place, body, digest, mac, sealed, *columns(row, self._number_of(tip))),
        )
        if was is None:
            self._note_payment(event, place, tip)
        record = Record(epoch=tip.epoch, seq=row.seq, body=body, hash=digest, mac=mac)
        after = ChainHead(tip.number, tip.epoch, row.seq, digest, chain.next_key(tip.key))
        return record, after

    def _note_payment(self, event: Event, place: int, tip: ChainHead) -> None:
        """An intent is open until an event about it says what became of it; an end that was not
        executed said nothing."""
        if isinstance(event, Intent):
            self.db.execute("INSERT INTO open_intents VALUES (?)", (place,))
        if not isinstance(event, PaymentEnd | Recovery):
            return
        about = subject(event)
        number = self._number_of(tip)(about.epoch) if about is not None else None
        if about is None or number is None:
            return
        ended = row_id(number, about.seq)
        self.db.execute("DELETE FROM open_intents WHERE id = ?", (ended,))
        if isinstance(event, Recovery):
            self.db.execute(
                "INSERT OR IGNORE INTO open_intents"
                " SELECT refers FROM events WHERE id = ? AND kind = 'payment-end'",
                (ended,),
            )

    def _number_of(self, tip: ChainHead) -> Callable[[str], int | None]:
        def number_of(epoch: str) -> int | None:
            if epoch == tip.epoch:
                return tip.number
            found = self.db.execute(
                "SELECT number FROM epochs WHERE epoch = ?", (epoch,)
            ).fetchone()
            return None if found is None else as_number(found[0])

        return number_of

    # Epochs

    def enter_epoch(self, cause: EpochCause, *, file: str = "", contested: str = "") -> ChainHead:
        """Begin an epoch in the open transaction; its first event tells why, as `Checkpoint` has
        it. After the COMMIT comes `settle_seed`. Raises faults of the key store."""
        seed = self._seed()
        before = read_epoch(self.db)
        number = before.number + 1 if before else 1
        step = before.step + 1 if before and before.mark == _mark(seed) else 0
        head = self._last_hash()
        epoch = self.setting.world.random(16).hex()
        mark = _mark(chain.next_seed(seed))
        write_epoch(self.db, Epoch(number, epoch, head, cause, step, mark, 0, None))
        prev = chain.first_prev(self.setting.terminal, epoch, head)
        tip = ChainHead(number, epoch, 0, prev, chain.epoch_key(seed, epoch))
        begun = Checkpoint(
            clock=self.setting.clock(),
            reason="epoch-begun",
            cause=cause,
            step=step,
            head=head,
            before=before.epoch if before else "",
            file=file,
            contested=contested,
        )
        return self.insert(tip, begun)[1]

    def settle_seed(self) -> bool:
        """Take the seed's step if it is due. False when the seed is no child of the last epoch:
        the terminal was enrolled (again). Raises faults of the key store."""
        seed = self._seed()
        last = read_epoch(self.db)
        if last is None:
            return False
        stepped = chain.next_seed(seed)
        if last.mark == _mark(stepped):
            self.setting.keys.write(SEED, stepped)
            return True
        return last.mark == _mark(seed)

    def _seed(self) -> bytes:
        return read_secret(self.setting.keys, SEED, KEY_32)

    def _last_hash(self) -> str:
        row = self.db.execute("SELECT hash FROM events ORDER BY id DESC LIMIT 1").fetchone()
        return row[0] if row else ""

    # Upkeep

    def checkpoint(self) -> None:
        """Move the WAL into the file and empty it; with it go the forward keys of the past."""
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def close(self) -> None:
        """Close the connection; a transaction that is open is rolled back."""
        self.db.close()


def open_journal(setting: JournalContext, *, damaged: bool = False) -> Journal:
    """The start-up path: file, tables, WAL folded in, owner, tail of the chain, seed, epoch.

    `damaged`: give the newest file up first. Raises `JournalDamaged` (call again with `damaged`),
    `sqlite3.Error`, `OSError`, faults of the key store, `JournalForeign`, `JournalNewer`,
    `MigrationFailed`, `Unstored` by what stopped the migration.
    """
    path = _prepared(setting, damaged=damaged)
    _require_form(setting.world, path)
    journal = Journal(setting, path, setting.world.database(path))
    try:
        _configure(journal.db)
        if _version(journal) < SCHEMA:
            journal.close()
            _run_migration(setting, damaged=False)
            journal.db = setting.world.database(path)
            _configure(journal.db)
        _require_tables(journal)
        # What a failed fsync left in the page cache is written once more, and synced, before any
        # row is added behind it.
        journal.checkpoint()
        _load_tip(journal)
        _require_owner(journal)
        _require_epoch(journal)
    except BaseException:
        journal.close()
        raise
    return journal


def _prepared(setting: JournalContext, *, damaged: bool) -> Path:
    known = generations(setting.world, setting.directory)
    if damaged or not known:
        setting.world.make_folder(setting.directory)
        _run_migration(setting, damaged=damaged)
        known = generations(setting.world, setting.directory)
    return journal_file(setting.directory, known[-1])


def _run_migration(setting: JournalContext, *, damaged: bool) -> None:
    options = ["--damaged"] if damaged else []
    command = [sys.executable, "-m", "offline_store.migrate", *options, str(setting.directory)]
    status = setting.world.run(command, timeout=_MIGRATION_TIME)
    if status > STATUS_BASE:
        raise by_code(status - STATUS_BASE, "migration")
    if status != 0:
        raise MigrationFailed(status=status, path=str(setting.directory))


def _require_form(world: World, path: Path) -> None:
    """A file whose header names a later form than WAL is only read by SQLite, for ever (file
    format, 1.3.3). No connection is open: closing the file would end its locks."""
    with suppress(OSError), world.open(path, "rb") as file:  # SQLite tells what is wrong then
        if max(file.read(_FORMS.stop)[_FORMS], default=0) > _WAL_FORM:
            raise JournalDamaged(cause="header")


def _configure(db: Database) -> None:
    db.text_factory = as_text
    db.execute(f"PRAGMA busy_timeout = {_LOCK_PATIENCE}")
    db.execute("PRAGMA locking_mode = EXCLUSIVE")  # before WAL, so that there is no shared memory
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA wal_autocheckpoint = 0")
    db.execute("PRAGMA secure_delete = ON")  # of the forward key's old page content
    db.execute("PRAGMA recursive_triggers = ON")  # REPLACE may not go around the triggers


def _version(journal: Journal) -> int:
    (version,) = journal.db.execute("PRAGMA user_version").fetchone()
    if version == 0:
        raise JournalDamaged(cause="empty")  # a file gets its name with its tables (files.py)
    if _mark_of(journal, VERSION_MARK) not in (None, str(version)):
        raise JournalDamaged(cause="version")
    if version > SCHEMA:
        raise JournalNewer(found=version, known=SCHEMA, path=str(journal.path))
    return int(version)


def _require_tables(journal: Journal) -> None:
    if _mark_of(journal, TABLES_MARK) != tables_hash(journal.db):
        raise JournalDamaged(cause="tables")


def _mark_of(journal: Journal, name: str) -> str | None:
    try:
        return _meta(journal, name)
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_ERROR:
            raise
        raise JournalDamaged(cause="tables") from error  # not even the table is known


def _require_owner(journal: Journal) -> None:
    """By the last event; its text was checked when the tip was loaded or the row salvaged."""
    row = journal.db.execute("SELECT body FROM events ORDER BY id DESC LIMIT 1").fetchone()
    if row is None:
        return
    found = as_row(row[0]).terminal
    if found != journal.setting.terminal:
        raise JournalForeign(
            found=found, configured=journal.setting.terminal, path=str(journal.path)
        )


def _load_tip(journal: Journal) -> None:
    """Raises `JournalDamaged` when the end of the chain does not hold."""
    key = journal.db.execute("SELECT * FROM forward_key").fetchone()
    top = journal.db.execute("SELECT id, hash FROM events ORDER BY id DESC LIMIT 1").fetchone()
    if key is None and (top is None or _meta(journal, SALVAGED) is not None):
        return  # a fresh file: an epoch is about to begin
    if key is None or top is None:
        raise JournalDamaged(cause="head")
    _, number, seq, forward = require_checked(key)
    last = read_epoch(journal.db)
    if last is None or last.number != number or top[0] != row_id(number, seq):
        raise JournalDamaged(cause="head")
    first = row_id(number, max(1, seq - TAIL + 1))
    tail = read_records(journal.db, first, top[0], TAIL)
    if len(tail) != seq_of(top[0]) - seq_of(first) + 1 or chain.verify_chain(tail):
        raise JournalDamaged(cause="chain")
    journal.tip = ChainHead(number, last.epoch, seq, top[1], forward)


def _require_epoch(journal: Journal) -> None:
    """See that a seed's step is taken and that an epoch is there to add to."""
    salvaged = _meta(journal, SALVAGED)
    if journal.settle_seed() and salvaged is None:
        return
    journal.begin()
    if salvaged is not None:
        tip = _tell_damage(journal, salvaged)
    else:
        tip = journal.enter_epoch("enrolment")
    journal.commit(tip)
    journal.settle_seed()


def _tell_damage(journal: Journal, file: str) -> ChainHead:
    """An epoch that begins with what could not be read."""
    tip = journal.enter_epoch("damaged", file=file)
    epochs = {epoch.number: epoch.epoch for epoch in all_epochs(journal.db)}
    lost = [span for span in lost_spans(journal.db) if span.file == file and span.number in epochs]
    clock = journal.setting.clock()
    for span in lost:
        alarm = Alarm(
            clock=clock,
            reason="journal-unreadable",
            file=file,
            lost=LostRows(epoch=epochs[span.number], first=span.first, last=span.last),
        )
        _, tip = journal.insert(tip, alarm)
    if not lost:
        damaged = Alarm(clock=clock, reason="journal-damaged", file=file)
        _, tip = journal.insert(tip, damaged)
    journal.db.execute("DELETE FROM meta WHERE name = ?", (SALVAGED,))
    return tip


def tell_not_executed(journal: Journal, refused: ChainHead) -> Sequence[Record]:
    """Events for rows after `refused` that are there although their COMMIT failed and their
    callers were told so."""
    rows = journal.db.execute(
        "SELECT id, hash FROM events WHERE id > ? AND id < ? ORDER BY id",
        (row_id(refused.number, refused.seq), row_id(refused.number + 1, 0)),
    ).fetchall()
    if not rows:
        return []
    journal.begin()
    tip, records = journal.tip, []
    for row, digest in rows:
        about = Reference(refused.epoch, seq_of(row), digest)
        told = Recovery(clock=journal.setting.clock(), reason=NOT_EXECUTED, about=about)
        record, tip = journal.insert(tip, told)
        records.append(record)
    journal.commit(tip)
    return records


def _meta(journal: Journal, name: str) -> str | None:
    row = journal.db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def _mark(seed: bytes) -> str:
    """A fingerprint of the seed that tells nothing of it."""
    return sm3(b"onecard journal seed\0" + seed).hex()
