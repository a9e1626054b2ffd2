"""Receipts: cumulative, in any order, and what happens when the two ends disagree."""

import pytest

from offline_store.events.row import Record
from offline_store.events.terminal import Checkpoint
from offline_store.faults import Unstored
from offline_store.store import Entry, Store, Turn
from tests.agent.events import as_kind, tap_of
from tests.offline_store.support import (
    ANNA,
    IOERR,
    Gap,
    Receipt,
    Site,
    draft,
    every_record,
    tap,
)


def fill(store: Store, rows: int = 9) -> list[Record]:
    """`rows` taps behind the epoch's first event: seq 1 … rows + 1."""
    for _ in range(rows):
        store.turn(tap())
    return every_record(store)


def waiting(store: Store) -> list[int]:
    return [record.seq for record in store.unreceipted(1000)]


def was_seqs(records: list[Record]) -> list[int | None]:
    """Where rows that were entered again stood before."""
    return [was.seq if was else None for record in records for was in [record.row().was]]


def settled(store: Store) -> Store:
    """After all contested rows were entered again."""
    while store._writer._more:
        store.status()
    return store


def test_the_outbox_is_what_has_no_receipt_oldest_first(site: Site) -> None:
    with site.open() as store:
        (first, *_) = fill(store)
        assert waiting(store) == list(range(1, 11))
        store.receipt(Receipt(first.epoch, 4))
        assert waiting(store) == [5, 6, 7, 8, 9, 10]
        assert [record.seq for record in store.unreceipted(2)] == [5, 6]
        assert store.status().unreceipted == 6
        store.receipt(Receipt(first.epoch, 10))
        assert waiting(store) == []
        assert store.status().oldest_unreceipted_ms is None


def test_a_receipt_is_durable(site: Site) -> None:
    with site.open() as store:
        (first, *_) = fill(store)
        store.receipt(Receipt(first.epoch, 7))
    with site.open() as store:
        assert waiting(store) == [8, 9, 10]


def test_partial_duplicate_and_reordered_receipts(site: Site) -> None:
    with site.open() as store:
        (first, *_) = fill(store)
        for seq in (3, 3, 8, 5, 8, 1):
            store.receipt(Receipt(first.epoch, seq))
        assert waiting(store) == [9, 10]
        assert {record.epoch for record in every_record(store)} == {first.epoch}


def test_only_what_is_in_a_gap_is_sent_again(site: Site) -> None:
    with site.open() as store:
        (first, *_) = fill(store)
        store.receipt(Receipt(first.epoch, 2, gaps=(Gap(3, 4), Gap(6, 6))))
        assert waiting(store) == [3, 4, 6, 8, 9, 10]  # 7 is held, else the gap would go on
        assert store.status().unreceipted == 6
        store.receipt(Receipt(first.epoch, 7))
        assert waiting(store) == [8, 9, 10]


def test_a_receipt_for_a_past_epoch_counts_there(site: Site) -> None:
    with site.open() as store:
        (first, *_) = fill(store)
    site.keys.secrets["journal-seed"] = b"another made-up seed of 32 bytes"
    with site.open() as store:
        store.turn(tap())
        assert [(r.epoch == first.epoch, r.seq) for r in store.unreceipted(100)][-3:] == [
            (True, 10),
            (False, 1),
            (False, 2),
        ]
        store.receipt(Receipt(first.epoch, 10))
        assert waiting(store) == [1, 2]


def test_a_receipt_for_an_unknown_epoch_changes_nothing(site: Site) -> None:
    with site.open() as store:
        before = fill(store)
        store.receipt(Receipt("ef" * 16, 500))
        assert every_record(store) == before
        assert waiting(store) == list(range(1, 11))
        assert store.status().unknown_receipts == 1


def test_quarantined_rows_hold_nothing_back_and_are_shown(site: Site) -> None:
    with site.open() as store:
        (first, *_) = fill(store)
        store.receipt(Receipt(first.epoch, 10, quarantined=(4, 7)))
        store.receipt(Receipt(first.epoch, 10, quarantined=(4, 7)))
        assert waiting(store) == []
        assert store.status().quarantined == 2


def test_a_platform_ahead_of_us_raises_an_alarm_and_rows_are_entered_again(site: Site) -> None:
    with site.open() as store:
        before = fill(store)
        store.receipt(Receipt(before[0].epoch, 6, hash=before[5].hash))
        store.receipt(Receipt(before[0].epoch, 900))
        after = every_record(settled(store))[len(before) :]
        assert len({record.epoch for record in after}) == 1
        assert after[0].epoch != before[0].epoch
        begun, alarm = (record.event() for record in after[:2])
        assert as_kind(begun, Checkpoint).cause == "platform-ahead"
        assert (alarm.kind, alarm.reason) == ("alarm", "platform-ahead")
        assert [record.row().was for record in after[2:]] == [
            record.reference for record in before[6:]
        ]
        assert [record.seq for record in before[6:]] == [7, 8, 9, 10]
        assert [tap_of(record).person for record in after[2:]] == [ANNA] * 4
        # All that is sent from now on is of the new epoch; the old one is over.
        assert {record.epoch for record in store.unreceipted(100)} == {after[0].epoch}
        store.receipt(Receipt(before[0].epoch, 901))
        assert every_record(store)[len(before) :] == after
        assert store.verify().whole
        store.turn(tap())


@pytest.mark.parametrize("wrong", ["hash", "conflicts"])
def test_the_same_key_with_other_content_begins_a_new_epoch(site: Site, wrong: str) -> None:
    with site.open() as store:
        before = fill(store)
        epoch = before[0].epoch
        store.receipt(Receipt(epoch, 6))
        if wrong == "hash":
            store.receipt(Receipt(epoch, 8, hash="00" * 32))
        else:
            store.receipt(Receipt(epoch, 8, hash=before[7].hash, conflicts=(3, 8)))
        seqs = was_seqs(every_record(settled(store))[len(before) + 2 :])
        assert seqs == ([7, 8, 9, 10] if wrong == "hash" else [3, 7, 8, 9, 10])
        assert store.status().unreceipted == 2 + len(seqs)


def test_many_contested_rows_are_entered_again_in_slices_and_over_a_restart(site: Site) -> None:
    with site.open() as store:
        before = fill(store, 130)
        site.world.disk.fail("UPDATE epochs SET reenter", IOERR)  # in the middle of a slice
        store.receipt(Receipt(before[0].epoch, 900))
        store.status()
    with site.open() as store:
        again = every_record(settled(store))[len(before) + 2 :]
        assert was_seqs(again) == list(range(1, 132))
        assert store.verify().whole


def test_a_sealed_identity_goes_along_when_its_event_is_entered_again(site: Site) -> None:
    with site.open() as store:
        record = store.turn(lambda turn: Entry(draft(), private=b"made-up name"))
        store.receipt(Receipt(record.epoch, 900))
        (again,) = every_record(settled(store))[5:]
        assert again.row().sealed == record.row().sealed != ""
        assert store.identity(again.epoch, again.seq) == b"made-up name"


def test_a_person_once_entered_again_is_still_seen(site: Site) -> None:
    with site.open() as store:
        record = store.turn(tap(time_ms=7000))
        store.receipt(Receipt(record.epoch, 900))
        found = []

        def look(turn: Turn) -> Entry:
            found.append(turn.last_accepted(ANNA, scene="library-gate"))
            return Entry(draft())

        settled(store).turn(look)
        assert [seen and seen.clock.time_ms for seen in found] == [7000]


def test_a_receipt_that_cannot_be_stored_is_not_taken(site: Site) -> None:
    with site.open() as store:
        (first, *_) = fill(store)
        site.world.disk.fail("COMMIT", IOERR)
        with pytest.raises(Unstored):
            store.receipt(Receipt(first.epoch, 5))
        assert waiting(store) == list(range(1, 11))


def test_an_outage_of_many_days_keeps_the_oldest_and_sends_in_slices(site: Site) -> None:
    with site.open() as store:
        (first, *_) = fill(store, 600)
        sent = []
        while rows := store.unreceipted(50):
            sent += [row.seq for row in rows]
            store.receipt(Receipt(first.epoch, rows[-1].seq, hash=rows[-1].hash))
        assert sent == list(range(1, 602))


def test_what_was_not_executed_is_not_so_either_when_entered_again(site: Site) -> None:
    with site.open() as store:
        site.world.disk.fail("COMMIT", IOERR, after=True)
        with pytest.raises(Unstored):
            store.turn(tap())
        head = store.head()
        assert head is not None
        store.receipt(Receipt(head.epoch, 900))
        found = []

        def look(turn: Turn) -> Entry:
            found.append(turn.last_accepted(ANNA, scene="library-gate"))
            return Entry(draft())

        settled(store).turn(look)
        assert found == [None]
