"""Waiting for a descriptor, so that another thread can end the wait: the one place that selects."""

import os
import select
from collections.abc import Sequence
from typing import Final

from drivers.contract import DeviceFault

REST: Final = 0.1  # seconds after a read that brought nothing, so that none is asked in a whirl


class Interrupted(Exception):
    """Somebody wants this device's thread back: stop, release, or a write that failed."""


class _Sign:
    """A descriptor of its own, which lives as long as anybody refers to it, so that a late write
    never goes into a number that was given away again."""

    _fd = -1  # of one that was never made

    def __init__(self) -> None:
        """Raises `OSError` when there are no descriptors left."""
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def __del__(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def fileno(self) -> int:
        return self._fd


class Waker(_Sign):
    """Ends a wait from any thread; once set it stays set."""

    def wake(self) -> None:
        """End the wait that is under way, and every later one. Any thread."""
        os.eventfd_write(self._fd, 1)


class Nudge(_Sign):
    """Ends one wait early and nothing else: there is work for the thread that waits. Any thread."""

    def give(self) -> None:
        """End the wait that is under way, or the next one."""
        os.eventfd_write(self._fd, 1)

    def take(self) -> None:
        """Forget it; only after a wait has found it."""
        os.eventfd_read(self._fd)


def readable(fd: int, waker: Waker, timeout: float | None) -> bool:
    """True when `fd` has something to read or has hung up, False after `timeout` seconds.

    Raises `Interrupted`, `DeviceFault` when the descriptor is not one any more.
    """
    return bool(ready([fd], waker, timeout))


def ready(fds: Sequence[int], waker: Waker, timeout: float | None) -> frozenset[int]:
    """Those of `fds` that have something to read or have hung up; see `readable`."""
    poll = select.poll()
    for fd in (*fds, waker.fileno()):
        poll.register(fd, select.POLLIN)
    found = dict(poll.poll(None if timeout is None else max(0, int(timeout * 1000 + 0.999))))
    if waker.fileno() in found:
        raise Interrupted
    if any(signs & select.POLLNVAL for signs in found.values()):
        raise DeviceFault(problem="descriptor")
    return frozenset(found)


def rest(waker: Waker, seconds: float) -> None:
    """Let `seconds` pass. Raises `Interrupted`."""
    ready((), waker, seconds)


def hung_up(fd: int) -> bool:
    """Whether nothing will come of it any more. A read that brings no bytes does not say so."""
    poll = select.poll()
    poll.register(fd, 0)
    return bool(poll.poll(0))


def writable(fd: int, timeout: float) -> bool:
    """True when `fd` takes bytes or has hung up, False after `timeout` seconds."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(max(0, int(timeout * 1000 + 0.999))))
