"""The open journal: one connection, the tip of the chain in memory, rows that are only added.

`open_journal` is the one start-up path, also after every error. All of it runs on the store's
thread. Durable steps of a new epoch: (1) COMMIT of its row, its first key and its first event;
(2) the key store's seed takes its step. Between the two the seed still stands where `mark` says
it must not be, and the next opening takes the step before anything is stored.
"""

import sqlite3
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from offline_store import chain
from offline_store.clock_quality import clock_quality
from offline_store.epochs import Epoch, all_epochs, read_epoch, write_epoch
from offline_store.event import (
    ABOUT_EPOCH,
    ABOUT_SEQ,
    INTENT_EPOCH,
    INTENT_SEQ,
    OFFLINE,
    Draft,
    Event,
    EventKind,
    Record,
)
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
    as_event,
    as_text,
    checked,
    lost_spans,
    read_records,
    require_checked,
    row_id,
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
class Tip:
    """The last row, and the key of the next one."""

    number: int
    epoch: str
    seq: int
    hash: str  # of the last row; what the first row's `prev` is before there is one
    key: bytes = field(repr=False)


@dataclass(frozen=True)
class Setting:
    """Where the journal lives and whose it is."""

    world: World
    directory: Path
    terminal: str
    boot: str
    keys: KeyStore

    def draft(self, kind: str, reason: str, **detail: int | str) -> Draft:
        """An event of the store's own."""
        now = self.world.now()
        return msgspec.convert(
            {
                "kind": kind,
                "time_ms": int(now * 1000),
                "clock": clock_quality(self.world, now),
                "boot": self.boot,
                "reason": reason,
                "detail": detail,
            },
            Draft,
        )


class Journal:
    """Made by `open_journal`. After any `sqlite3.Error` it is only good for `close`."""

    def __init__(self, setting: Setting, path: Path, db: Database) -> None:
        self.setting = setting
        self.path = path
        self.db = db
        self.tip = Tip(0, "", 0, "", b"")

    # Transactions

    def begin(self) -> None:
        self.db.execute("BEGIN IMMEDIATE")

    def commit(self, tip: Tip) -> None:
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
        tip: Tip,
        draft: Draft,
        sealed: bytes | None = None,
        *,
        refers: int | None = None,
        again: bool = False,
    ) -> tuple[Record, Tip]:
        """The row after `tip`, and the tip after it. `refers`: a row id, if not in this epoch.
        `again`: entered once before; of its person the first row tells, executed or not."""
        event = Event(
            **{name: getattr(draft, name) for name in Draft.__struct_fields__},
            v=1,
            terminal=self.setting.terminal,
            epoch=tip.epoch,
            seq=tip.seq + 1,
            prev=tip.hash,
            sealed=sm3(sealed).hex() if sealed else "",
        )
        body = msgspec.json.encode(event).decode()
        digest = chain.body_hash(body)
        mac = chain.mac(tip.key, digest)
        if refers is None and event.refers is not None:
            refers = row_id(tip.number, event.refers)
        elif refers is None and INTENT_EPOCH in event.detail and not again:
            refers = self._intent(event)
        self.db.execute(
            "INSERT INTO events (id, kind, time_ms, person, scene, lane, verdict, refers,"
            " body, hash, mac, sealed, asked, offline, code)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row_id(tip.number, event.seq),
                event.kind,
                event.time_ms,
                "" if again else event.person,
                event.scene,
                event.lane,
                event.verdict,
                refers,
                body,
                digest,
                mac,
                sealed,
                event.card if event.asked and not again else None,
                None if again else event.detail.get(OFFLINE),
                None if again else event.used_code or None,
            ),
        )
        if not again:
            self._note_payment(event.kind, row_id(tip.number, event.seq), refers)
        record = Record(epoch=tip.epoch, seq=event.seq, body=body, hash=digest, mac=mac)
        after = Tip(tip.number, tip.epoch, event.seq, digest, chain.next_key(tip.key))
        return record, after

    def _note_payment(self, kind: EventKind, row: int, refers: int | None) -> None:
        """An intent is open until an event about it says what became of it; an end that was not
        executed said nothing."""
        if kind == "intent":
            self.db.execute("INSERT INTO open_intents VALUES (?)", (row,))
        elif kind in ("payment-end", "recovery") and refers is not None:
            self.db.execute("DELETE FROM open_intents WHERE id = ?", (refers,))
        if kind == "recovery" and refers is not None:
            self.db.execute(
                "INSERT OR IGNORE INTO open_intents"
                " SELECT refers FROM events WHERE id = ? AND kind = 'payment-end'",
                (refers,),
            )

    def _intent(self, event: Event) -> int | None:
        """The row of an intent of an earlier epoch, which the event names by epoch and seq."""
        found = self.db.execute(
            "SELECT number FROM epochs WHERE epoch = ?", (event.detail[INTENT_EPOCH],)
        ).fetchone()
        return row_id(found[0], int(event.detail[INTENT_SEQ])) if found else None

    # Epochs

    def enter_epoch(self, cause: str, **detail: int | str) -> Tip:
        """Begin an epoch in the open transaction; its first event tells why. After the COMMIT
        comes `settle_seed`. Raises faults of the key store."""
        seed = self._seed()
        before = read_epoch(self.db)
        number = before.number + 1 if before else 1
        step = before.step + 1 if before and before.mark == _mark(seed) else 0
        head = self._last_hash()
        epoch = self.setting.world.random(16).hex()
        mark = _mark(chain.next_seed(seed))
        write_epoch(self.db, Epoch(number, epoch, head, cause, step, mark, 0, None))
        prev = chain.first_prev(self.setting.terminal, epoch, head)
        tip = Tip(number, epoch, 0, prev, chain.epoch_key(seed, epoch))
        told: dict[str, int | str] = {"cause": cause, "step": step, "head": head, **detail}
        if before:
            told["before"] = before.epoch
        draft = self.setting.draft("checkpoint", "epoch-begun", **told)
        return self.insert(tip, draft)[1]

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
        self.db.close()


def open_journal(setting: Setting, *, damaged: bool = False) -> Journal:
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


def _prepared(setting: Setting, *, damaged: bool) -> Path:
    known = generations(setting.world, setting.directory)
    if damaged or not known:
        setting.world.make_folder(setting.directory)
        _run_migration(setting, damaged=damaged)
        known = generations(setting.world, setting.directory)
    return journal_file(setting.directory, known[-1])


def _run_migration(setting: Setting, *, damaged: bool) -> None:
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
    found = as_event(row[0]).terminal
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
    journal.tip = Tip(number, last.epoch, seq, top[1], forward)


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


def _tell_damage(journal: Journal, file: str) -> Tip:
    """An epoch that begins with what could not be read."""
    tip = journal.enter_epoch("damaged", file=file)
    epochs = {epoch.number: epoch.epoch for epoch in all_epochs(journal.db)}
    lost = [span for span in lost_spans(journal.db) if span.file == file and span.number in epochs]
    for span in lost:
        draft = journal.setting.draft(
            "alarm",
            "journal-unreadable",
            epoch=epochs[span.number],
            first=span.first,
            last=span.last,
            file=file,
        )
        _, tip = journal.insert(tip, draft)
    if not lost:
        _, tip = journal.insert(tip, journal.setting.draft("alarm", "journal-damaged", file=file))
    journal.db.execute("DELETE FROM meta WHERE name = ?", (SALVAGED,))
    return tip


def tell_not_executed(journal: Journal, refused: Tip) -> Sequence[Record]:
    """Events for rows after `refused` that are there although their COMMIT failed and their
    callers were told so."""
    rows = journal.db.execute(
        "SELECT id FROM events WHERE id > ? AND id < ? ORDER BY id",
        (row_id(refused.number, refused.seq), row_id(refused.number + 1, 0)),
    ).fetchall()
    if not rows:
        return []
    journal.begin()
    tip, records = journal.tip, []
    for (row,) in rows:
        draft = journal.setting.draft("recovery", "not-executed")
        if tip.number == refused.number:
            draft = msgspec.structs.replace(draft, refers=seq_of(row))
        else:
            elsewhere: dict[str, int | str] = {ABOUT_EPOCH: refused.epoch, ABOUT_SEQ: seq_of(row)}
            draft = msgspec.structs.replace(draft, detail=elsewhere)
        record, tip = journal.insert(tip, draft, refers=row)
        records.append(record)
    journal.commit(tip)
    return records


def _meta(journal: Journal, name: str) -> str | None:
    row = journal.db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def _mark(seed: bytes) -> str:
    """A fingerprint of the seed that tells nothing of it."""
    return sm3(b"onecard journal seed\0" + seed).hex()
