"""Whose PSAM it is: a flow leases it whole, the next one waits in line.

A flow whose card hangs must not take the other lanes' PSAM along. So one that has asked nothing for
a while loses its lease to the next in the queue, and leases again should it go on after all. No
session of a social security card is torn by that: each answer is one uninterrupted piece of the
PSAM's work (`apdu.social_security.psam.Psam.compute`). A purse's session is, so a transit PSAM's
line knows no such while: that flow keeps it until it gives it back, or the watchdog does
(`agent.psam.transit`).
"""

from collections.abc import Sequence

from apdu.social_security.psam import PsamBusy
from world import Event, World

PATIENCE = 3.0  # seconds that a flow waits for other ones' PSAM
IDLE = 0.3  # seconds without a question; a good card takes less between its two
NEVER = float("inf")


class PsamWaitQueue:
    """Who waits, for all PSAMs of a terminal."""

    def __init__(self, world: World, idle: float = IDLE) -> None:
        """`idle`: seconds without a question after which a flow loses its lease to who waits."""
        self._world = world
        self.idle = idle
        self.changing = world.lock()
        self._waiting: list[Event] = []

    def take(self, flow: object, leases: Sequence["PsamLease"]) -> "PsamLease":
        """One of `leases` for `flow`, after at most `PATIENCE` seconds. Raises `PsamBusy`."""
        deadline = self._world.monotonic() + PATIENCE
        changed = self._world.event()
        while True:
            with self.changing:
                now = self._world.monotonic()
                for lease in leases:
                    if lease.free_at(now) <= now:
                        lease.begin(flow, now)
                        return lease
                if now >= deadline:
                    raise PsamBusy
                changed.clear()
                self._waiting.append(changed)
                until = min(deadline, *(lease.free_at(now) for lease in leases))
            changed.wait(until - now)
            with self.changing:
                self._waiting.remove(changed)

    def moved(self) -> None:
        """A lease has changed: all who wait look again. Called with `changing` held."""
        for changed in self._waiting:
            changed.set()


class PsamLease:
    """One PSAM's."""

    def __init__(self, world: World, line: PsamWaitQueue) -> None:
        self._world = world
        self._line = line
        self._flow: object | None = None
        self._pending = 0
        self._touched = 0.0  # World.monotonic() of its last answer

    def held_by(self, flow: object) -> bool:
        """Whether that flow still has the PSAM: an idle one may have lost it to another."""
        return self._flow is flow

    def give_back(self, flow: object) -> None:
        """Nothing happens when another flow has it by now."""
        with self._line.changing:
            if self._flow is flow:
                self._flow = None
                self._line.moved()

    def asked(self) -> None:
        """The PSAM owes one more answer."""
        with self._line.changing:
            self._pending += 1

    def answered(self) -> None:
        """The PSAM owes one answer less; from now on the flow's idle time counts."""
        with self._line.changing:
            self._pending -= 1
            self._touched = self._world.monotonic()
            self._line.moved()

    def begin(self, flow: object, now: float) -> None:
        """For `PsamWaitQueue` alone, which holds its lock; so is `free_at`."""
        self._flow, self._touched = flow, now

    def free_at(self, now: float) -> float:
        """World.monotonic() from which the next flow may have it, as things stand `now`."""
        if self._flow is None:
            return now
        return NEVER if self._pending else self._touched + self._line.idle
