"""Who has which reader: a lease has owner, reason and end, and a second caller is told all three.

The book is asked by the callers' threads and told by the readers'. The card itself belongs to the
reader's thread, which powers it down as soon as it hears that its lease is over.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from agent.facade.faults import Held
from world import World


@dataclass(eq=False)
class ReaderLease:
    """One caller's hold of one reader. `until` and `over` change under the book's lock only."""

    reader: str
    owner: object  # the connection
    client: str
    purpose: str
    function: str  # the call it was last used for
    until: float = inf  # World.monotonic(); infinite while a call is under way
    over: str = ""  # why it has ended, once it has
    interrupt: Callable[[], None] | None = None  # ends what a call waits for: a PIN being typed


class Leases:
    """All leases of a terminal; at most one per reader."""

    def __init__(self, world: World, seconds: float) -> None:
        self._world = world
        self._seconds = seconds
        self._changing = world.lock()
        self._held: dict[str, ReaderLease] = {}

    def take(
        self, reader: str, owner: object, client: str, purpose: str, function: str
    ) -> ReaderLease:
        """That reader for a call of that owner, who may have it already. Raises `Held`."""
        with self._changing:
            held = self._current(reader)
            if held is not None and held.owner is not owner:
                raise Held(
                    reader=reader,
                    client=held.client,
                    function=held.function,
                    seconds=self._left(held),
                )
            if held is None:
                held = self._held[reader] = ReaderLease(reader, owner, client, purpose, function)
            held.until, held.function = inf, function
            return held

    def rest(self, lease: ReaderLease) -> None:
        """Its call is answered; from now on the time runs until the owner's next one."""
        with self._changing:
            lease.until = self._world.monotonic() + self._seconds

    def end(self, lease: ReaderLease, reason: str) -> None:
        """The lease is over. The first reason counts."""
        with self._changing:
            self._end(lease, reason)

    def of(self, owner: object) -> Sequence[ReaderLease]:
        """What that owner has now."""
        return [lease for lease in self.current() if lease.owner is owner]

    def current(self) -> Sequence[ReaderLease]:
        """All that are in force."""
        with self._changing:
            found = [self._current(reader) for reader in sorted(self._held)]
            return [lease for lease in found if lease is not None]

    def status(self) -> Sequence[dict[str, Any]]:
        """Each lease in force: reader, client, purpose, function, seconds_left."""
        return [
            {
                "reader": lease.reader,
                "client": lease.client,
                "purpose": lease.purpose,
                "function": lease.function,
                "seconds_left": self._left(lease),
            }
            for lease in self.current()
        ]

    def _left(self, lease: ReaderLease) -> int:
        """Whole seconds until it ends by itself, at least one."""
        left = min(lease.until - self._world.monotonic(), self._seconds)
        return max(1, round(left))

    def _current(self, reader: str) -> ReaderLease | None:
        lease = self._held.get(reader)
        if lease is not None and lease.until <= self._world.monotonic():
            self._end(lease, "time")
            return None
        return lease

    def _end(self, lease: ReaderLease, reason: str) -> None:
        lease.over = lease.over or reason
        if self._held.get(lease.reader) is lease:
            del self._held[lease.reader]
