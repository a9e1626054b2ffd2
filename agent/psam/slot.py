"""One SAM slot and its thread, the only one that touches the PSAM: work in, promises out.

A second thread only hears what comes and goes in the slot, and has the first one look. What kind of
PSAM it is, and what has to be known of it, a subclass says.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from agent.psam.leases import PsamLease, PsamWaitQueue
from apdu.social_security.psam import PsamMissing
from config.model import WatchdogSettings
from drivers.contract import Absence, CardHandle, CardReader, DeviceBusy
from world import Event, Fault, Queue, QueueEmpty, Task, World

LOG = logging.getLogger("onecard.psam")

BUSY_AGAIN = 1.0  # seconds until a PSAM is tried again that another program holds
ANSWER: Final = WatchdogSettings().psam_silent  # seconds, where the settings say nothing else

P = TypeVar("P")
T = TypeVar("T")


@dataclass(frozen=True)
class SamStatus:
    """What `readers` and `doctor` show of one PSAM."""

    reader: str
    terminal_number: str  # empty while it could not be read
    algorithms: tuple[str, ...]
    fault: str  # code of what is wrong now


class Promised(Generic[T]):
    """What the PSAM's thread will have done; an `apdu.social_security.authentication.Pending`."""

    def __init__(self, done: Event, silent: float, give_up: Callable[[], None]) -> None:
        self._done = done
        self._silent = silent
        self._give_up = give_up
        self._values: list[T] = []
        self._fault: Fault | None = None

    def attempt(self, work: Callable[[], T]) -> None:
        """On the PSAM's thread."""
        try:
            self._values.append(work())
        except Fault as fault:
            self._fault = fault
        self._done.set()

    def result(self) -> T:
        """Raises what the work raised; `PsamMissing` when it does not answer in time."""
        if not self._done.wait(self._silent):
            self._give_up()
            raise PsamMissing(reason="silent")
        if self._fault is not None:
            raise self._fault
        return self._values[0]


class Slot(ABC, Generic[P]):
    """See the module. `fault` and `usable` may be read by any thread."""

    def __init__(
        self, world: World, reader: CardReader, line: PsamWaitQueue, *, silent: float = ANSWER
    ) -> None:
        """`silent`: seconds after which a PSAM that does not answer counts as missing."""
        self._world = world
        self._silent = silent
        self._reader = reader
        self._jobs: Queue[Callable[[], None] | None] = world.queue()
        self._handle: CardHandle | None = None
        self._psam: P | None = None
        self._stopping = False
        self._held_elsewhere = False
        self._tasks: list[Task] = []
        self.lease = PsamLease(world, line)
        self.usable = True  # False while it owes an answer that nobody waits for any more
        self.looking = False  # something has come or gone and is being looked at
        self.fault: str = PsamMissing.code  # until one has answered

    @abstractmethod
    def status(self) -> SamStatus:
        """What is known of the PSAM now, from memory. Any thread."""

    @abstractmethod
    def _made(self, handle: CardHandle) -> P:
        """The PSAM that has just been powered, asked for what has to be known of it."""

    @abstractmethod
    def _forget(self) -> None:
        """It is not there any more, and nothing is known of the next one."""

    def start(self) -> None:
        """Begin the slot's two threads; the PSAM is powered when its reader says that it is
        there."""
        name = self._reader.name
        self._tasks = [
            self._world.spawn(self._run, name=f"psam {name}", ahead=True),
            self._world.spawn(self._hear, name=f"psam slot {name}"),
        ]

    def stop(self) -> None:
        """Let both threads end and the PSAM be powered down; waits at most 1 s for each."""
        self._stopping = True
        self._reader.events.put(Absence(self._reader.name, 0, self._world.monotonic()))
        self._jobs.put(None, priority=1)
        for task in self._tasks:
            task.join(1.0)

    def ask(self, work: Callable[[P], T]) -> Promised[T]:
        """Let the PSAM do `work` after what it was asked before."""
        promised: Promised[T] = Promised(self._world.event(), self._silent, self.give_up)

        def job() -> None:
            promised.attempt(lambda: self._perform(work))
            self.lease.answered()

        self.lease.asked()
        self._jobs.put(job)
        return promised

    def give_back(self, flow: object) -> None:
        """End the flow's lease once everything asked so far is done."""
        self._jobs.put(lambda: self.lease.give_back(flow))

    def give_up(self) -> None:
        """It hangs: its thread stays with it, flows get `PsamMissing` until it answers."""
        self.usable = False
        self._reader.give_up()
        LOG.warning("psam %s: does not answer", self._reader.name)

    def _hear(self) -> None:
        """A PSAM that comes is powered and probed before the next card needs it."""
        while not self._stopping:
            self._reader.events.get()
            if not self._stopping:
                self.looking = True
                self._jobs.put(self._renew)

    # The PSAM's thread

    def _run(self) -> None:
        while (job := self._next()) is not None:
            job()
            self.usable = True
        self._close()

    def _next(self) -> Callable[[], None] | None:
        """What is asked next; a PSAM that another program holds is tried again meanwhile."""
        try:
            return self._jobs.get(BUSY_AGAIN if self._held_elsewhere else None)
        except QueueEmpty:
            return self._renew

    def _renew(self) -> None:
        if self._handle is not None and self._handle.present():
            return  # what was heard is of the one before
        known = self.fault
        self._close()
        with suppress(Fault):  # `fault` tells it
            self._perform(_nothing)
        self.looking = False
        if self.fault and not known:
            LOG.warning("psam %s: lost (%s)", self._reader.name, self.fault)
        elif known and not self.fault:
            number = self.status().terminal_number
            LOG.info("psam %s: ready, number %s", self._reader.name, number)

    def _perform(self, work: Callable[[P], T]) -> T:
        """A PSAM that went with its reader service is powered again, once: no try is spent."""
        stale = self._psam is not None
        try:
            return self._once(work)
        except PsamMissing:
            if not stale:
                raise
            return self._once(work)

    def _once(self, work: Callable[[P], T]) -> T:
        try:
            return work(self._psam or self._open())
        except PsamMissing as fault:
            self._close()
            self.fault = fault.code
            raise

    def _open(self) -> P:
        self._held_elsewhere = False
        try:
            self._handle = self._reader.open()
        except Fault as fault:
            self._held_elsewhere = isinstance(fault, DeviceBusy)
            raise PsamMissing(reason=fault.code) from fault
        try:
            self._psam = self._made(self._handle)
        except Fault as fault:
            self._close()
            self.fault = fault.code
            raise
        self.fault = ""
        return self._psam

    def _close(self) -> None:
        if self._handle is not None:
            self._handle.close()
        self._handle = self._psam = None
        self._forget()


def _nothing(psam: object) -> None:
    """Only to have it powered and probed."""
