"""A seeded `World`: real threads that hold one baton, virtual time, a history that can be replayed.

Exactly one task runs at any moment. At every World call that could switch, the seed chooses the
next task among those that can go on; when none can, virtual time jumps to the nearest deadline.
The same seed gives the same history. Files, databases and child processes are the real ones.
"""

import heapq
import itertools
import random
import threading
import time as real_time
from collections.abc import Callable
from math import inf
from ssl import SSLContext
from types import TracebackType
from typing import Generic, TypeVar

from world.ports import Event, Lock, Queue, QueueEmpty, Stream, Task
from world.real import RealWorld

T = TypeVar("T")

START = 1_790_000_000.0  # a Monday in September 2026
MAIN = "main"
TICK = 1e-6  # what each switch costs, so that time is never the same twice


class Deadlock(Exception):
    """Every task waits for another one and no deadline will wake any of them."""


class TooManySteps(Exception):
    """The history did not end within the step limit."""


class _Over(BaseException):
    """Unwinds the threads that are left when the history has ended."""


class SimTask:
    """One thread; `ready` says whether it could go on, `deadline` when it goes on anyway."""

    def __init__(self, world: "SimWorld", name: str) -> None:
        self._world = world
        self._name = name
        self.baton = threading.Semaphore(0)
        self.ready: Callable[[], bool] = _always
        self.deadline: float | None = None
        self.done = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def alive(self) -> bool:
        return not self.done

    def join(self, timeout: float | None = None) -> bool:
        return self._world.switch(lambda: self.done, timeout)


def _always() -> bool:
    return True


class SimQueue(Generic[T]):
    def __init__(self, world: "SimWorld") -> None:
        self._world = world
        self._heap: list[tuple[int, int, T]] = []
        self._arrival = itertools.count()

    def put(self, item: T, priority: int = 0) -> None:
        heapq.heappush(self._heap, (priority, next(self._arrival), item))
        self._world.switch()

    def get(self, timeout: float | None = None) -> T:
        if not self._world.switch(lambda: bool(self._heap), timeout):
            raise QueueEmpty
        return heapq.heappop(self._heap)[2]

    def __len__(self) -> int:
        return len(self._heap)


class SimEvent:
    def __init__(self, world: "SimWorld") -> None:
        self._world = world
        self._flag = False

    def set(self) -> None:
        self._flag = True
        self._world.switch()

    def clear(self) -> None:
        self._flag = False

    def is_set(self) -> bool:
        return self._flag

    def wait(self, timeout: float | None = None) -> bool:
        return self._world.switch(lambda: self._flag, timeout)


class SimLock:
    def __init__(self, world: "SimWorld") -> None:
        self._world = world
        self._held = False

    def acquire(self, timeout: float | None = None) -> bool:
        if not self._world.switch(lambda: not self._held, timeout):
            return False
        self._held = True
        return True

    def release(self) -> None:
        self._held = False
        self._world.switch()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


class SimWorld(RealWorld):
    """See `world.ports.World`. Start a history with `play`; everything it spawns belongs to it."""

    def __init__(self, seed: int, *, steps: int = 1_000_000) -> None:
        self._seeded = random.Random(seed)
        self._steps = steps
        self._time = 0.0
        self._wall_offset = START
        self._tasks: list[SimTask] = []
        self._current: SimTask | None = None
        self._failure: BaseException | None = None
        self._over = False
        self._servers: dict[tuple[str, int] | str, Callable[[], Stream]] = {}
        self.synchronised = True
        self.log: list[str] = []

    def play(self, main: Callable[[], T]) -> T:
        """Run `main` as the first task and return its result.

        Raises what any task let out, `Deadlock`, or `TooManySteps`.
        """
        self.begin()
        try:
            result = main()
        except _Over as over:
            raise self._failure or over from None
        finally:
            self._end()
        if self._failure is not None:
            raise self._failure
        return result

    def begin(self) -> None:
        """Let the caller's thread be the first task, for a machine whose steps come from outside;
        `end` closes the history."""
        self._current = self._add(MAIN)

    def end(self) -> None:
        """Raises what any task let out, as `play` does."""
        self._end()
        if self._failure is not None:
            raise self._failure

    def join_all(self) -> None:
        """After `end`: wait until every thread of the history has let go of what it held."""
        while not all(task.done for task in self._tasks if task.name != MAIN):
            real_time.sleep(0.001)

    def jump_clock(self, seconds: float) -> None:
        """Move the wall clock, as a bad time source would; monotonic time goes on evenly."""
        self._wall_offset += seconds

    def serve(self, address: tuple[str, int] | str, accept: Callable[[], Stream]) -> None:
        """Let `connect(address, …)` reach `accept`."""
        self._servers[address] = accept

    # The World's calls.

    def now(self) -> float:
        return self._wall_offset + self._time

    def clock_synchronised(self) -> bool:
        return self.synchronised

    def monotonic(self) -> float:
        return self._time

    def random(self, size: int) -> bytes:
        return self._seeded.randbytes(size)

    def wait(self, seconds: float) -> None:
        self.switch(lambda: False, seconds)

    def spawn(self, target: Callable[[], None], *, name: str, ahead: bool = False) -> Task:
        task = self._add(name)
        threading.Thread(target=self._live, args=(task, target), name=name, daemon=True).start()
        self.switch()
        return task

    def queue(self) -> Queue[T]:
        return SimQueue(self)

    def event(self) -> Event:
        return SimEvent(self)

    def lock(self) -> Lock:
        return SimLock(self)

    def connect(self, address: tuple[str, int] | str, timeout: float) -> Stream:
        self.switch()
        if address not in self._servers:
            raise ConnectionRefusedError(f"nobody serves {address} in this history")
        return self._servers[address]()

    def connect_tls(self, address: tuple[str, int], context: SSLContext, timeout: float) -> Stream:
        """What `serve` reaches, without TLS: a history knows no impostors."""
        return self.connect(address, timeout)

    # The baton.

    def switch(self, ready: Callable[[], bool] = _always, timeout: float | None = None) -> bool:
        """Let the seed decide who goes on; return when `ready()` or after `timeout` seconds."""
        me = self._current
        assert me is not None, "a World call outside of play()"
        me.ready = ready
        me.deadline = None if timeout in (None, inf) else self._time + timeout
        try:
            chosen = self._choose()
        except (Deadlock, TooManySteps) as failure:
            self._fail(failure)
            raise _Over from failure
        if chosen is not me:
            self._current = chosen
            chosen.baton.release()
            me.baton.acquire()
            if self._over:
                raise _Over
        return ready()

    def _choose(self) -> SimTask:
        self._steps -= 1
        if self._steps < 0:
            raise TooManySteps(f"no end in sight; last: {self.log[-5:]}")
        self._time += TICK
        while True:
            able = [task for task in self._tasks if not task.done and self._able(task)]
            if able:
                chosen = self._seeded.choice(able)
                self.log.append(chosen.name)
                return chosen
            deadlines = [t.deadline for t in self._tasks if not t.done and t.deadline is not None]
            if not deadlines:
                waiting = ", ".join(task.name for task in self._tasks if not task.done)
                raise Deadlock(f"all wait: {waiting}")
            self._time = max(self._time, min(deadlines))

    def _able(self, task: SimTask) -> bool:
        return task.ready() or (task.deadline is not None and task.deadline <= self._time)

    def _add(self, name: str) -> SimTask:
        task = SimTask(self, name)
        self._tasks.append(task)
        return task

    def _live(self, task: SimTask, target: Callable[[], None]) -> None:
        task.baton.acquire()
        try:
            if not self._over:
                target()
        except _Over:
            return
        except BaseException as failure:  # noqa: BLE001 - handed to whoever called play()
            self._fail(failure)
            return
        finally:
            task.done = True
        if not self._over:
            self._pass_on()

    def _pass_on(self) -> None:
        """The running task has ended: hand the baton to another one."""
        try:
            self._current = self._choose()
        except (Deadlock, TooManySteps) as failure:
            self._fail(failure)
            return
        self._current.baton.release()

    def _fail(self, failure: BaseException) -> None:
        self._failure = self._failure or failure
        self._end()

    def _end(self) -> None:
        self._over = True
        for task in self._tasks:
            task.baton.release()
