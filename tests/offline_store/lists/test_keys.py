"""Signed lists of keys: whole or not at all, never back, kept over a restart."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline_store.faults import (
    ListNotLoaded,
    ListRolledBack,
    ListUnknown,
    ListUnreadable,
    ListWrong,
)
from offline_store.lists.keys import (
    MINISTRY_ROOTS,
    TICKET_ISSUERS,
    KeyLists,
    PublicKey,
    key_list_payload,
)
from simulators.transit.codes import ISSUER, ROOT, Phones
from tests.hostile import HOSTILE_JSON
from trust.envelope import Envelope, Manifest, Opener, seal
from trust.sm2 import sm2
from world.real import RealWorld

SM2 = sm2()
ROOTS = Phones(SM2).roots()
PAYLOAD = key_list_payload(MINISTRY_ROOTS, ROOTS.values())


def manifest(version: int, name: str = MINISTRY_ROOTS) -> Manifest:
    return Manifest(
        kind="keys", name=name, version=version, audience="*", issuer="city-1", created=0
    )


def envelope(version: int, payload: bytes = PAYLOAD, name: str = MINISTRY_ROOTS) -> Envelope:
    return Envelope(manifest(version, name), payload)


def test_a_list_of_keys_travels_in_the_signed_envelope_and_survives_a_restart(
    tmp_path: Path,
) -> None:
    raw = seal(manifest(3), PAYLOAD, SM2, ISSUER)
    opener = Opener(SM2, {"city-1": SM2.public(ISSUER)})
    opened = opener.open(raw, kind="keys", audience=("gate-1",), newer_than=0)
    lists = KeyLists(RealWorld(), tmp_path)
    assert lists.keys(MINISTRY_ROOTS) == {}
    lists.install(opened)
    for standing in (lists, KeyLists(RealWorld(), tmp_path)):
        assert standing.keys(MINISTRY_ROOTS) == ROOTS
        assert standing.versions() == {MINISTRY_ROOTS: 3}
        assert standing.keys(TICKET_ISSUERS) == {}


def test_an_older_version_never_comes_back_even_when_the_file_is_damaged(tmp_path: Path) -> None:
    lists = KeyLists(RealWorld(), tmp_path)
    lists.install(envelope(3))
    with pytest.raises(ListRolledBack):
        lists.install(envelope(2))
    lists.install(envelope(4))
    (tmp_path / "lists" / f"{MINISTRY_ROOTS}-4.list").write_bytes(b"{")
    damaged = KeyLists(RealWorld(), tmp_path)
    assert damaged.keys(MINISTRY_ROOTS) == {}
    assert damaged.versions() == {}  # so the platform sends it again
    with pytest.raises(ListRolledBack):
        damaged.install(envelope(3))
    damaged.install(envelope(4))
    assert damaged.keys(MINISTRY_ROOTS) == ROOTS


@pytest.mark.parametrize("kept", [b"[", *HOSTILE_JSON.values()], ids=range(1 + len(HOSTILE_JSON)))
def test_versions_that_cannot_be_known_are_told(tmp_path: Path, kept: bytes) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / f"{MINISTRY_ROOTS}.json").write_bytes(kept)
    with pytest.raises(ListUnreadable):
        KeyLists(RealWorld(), tmp_path)


def changed(**changes: object) -> bytes:
    (entry,) = json.loads(PAYLOAD)["keys"]
    return json.dumps({"form": 1, "list": MINISTRY_ROOTS, "keys": [{**entry, **changes}]}).encode()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"{}",
        PAYLOAD[:-1],
        PAYLOAD.replace(b'"form":1', b'"form":2'),
        key_list_payload(TICKET_ISSUERS, ROOTS.values()),
        key_list_payload(MINISTRY_ROOTS, [*ROOTS.values(), *ROOTS.values()]),
        changed(key="00" * 64),  # off the curve
        changed(key="00" * 63),
        changed(index=-1),
        changed(expires="never"),
        changed(more=1),
        changed(expires=2**63),
        PAYLOAD.replace(b'"form":1', b'"form":1,"form":1'),
        *HOSTILE_JSON.values(),
    ],
    ids=lambda payload: payload[:40].decode(errors="replace"),
)
def test_what_is_no_list_of_keys_changes_nothing(tmp_path: Path, payload: bytes) -> None:
    lists = KeyLists(RealWorld(), tmp_path)
    lists.install(envelope(1))
    with pytest.raises(ListWrong):
        lists.install(envelope(2, payload))
    assert (lists.keys(MINISTRY_ROOTS), lists.versions()) == (ROOTS, {MINISTRY_ROOTS: 1})


@given(st.binary(max_size=300))
def test_whatever_the_bytes_they_are_refused(payload: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lists = KeyLists(RealWorld(), Path(folder))
        with pytest.raises(ListWrong):
            lists.install(envelope(1, payload))


def test_a_list_that_is_not_used_here_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ListUnknown):
        KeyLists(RealWorld(), tmp_path).install(envelope(1, name="others"))


class FullDisk(RealWorld):
    full = False

    def replace_file(self, path: Path, data: bytes, permissions: int = 0o600) -> None:
        if self.full:
            raise OSError(28, "full")
        super().replace_file(path, data, permissions)


def test_a_disk_that_is_full_leaves_the_list_in_force(tmp_path: Path) -> None:
    world = FullDisk()
    lists = KeyLists(world, tmp_path)
    lists.install(envelope(1))
    world.full = True
    with pytest.raises(ListNotLoaded):
        lists.install(
            envelope(2, key_list_payload(MINISTRY_ROOTS, [PublicKey(1, 2, SM2.public(ROOT))]))
        )
    assert lists.keys(MINISTRY_ROOTS) == ROOTS


def test_an_index_that_stands_twice_and_a_key_that_is_none_are_named(tmp_path: Path) -> None:
    (index,) = ROOTS
    for payload, named in (
        (key_list_payload(MINISTRY_ROOTS, [*ROOTS.values(), *ROOTS.values()]), f"index {index}:"),
        (changed(key="00" * 64), f"index {index}:"),
        (PAYLOAD.replace(b'"form":1', b'"form":1,"form":1'), "form"),
    ):
        with pytest.raises(ListWrong) as caught:
            KeyLists(RealWorld(), tmp_path).install(envelope(2, payload))
        assert named in str(caught.value.facts["problem"])
