"""Waiting for a descriptor, so that another thread can end the wait: the one place that selects."""

import os
import select

from drivers.contract import DeviceFault


class Interrupted(Exception):
    """Somebody wants this device's thread back: stop, release, or a write that failed."""


class Waker:
    """Ends a wait from any thread; once set it stays set. Its descriptor lives as long as anybody
    refers to it, so that a late `wake` never writes into a number that was given away again."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def __del__(self) -> None:
        os.close(self._fd)

    def fileno(self) -> int:
        return self._fd

    def wake(self) -> None:
        os.eventfd_write(self._fd, 1)


def readable(fd: int, waker: Waker, timeout: float | None) -> bool:
    """True when `fd` has something to read or has hung up, False after `timeout` seconds.

    Raises `Interrupted`, `DeviceFault` when the descriptor is not one any more.
    """
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    poll.register(waker.fileno(), select.POLLIN)
    ready = dict(poll.poll(None if timeout is None else max(0, int(timeout * 1000 + 0.999))))
    if waker.fileno() in ready:
        raise Interrupted
    if ready.get(fd, 0) & select.POLLNVAL:
        raise DeviceFault(problem="descriptor")
    return fd in ready
