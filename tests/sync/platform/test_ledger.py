"""The platform's database: each row once, poison set aside, and receipts that are true."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from offline_store import chain
from offline_store.clock import ClockReading
from offline_store.events.ride import Ride
from offline_store.events.row import read
from offline_store.events.terminal import Checkpoint
from sync.contract import messages
from sync.contract.messages import Range, Receipt
from sync.contract.topics import Place
from sync.faults import MessageMalformed
from sync.platform.examine import RejectedRow, examine
from sync.platform.ledger import Ledger, LedgerFailed, PlatformAlarm
from sync.platform.macs import Macs
from tests.sync.journal import EPOCH, SEED, MemoryJournal, Row
from trust.keystore import FileKeyStore
from world import Database
from world.real import RealWorld

GATE = Place("onecard/v1", "990100", "gate-1")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    world = RealWorld()
    keys = FileKeyStore(world, tmp_path / "keys")
    keys.write("journal-seed-gate-1", SEED)
    return Ledger(world, tmp_path / "platform.db", Macs(keys))


@pytest.fixture
def journal() -> MemoryJournal:
    journal = MemoryJournal("gate-1")
    journal.add(10)
    return journal


def take(ledger: Ledger, rows: list[Row], place: Place = GATE) -> Receipt:
    return ledger.ingest(place, examine(place, messages.pack(rows).payload))


def seqs(ledger: Ledger) -> list[int]:
    return [row.seq for row in ledger.rows("gate-1")]


def changed(row: Row, **changes: object) -> Row:
    return Row(**{**vars(row), **changes})


def rewritten(row: Row, **changes: object) -> Row:
    """Another row under the right hash of its text."""
    body = msgspec.json.encode(msgspec.structs.replace(read(row.body), **changes)).decode()
    return changed(row, **sealed(body))


def retold(row: Row, **changes: object) -> Row:
    """The row with another event, under the right hash of its text."""
    return rewritten(row, event=msgspec.structs.replace(read(row.body).event, **changes))


def test_a_receipt_names_the_highest_contiguous_row(ledger: Ledger, journal: MemoryJournal) -> None:
    receipt = take(ledger, journal.rows[:4])
    assert (receipt.epoch, receipt.seq, receipt.hash) == (EPOCH, 4, journal.rows[3].hash)
    assert receipt.gaps == ()


def test_the_same_batch_twice_is_stored_once(ledger: Ledger, journal: MemoryJournal) -> None:
    first = take(ledger, journal.rows[:4])
    assert take(ledger, journal.rows[:4]) == first
    assert take(ledger, journal.rows[2:6]).seq == 6
    assert seqs(ledger) == [1, 2, 3, 4, 5, 6]


def test_reordered_batches_leave_a_gap_until_it_is_filled(
    ledger: Ledger, journal: MemoryJournal
) -> None:
    assert take(ledger, journal.rows[3:5]).gaps == (Range(first=1, last=3),)
    receipt = take(ledger, journal.rows[7:8])
    assert (receipt.seq, receipt.hash) == (0, "")
    assert receipt.gaps == (Range(first=1, last=3), Range(first=6, last=7))
    assert take(ledger, journal.rows[:3]).seq == 5
    assert take(ledger, journal.rows[5:7]).seq == 8
    assert ledger.alarms("gate-1") == []


@pytest.mark.parametrize(
    ("reason", "poison"),
    [
        ("hash", lambda row: changed(row, body=row.body + " ")),
        ("oversized", lambda row: changed(row, body="x" * (messages.MAX_BODY + 1))),
        ("event", lambda row: changed(row, **sealed('{"kind":"?"}'))),
        ("event", lambda row: retold(row, clock=ClockReading(2**63, "unset", ""))),
        ("event", lambda row: retold(row, ride=Ride(fare=2**64 - 1))),
        ("event", lambda row: changed(row, **sealed("[" * 10_000))),
        ("event", lambda row: changed(row, **sealed(twice(row.body)))),
        ("foreign", lambda row: rewritten(row, terminal="gate-2")),
        ("place", lambda row: rewritten(row, seq=77)),
    ],
)
def test_a_poisoned_row_is_kept_raw_and_does_not_hold_back_the_rest(
    ledger: Ledger,
    journal: MemoryJournal,
    reason: str,
    poison: Callable[[Row], Row],
) -> None:
    rows = [*journal.rows[:2], poison(journal.rows[2]), *journal.rows[3:5]]
    receipt = take(ledger, rows)
    assert (receipt.seq, receipt.quarantined) == (5, (3,))
    assert seqs(ledger) == [1, 2, 4, 5]
    ((epoch, seq, found, raw),) = ledger.quarantined("gate-1")
    assert (epoch, seq, found) == (EPOCH, 3, reason)
    assert msgspec.json.decode(raw, type=messages.Item).hash == rows[2].hash
    assert ledger.alarms("gate-1") == []


def twice(body: str) -> str:
    """The same event, in which one key comes twice."""
    return '{"v":2,' + body.removeprefix("{")


def sealed(body: str) -> dict[str, str]:
    return {"body": body, "hash": chain.body_hash(body)}


def test_a_mended_row_leaves_quarantine(ledger: Ledger, journal: MemoryJournal) -> None:
    take(ledger, [changed(journal.rows[0], body="{}")])
    assert take(ledger, journal.rows[:1]).quarantined == ()
    assert seqs(ledger) == [1]


def test_an_unreadable_batch_is_quarantined_by_its_header(
    ledger: Ledger, journal: MemoryJournal
) -> None:
    payload = messages.pack(journal.rows[:3]).payload[:-5]
    receipt = ledger.ingest(GATE, examine(GATE, payload))
    assert (receipt.seq, receipt.quarantined) == (3, (1, 2, 3))
    assert {raw for *_, raw in ledger.quarantined("gate-1")} == {payload}
    assert take(ledger, journal.rows[:4]).quarantined == ()


def test_a_batch_without_a_header_is_kept(ledger: Ledger) -> None:
    with pytest.raises(MessageMalformed):
        examine(GATE, b"\x00\xff")
    ledger.keep_unaddressed(GATE, b"\x00\xff")
    assert ledger.quarantined("gate-1") == [("", 0, "unreadable", b"\x00\xff")]


def test_other_content_under_the_same_key_is_an_alarm(
    ledger: Ledger, journal: MemoryJournal
) -> None:
    take(ledger, journal.rows[:3])
    receipt = take(ledger, [retold(journal.rows[1], reason="other")])
    assert receipt.conflicts == (2,)
    assert receipt.quarantined == ()
    assert ledger.alarms("gate-1") == [PlatformAlarm("gate-1", EPOCH, 2, "conflict")]
    assert [row.hash for row in ledger.rows("gate-1")] == [row.hash for row in journal.rows[:3]]
    assert [reason for _, _, reason, _ in ledger.quarantined("gate-1")] == ["conflict"]


def test_a_broken_chain_is_an_alarm(ledger: Ledger, journal: MemoryJournal) -> None:
    take(ledger, [*journal.rows[:2], rewritten(journal.rows[2], prev="e" * 64)])
    kinds = [(alarm.seq, alarm.kind) for alarm in ledger.alarms("gate-1")]
    assert kinds == [(3, "chain"), (3, "mac")]


def test_an_epoch_that_does_not_begin_as_it_says_is_an_alarm(
    ledger: Ledger, journal: MemoryJournal
) -> None:
    clock = read(journal.rows[0].body).event.clock
    begun = Checkpoint(clock=clock, cause="enrolment", head="a" * 64)
    take(ledger, [rewritten(journal.rows[0], event=begun)])
    assert PlatformAlarm("gate-1", EPOCH, 1, "chain") in ledger.alarms("gate-1")


def test_a_row_that_the_terminal_did_not_seal_is_an_alarm(
    ledger: Ledger, journal: MemoryJournal
) -> None:
    take(ledger, [*journal.rows[:2], changed(journal.rows[2], mac="0" * 64), journal.rows[3]])
    assert ledger.alarms("gate-1") == [PlatformAlarm("gate-1", EPOCH, 3, "mac")]


def test_macs_are_checked_again_after_a_restart_and_in_a_second_epoch(
    tmp_path: Path, ledger: Ledger, journal: MemoryJournal
) -> None:
    take(ledger, journal.rows[:4])
    ledger.close()
    world = RealWorld()
    again = Ledger(world, tmp_path / "platform.db", Macs(FileKeyStore(world, tmp_path / "keys")))
    take(again, journal.rows[4:])
    second = MemoryJournal("gate-1", epoch="f" * 32, seed=chain.next_seed(SEED))
    second.add(3)
    take(again, second.rows)
    assert again.alarms("gate-1") == []
    assert [row.seq for row in again.rows("gate-1")] == [*range(1, 11), 1, 2, 3]
    assert [receipt.seq for receipt in again.receipts("gate-1")] == [3, 10]


def test_accepted_offline_and_revoked_since_stays_accepted_and_is_flagged(
    ledger: Ledger,
) -> None:
    journal = MemoryJournal("gate-1")
    journal.add(1, verdict="accepted", card="c" * 64)
    journal.add(1, verdict="refused", card="c" * 64)
    journal.add(1, verdict="accepted", card="d" * 64)
    ledger.block("blacklist", ["c" * 64])
    take(ledger, journal.rows)
    assert seqs(ledger) == [1, 2, 3]
    assert [row.seq for row in ledger.flagged("gate-1")] == [1]


def test_who_is_no_longer_blocked_is_not_flagged(ledger: Ledger) -> None:
    journal = MemoryJournal("gate-1")
    journal.add(1, verdict="accepted", card="c" * 64)
    ledger.block("blacklist", ["c" * 64])
    ledger.block("blacklist", ["d" * 64])
    take(ledger, journal.rows)
    assert ledger.flagged("gate-1") == []


def test_a_batch_is_stored_whole_or_not_at_all(ledger: Ledger, journal: MemoryJournal) -> None:
    def refuse_the_second(db: Database) -> None:
        db.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON events WHEN NEW.seq = 2"
            " BEGIN SELECT RAISE(ABORT, 'full'); END"
        )

    ledger.transaction(refuse_the_second)
    with pytest.raises(LedgerFailed):
        take(ledger, journal.rows[:3])
    assert seqs(ledger) == []
    ledger.transaction(lambda db: db.execute("DROP TRIGGER refuse"))
    assert take(ledger, journal.rows[:3]).seq == 3


def test_a_batch_that_lies_about_its_rows_is_unreadable(journal: MemoryJournal) -> None:
    good = messages.pack(journal.rows[:3]).payload
    header, _, packed = good.partition(b"\n")
    lie = header.replace(b'"last":3', b'"last":4') + b"\n" + packed
    rows = examine(GATE, lie).rows
    assert rows == tuple(RejectedRow(seq, "unreadable", lie) for seq in (1, 2, 3, 4))
