"""A disk that fails: what was not stored is refused with its cause, and the store comes back."""

import sqlite3
import threading
from pathlib import Path

import pytest

from offline_store.chain import verify_chain
from offline_store.events.about import Recovery
from offline_store.faults import (
    DiskFailed,
    DiskFull,
    JournalForeign,
    JournalInUse,
    JournalLocked,
    JournalNewer,
    JournalReadOnly,
    Unprepared,
    Unstored,
)
from offline_store.files import journal_file
from offline_store.journal import Journal
from offline_store.reading import ReadOnlyJournal
from offline_store.store import Entry, Store, Turn
from tests.agent.events import as_kind
from tests.offline_store.support import (
    FULL,
    IOERR,
    MemoryKeys,
    Site,
    draft,
    every_record,
    reasons,
    tap,
)
from trust.keystore import SecretMissing

CAUSES = [
    (FULL, DiskFull),
    (IOERR, DiskFailed),
    ((sqlite3.SQLITE_BUSY, "SQLITE_BUSY"), JournalLocked),
    ((sqlite3.SQLITE_READONLY, "SQLITE_READONLY"), JournalReadOnly),
    ((sqlite3.SQLITE_CANTOPEN, "SQLITE_CANTOPEN"), JournalReadOnly),
]


@pytest.mark.parametrize("statement", ["BEGIN", "INSERT INTO events", "COMMIT"])
@pytest.mark.parametrize(("error", "fault"), CAUSES)
def test_what_fails_before_it_is_stored_is_refused_with_its_cause(
    site: Site, statement: str, error: tuple[int, str], fault: type[Unstored]
) -> None:
    with site.open() as store:
        store.turn(tap())
        before = store.head()
        site.world.disk.fail(statement, error)
        with pytest.raises(fault):
            store.turn(tap())
        assert store.head() == before  # nothing advances without COMMIT
        record = store.turn(tap())
        assert before is not None
        assert record.seq == before.seq + 1
        assert store.verify().whole


def test_a_row_that_is_there_after_a_failed_commit_is_followed_by_not_executed(site: Site) -> None:
    with site.open() as store:
        store.turn(tap(time_ms=5000, lane="entry"))
        site.world.disk.fail("COMMIT", IOERR, after=True)
        with pytest.raises(DiskFailed):
            store.turn(tap("cc" * 32))
        seen = []

        def look(turn: Turn) -> Entry:
            seen.append(turn.last_accepted("cc" * 32, scene="library-gate"))
            return Entry(draft())

        store.turn(look)
        records = every_record(store)
        assert [r.event().reason for r in records[1:]] == [
            "accepted",
            "accepted",
            "not-executed",
            "accepted",
        ]
        told = as_kind(records[3].event(), Recovery)
        assert told.about == records[2].reference
        assert seen == [None]  # what was not executed keeps nobody out
        assert verify_chain(records) == []


def test_not_executed_is_written_even_if_the_first_reopening_fails(site: Site) -> None:
    with site.open() as store:
        site.world.disk.fail("COMMIT", IOERR, after=True)
        with pytest.raises(DiskFailed):
            store.turn(tap())
        site.world.disk.fail("COMMIT", IOERR)  # of the event "not executed"
        with pytest.raises(DiskFailed):
            store.turn(tap())
        store.turn(tap())
        assert reasons(store)[1:] == ["accepted", "not-executed", "accepted"]


def test_all_turns_of_a_failed_commit_are_refused(site: Site) -> None:
    with site.open() as store:
        holding, held = threading.Event(), threading.Event()
        refused: list[str] = []

        def hold(journal: Journal) -> None:
            held.set()
            assert holding.wait(60)

        def present() -> None:
            try:
                store.turn(tap())
            except Unstored as fault:
                refused.append(fault.code)

        threads = [threading.Thread(target=lambda: store._ask(hold))]
        threads[0].start()
        assert held.wait(60)
        threads += [threading.Thread(target=present) for _ in range(5)]
        for thread in threads[1:]:
            thread.start()
        while len(store._queue) < 5:
            site.world.wait(0.001)
        site.world.disk.fail("COMMIT", FULL)
        holding.set()
        for thread in threads:
            thread.join(60)
        assert refused == ["journal.disk-full"] * 5
        assert len(every_record(store)) == 1  # that the epoch has begun


def test_disk_full_is_refused_and_ends_by_itself_when_there_is_space(site: Site) -> None:
    site.world.disk.pages = 40
    with site.open() as store:
        stored = _fill(store)
        with pytest.raises(DiskFull):
            store.turn(tap())
        site.world.disk.pages = 0
        store.turn(tap())
        status = store.status()
        assert (status.fault, status.last_fault) == ("", "journal.disk-full")
        assert reasons(store) == ["epoch-begun"] + ["accepted"] * (stored + 1)
        assert store.verify().whole


def _fill(store: Store) -> int:
    """How many rows there was space for."""
    for stored in range(1000):
        try:
            store.turn(tap())
        except DiskFull:
            return stored
    raise AssertionError("the disk never became full")


def test_a_store_starts_on_a_full_disk_and_refuses(site: Site) -> None:
    with site.open() as store:
        store.turn(tap())
    site.world.disk.fail("PRAGMA wal_checkpoint", FULL, times=3)
    with site.open() as store:
        with pytest.raises(DiskFull):
            store.turn(tap())
        assert store.status().fault == "journal.disk-full"
        store.turn(tap())


def test_reading_while_the_writer_works_never_locks_it(site: Site) -> None:
    with site.open() as store:
        store.turn(tap())
        with pytest.raises(JournalInUse):
            ReadOnlyJournal(site.world, site.folder).records(None, 0, 10)
        store.turn(tap())
    assert len(ReadOnlyJournal(site.world, site.folder).records(None, 0, 10)) == 3


def test_a_reader_from_outside_does_not_keep_the_store_from_starting(site: Site) -> None:
    with site.open() as store:
        store.turn(tap())
    reader = sqlite3.connect(journal_file(site.folder, 1))
    reader.execute("SELECT count(*) FROM events").fetchone()
    with site.open() as store:
        with pytest.raises(JournalLocked):
            store.turn(tap())
        reader.close()
        store.turn(tap())


def test_without_a_seed_the_store_does_not_start(site: Site) -> None:
    site.keys.secrets.clear()
    with pytest.raises(SecretMissing), site.open():
        pass


def test_another_terminals_journal_is_refused(site: Site) -> None:
    with site.open():
        pass
    site.terminal = "gate-8"
    with pytest.raises(JournalForeign), site.open():
        pass


def test_a_journal_of_a_newer_version_is_refused(site: Site) -> None:
    with site.open():
        pass
    db = sqlite3.connect(journal_file(site.folder, 1))
    db.execute("UPDATE meta SET value = '99' WHERE name = 'version'")
    db.execute("PRAGMA user_version = 99")
    db.commit()
    db.close()
    with pytest.raises(JournalNewer), site.open():
        pass


def test_identity_that_cannot_be_sealed_is_not_stored(tmp_path: Path) -> None:
    site = Site(tmp_path, keys=MemoryKeys())
    with site.open() as store:
        site.keys.fail_writes = True
        with pytest.raises(Unprepared):
            store.turn(lambda turn: Entry(draft(), private=b"made-up name"))
        assert len(every_record(store)) == 1
