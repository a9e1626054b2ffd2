"""The one call that may be under way on a reader's card, and whether the watchdog gave it up.

A thread that opens, transmits or closes is in flight; others land it first, and wait as long as it
takes.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from world import World


class Flight:
    """Held (`with flight:`) during a call of the lane's; one at a time."""

    def __init__(self, world: World) -> None:
        self._lock = world.lock()
        self._under_way = False
        self._given_up = False

    def __enter__(self) -> None:
        self._lock.acquire()
        self._given_up = False
        self._under_way = True

    def __exit__(self, *exception: object) -> None:
        self._under_way = False
        self._lock.release()

    def give_up(self) -> None:
        """The call that is under way counts as hanging until it returns; without one nothing
        happens."""
        self._given_up = self._under_way

    @property
    def hangs(self) -> bool:
        """Whether a call is under way that the watchdog gave up."""
        return self._under_way and self._given_up

    def land(self, timeout: float) -> bool:
        """Wait for the call to return and let no thread start another. False when it hangs."""
        return self._lock.acquire(timeout)

    def take_off(self) -> None:
        """Calls may be made again, after `land`."""
        self._lock.release()

    @contextmanager
    def grounded(self) -> Iterator[None]:
        """Between the lane's calls, however long the one under way takes; no call itself."""
        self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()
