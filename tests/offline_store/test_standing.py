"""The journal as the status check's memory: what was answered of whom, who was let in unanswered;
over restarts, migrations and damage, in bounded time."""

import sqlite3
from collections.abc import Callable, Sequence
from itertools import islice
from typing import TypeVar

from sqlite_utils import Database as Tables

from offline_store import schema
from offline_store.events.happened import Check, Subject
from offline_store.files import journal_file
from offline_store.salvage import salvage
from offline_store.store import Entry, Store, Turn
from offline_store.turn import NEWEST, Uses
from tests.offline_store.support import ANNA, BO, Site, draft, recovery, tap

T = TypeVar("T")
CARD, OTHER = "ca" * 32, "cb" * 32
CODE = "cc" * 32
START = 1_790_000_000_000
DAY = 86_400_000
INDEXES = ("asked_card", "asked_person", "offline_person", "offline_kind", "code")
SUBJECTS: tuple[Subject, ...] = ("holder", "card", "business")


def answers(source: str = "platform", status: str = "normal", **other: str) -> tuple[Check, ...]:
    return tuple(
        Check(subject=subject, status=other.get(subject, status), source=source)
        for subject in SUBJECTS
    )


def answered(
    person: str = ANNA,
    card: str = CARD,
    *,
    checks: tuple[Check, ...] | None = None,
    application: str = "9901",
    **fields: object,
) -> Callable[[Turn], Entry]:
    checks = answers() if checks is None else checks
    return tap(person, card=card, checks=checks, application=application, **fields)


def offline(kind: str, person: str = ANNA, time_ms: int = START) -> Callable[[Turn], Entry]:
    return tap(person, offline=kind, status_fault="request.timeout", time_ms=time_ms)


def seen(store: Store, look: Callable[[Turn], T]) -> T:
    """What a turn sees; it leaves a refused tap of nobody."""
    found: list[T] = []

    def decide(turn: Turn) -> Entry:
        found.append(look(turn))
        return Entry(draft("", verdict="refused", reason="unknown-card"))

    store.turn(decide)
    return found[0]


def standing(
    store: Store, person: str = ANNA, card: str = CARD, application: str = "9901"
) -> dict[str, str]:
    def look(turn: Turn) -> Sequence[tuple[str, str]]:
        found = turn.last_standing(card=card, person=person, application=application)
        return [(one.check.subject, one.check.status) for one in found]

    return dict(seen(store, look))


def count(store: Store, person: str = "", at_most: int = 99) -> int:
    return seen(store, lambda turn: len([*islice(turn.unanswered(person), at_most)]))


ALL = {"holder": "normal", "card": "normal", "business": "normal"}


def test_the_last_answer_is_found_after_a_restart(site: Site) -> None:
    with site.open() as store:
        assert standing(store) == {}
        store.turn(answered(checks=answers(card="lost")))
        store.turn(answered())
    with site.open() as store:
        assert standing(store) == ALL


def test_the_holders_answer_is_his_whichever_card_he_shows(site: Site) -> None:
    with site.open() as store:
        store.turn(answered(checks=answers(holder="deceased", card="lost")))
        assert standing(store, card=OTHER) == {"holder": "deceased", "business": "normal"}
        assert standing(store, person=BO) == {"card": "lost"}
        assert standing(store, application="0000") == {"holder": "deceased", "card": "lost"}
        assert standing(store, person="", card="") == {}


def test_a_memory_is_no_answer_and_neither_is_silence(site: Site) -> None:
    silence = "request.timeout"
    with site.open() as store:
        store.turn(answered(checks=answers("cached:platform")))
        store.turn(answered(checks=answers(status="unknown"), status_fault=silence))
        store.turn(answered(checks=answers("list:blacklist@7")))
        store.turn(answered(checks=answers("card")))
        assert standing(store) == {}
        store.turn(answered(checks=answers("https:river")))
        store.turn(answered(checks=answers(status="unknown"), status_fault=silence))
        assert standing(store) == ALL


def test_what_was_not_asked_leaves_the_answer_before_it(site: Site) -> None:
    with site.open() as store:
        store.turn(answered())
        store.turn(answered(checks=answers(card="not-asked", business="not-asked")))
        assert standing(store) == ALL


def test_what_was_never_asked_is_remembered_as_that(site: Site) -> None:
    """So a province whose service says nothing of business is no unknown one while it is away."""
    with site.open() as store:
        store.turn(answered(checks=answers(business="not-asked")))
        assert standing(store) == {**ALL, "business": "not-asked"}


def test_how_far_it_looks_back_is_bounded(site: Site) -> None:
    with site.open() as store:
        store.turn(answered())
        for _ in range(NEWEST):
            store.turn(answered(card=OTHER, application="0000"))
        assert standing(store) == {"holder": "normal", "card": "normal"}


def test_what_was_answered_against_somebody_is_found_far_back(site: Site) -> None:
    with site.open() as store:
        store.turn(answered(checks=answers(business="ineligible")))
        for _ in range(3 * NEWEST):
            store.turn(answered(card=OTHER, application="0000"))
        assert standing(store) == {"holder": "normal", "card": "normal", "business": "ineligible"}


def test_a_service_that_knows_nothing_takes_no_answer_back(site: Site) -> None:
    with site.open() as store:
        store.turn(answered(checks=answers(holder="deceased", card="lost")))
        store.turn(answered(checks=answers(holder="unknown", card="unknown")))
        for _ in range(3 * NEWEST):
            store.turn(answered(checks=answers(status="unknown")))
        assert standing(store) == {"holder": "deceased", "card": "lost", "business": "normal"}
        store.turn(answered())
        assert standing(store) == ALL


def test_unanswered_acceptances_are_counted_by_person_and_by_visitors(site: Site) -> None:
    with site.open() as store:
        for kind, person in (("own", ANNA), ("own", BO), ("foreign", ANNA), ("foreign", BO)):
            store.turn(offline(kind, person))
        store.turn(tap(ANNA))
        times = (START + DAY, START - 1)
        for time_ms in times:
            store.turn(offline("own", ANNA, time_ms))
        found = seen(store, lambda turn: [*turn.unanswered(ANNA)])
        assert [one.clock.time_ms for one in found] == [START - 1, START + DAY, START, START]
        assert count(store) == 2
        assert count(store, ANNA, at_most=1) == 1
    with site.open() as store:
        assert count(store, ANNA) == 4


def test_what_was_not_executed_is_not_counted(site: Site) -> None:
    with site.open() as store:
        record = store.turn(offline("own"))
        store.turn(recovery(record.reference))
        assert count(store, ANNA) == 0


def test_both_questions_are_answered_by_an_index(site: Site) -> None:
    """So the time they take does not grow with the journal (≤ 5 ms, design.md)."""
    plans: list[str] = []

    with site.open() as store:
        first = store.turn(answered()).reference

        def look(turn: Turn) -> None:
            db = turn._db
            real = db.execute

            class Spy:
                def execute(self, statement: str, values: tuple[object, ...]) -> sqlite3.Cursor:
                    plan = real(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
                    plans.extend(row[3] for row in plan)
                    return real(statement, values)

            spied = Turn(Spy(), 1, turn.lists)  # type: ignore[arg-type]
            spied.last_standing(card=CARD, person=ANNA, application="9901")
            assert [*spied.unanswered(ANNA), *spied.unanswered()] == []
            assert [*spied.given_back(ANNA), spied.give_back_of(first)] == [None]
            assert len([*spied.accepted(ANNA, scene="library-gate")]) == 1
            spied.last_accepted(ANNA, scene="library-gate")
            spied.code_uses(CODE)

        seen(store, look)
    searched = [plan for plan in plans if "events" in plan or " e " in plan]
    assert searched
    assert not [plan for plan in searched if plan.startswith("SCAN")], plans
    for name in (*INDEXES, "accepted", "given_back", "refers"):
        assert any(f"events_{name}" in plan for plan in plans), (name, plans)


def test_a_journal_of_the_first_form_is_taken_over_with_every_row(site: Site) -> None:
    with site.open() as store:
        store.turn(answered())
        records = store.records(None, 0, 100)
    _back_to_the_first_form(site)
    with site.open() as store:
        assert store.records(None, 0, 100) == records
        assert standing(store) == {}, "what was before the columns is not in them"
        store.turn(answered())
        assert standing(store) == ALL
        assert store.verify().whole


def _back_to_the_first_form(site: Site) -> None:
    db = site.world.database(journal_file(site.folder, 1))
    rows = db.execute(
        "SELECT id, kind, time_ms, person, scene, lane, verdict, refers, body, hash, mac, sealed"
        " FROM events"
    ).fetchall()
    for name in (*INDEXES, "given_back"):
        db.execute(f"DROP INDEX events_{name}")
    for column in ("asked", "offline", "code"):
        db.execute(f"ALTER TABLE events DROP COLUMN {column}")
    db.execute("DROP TABLE open_intents")
    db.execute("DELETE FROM meta WHERE name IN ('version', 'tables')")  # no file had them then
    db.execute("PRAGMA user_version = 1")
    assert rows
    assert len(schema.STEPS) == 5
    assert Tables(db)["events"].columns_dict.keys() & {"asked", "offline", "code"} == set()
    db.close()


def test_what_is_taken_over_from_a_damaged_file_is_still_remembered(site: Site) -> None:
    """From the events' texts, because a file of the first form has no such columns."""
    with site.open() as store:
        store.turn(answered())
        store.turn(offline("own"))
        store.turn(offline("foreign", BO))
        store.turn(tap(BO))
        store.turn(tap(BO, code=CODE))
        store.turn(tap(BO, code=CODE, verdict="refused"))
    _back_to_the_first_form(site)
    fresh = site.world.database(site.folder / "fresh.db")
    schema.migrate(fresh)
    salvage(site.world, journal_file(site.folder, 1), fresh)
    kept = fresh.execute(
        "SELECT person, asked, offline, code FROM events WHERE kind = 'tap'"
    ).fetchall()
    assert kept == [
        (ANNA, CARD, None, None),
        (ANNA, None, "own", None),
        (BO, None, "foreign", None),
        (BO, None, None, None),
        (BO, None, None, CODE),
        (BO, None, None, None),
    ]
    fresh.close()


def test_a_codes_uses_are_counted_over_a_restart_and_those_not_executed_are_not(
    site: Site,
) -> None:
    def uses(store: Store, code: str = CODE) -> Uses:
        return seen(store, lambda turn: turn.code_uses(code))

    with site.open() as store:
        assert uses(store) == Uses(0)
        store.turn(tap(ANNA, code=CODE, time_ms=START))
        store.turn(tap(BO, code=CODE, time_ms=START + 1))
        store.turn(tap(BO, code=CODE, time_ms=START + 2, verdict="refused"))
        store.turn(tap(BO, code=CODE, time_ms=START + 3, verdict="unknown"))
        used = store.turn(tap(BO, code=CODE, time_ms=START + 4))
    with site.open() as store:
        assert uses(store) == Uses(3, START + 4)
        store.turn(recovery(used.reference))
        assert uses(store) == Uses(2, START + 1)
        store.turn(tap(ANNA))
        assert (uses(store, ""), uses(store, OTHER)) == (Uses(0), Uses(0))
