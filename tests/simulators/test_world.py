"""The seeded World: one history per seed, virtual time, races and deadlocks found."""

import threading
from math import inf

import pytest

from simulators.world import Deadlock, SimWorld, TooManySteps
from world import Queue, QueueEmpty


def ping_pong(world: SimWorld) -> list[str]:
    heard: list[str] = []
    queue: Queue[str] = world.queue()

    def talk(name: str) -> None:
        for turn in range(3):
            queue.put(f"{name}{turn}")

    tasks = [world.spawn(lambda n=name: talk(n), name=name) for name in "abc"]  # type: ignore[misc]
    heard = [queue.get() for _ in range(9)]
    for task in tasks:
        assert task.join(1.0)
    return heard


def test_same_seed_gives_the_same_history() -> None:
    first, second = SimWorld(7), SimWorld(7)
    assert first.play(lambda: ping_pong(first)) == second.play(lambda: ping_pong(second))
    assert first.log == second.log
    assert first.monotonic() == second.monotonic()


def test_other_seeds_give_other_histories() -> None:
    histories = set()
    for seed in range(20):
        world = SimWorld(seed)
        histories.add(tuple(world.play(lambda w=world: ping_pong(w))))  # type: ignore[misc]
    assert len(histories) > 5


def test_waiting_costs_virtual_time_only() -> None:
    world = SimWorld(1)

    def month() -> float:
        world.wait(30 * 86_400)
        return world.monotonic()

    assert world.play(month) == pytest.approx(30 * 86_400, abs=1)


def test_queue_event_and_lock_time_out_in_virtual_time() -> None:
    world = SimWorld(1)

    def main() -> None:
        queue: Queue[int] = world.queue()
        with pytest.raises(QueueEmpty):
            queue.get(5.0)
        assert not world.event().wait(5.0)
        lock = world.lock()
        assert lock.acquire()
        assert not lock.acquire(5.0)
        assert world.monotonic() >= 15.0

    world.play(main)


def test_an_infinite_limit_is_none_and_a_deadlock_is_seen_behind_it() -> None:
    world = SimWorld(1)

    def main() -> None:
        flag = world.event()
        world.spawn(flag.set, name="setter")
        assert flag.wait(inf)
        assert world.monotonic() < 1.0
        world.event().wait(inf)

    with pytest.raises(Deadlock):
        world.play(main)


def test_queue_serves_lower_priority_numbers_first() -> None:
    world = SimWorld(1)

    def main() -> list[str]:
        queue: Queue[str] = world.queue()
        queue.put("late", 5)
        queue.put("first", 0)
        queue.put("second", 0)
        return [queue.get() for _ in range(3)]

    assert world.play(main) == ["first", "second", "late"]


def lost_update(world: SimWorld, guarded: bool) -> int:
    """Two tasks read, switch, and write back: without the lock one update can be lost."""
    total = 0
    lock = world.lock()

    def add() -> None:
        nonlocal total
        if guarded:
            lock.acquire()
        seen = total
        world.switch()
        total = seen + 1
        if guarded:
            lock.release()

    for task in [world.spawn(add, name=f"adder{n}") for n in range(2)]:
        task.join()
    return total


def test_a_race_shows_in_some_histories_and_the_lock_ends_it() -> None:
    def totals(guarded: bool) -> set[int]:
        worlds = [SimWorld(seed) for seed in range(30)]
        return {w.play(lambda w=w: lost_update(w, guarded)) for w in worlds}  # type: ignore[misc]

    assert totals(guarded=True) == {2}
    assert totals(guarded=False) == {1, 2}  # the control: the harness does see a lost update


def test_deadlock_is_named_not_waited_for() -> None:
    world = SimWorld(3)

    def main() -> None:
        event = world.event()
        starving: Queue[None] = world.queue()
        world.spawn(starving.get, name="hungry")
        event.wait()

    with pytest.raises(Deadlock, match="hungry"):
        world.play(main)


def test_what_a_task_lets_out_ends_the_history() -> None:
    world = SimWorld(3)

    def fall() -> None:
        raise ValueError("planted")

    def main() -> None:
        world.spawn(fall, name="falls")
        world.event().wait()

    with pytest.raises(ValueError, match="planted"):
        world.play(main)


def test_an_endless_history_is_cut() -> None:
    world = SimWorld(3, steps=100)

    def main() -> None:
        while True:
            world.wait(0.1)

    with pytest.raises(TooManySteps):
        world.play(main)


def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()
    world = SimWorld(5)
    world.play(lambda: world.spawn(lambda: world.wait(1e9), name="sleeper"))
    for thread in threading.enumerate():
        if thread.name == "sleeper":
            thread.join(5)
    assert threading.active_count() == before


def test_the_wall_clock_can_jump_and_monotonic_time_does_not() -> None:
    world = SimWorld(1)

    def main() -> None:
        before, steady = world.now(), world.monotonic()
        world.jump_clock(-365 * 86_400)
        assert world.now() - before < -364 * 86_400
        assert world.monotonic() >= steady

    world.play(main)
