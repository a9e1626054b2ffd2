"""The machine as a World: what the ports promise."""

import os
import stat
from pathlib import Path

import pytest

from world import Queue, QueueEmpty
from world.real import RealWorld


def test_queue_serves_priority_then_arrival() -> None:
    queue: Queue[str] = RealWorld().queue()
    queue.put("slice", 9)
    queue.put("tap 1")
    queue.put("tap 2")
    assert [queue.get(0) for _ in range(3)] == ["tap 1", "tap 2", "slice"]
    with pytest.raises(QueueEmpty):
        queue.get(0)


def test_queue_wakes_a_waiting_task() -> None:
    world = RealWorld()
    queue: Queue[int] = world.queue()
    got: Queue[int] = world.queue()
    task = world.spawn(lambda: got.put(queue.get()), name="waiter")
    queue.put(42)
    assert got.get(5) == 42
    assert task.join(5)
    assert not task.alive


def test_lock_times_out_while_another_holds_it() -> None:
    lock = RealWorld().lock()
    with lock:
        assert not lock.acquire(0.01)
    assert lock.acquire(0.01)


def test_files_are_bytes_only(tmp_path: Path) -> None:
    world = RealWorld()
    with pytest.raises(ValueError, match="bytes"):
        world.open(tmp_path / "x", "w")
    with world.open(tmp_path / "x", "wb") as file:
        file.write(b"\x00\xff")
    with world.open(tmp_path / "x", "rb") as file:
        assert file.read() == b"\x00\xff"


def test_a_replaced_file_is_whole_private_and_leaves_nothing_beside(tmp_path: Path) -> None:
    world, path = RealWorld(), tmp_path / "secret"
    (tmp_path / ".secret.new").write_bytes(b"of a write that a power cut ended")
    world.replace_file(path, b"one")
    world.replace_file(path, b"two", 0o640)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(world.file_mode(path)) == 0o640
    assert world.list_folder(tmp_path) == ["secret"]
    world.remove_file(path)
    assert world.list_folder(tmp_path) == []
    with pytest.raises(FileNotFoundError):
        world.remove_file(path)


def test_a_file_is_replaced_only_after_its_bytes_are_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(file: int) -> None:
        done.append("fsync")
        fsync(file)

    def noted_replace(old: Path, new: Path) -> None:
        done.append("replace")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    RealWorld().replace_file(tmp_path / "x", b"data")
    assert done == ["fsync", "replace", "fsync"]


def test_a_folder_gets_its_permissions_once_and_links_are_not_followed(tmp_path: Path) -> None:
    world, folder = RealWorld(), tmp_path / "keys"
    world.make_folder(folder)
    assert stat.S_IMODE(world.file_mode(folder)) == 0o700
    folder.chmod(0o750)
    world.make_folder(folder)
    assert stat.S_IMODE(world.file_mode(folder)) == 0o750
    (tmp_path / "link").symlink_to(folder)
    assert stat.S_ISLNK(world.file_mode(tmp_path / "link"))
    with pytest.raises(FileNotFoundError):
        world.make_folder(tmp_path / "no" / "parent")


def test_a_child_that_does_not_end_is_killed() -> None:
    assert RealWorld().run(["sleep", "60"], timeout=0.05) < 0
    assert RealWorld().run(["false"]) == 1
    assert RealWorld().run(["true"], nice=5) == 0
