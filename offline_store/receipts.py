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
from offline_store.event import Draft, Event, Record
from offline_store.journal import Journal, Tip
from offline_store.rows import Span, read_records, row_id, seq_of, without
from world import Database

REENTRY_SLICE = 20  # rows per transaction, ≤ 5 ms


class Gap(Protocol):
    """Sequence numbers the platform lacks, both ends included."""

    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...


class Receipt(Protocol):
    """What the platform's database holds of one epoch; cumulative (design.md, Wire).

    `seq`: held, or in quarantine, up to here · `hash`: of row `seq`, empty when it has none ·
    `gaps`: missing above `seq` · `quarantined`: kept, but not understood · `conflicts`: held with
    other content.
    """

    @property
    def epoch(self) -> str: ...
    @property
    def seq(self) -> int: ...
    @property
    def hash(self) -> str: ...
    @property
    def gaps(self) -> Sequence[Gap]: ...
    @property
    def quarantined(self) -> Sequence[int]: ...
    @property
    def conflicts(self) -> Sequence[int]: ...


@dataclass(frozen=True)
class Standing:
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


def standings(db: Database) -> list[Standing]:
    """All epochs that may have something to send, oldest first."""
    rows = db.execute(
        "SELECT e.number, e.epoch, coalesce(r.seq, 0), coalesce(r.gaps, '[]'), max("
        " coalesce((SELECT id & 1099511627775 FROM events WHERE id >= e.number << 40"
        "  AND id < (e.number + 1) << 40 ORDER BY id DESC LIMIT 1), 0),"
        " coalesce((SELECT max(last) FROM damage WHERE epoch = e.number), 0))"
        " FROM epochs e LEFT JOIN receipts r ON r.epoch = e.number"
        " WHERE NOT e.abandoned ORDER BY e.number"
    ).fetchall()
    return [
        Standing(number, epoch, last, seq, msgspec.json.decode(gaps, type=tuple[Span, ...]))
        for number, epoch, seq, gaps, last in rows
    ]


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


def _rows_and_stand_ins(db: Database, standing: Standing, span: Span, room: int) -> list[Record]:
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


def take_receipt(journal: Journal, receipt: Receipt) -> bool:
    """Durable on return. Old, repeated and unknown ones change nothing; True when the epoch is
    unknown here. Raises `sqlite3.Error`, faults of the key store."""
    row = journal.db.execute(
        "SELECT e.number, e.abandoned, coalesce(r.seq, 0), coalesce(r.gaps, '[]') FROM epochs e"
        " LEFT JOIN receipts r ON r.epoch = e.number WHERE e.epoch = ?",
        (receipt.epoch,),
    ).fetchone()
    if row is None:
        return True
    number, abandoned, before, gaps_before = row
    trouble = None if abandoned else _disagreement(journal.db, number, receipt)
    journal.begin()
    tip = journal.tip
    if trouble:
        tip = _contest(journal, number, before, receipt, trouble)
    elif receipt.seq >= before:
        gaps = [[gap.first, gap.last] for gap in receipt.gaps if gap.first > receipt.seq]
        text = msgspec.json.encode(gaps).decode()
        if (receipt.seq, text) != (before, gaps_before):
            journal.db.execute(
                "INSERT OR REPLACE INTO receipts VALUES (?, ?, ?, ?)",
                (number, receipt.seq, text, int(journal.setting.world.now() * 1000)),
            )
    journal.db.executemany(
        "INSERT OR IGNORE INTO quarantined VALUES (?)",
        [(row_id(number, seq),) for seq in receipt.quarantined],
    )
    journal.commit(tip)
    if trouble:
        journal.settle_seed()
    return False


def _disagreement(db: Database, number: int, receipt: Receipt) -> str | None:
    standing = next(s for s in standings(db) if s.number == number)
    if receipt.seq > standing.last or any(gap.last > standing.last for gap in receipt.gaps):
        return "platform-ahead"
    own = db.execute(
        "SELECT hash FROM events WHERE id = ?", (row_id(number, receipt.seq),)
    ).fetchone()
    if receipt.conflicts or (receipt.hash and own is not None and own[0] != receipt.hash):
        return "platform-conflict"
    return None


def _contest(journal: Journal, number: int, receipted: int, receipt: Receipt, reason: str) -> Tip:
    """A new epoch with its alarm; rows above `receipted` are entered again by `reenter`."""
    journal.db.execute(
        "UPDATE epochs SET abandoned = 1, reenter = ? WHERE number = ?", (receipted + 1, number)
    )
    tip = journal.enter_epoch(reason, contested=receipt.epoch)
    alarm = journal.setting.draft(
        "alarm", reason, epoch=receipt.epoch, seq=receipt.seq, receipted=receipted
    )
    _, tip = journal.insert(tip, alarm)
    for seq in sorted(receipt.conflicts):
        if seq <= receipted:
            tip = _reenter_rows(journal, tip, row_id(number, seq), row_id(number, seq), 1)[0]
    return tip


def reenter(journal: Journal) -> bool:
    """Enter one slice of contested rows again, durably. True while there are more."""
    row = journal.db.execute(
        "SELECT number, reenter FROM epochs WHERE reenter IS NOT NULL ORDER BY number LIMIT 1"
    ).fetchone()
    if row is None:
        return False
    number, seq = row
    journal.begin()
    first, last = row_id(number, seq), row_id(number + 1, 0) - 1
    tip, reached = _reenter_rows(journal, journal.tip, first, last, REENTRY_SLICE)
    following = None if reached is None else reached + 1
    journal.db.execute("UPDATE epochs SET reenter = ? WHERE number = ?", (following, number))
    journal.commit(tip)
    return True


def _reenter_rows(
    journal: Journal, tip: Tip, first: int, last: int, limit: int
) -> tuple[Tip, int | None]:
    """The tip after them, and the last seq; None when there were none."""
    rows = journal.db.execute(
        "SELECT id, body, sealed, refers FROM events WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?",
        (first, last, limit),
    ).fetchall()
    reached = None
    for row, body, sealed, refers in rows:
        old = msgspec.json.decode(body, type=Event)
        _, tip = journal.insert(tip, _again(old), sealed, refers=refers, again=True)
        reached = seq_of(row)
    return tip, reached


def _again(old: Event) -> Draft:
    """The same event, naming where it stood; `refers` would mean a seq of the new epoch."""
    fields = {name: getattr(old, name) for name in Draft.__struct_fields__}
    detail: dict[str, int | str] = {**old.detail, "was_epoch": old.epoch, "was_seq": old.seq}
    if old.refers is not None:
        detail["was_refers"] = old.refers
    return Draft(**{**fields, "detail": detail, "refers": None})
