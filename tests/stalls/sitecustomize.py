"""Threads that stall, in every Python process that finds this folder: `./run test --stalls SEED`.

Where threads tell each other something (a lock is given back, a queue gives an item, a thread
begins) one of them pauses now and then, as it would beside other work on a busy machine. What holds
only while one thread is quicker than another fails within minutes of this, and else once in
thousands of runs. Each process draws its own pauses from the seed and its number.
"""

import _thread
import os
import queue
import random
import sys
import threading
import time
from typing import Any

SEED = os.environ.get("ONECARD_STALLS", "")
OFTEN = 0.02  # of the moments at which a thread may pause
AT_ITS_BEGIN = 0.3  # of the threads
LONGEST = 0.08  # seconds
# Whose locks: a simulated world has one thread go on at a time, as its seed draws; pytest's own
# threads are only slower for it.
SPARED = ("simulators.world.", "xdist.", "execnet.")

_drawn = random.Random(f"{SEED} {os.getpid()}")


def _stall(often: float = OFTEN) -> None:
    if _drawn.random() < often:
        time.sleep(_drawn.random() * LONGEST)


class StallingLock:
    """`threading.Lock`; who gives it back may pause before going on."""

    def __init__(self) -> None:
        self._lock = _thread.allocate_lock()
        self.acquire = self._lock.acquire
        self.locked = self._lock.locked

    def release(self) -> None:
        self._lock.release()
        _stall()

    def __enter__(self) -> bool:
        return self._lock.acquire()

    def __exit__(self, *exception: object) -> None:
        self.release()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lock, name)


class StallingQueue(queue.SimpleQueue):  # type: ignore[type-arg]
    """`queue.SimpleQueue`; who puts or gets something may pause before going on."""

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        super().put(item, block, timeout)
        _stall()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        item = super().get(block, timeout)
        _stall()
        return item


def _lock() -> Any:
    """What `threading.Lock()` gives: the module that asks may do so through `threading`."""
    frame = sys._getframe(1)
    for _ in range(3):
        if f"{frame.f_globals.get('__name__')}.".startswith(SPARED):
            return _thread.allocate_lock()
        frame = frame.f_back or frame
    return StallingLock()


def _run(self: threading.Thread, run: Any = threading.Thread.run) -> None:
    _stall(AT_ITS_BEGIN)
    run(self)


if SEED:
    threading.Lock = _lock  # type: ignore[assignment]
    threading.Thread.run = _run  # type: ignore[method-assign]
    queue.SimpleQueue = StallingQueue  # type: ignore[misc]
