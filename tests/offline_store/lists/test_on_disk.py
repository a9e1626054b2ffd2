"""Lists: whole or not at all, never back, looked into without a lock."""

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offline_store.events.happened import ListUsed, used
from offline_store.faults import (
    ListMalformed,
    ListNotLoaded,
    ListRolledBack,
    ListUnknown,
    ListUnreadable,
)
from offline_store.lists.form import Malformed, blacklist_payload
from offline_store.lists.load import load
from offline_store.lists.on_disk import Lists
from offline_store.store import Entry, Store, Turn
from tests.offline_store.support import MemoryKeys, draft
from trust.envelope import Envelope, Manifest
from world.real import RealWorld

CARD, NUMBER, PERSON = "c0" * 32, "d1" * 32, "e2" * 32
SMALL = blacklist_payload([{"card": CARD}, {"number": NUMBER}, {"person": PERSON}])


def envelope(version: int, payload: bytes = SMALL, name: str = "blacklist") -> Envelope:
    manifest = Manifest(
        kind="list",
        name=name,
        version=version,
        audience="*",
        issuer="test",
        created=0,
        expires=0,
        size=len(payload),
        digest="0" * 64,
    )
    return Envelope(manifest, payload)


class BrokenChild(RealWorld):
    """The child is killed in the middle."""

    def run(self, argv: Sequence[str], *, nice: int = 0, timeout: float | None = None) -> int:
        Path(argv[4]).write_bytes(b"SQLite format 3\0 half a list")
        return -9


def test_who_is_listed_is_found_by_each_kind_of_reference_and_only_by_it(tmp_path: Path) -> None:
    lists = Lists(RealWorld(), tmp_path)
    lists.install(envelope(7))
    for kind, reference in (("card", CARD), ("number", NUMBER), ("person", PERSON)):
        entry = lists.find_blacklisted(**{kind: reference})
        assert entry is not None
        assert (entry.version, entry.by) == (7, kind)
    assert lists.find_blacklisted(card=NUMBER, number=CARD, person="") is None
    assert lists.find_blacklisted() is None
    assert lists.versions() == {"blacklist": 7}


def test_without_a_list_nobody_is_listed(tmp_path: Path) -> None:
    lists = Lists(RealWorld(), tmp_path)
    assert lists.find_blacklisted(card=CARD) is None
    assert lists.versions() == {}


def test_a_list_survives_a_restart(tmp_path: Path) -> None:
    Lists(RealWorld(), tmp_path).install(envelope(7))
    assert Lists(RealWorld(), tmp_path).find_blacklisted(card=CARD) is not None


@pytest.mark.parametrize(
    "payload",
    [
        SMALL[:-1],
        SMALL[:-17],
        SMALL[: SMALL.index(b"\n")],
        b"",
        b"{}\n",
        SMALL + bytes(17),
        SMALL.replace(b'"v":2', b'"v":1'),
        SMALL.replace(b'"full"', b'"half"'),
        SMALL.replace(b'"blacklist"', b'"whitelist"'),
        SMALL.replace(b'"number":1', b'"nummer":1'),
        SMALL.replace(b'"number":1', b'"issuer":1'),
        SMALL.replace(b"\n", b""),
    ],
)
def test_an_incomplete_list_does_not_replace_the_one_in_force(
    tmp_path: Path, payload: bytes
) -> None:
    lists = Lists(RealWorld(), tmp_path)
    lists.install(envelope(7))
    with pytest.raises(ListMalformed):
        lists.install(envelope(8, payload))
    assert lists.find_blacklisted(card=CARD) is not None
    again = Lists(RealWorld(), tmp_path)
    assert again.versions() == {"blacklist": 7}
    again.install(envelope(8))
    assert again.versions() == {"blacklist": 8}


def test_a_child_that_is_killed_leaves_the_old_list(tmp_path: Path) -> None:
    Lists(RealWorld(), tmp_path).install(envelope(7))
    lists = Lists(BrokenChild(), tmp_path)
    with pytest.raises(ListNotLoaded):
        lists.install(envelope(8))
    assert lists.versions() == Lists(RealWorld(), tmp_path).versions() == {"blacklist": 7}


def test_an_older_version_never_comes_back(tmp_path: Path) -> None:
    lists = Lists(RealWorld(), tmp_path)
    lists.install(envelope(7))
    with pytest.raises(ListRolledBack):
        lists.install(envelope(6))
    for file in (tmp_path / "lists").glob("*.list"):
        file.unlink()
    with pytest.raises(ListRolledBack):
        Lists(RealWorld(), tmp_path).install(envelope(6))


def test_a_damaged_list_gives_way_to_the_one_before_and_is_asked_for_again(tmp_path: Path) -> None:
    lists = Lists(RealWorld(), tmp_path)
    lists.install(envelope(7))
    lists.install(envelope(8))
    (tmp_path / "lists" / "blacklist-8.list").write_bytes(b"garbage" * 1000)
    damaged = Lists(RealWorld(), tmp_path)
    assert damaged.versions() == {"blacklist": 7}
    damaged.install(envelope(8))
    assert damaged.versions() == {"blacklist": 8}


def test_a_list_that_is_lost_altogether_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    Lists(RealWorld(), tmp_path).install(envelope(7))
    (tmp_path / "lists" / "blacklist-7.list").unlink()
    lists = Lists(RealWorld(), tmp_path)
    assert lists.versions() == {}
    with pytest.raises(ListUnreadable):
        lists.find_blacklisted(card=CARD)
    lists.install(envelope(7))
    assert lists.find_blacklisted(card=CARD) is not None


def test_a_list_of_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ListUnknown):
        Lists(RealWorld(), tmp_path).install(envelope(1, name="fares"))


def test_a_turn_keeps_the_lists_it_began_with(tmp_path: Path) -> None:
    world = RealWorld()
    lists = Lists(world, tmp_path)
    lists.install(envelope(7))
    store = Store(world, tmp_path, terminal="gate-7", boot="boot-1", keys=MemoryKeys(), lists=lists)
    store.start()
    seen = []

    def decide(turn: Turn) -> Entry:
        seen.append(turn.lists.versions())
        other = threading.Thread(target=lambda: lists.install(envelope(8, blacklist_payload([]))))
        other.start()
        other.join(60)
        seen.append(turn.lists.versions())
        assert turn.lists.find_blacklisted(card=CARD) is not None
        return Entry(draft())

    store.turn(decide)
    store.turn(lambda turn: (seen.append(turn.lists.versions()), Entry(draft()))[1])  # type: ignore[func-returns-value]
    store.close()
    assert seen == [{"blacklist": 7}, {"blacklist": 7}, {"blacklist": 8}]


def test_taps_go_on_while_lists_are_swapped(tmp_path: Path) -> None:
    world = RealWorld()
    lists = Lists(world, tmp_path)
    store = Store(world, tmp_path, terminal="gate-7", boot="boot-1", keys=MemoryKeys(), lists=lists)
    store.start()

    def swap() -> None:
        for version in range(1, 6):
            lists.install(envelope(version))

    swapping = threading.Thread(target=swap)
    swapping.start()
    while swapping.is_alive():
        store.turn(lambda turn: Entry(draft(lists=_looked(turn))))
    store.close()
    assert lists.versions() == {"blacklist": 5}


def _looked(turn: Turn) -> tuple[ListUsed, ...]:
    entry = turn.lists.find_blacklisted(card=CARD)
    versions = dict(turn.lists.versions())
    assert (entry.version if entry else None) == versions.get("blacklist")
    return used(versions)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(cut=st.integers(0, len(SMALL) - 1), junk=st.binary(max_size=40))
def test_any_changed_payload_is_refused_or_says_the_same(
    tmp_path_factory: pytest.TempPathFactory, cut: int, junk: bytes
) -> None:
    folder = tmp_path_factory.mktemp("list")
    payload = SMALL[:cut] + junk + SMALL[cut + len(junk) :]
    (folder / "payload").write_bytes(payload)
    try:
        load(RealWorld(), folder / "payload", folder / "list.db", "blacklist", 1)
    except Malformed:
        assert payload != SMALL
    else:
        assert payload == SMALL or payload.partition(b"\n")[2] == SMALL.partition(b"\n")[2]


def test_a_list_of_an_earlier_day_is_looked_into_again(tmp_path: Path) -> None:
    lists = Lists(RealWorld(), tmp_path)
    lists.install(envelope(7, blacklist_payload([{"card": CARD}])))
    for version in (8, 9, 10):
        lists.install(envelope(version, blacklist_payload([{"number": NUMBER}])))
    before = Lists(RealWorld(), tmp_path).view_of({"blacklist": 7, "fares": 3})
    assert before is not None
    assert before.find_blacklisted(card=CARD) is not None
    assert before.find_blacklisted(number=NUMBER) is None
    assert lists.find_blacklisted(card=CARD) is None


def test_a_list_of_an_earlier_day_that_was_altered_is_told_and_one_that_is_gone_is_none(
    tmp_path: Path,
) -> None:
    lists = Lists(RealWorld(), tmp_path)
    for version in (7, 8):
        lists.install(envelope(version))
    (tmp_path / "lists" / "blacklist-7.list").write_bytes(
        (tmp_path / "lists" / "blacklist-8.list").read_bytes()
    )
    with pytest.raises(ListUnreadable):
        lists.view_of({"blacklist": 7})
    assert lists.view_of({"blacklist": 6}) is None
