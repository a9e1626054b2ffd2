"""The platform's receipts: how far each epoch is safe, and what to do when the two ends disagree.

Outbox = rows above an epoch's receipted seq that the platform does not say it holds. A platform
that is ahead of us, or holds other content under one of our keys, ends the epoch: a new one begins
and what has no receipt is entered there again, naming its old place.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from offline_store import chain
from offline_store.columns import row_id
from offline_store.epochs import Epoch, all_epochs, write_epoch
from offline_store.events.about import Alarm
from offline_store.events.reference import Reference
from offline_store.events.row import Record
from offline_store.events.terminal import EpochCause
from offline_store.journal import ChainHead, Journal
from offline_store.rows import (
    MOST_SEQ,
    Span,
    as_sealed,
    as_stored,
    checked,
    lost_spans,
    read_records,
    require_checked,
    seq_of,
    without,
)
from world import Database

REENTRY_SLICE = 20  # rows per transaction, ≤ 5 ms


class Gap(Protocol):
    """Sequence numbers the platform lacks, both ends included."""

    @property
    def first(self) -> int:
        """The lowest `seq` that the platform lacks here."""
        ...

    @property
    def last(self) -> int:
        """The highest `seq` that the platform lacks here; not below `first`."""
        ...


class EpochReceipt(Protocol):
    """What the platform's database holds of one epoch; cumulative (design.md, Wire).

    `seq`: held, or in quarantine, up to here · `hash`: of row `seq`, empty when it has none ·
    `gaps`: missing above `seq` · `quarantined`: kept, but not understood · `conflicts`: held with
    other content.
    """

    @property
    def epoch(self) -> str:
        """The epoch that the receipt is about, 32 hexadecimal digits."""
        ...

    @property
    def seq(self) -> int:
        """The platform holds each row of the epoch up to here, or has it in quarantine."""
        ...

    @property
    def hash(self) -> str:
        """The hash of row `seq` as the platform holds it (64 hex); empty when it has none."""
        ...

    @property
    def gaps(self) -> Sequence[Gap]:
        """What is missing above `seq`, ascending."""
        ...

    @property
    def quarantined(self) -> Sequence[int]:
        """Rows that the platform keeps and does not understand, by `seq`."""
        ...

    @property
    def conflicts(self) -> Sequence[int]:
        """Rows of which the platform holds other content under the same `seq`."""
        ...


@dataclass(frozen=True)
class EpochBacklog:
    """One epoch as the outbox sees it."""

    number: int
    epoch: str
    last: int  # highest seq that was ever given
    receipted: int
    gaps: tuple[Span, ...]  # above `receipted`

    def wanted(self) -> Iterator[Span]:
        """Sequence numbers to be sent, ascending."""
        if not self.gaps:
            yield from without(Span(self.receipted + 1, self.last), ())
            return
        yield from self.gaps
        # The row after the last gap is held, or it would belong to the gap; what comes then may be.
        yield from without(Span(self.gaps[-1].last + 2, self.last), ())


def standings(db: Database) -> list[EpochBacklog]:
    """All epochs that may have something to send, oldest first."""
    return [_standing(db, epoch) for epoch in all_epochs(db) if not epoch.abandoned]


def _standing(db: Database, epoch: Epoch) -> EpochBacklog:
    number = epoch.number
    held = db.execute(
        "SELECT max(id) FROM events WHERE id BETWEEN ? AND ?",
        (row_id(number, 0), row_id(number, MOST_SEQ)),
    ).fetchone()
    last = max(seq_of(held[0] or 0), *(lost.last for lost in lost_spans(db, number)), 0)
    receipted, gaps = _receipted(db, number)
    return EpochBacklog(number, epoch.epoch, last, receipted, gaps)


def _receipted(db: Database, number: int) -> tuple[int, tuple[Span, ...]]:
    """How far the platform holds the epoch, and what it lacks above. Raises `JournalDamaged`."""
    row = db.execute("SELECT * FROM receipts WHERE epoch = ?", (number,)).fetchone()
    if row is None:
        return 0, ()
    _, seq, gaps, _ = require_checked(row)
    return seq, msgspec.json.decode(gaps, type=tuple[Span, ...])


def outbox(db: Database, limit: int) -> list[Record]:
    """The next rows to send, oldest first; for an unreadable row a stand-in that says so."""
    records: list[Record] = []
    for standing in standings(db):
        for span in standing.wanted():
            room = limit - len(records)
            if room <= 0:
                return records
            records += _rows_and_stand_ins(db, standing, span, room)
    return records


def _rows_and_stand_ins(
    db: Database, standing: EpochBacklog, span: Span, room: int
) -> list[Record]:
    number = standing.number
    rows = read_records(db, row_id(number, span.first), row_id(number, span.last), room)
    if len(rows) == min(room, span.last - span.first + 1):
        return rows
    held = {record.seq: record for record in rows}
    end = min(span.last, span.first + room - 1)
    return [held.get(seq) or stand_in(standing.epoch, seq) for seq in range(span.first, end + 1)]


def stand_in(epoch: str, seq: int) -> Record:
    """What is sent for a row that cannot be read any more. It is no event: the platform puts it
    into quarantine under its number and the rows behind it are not held back."""
    body = msgspec.json.encode({"unreadable": seq, "epoch": epoch}).decode()
    digest = chain.body_hash(body)
    return Record(epoch=epoch, seq=seq, body=body, hash=digest, mac=chain.UNREADABLE_MAC)


def take_receipt(journal: Journal, receipt: EpochReceipt) -> bool:
    """Durable on return. Old, repeated and unknown ones change nothing; True when the epoch is
    unknown here. Raises `sqlite3.Error`, faults of the key store."""
    known = [epoch for epoch in all_epochs(journal.db) if epoch.epoch == receipt.epoch]
    if not known:
        return True
    (epoch,) = known
    before, gaps_before = _receipted(journal.db, epoch.number)
    trouble = None if epoch.abandoned else _disagreement(journal.db, epoch, receipt)
    journal.begin()
    tip = journal.tip
    if trouble:
        tip = _contest(journal, epoch, before, receipt, trouble)
    elif receipt.seq >= before:
        gaps = tuple(Span(gap.first, gap.last) for gap in receipt.gaps if gap.first > receipt.seq)
        if (receipt.seq, gaps) != (before, gaps_before):
            now = int(journal.setting.world.now() * 1000)
            text = msgspec.json.encode(gaps).decode()
            journal.db.execute(
                "INSERT OR REPLACE INTO receipts VALUES (?, ?, ?, ?, ?)",
                checked(epoch.number, receipt.seq, text, now),
            )
    journal.db.executemany(
        "INSERT OR IGNORE INTO quarantined VALUES (?)",
        [(row_id(epoch.number, seq),) for seq in receipt.quarantined],
    )
    journal.commit(tip)
    if trouble:
        journal.settle_seed()
    return False


def _disagreement(db: Database, epoch: Epoch, receipt: EpochReceipt) -> EpochCause | None:
    standing = _standing(db, epoch)
    if receipt.seq > standing.last or any(gap.last > standing.last for gap in receipt.gaps):
        return "platform-ahead"
    row = row_id(epoch.number, receipt.seq)
    own = read_records(db, row, row, 1)  # sound: damage here is no conflict
    if receipt.conflicts or (receipt.hash and own and own[0].hash != receipt.hash):
        return "platform-conflict"
    return None


def _contest(
    journal: Journal, epoch: Epoch, receipted: int, receipt: EpochReceipt, reason: EpochCause
) -> ChainHead:
    """A new epoch with its alarm; rows above `receipted` are entered again by `reenter`."""
    write_epoch(journal.db, epoch._replace(abandoned=1, reenter=receipted + 1))
    tip = journal.enter_epoch(reason, contested=receipt.epoch)
    alarm = Alarm(
        clock=journal.setting.clock(),
        reason=reason,
        about=Reference(receipt.epoch, receipt.seq, receipt.hash),
        receipted=receipted,
    )
    _, tip = journal.insert(tip, alarm)
    for seq in sorted(receipt.conflicts):
        if seq <= receipted:
            row = row_id(epoch.number, seq)
            tip, _ = _reenter_rows(journal, tip, row, row, 1)
    return tip


def reenter(journal: Journal) -> bool:
    """Enter one slice of contested rows again, durably. True while there are more."""
    contested = [epoch for epoch in all_epochs(journal.db) if epoch.reenter is not None]
    if not contested:
        return False
    epoch = contested[0]
    journal.begin()
    first, last = row_id(epoch.number, epoch.reenter or 0), row_id(epoch.number, MOST_SEQ)
    tip, reached = _reenter_rows(journal, journal.tip, first, last, REENTRY_SLICE)
    write_epoch(journal.db, epoch._replace(reenter=None if reached is None else reached + 1))
    journal.commit(tip)
    return True


def _reenter_rows(
    journal: Journal, tip: ChainHead, first: int, last: int, limit: int
) -> tuple[ChainHead, int | None]:
    """The tip after them, and the last seq; None when there were none."""
    rows = journal.db.execute(
        "SELECT id, body, hash, sealed FROM events WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?",
        (first, last, limit),
    ).fetchall()
    reached = None
    for row, body, digest, sealed in rows:
        old = as_stored(body, digest)
        _, tip = journal.insert(tip, old.event, as_sealed(sealed), was=old.was or old.at)
        reached = seq_of(row)
    return tip, reached
