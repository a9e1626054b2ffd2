"""Turns: read, decide, insert, COMMIT; then the caller knows, and not before."""

import sqlite3
import threading
from collections.abc import Callable

import pytest

from offline_store.chain import epoch_key, first_prev, next_seed, verify_chain
from offline_store.events.row import Record
from offline_store.events.terminal import Checkpoint
from offline_store.faults import JournalBusy, JournalStopped
from offline_store.files import journal_file
from offline_store.jobs import Job
from offline_store.journal import Journal
from offline_store.status import wal_size
from offline_store.store import Entry, Store, Turn
from tests.agent.events import as_kind, tap_of
from tests.offline_store.support import ANNA, BO, FIRST_SEED, Site, draft, every_record, tap
from world.real import RealWorld


def test_a_turn_gives_the_durable_row(site: Site) -> None:
    with site.open() as store:
        record = store.turn(tap())
        assert store.head() is not None
        assert store.head().hash == record.hash  # type: ignore[union-attr]
    with site.open() as store:
        assert every_record(store)[-1] == record


def test_who_hears_that_a_turn_stands_finds_it_in_the_head(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[tuple[int, int]] = []
    with site.open() as store:
        finish = Job.finish

        def looked_at(job: Job[object], value: object) -> None:
            head = store.head()
            if isinstance(value, Record):
                found.append((value.seq, head.seq if head else 0))
            finish(job, value)

        monkeypatch.setattr(Job, "finish", looked_at)
        store.turn(tap())
        store.turn(tap())
        monkeypatch.undo()
    assert found == [(2, 2), (3, 3)]


def test_seq_is_gapless_and_the_chain_holds_over_restarts(site: Site) -> None:
    for _ in range(3):
        with site.open() as store:
            for _ in range(5):
                store.turn(tap())
    with site.open() as store:
        records = every_record(store)
        assert [record.seq for record in records] == list(range(1, 17))  # 1: the epoch begins
        assert {record.epoch for record in records} == {records[0].epoch}
        assert verify_chain(records) == []
        assert store.verify().whole


def test_an_epoch_begins_with_what_was_known_before(site: Site) -> None:
    with site.open() as store:
        first = every_record(store)[0]
    event = as_kind(first.event(), Checkpoint)
    assert (event.kind, event.reason) == ("checkpoint", "epoch-begun")
    assert event.cause == "enrolment"
    assert first.row().prev == first_prev(site.terminal, first.epoch, "")


def test_what_decide_raises_reaches_its_caller_and_stores_nothing(site: Site) -> None:
    class Odd(Exception):
        pass

    def decide(turn: Turn) -> Entry:
        raise Odd

    with site.open() as store:
        with pytest.raises(Odd):
            store.turn(decide)
        store.turn(tap())
        assert len(every_record(store)) == 2
        assert store.verify().whole


def test_turns_that_wait_share_one_commit_and_fail_alone(site: Site) -> None:
    class Odd(Exception):
        pass

    with site.open() as store:
        holding, held = threading.Event(), threading.Event()

        def hold(journal: Journal) -> None:
            held.set()
            assert holding.wait(60)

        def odd(turn: Turn) -> Entry:
            raise Odd

        def failing() -> None:
            with pytest.raises(Odd):
                store.turn(odd)

        threads = [threading.Thread(target=lambda: store._ask(hold))]
        threads[0].start()
        assert held.wait(60)
        commits = _count_commits(site, store)
        threads += [threading.Thread(target=lambda: store.turn(tap())) for _ in range(6)]
        threads += [threading.Thread(target=failing)]
        for thread in threads[1:]:
            thread.start()
        _until(lambda: len(store._queue) == 7)
        holding.set()
        for thread in threads:
            thread.join(60)
        assert len(every_record(store)) == 1 + 6
        assert commits() == 1  # of the seven
        assert store.verify().whole


def test_a_turn_that_finds_the_store_free_is_carried_out_by_its_caller(site: Site) -> None:
    def decide(turn: Turn) -> Entry:
        threads.append(threading.current_thread())
        return Entry(draft())

    threads: list[threading.Thread] = []
    with site.open() as store:
        store.turn(decide)
    assert threads == [threading.current_thread()]


def test_a_turn_that_comes_while_another_is_carried_out_waits_for_it(site: Site) -> None:
    with site.open() as store:
        holding, held = threading.Event(), threading.Event()
        order: list[str] = []

        def first(turn: Turn) -> Entry:
            held.set()
            assert holding.wait(60)
            order.append("first")
            return Entry(draft())

        def asked(journal: Journal) -> None:
            order.append("asked")

        def second(turn: Turn) -> Entry:
            order.append("second")
            return Entry(draft())

        threads = [threading.Thread(target=lambda: store.turn(first))]
        threads[0].start()
        assert held.wait(60)
        threads += [threading.Thread(target=lambda: store._ask(asked))]
        threads[1].start()
        _until(lambda: not len(store._queue))  # the store's thread has it, and waits
        threads += [threading.Thread(target=lambda: store.turn(second))]
        threads[2].start()
        _until(lambda: len(store._queue) == 1)
        holding.set()
        for thread in threads:
            thread.join(60)
        assert order == ["first", "second", "asked"]  # a tap goes before what was asked
        assert store.verify().whole


def test_what_a_caller_has_stored_is_folded_in_when_nobody_comes(site: Site) -> None:
    """Its own thread was asleep without an end when the turn was carried out."""
    with site.open() as store:
        _until(lambda: store._dozing)
        store.turn(tap())
        _until(lambda: store._dozing)
        assert wal_size(site.world, _journal(store).path) == 0


def _journal(store: Store) -> Journal:
    journal = store._writer._journal
    assert journal is not None
    return journal


def _count_commits(site: Site, store: Store) -> Callable[[], int]:
    journal = _journal(store)
    seen: list[str] = []
    journal.db.set_trace_callback(lambda text: seen.append(text) if text == "COMMIT" else None)
    return lambda: len(seen)


def _until(condition: Callable[[], bool]) -> None:
    world = RealWorld()
    deadline = world.monotonic() + 60
    while not condition():
        assert world.monotonic() < deadline
        world.wait(0.001)


def test_two_taps_of_one_person_at_two_readers_make_one_entry(site: Site) -> None:
    def decide(turn: Turn) -> Entry:
        seen = turn.last_accepted(ANNA, scene="library-gate", since_ms=1_790_000_000_000 - 8000)
        return Entry(draft(verdict="refused", reason="repeated") if seen else draft())

    with site.open() as store:
        both = threading.Barrier(2)
        verdicts: list[str | None] = []

        def present() -> None:
            both.wait()
            verdicts.append(tap_of(store.turn(decide)).verdict)

        threads = [threading.Thread(target=present) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(map(str, verdicts)) == ["accepted", "refused"]


def test_last_accepted_looks_at_person_scene_lane_and_time(site: Site) -> None:
    with site.open() as store:
        store.turn(tap(ANNA, time_ms=1000))
        store.turn(tap(ANNA, time_ms=2000, verdict="refused", reason="repeated"))
        store.turn(tap(ANNA, time_ms=900, lane="exit"))
        found = []

        def look(turn: Turn) -> Entry:
            found.extend(
                [
                    turn.last_accepted(ANNA, scene="library-gate", since_ms=901),
                    turn.last_accepted(ANNA, scene="library-gate"),
                    turn.last_accepted(ANNA, scene="library-gate", since_ms=1001),
                    turn.last_accepted(ANNA, scene="bus"),
                    turn.last_accepted(BO, scene="library-gate"),
                    turn.last_accepted("", scene="library-gate"),
                    turn.last_accepted(ANNA, scene="library-gate", lane="exit"),
                ]
            )
            return Entry(draft())

        store.turn(look)
    assert [each and each.at.seq for each in found] == [2, 4, None, None, None, None, 4]


def test_a_turn_that_waits_too_long_is_withdrawn_and_never_done(site: Site) -> None:
    with site.open(patience=0.05) as store:
        holding, held = threading.Event(), threading.Event()

        def hold(turn: Turn) -> Entry:
            held.set()
            assert holding.wait(60)
            return Entry(draft(BO))

        thread = threading.Thread(target=lambda: store.turn(hold))
        thread.start()
        assert held.wait(60)
        with pytest.raises(JournalBusy):
            store.turn(tap())
        holding.set()
        thread.join(60)
        assert [tap_of(record).person for record in every_record(store)[1:]] == [BO]


def test_a_closed_store_says_so(site: Site) -> None:
    with site.open() as store:
        pass
    with pytest.raises(JournalStopped):
        store.turn(tap())


def test_subscribers_are_told_after_each_commit(site: Site) -> None:
    with site.open() as store:
        changed = site.world.event()
        store.subscribe(changed)
        store.turn(tap())
        assert changed.wait(60)


@pytest.mark.parametrize("statement", ["UPDATE events SET body = ''", "DELETE FROM events"])
def test_a_row_of_the_journal_is_never_changed(site: Site, statement: str) -> None:
    with site.open() as store:
        store.turn(tap())
    db = sqlite3.connect(journal_file(site.folder, 1))
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute(statement)
    db.execute("PRAGMA recursive_triggers = ON")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute(
            "INSERT OR REPLACE INTO events"
            " (id, kind, time_ms, person, scene, lane, body, hash, mac)"
            " SELECT id, kind, 0, '', '', '', '', '', '' FROM events"
        )
    db.close()


def test_the_wal_is_folded_in_when_it_is_quiet(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offline_store.store.QUIET", 0.01)
    with site.open() as store:
        store.turn(tap())
        _until(lambda: store.status().wal_bytes == 0)


def test_the_wal_does_not_outgrow_its_limit(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offline_store.writer.WAL_LIMIT", 200_000)
    with site.open() as store:
        sizes = []
        for _ in range(100):
            store.turn(tap())
            sizes.append(store.status().wal_bytes)
    assert max(sizes) < 400_000
    assert min(sizes[50:]) < 150_000


def test_macs_are_of_keys_that_only_the_platform_can_know(site: Site) -> None:
    with site.open() as store:
        for _ in range(4):
            store.turn(tap())
        records = every_record(store)
    assert site.keys.secrets["journal-seed"] == next_seed(FIRST_SEED)
    assert verify_chain(records, epoch_key(FIRST_SEED, records[0].epoch)) == []
    wrong = verify_chain(records, epoch_key(next_seed(FIRST_SEED), records[0].epoch))
    assert {each.kind for each in wrong} == {"mac"}


def test_a_tap_goes_before_everything_else_that_waits(site: Site) -> None:
    with site.open() as store:
        holding, held = threading.Event(), threading.Event()
        order: list[str] = []

        def hold(journal: Journal) -> None:
            held.set()
            assert holding.wait(60)

        def late(turn: Turn) -> Entry:
            order.append("tap")
            return Entry(draft())

        def ask() -> None:
            store._ask(lambda journal: order.append("asked"))

        threads = [threading.Thread(target=lambda: store._ask(hold))]
        threads[0].start()
        assert held.wait(60)
        threads += [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads[1:]:
            thread.start()
        _until(lambda: len(store._queue) == 4)
        threads.append(threading.Thread(target=lambda: store.turn(late)))
        threads[-1].start()
        _until(lambda: len(store._queue) == 5)
        holding.set()
        for thread in threads:
            thread.join(60)
        assert order == ["tap", "asked", "asked", "asked", "asked"]
