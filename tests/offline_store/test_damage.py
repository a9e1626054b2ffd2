"""A damaged file: the readable is kept and sent, the unreadable reported, nothing deleted."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from offline_store.chain import body_hash
from offline_store.events.about import Alarm, LostRows
from offline_store.events.terminal import Checkpoint
from offline_store.faults import JournalDamaged, Unstored
from offline_store.files import journal_file, wal_of
from offline_store.reading import ReadOnlyJournal
from offline_store.store import Entry, Store, Turn
from tests.agent.events import as_kind
from tests.offline_store.support import Receipt, Site, draft, every_record, tap

PAGE = 4096


def filled(site: Site, rows: int = 160, receipted: int = 0) -> str:
    """A closed journal of one file; its epoch."""
    with site.open() as store:
        for number in range(rows):
            store.turn(tap(f"{number:064x}"))
        head = store.head()
        assert head is not None
        if receipted:
            store.receipt(Receipt(head.epoch, receipted))
        return head.epoch


def reading(person: str) -> Callable[[Turn], Entry]:
    """A turn that looks for the person first, as a scene does."""

    def decide(turn: Turn) -> Entry:
        turn.last_accepted(person, scene="library-gate")
        return Entry(draft(person))

    return decide


def bytes_of_damaged(site: Site) -> bytes:
    return journal_file(site.folder, 1).read_bytes()


def seqs(store: Store, epoch: str) -> set[int]:
    return {record.seq for record in every_record(store) if record.epoch == epoch}


def alarms(store: Store) -> list[Alarm]:
    events = [record.event() for record in every_record(store)]
    return [event for event in events if isinstance(event, Alarm)]


def page_of(path: Path, table: str, *, leaf: int = 1) -> int:
    """Offset of a leaf page of the table (dbstat)."""
    db = sqlite3.connect(path)
    pages = db.execute(
        "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path", (table,)
    ).fetchall()
    db.close()
    return int((pages[leaf][0] - 1) * PAGE)


def overwrite(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def test_a_garbled_page_loses_only_its_rows_and_is_reported(site: Site) -> None:
    epoch = filled(site, receipted=3)
    path = journal_file(site.folder, 1)
    overwrite(path, page_of(path, "events", leaf=4), b"\xa5" * PAGE)
    garbled = bytes_of_damaged(site)
    with site.open() as store:
        with pytest.raises(JournalDamaged):
            store.unreceipted(100)  # it is found when it is read
        rows = store.unreceipted(1000)
        held = seqs(store, epoch)
        lost = set(range(1, 162)) - held
        assert 0 < len(lost) < 12
        # Everything readable without a receipt is sent under its old epoch, and for each lost row
        # a stand-in that no platform takes for an event.
        old = [row for row in rows if row.epoch == epoch]
        assert [row.seq for row in old] == list(range(4, 162))
        for row in old:
            if row.seq in lost:
                with pytest.raises(msgspec.ValidationError):
                    row.event()
            assert body_hash(row.body) == row.hash
        (alarm,) = alarms(store)
        assert alarm.lost == LostRows(epoch=epoch, first=min(lost), last=max(lost))
        first = next(record for record in every_record(store) if record.epoch != epoch)
        begun = as_kind(first.event(), Checkpoint)
        assert begun.cause == "damaged"
        assert begun.file == "journal-0001.db"
        assert store.status().unreadable == len(lost)
        assert store.verify().whole
        store.turn(tap())
        store.receipt(Receipt(epoch, 161))
        assert {row.epoch for row in store.unreceipted(1000)} == {first.epoch}
    assert bytes_of_damaged(site) == garbled  # kept as it was
    with site.open() as store:  # and told once
        assert len(alarms(store)) == 1


def test_a_garbled_index_refuses_that_tap_and_then_goes_on(site: Site) -> None:
    epoch = filled(site)
    path = journal_file(site.folder, 1)
    overwrite(path, page_of(path, "events_accepted"), b"\xa5" * PAGE)
    with site.open() as store:
        refused = 0
        for number in range(160):
            try:
                store.turn(reading(f"{number:064x}"))
            except JournalDamaged:
                refused += 1
        assert refused == 1
        assert {*range(1, 162)} <= seqs(store, epoch)
        assert store.verify().whole


@pytest.mark.parametrize("size", [0, 50, PAGE, 5 * PAGE + 100])
def test_a_truncated_file_is_given_up_and_kept(site: Site, size: int) -> None:
    epoch = filled(site)
    path = journal_file(site.folder, 1)
    path.write_bytes(path.read_bytes()[:size])
    with site.open() as store:
        store.turn(tap())
        assert alarms(store)
        assert epoch not in {store.head().epoch}  # type: ignore[union-attr]
        assert store.verify().whole
    assert path.exists()
    assert journal_file(site.folder, 2).exists()


def test_a_file_of_garbage_is_given_up_and_kept(site: Site) -> None:
    filled(site)
    path = journal_file(site.folder, 1)
    path.write_bytes(b"power cut " * 5000)
    with site.open() as store:
        store.turn(tap())
        assert [alarm.reason for alarm in alarms(store)] == ["journal-damaged"]
    assert path.read_bytes() == b"power cut " * 5000


def test_a_changed_text_is_found_and_never_sent(site: Site) -> None:
    epoch = filled(site)
    path = journal_file(site.folder, 1)
    raw = path.read_bytes()
    place = raw.index(b'"seq":30,')
    overwrite(path, raw.index(b"library-gate", place), b"library-gatf")
    journal = ReadOnlyJournal(site.world, site.folder)
    assert [b["kind"] for b in journal.verify()["breaks"]] == ["hash"]
    with site.open() as store:
        with pytest.raises(JournalDamaged):
            store.unreceipted(100)
        assert "library-gatf" not in "".join(row.body for row in store.unreceipted(1000))
        lost = alarms(store)[0].lost
        assert lost is not None
        assert seqs(store, epoch) == {*range(1, 162)} - {lost.first}


def test_a_broken_tail_is_found_at_the_start(site: Site) -> None:
    filled(site)
    path = journal_file(site.folder, 1)
    db = sqlite3.connect(path)
    db.execute("UPDATE forward_key SET seq = seq - 1")
    db.commit()
    db.close()
    with site.open() as store:
        assert alarms(store)


def test_a_torn_wal_is_no_damage(site: Site) -> None:
    """What a power cut leaves of the last frames was never acknowledged."""
    store = site.store()
    store.start()
    for _ in range(5):
        store.turn(tap())
    path = journal_file(site.folder, 1)
    wal = wal_of(path).read_bytes()
    (site.folder / "copy").mkdir()
    copy = Site(site.folder / "copy", keys=site.keys)
    journal_file(copy.folder, 1).write_bytes(path.read_bytes())
    wal_of(journal_file(copy.folder, 1)).write_bytes(wal[:-1000])
    store.close()
    with copy.open() as restored:
        assert restored.head().seq == 5  # type: ignore[union-attr]
        assert alarms(restored) == []


def test_a_second_damage_keeps_both_files(site: Site) -> None:
    epoch = filled(site)
    for generation in (1, 2):
        path = journal_file(site.folder, generation)
        overwrite(path, page_of(path, "events", leaf=1), b"\xa5" * PAGE)
        with site.open() as store:
            with pytest.raises(JournalDamaged):
                store.unreceipted(1000)
            rows = store.unreceipted(1000)
            assert [r.seq for r in rows if r.epoch == epoch] == list(range(1, 162))
    with site.open() as store:
        assert [alarm.file for alarm in alarms(store)] == ["journal-0001.db", "journal-0002.db"]
    assert all(journal_file(site.folder, generation).exists() for generation in (1, 2, 3))


def test_taking_over_that_was_cut_short_is_begun_again(site: Site) -> None:
    epoch = filled(site)
    path = journal_file(site.folder, 1)
    overwrite(path, page_of(path, "events", leaf=1), b"\xa5" * PAGE)
    (site.folder / "journal-0002.new").write_bytes(b"half")
    (site.folder / "journal-0002.new-journal").write_bytes(b"half")
    with site.open() as store:
        with pytest.raises(JournalDamaged):
            store.unreceipted(1000)
        assert len(seqs(store, epoch)) > 40
    assert sorted(p.name for p in site.folder.iterdir()) == ["journal-0001.db", "journal-0002.db"]


@example(flips=[(0.03125, b".\x80")])  # a name in the table of tables is no UTF-8
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    flips=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=300)),
        min_size=1,
        max_size=4,
    )
)
def test_any_damage_leaves_a_store_that_works_and_never_sends_what_was_changed(
    tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[float, bytes]]
) -> None:
    site = Site(tmp_path_factory.mktemp("journal"))
    filled(site, 40)
    with site.open() as store:
        genuine = {(r.epoch, r.seq): r.body for r in every_record(store)}
    path = journal_file(site.folder, 1)
    raw = path.read_bytes()
    for place, content in flips:
        overwrite(path, int(place * len(raw)), content)
    with site.open() as store:
        rows = None
        for _ in range(len(flips) + 2):  # one may be found after the other, each is refused once
            with suppress(Unstored):
                store.turn(tap())
                rows = store.unreceipted(1000)
        assert rows is not None
        for row in rows:
            if (row.epoch, row.seq) in genuine and '"unreadable"' not in row.body:
                assert row.body == genuine[row.epoch, row.seq]


@pytest.mark.parametrize(
    "flip",
    [
        "UPDATE receipts SET seq = 1000000000",
        "UPDATE receipts SET gaps = '[[nonsense'",
        "UPDATE epochs SET epoch = 'ffffffffffffffffffffffffffffffff'",
        "UPDATE epochs SET abandoned = 1",
        "UPDATE forward_key SET key = x'00'",
        "DELETE FROM epochs",
        "DELETE FROM forward_key",
    ],
)
def test_a_flipped_bit_beside_the_chain_keeps_no_event_from_being_sent(
    site: Site, flip: str
) -> None:
    epoch = filled(site, receipted=150)
    db = sqlite3.connect(journal_file(site.folder, 1))
    db.execute(flip)
    db.commit()
    db.close()
    with site.open() as store:
        with suppress(JournalDamaged):
            store.unreceipted(1000)
        sent = {row.seq for row in store.unreceipted(1000) if row.epoch == epoch}
        assert sent >= set(range(151, 162))
        assert seqs(store, epoch) == set(range(1, 162))
        store.turn(tap())
        assert store.verify().whole
