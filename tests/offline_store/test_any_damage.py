"""Whatever bytes change in the file: the store's thread lives on, says so in its own faults, and
after as many of them as there are damages it keeps and reads its journal again."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from offline_store.events.about import Alarm
from offline_store.events.happened import Authentication, Check
from offline_store.events.reference import Reference
from offline_store.faults import IdentityGone, Unstored
from offline_store.files import journal_file
from offline_store.store import Entry, Store, Turn
from tests.offline_store.support import (
    ANNA,
    BO,
    Gap,
    QuickWorld,
    Receipt,
    Site,
    draft,
    every_record,
    give_back,
    intent,
    payment_end,
    tap,
)

CODE, CARD = "c0" * 32, "ca" * 32
PAGE_HEADER = 100  # bytes of the file's own header


def answered(turn: Turn) -> Entry:
    check = Check(subject="card", status="listed", source="platform")
    passed = Authentication(mode="psam", result="passed")
    asked = draft(ANNA, card=CARD, checks=(check,), authentication=passed, offline="own")
    return Entry(asked, b"made-up identity")


def alarms(store: Store) -> list[Alarm]:
    events = [record.event() for record in every_record(store)]
    return [event for event in events if isinstance(event, Alarm)]


def fill(store: Store) -> None:
    for number in range(12):
        store.turn(answered if number % 3 == 0 else tap(BO if number % 2 else ANNA))
    begun = store.turn(intent(BO)).reference
    store.turn(intent(BO))
    store.turn(payment_end(begun, BO))
    store.turn(tap(BO, code=CODE))
    store.turn(give_back(every_record(store)[1].reference))
    head = store.head()
    assert head is not None
    store.receipt(Receipt(head.epoch, 3, gaps=(Gap(5, 6),), quarantined=(2,)))
    store.receipt(Receipt(head.epoch, 4, conflicts=(4,)))  # a second epoch, entered again
    for _ in range(4):
        store.turn(answered)


@cache
def whole(folder: Path) -> tuple[bytes, Site]:
    """A closed journal of two epochs with all that can be in one."""
    site = Site(folder / "whole", world=QuickWorld())
    with site.open() as store:
        fill(store)
    return journal_file(site.folder, 1).read_bytes(), site


def look_at(turn: Turn, second: Reference) -> None:
    for person in (ANNA, BO):
        turn.last_accepted(person, scene="library-gate")
        list(turn.accepted(person, scene="library-gate"))
        list(turn.unanswered(person))
        list(turn.given_back(person))
        list(turn.last_standing(card=CARD, person=person))
    list(turn.unanswered())
    turn.give_back_of(second)
    turn.code_uses(CODE)
    turn.event(second)


def ask_everything(store: Store) -> int:
    """How often the store had to say that it could not. What is no fault of its own is raised."""
    head = store.head()
    second = Reference(head.epoch if head else "", 2)

    def looking(turn: Turn) -> Entry:
        look_at(turn, second)
        return Entry(draft(BO))

    asked: list[Callable[[], object]] = [
        lambda: store.turn(looking),
        lambda: store.look(lambda turn: look_at(turn, second)),
        lambda: store.unreceipted(1000),
        lambda: every_record(store),
        store.open_intents,
        store.verify,
        lambda: store.receipt(Receipt(head.epoch, 1, hash="a" * 64) if head else Receipt("", 1)),
        lambda: [store.identity(r.epoch, r.seq) for r in every_record(store)],
    ]
    refused = 0
    for ask in asked:
        with suppress(IdentityGone):
            try:
                ask()
            except Unstored:
                refused += 1
    store.status()
    return refused


Flip = tuple[int, bytes]


def damaged(raw: bytes, flips: list[Flip]) -> bytes:
    changed = bytearray(raw)
    for place, mask in flips:
        for at, bits in enumerate(mask, place):
            changed[at % len(raw)] ^= bits
    return bytes(changed)


def lives_on(folder: Path, flips: list[Flip]) -> None:
    raw, before = whole(folder.parent)
    site = Site(folder, world=QuickWorld(), keys=before.keys)
    journal_file(folder, 1).write_bytes(damaged(raw, flips))
    with site.open() as store:
        for _ in range(len(flips) + 3):
            if not ask_everything(store):
                break
        store.turn(tap(ANNA))
        assert not ask_everything(store)
        assert store.status().fault == ""
    assert journal_file(folder, 1).exists()


masks = st.one_of(
    st.sampled_from([bytes((1 << bit,)) for bit in range(8)]),
    st.binary(min_size=1, max_size=40),
)
places = st.one_of(st.integers(0, PAGE_HEADER), st.integers(0, 1 << 20))


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(flips=st.lists(st.tuples(places, masks), min_size=1, max_size=4))
@example(flips=[(0, b"\0")])
def test_no_damage_ends_or_stops_the_store(
    tmp_path_factory: pytest.TempPathFactory, flips: list[Flip]
) -> None:
    lives_on(tmp_path_factory.mktemp("damaged"), flips)


@pytest.mark.parametrize("place", [18, 19, 44, 47, 57, 59, 60, 63])
@pytest.mark.parametrize("bit", [1, 4, 128])
def test_what_the_files_header_says_of_itself_is_believed_no_more_than_the_rest(
    tmp_path: Path, place: int, bit: int
) -> None:
    folder = tmp_path / "damaged"
    folder.mkdir()
    lives_on(folder, [(place, bytes((bit,)))])


def test_a_name_in_the_file_that_is_no_text_is_damage(site: Site) -> None:
    with site.open() as store:
        epoch = store.turn(tap()).epoch
    path = journal_file(site.folder, 1)
    raw = path.read_bytes()
    assert b"events_asked_card" in raw
    path.write_bytes(raw.replace(b"events_asked_card", b"events_asked\x80card"))
    with site.open() as store:
        store.turn(tap())
        assert store.status().last_fault == ""  # found and mended before anybody asked
        assert [event.reason for event in alarms(store)] == ["journal-damaged"]
        assert epoch in {record.epoch for record in every_record(store)}


@pytest.mark.parametrize(
    "change",
    [
        "body = CAST(body AS BLOB)",
        "body = '{' || body",
        "hash = CAST(hash AS BLOB)",
        "mac = CAST(mac AS BLOB)",
        "sealed = CAST(sealed AS TEXT)",
        "refers = 'x' || id",
        "time_ms = 'x' || time_ms",
        "person = CAST(person AS BLOB)",
    ],
)
def test_a_value_of_another_type_is_damage_and_nobodys_error(tmp_path: Path, change: str) -> None:
    site = Site(tmp_path, world=QuickWorld())
    with site.open() as store:
        fill(store)
    path = journal_file(site.folder, 1)
    db = sqlite3.connect(path)
    (trigger,) = db.execute(
        "SELECT sql FROM sqlite_master WHERE name = 'events_no_update'"
    ).fetchone()
    db.execute("DROP TRIGGER events_no_update")
    db.execute(f"UPDATE events SET {change} WHERE id % 5 = 2")
    db.execute(trigger)
    db.commit()
    db.close()
    with site.open() as store:
        for _ in range(4):
            ask_everything(store)
        assert not ask_everything(store)
        assert store.verify().whole
