"""The machine as a World: what the ports promise."""

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


def test_a_child_that_does_not_end_is_killed() -> None:
    assert RealWorld().run(["sleep", "60"], timeout=0.05) < 0
    assert RealWorld().run(["false"]) == 1
    assert RealWorld().run(["true"], nice=5) == 0
