"""The terminal's transit PSAMs: each on a thread of its own, leased by one payment at a time.

Beside `agent.sam`, whose PSAMs answer for social security cards: this one has a session per payment
and remembers the last one only, so a flow keeps it from 8070 to 8072.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from agent.leases import Lease, Line
from agent.sam import ANSWER, SamStatus
from apdu.psam import PsamMissing
from apdu.transit.transit_psam import PsamSessionOver, TransitPsam
from apdu.transit.values import Authorisation, Initialised, PublicInfo, Terminal
from drivers.contract import Absence, CardHandle, CardReader
from world import Event, Fault, Queue, Task, World

LOG = logging.getLogger("onecard.psam")
T = TypeVar("T")


class Promised(Generic[T]):
    """What the PSAM's thread will have done."""

    def __init__(self, slot: "TransitSlot", done: Event) -> None:
        self._slot = slot
        self._done = done
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
        if not self._done.wait(ANSWER):
            self._slot.give_up()
            raise PsamMissing(reason="silent")
        if self._fault is not None:
            raise self._fault
        return self._values[0]


class TransitSlot:
    """One slot and its thread, the only one that touches the PSAM."""

    def __init__(self, world: World, reader: CardReader, line: Line) -> None:
        self._world = world
        self._reader = reader
        self._jobs: Queue[Callable[[], None] | None] = world.queue()
        self._handle: CardHandle | None = None
        self._psam: TransitPsam | None = None
        self._stopping = False
        self._tasks: list[Task] = []
        self.lease = Lease(world, line)
        self.usable = True  # False while it owes an answer that nobody waits for any more
        self.terminal: Terminal | None = None  # of the PSAM that is there
        self.fault: str = PsamMissing.code  # until one has answered

    def start(self) -> None:
        name = self._reader.name
        self._tasks = [
            self._world.spawn(self._run, name=f"psam {name}"),
            self._world.spawn(self._hear, name=f"psam slot {name}"),
        ]

    def stop(self) -> None:
        self._stopping = True
        self._reader.events.put(Absence(self._reader.name, 0, self._world.monotonic()))
        self._jobs.put(None, priority=1)
        for task in self._tasks:
            task.join(1.0)

    def ask(self, work: Callable[[TransitPsam], T]) -> Promised[T]:
        """Let the PSAM do `work` after what it was asked before."""
        promised: Promised[T] = Promised(self, self._world.event())

        def job() -> None:
            promised.attempt(lambda: self._with_psam(work))
            self.lease.answered()

        self.lease.asked()
        self._jobs.put(job)
        return promised

    def give_back(self, flow: object) -> None:
        """End the flow's lease once everything asked so far is done."""
        self._jobs.put(lambda: self.lease.give_back(flow))

    def give_up(self) -> None:
        """It hangs: its thread stays with it, payments get `PsamMissing` until it answers."""
        self.usable = False
        self._reader.give_up()
        LOG.warning("psam %s: does not answer", self._reader.name)

    def status(self) -> SamStatus:
        number = self.terminal.number.hex().upper() if self.terminal else ""
        return SamStatus(self._reader.name, number, (), self.fault)

    # The PSAM's thread

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            self.usable = True
        self._close()

    def _hear(self) -> None:
        while not self._stopping:
            self._reader.events.get()
            if not self._stopping:
                self._jobs.put(self._renew)

    def _renew(self) -> None:
        if self._handle is not None and self._handle.present():
            return  # what was heard is of the one before
        self._close()
        try:
            self._opened()
        except Fault as fault:
            LOG.warning("psam %s: %s", self._reader.name, fault.code)

    def _with_psam(self, work: Callable[[TransitPsam], T]) -> T:
        """A PSAM that went with its reader service is powered again, once."""
        stale = self._psam is not None
        try:
            return self._once(work)
        except PsamMissing:
            if not stale:
                raise
            return self._once(work)

    def _once(self, work: Callable[[TransitPsam], T]) -> T:
        try:
            return work(self._opened())
        except PsamMissing as fault:
            self._close()
            self.fault = fault.code
            raise

    def _opened(self) -> TransitPsam:
        if self._psam is not None:
            return self._psam
        try:
            self._handle = self._reader.open()
        except Fault as fault:
            self.fault = PsamMissing.code
            raise PsamMissing(reason=fault.code) from fault
        psam = TransitPsam(self._handle)
        try:
            self.terminal = psam.open()
        except Fault as fault:
            self.fault = fault.code
            self._close()
            raise
        self._psam, self.fault = psam, ""
        return psam

    def _close(self) -> None:
        if self._handle is not None:
            self._handle.close()
        self._handle = self._psam = self.terminal = None


class TransitDesk:
    """All transit PSAMs of the terminal."""

    def __init__(self, world: World, readers: Sequence[CardReader]) -> None:
        self._line = Line(world)
        self._slots = [TransitSlot(world, reader, self._line) for reader in readers]

    def start(self) -> None:
        for slot in self._slots:
            slot.start()

    def stop(self) -> None:
        for slot in self._slots:
            slot.stop()

    def status(self) -> Sequence[SamStatus]:
        return [slot.status() for slot in self._slots]

    def lease(self) -> "Leased":
        """A PSAM for one payment; its terminal number enters 8050. Raises `PsamMissing`,
        `PsamBusy`, and what `TransitPsam.open` raises."""
        usable = [slot for slot in self._slots if slot.usable]
        if not usable:
            raise PsamMissing(reason="silent" if self._slots else "no-slot")
        slots = {slot.lease: slot for slot in usable if not slot.fault} or {
            slot.lease: slot for slot in usable
        }
        flow = object()
        slot = slots[self._line.take(flow, list(slots))]
        try:
            terminal = slot.terminal or slot.ask(lambda psam: psam.open()).result()
        except Fault:
            slot.give_back(flow)
            raise
        return Leased(slot, flow, terminal)


class Leased:
    """One payment's PSAM."""

    def __init__(self, slot: TransitSlot, flow: object, terminal: Terminal) -> None:
        self._slot = slot
        self._flow = flow
        self.terminal = terminal

    def authorise(self, card: PublicInfo, begun: Initialised, moment: str) -> Authorisation:
        """8070. Raises the faults of `TransitPsam.authorise`."""
        return self._slot.ask(lambda psam: psam.authorise(card, begun, moment)).result()

    def session(self, authorisation: Authorisation) -> "Session":
        return Session(self._slot, authorisation)

    def release(self) -> None:
        self._slot.give_back(self._flow)


class Session:
    """One 8070, and the PSAM that it was made by: good until the next 8070 or reset there."""

    def __init__(self, slot: TransitSlot, authorisation: Authorisation) -> None:
        self._slot = slot
        self._authorisation = authorisation

    def verify(self, mac2: bytes) -> "Promised[None]":
        """8072, while the caller goes on. Its `result` raises `PsamSessionOver` where that PSAM
        remembers another payment by now, and the faults of `TransitPsam.verify`."""
        return self._slot.ask(lambda psam: psam.verify(self._authorisation, mac2))


__all__ = ["Leased", "Promised", "PsamSessionOver", "Session", "TransitDesk", "TransitSlot"]
