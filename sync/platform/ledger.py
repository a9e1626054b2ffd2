"""The reference receiver's database: what came in, once; what it lacks; what stands in quarantine.

One SQLite connection (WAL, synchronous=FULL) behind a lock. `ingest` returns after COMMIT, so a
receipt made from its answer is true whatever happens next.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from offline_store import chain
from offline_store.columns import verdict_of, whose
from sync.contract.messages import MAX_LISTED, Range, Receipt
from sync.contract.topics import Place
from sync.platform.examine import Examined, RejectedRow, ValidRow
from sync.platform.macs import Macs
from sync.platform.schema import SCHEMA
from trust import canonical
from trust.sm3 import sm3
from world import Database, Fault, World

T = TypeVar("T")


class LedgerFailed(Fault):
    """The database did not take it; nothing of the batch is stored. Facts: cause."""

    code = "platform.ledger-failed"


@dataclass(frozen=True, slots=True)
class StoredRow:
    """For comparisons with a journal."""

    epoch: str
    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class PlatformAlarm:
    """`kind`: conflict (other content under the same key), chain (prev is not the hash of the row
    before), mac (not the terminal's key)."""

    terminal: str
    epoch: str
    seq: int
    kind: str


class Ledger:
    """Any thread may call. Raises `LedgerFailed`."""

    def __init__(self, world: World, path: Path, macs: Macs) -> None:
        self._world = world
        self._macs = macs
        self._lock = world.lock()
        self._db: Database = world.database(path)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        """Close the database, after a transaction that is under way."""
        with self._lock:
            self._db.close()

    def transaction(self, work: Callable[[Database], T]) -> T:
        """Run `work` in one transaction; returns after COMMIT. Raises `LedgerFailed`."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    done = work(self._db)
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                cause = getattr(error, "sqlite_errorname", type(error).__name__)
                raise LedgerFailed(cause=cause) from error
            return done

    # Coming in

    def ingest(self, place: Place, batch: Examined) -> Receipt:
        """Take in what is new of a batch; the receipt covers the whole epoch."""

        def work(db: Database) -> Receipt:
            now = _ms(self._world)
            for row in batch.rows:
                if isinstance(row, ValidRow):
                    _insert(db, place.terminal, row, now)
                else:
                    _set_aside(db, place.terminal, batch.epoch, row, now)
            self._advance(db, place.terminal, batch.epoch, now)
            return _receipt(db, place.terminal, batch.epoch)

        return self.transaction(work)

    def keep_unaddressed(self, place: Place, payload: bytes) -> None:
        """A batch without a readable header: kept, but there is no row to receipt."""

        def work(db: Database) -> None:
            row = RejectedRow(0, "unreadable", payload)
            _set_aside(db, place.terminal, "", row, _ms(self._world))

        self.transaction(work)

    def _advance(self, db: Database, terminal: str, epoch: str, now: int) -> None:
        """Walk on over what has become contiguous, checking chain and MAC on the way."""
        known = db.execute(
            "SELECT seq, hash FROM epochs WHERE terminal = ? AND epoch = ?", (terminal, epoch)
        ).fetchone()
        if known is None:
            db.execute("INSERT INTO epochs VALUES (?, ?, 0, '', ?)", (terminal, epoch, now))
        start, before = known or (0, "")
        seq = start
        rows = db.execute(
            "SELECT seq, max(hash), max(mac), max(prev) FROM ("
            " SELECT seq, hash, mac, prev FROM events"
            " WHERE terminal = :terminal AND epoch = :epoch AND seq > :seq"
            " UNION ALL SELECT seq, '', '', '' FROM quarantine"
            " WHERE terminal = :terminal AND epoch = :epoch AND seq > :seq"
            ") GROUP BY seq ORDER BY seq",
            {"terminal": terminal, "epoch": epoch, "seq": start},
        )
        with closing(rows):
            for here, digest, mac, prev in rows:
                if here != seq + 1:
                    break
                if digest and before and prev != before:
                    _raise_alarm(db, PlatformAlarm(terminal, epoch, here, "chain"), now)
                if digest and not self._macs.genuine(terminal, epoch, here, digest, mac):
                    _raise_alarm(db, PlatformAlarm(terminal, epoch, here, "mac"), now)
                seq, before = here, digest
        if seq > start:
            db.execute(
                "UPDATE epochs SET seq = ?, hash = ? WHERE terminal = ? AND epoch = ?",
                (seq, before, terminal, epoch),
            )

    # Going out

    def receipts(self, terminal: str, epochs: int = 3) -> list[Receipt]:
        """Receipts of the terminal's newest epochs, for one that has just come back."""

        def work(db: Database) -> list[Receipt]:
            newest = db.execute(
                "SELECT epoch FROM epochs WHERE terminal = ? ORDER BY first_ms DESC LIMIT ?",
                (terminal, epochs),
            ).fetchall()
            return [_receipt(db, terminal, epoch) for (epoch,) in newest]

        return self.transaction(work)

    def block(self, name: str, references: Iterable[str]) -> None:
        """All that list `name` blocks now: accepted rows of these cards or persons are flagged
        when they come in. Raises `ValueError` for what is no reference."""
        blocked = frozenset(map(canonical.reference, references))

        def work(db: Database) -> None:
            known = db.execute("SELECT reference FROM revoked WHERE list = ?", (name,)).fetchall()
            before = {reference for (reference,) in known}
            db.executemany(
                "DELETE FROM revoked WHERE list = ? AND reference = ?",
                [(name, reference) for reference in before - blocked],
            )
            db.executemany(
                "INSERT INTO revoked VALUES (?, ?, ?)",
                [(name, reference, _ms(self._world)) for reference in blocked - before],
            )

        self.transaction(work)

    # Questions

    def rows(self, terminal: str) -> Sequence[StoredRow]:
        """All events of a terminal, epochs in the order they came in."""
        return self._select(
            StoredRow,
            "SELECT e.epoch, e.seq, e.hash FROM events e JOIN epochs p"
            " ON p.terminal = e.terminal AND p.epoch = e.epoch"
            " WHERE e.terminal = ? ORDER BY p.first_ms, p.rowid, e.seq",
            terminal,
        )

    def alarms(self, terminal: str) -> Sequence[PlatformAlarm]:
        """All alarms about that terminal's rows, in the order in which they were raised."""
        return self._select(
            PlatformAlarm,
            "SELECT terminal, epoch, seq, kind FROM alarms WHERE terminal = ? ORDER BY rowid",
            terminal,
        )

    def flagged(self, terminal: str, flag: str = "revoked-since") -> Sequence[StoredRow]:
        """Rows of that terminal that bear the flag, in the order in which they came."""
        return self._select(
            StoredRow,
            "SELECT epoch, seq, hash FROM flags JOIN events USING (terminal, epoch, seq)"
            " WHERE terminal = ? AND flag = ? ORDER BY events.rowid",
            terminal,
            flag,
        )

    def quarantined(self, terminal: str) -> Sequence[tuple[str, int, str, bytes]]:
        """(epoch, seq, reason, raw bytes)."""
        return self._select(
            lambda *row: row,
            "SELECT epoch, seq, reason, payload FROM quarantine JOIN raw USING (digest)"
            " WHERE terminal = ? ORDER BY quarantine.rowid",
            terminal,
        )

    def _select(self, shape: Callable[..., T], query: str, *values: str) -> list[T]:
        return self.transaction(
            lambda db: [shape(*row) for row in db.execute(query, values).fetchall()]
        )


def _ms(world: World) -> int:
    return int(world.now() * 1000)


def _insert(db: Database, terminal: str, row: ValidRow, now: int) -> None:
    item, text, event = row.item, row.row, row.row.event
    card, person = whose(event)
    held = db.execute(
        "SELECT hash FROM events WHERE terminal = ? AND epoch = ? AND seq = ?",
        (terminal, text.epoch, item.seq),
    ).fetchone()
    if held is not None:
        if held[0] != item.hash:
            _conflict(db, terminal, row, now)
        return
    db.execute(
        "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            terminal,
            text.epoch,
            item.seq,
            item.hash,
            item.mac,
            text.prev,
            event.kind,
            event.clock.time_ms,
            verdict_of(event),
            event.reason,
            card,
            person,
            item.body,
            now,
        ),
    )
    if text.seq == chain.FIRST_SEQ and not chain.begins_an_epoch(text):
        _raise_alarm(db, PlatformAlarm(terminal, text.epoch, text.seq, "chain"), now)
    if verdict_of(event) == "accepted":
        # Accepted offline, revoked since: it stays accepted, and somebody should know.
        db.execute(
            "INSERT INTO flags SELECT ?, ?, ?, 'revoked-since' FROM revoked"
            " WHERE reference IN (?, ?) LIMIT 1",
            (terminal, text.epoch, item.seq, card, person),
        )


def _conflict(db: Database, terminal: str, row: ValidRow, now: int) -> None:
    epoch = row.row.epoch
    _raise_alarm(db, PlatformAlarm(terminal, epoch, row.item.seq, "conflict"), now)
    kept = RejectedRow(row.item.seq, "conflict", row.item.body.encode())
    _set_aside(db, terminal, epoch, kept, now)


def _set_aside(db: Database, terminal: str, epoch: str, row: RejectedRow, now: int) -> None:
    digest = sm3(row.raw).hex()
    db.execute("INSERT OR IGNORE INTO raw VALUES (?, ?)", (digest, row.raw))
    db.execute(
        "INSERT OR IGNORE INTO quarantine VALUES (?, ?, ?, ?, ?, ?)",
        (terminal, epoch, row.seq, row.reason, digest, now),
    )


def _raise_alarm(db: Database, alarm: PlatformAlarm, now: int) -> None:
    db.execute(
        "INSERT OR IGNORE INTO alarms VALUES (?, ?, ?, ?, ?)",
        (alarm.terminal, alarm.epoch, alarm.seq, alarm.kind, now),
    )


def _receipt(db: Database, terminal: str, epoch: str) -> Receipt:
    key: dict[str, str | int] = {"terminal": terminal, "epoch": epoch, "most": MAX_LISTED}
    seq, digest = db.execute(
        "SELECT seq, hash FROM epochs WHERE terminal = :terminal AND epoch = :epoch", key
    ).fetchone()
    return Receipt(
        epoch=epoch,
        seq=seq,
        hash=digest,
        gaps=_gaps(db, terminal, epoch, seq),
        quarantined=_seqs(
            db,
            "SELECT DISTINCT seq FROM quarantine q WHERE terminal = :terminal AND epoch = :epoch"
            " AND NOT EXISTS (SELECT 1 FROM events e WHERE e.terminal = q.terminal"
            " AND e.epoch = q.epoch AND e.seq = q.seq) ORDER BY seq DESC LIMIT :most",
            key,
        ),
        conflicts=_seqs(
            db,
            "SELECT seq FROM alarms WHERE terminal = :terminal AND epoch = :epoch"
            " AND kind = 'conflict' ORDER BY seq DESC LIMIT :most",
            key,
        ),
    )


def _seqs(db: Database, query: str, key: dict[str, str | int]) -> tuple[int, ...]:
    return tuple(sorted(seq for (seq,) in db.execute(query, key).fetchall()))


def _gaps(db: Database, terminal: str, epoch: str, seq: int) -> tuple[Range, ...]:
    """What is missing between the contiguous part and the highest row held."""
    held = db.execute(
        "SELECT seq FROM events WHERE terminal = :terminal AND epoch = :epoch AND seq > :seq"
        " UNION SELECT seq FROM quarantine"
        " WHERE terminal = :terminal AND epoch = :epoch AND seq > :seq ORDER BY seq",
        {"terminal": terminal, "epoch": epoch, "seq": seq},
    ).fetchall()
    gaps = []
    for (here,) in held:
        if here != seq + 1:
            gaps.append(Range(first=seq + 1, last=here - 1))
        seq = here
    return tuple(gaps[:MAX_LISTED])
