"""Files of a signed list: earlier versions stay within a budget, nothing altered is taken."""

from pathlib import Path

import pytest

from offline_store.faults import ListRolledBack, ListUnreadable
from offline_store.lists.folder import ListFolder
from world.real import RealWorld

WORLD = RealWorld()


def folder(data: Path, history: int = 100) -> ListFolder:
    return ListFolder(WORLD, data, "fares", history)


def names(data: Path) -> list[str]:
    return sorted(path.name for path in (data / "lists").iterdir())


def test_earlier_versions_stay_as_long_as_the_budget_has_room(tmp_path: Path) -> None:
    one = folder(tmp_path, history=20)
    for version in range(1, 6):
        one.keep(version, b"0123456789")
    # The two that may come into force, and two more that have room.
    assert names(tmp_path) == [f"fares-{version}.list" for version in (2, 3, 4, 5)] + ["fares.json"]
    assert folder(tmp_path).read(2) == b"0123456789"
    assert not folder(tmp_path).holds(1)


def test_without_a_budget_only_what_may_come_into_force_stays(tmp_path: Path) -> None:
    one = folder(tmp_path, history=0)
    for version in (1, 2, 7):
        one.keep(version, b"x")
    assert names(tmp_path) == ["fares-2.list", "fares-7.list", "fares.json"]


def test_an_older_version_never_comes_back_and_the_same_may(tmp_path: Path) -> None:
    folder(tmp_path).keep(7, b"x")
    with pytest.raises(ListRolledBack):
        folder(tmp_path).require_newer(6)
    folder(tmp_path).require_newer(7)


def test_a_file_that_was_altered_is_told(tmp_path: Path) -> None:
    folder(tmp_path).keep(7, b"fare 200")
    (tmp_path / "lists" / "fares-7.list").write_bytes(b"fare 100")
    for look in (folder(tmp_path).read, folder(tmp_path).check):
        with pytest.raises(ListUnreadable) as raised:
            look(7)
        assert raised.value.facts == {"list": "fares", "cause": "altered"}


def test_a_file_that_is_not_whole_is_no_version_before(tmp_path: Path) -> None:
    """What stands instead of it stays until there are two again."""
    one = folder(tmp_path, history=0)
    for version in (1, 2):
        one.keep(version, b"x")
    (tmp_path / "lists" / "fares-2.list").write_bytes(b"")
    again = folder(tmp_path, history=0)
    assert again.newest(again.read, broken=(ListUnreadable,)) == (1, b"x")
    again.keep(3, b"x")
    assert names(tmp_path) == ["fares-1.list", "fares-3.list", "fares.json"]


def test_a_list_whose_name_begins_like_another_ones_is_left_alone(tmp_path: Path) -> None:
    ListFolder(WORLD, tmp_path, "fares-9", 0).keep(1, b"x")
    one = folder(tmp_path, history=0)
    for version in (1, 2, 3):
        one.keep(version, b"x")
    one.sweep()
    assert "fares-9-1.list" in names(tmp_path)


def test_what_an_installation_leaves_is_taken_away(tmp_path: Path) -> None:
    one = folder(tmp_path)
    one.beside(3, "payload").write_bytes(b"x")
    one.beside(3, "new").write_bytes(b"x")
    one.sweep()
    assert names(tmp_path) == []


def test_a_file_that_lies_beside_is_put_in_place(tmp_path: Path) -> None:
    one = folder(tmp_path)
    one.beside(3, "new").write_bytes(b"x")
    one.adopt(3, one.beside(3, "new"))
    assert (one.floor, folder(tmp_path).read(3)) == (3, b"x")
