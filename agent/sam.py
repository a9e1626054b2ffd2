"""The terminal's PSAMs: each works on a thread of its own, so that it and the card work together.

A flow leases a PSAM whole at its first question and gives it back when all its answers are in;
answers come as `Pending`, while the caller goes on talking to the card.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from agent.leases import Lease, Line
from apdu.authentication import CardParameters, Computed, Mode, Pending, compute, secured
from apdu.city_keys import PUBLIC_KEYS_ONLY, CityKeys
from apdu.crypto import Algorithm
from apdu.keys import IRK, RKSSSE, Key
from apdu.psam import Psam, PsamLacksAlgorithm, PsamMissing
from drivers.contract import Absence, CardHandle, CardReader
from world import Event, Fault, Queue, Task, World

LOG = logging.getLogger("onecard.psam")

ANSWER = 1.2  # seconds after which a PSAM that does not answer counts as missing; it takes some 0.1

Work = Callable[[Psam], bytes]


@dataclass(frozen=True)
class SamStatus:
    """What `readers` and `doctor` show of one PSAM."""

    reader: str
    terminal_number: str  # empty while it could not be read
    algorithms: tuple[str, ...]
    fault: str  # code of what is wrong now


class Answer:
    """A `Pending` that the PSAM's thread fulfils."""

    def __init__(self, slot: "SamSlot", done: Event) -> None:
        self._slot = slot
        self._done = done
        self._computed = Computed()

    def fulfil(self, computed: Computed) -> None:
        self._computed = computed
        self._done.set()

    def result(self) -> bytes:
        """Raises the PSAM's faults; `PsamMissing` when it does not answer in time."""
        if not self._done.wait(ANSWER):
            self._slot.give_up()
            raise PsamMissing(reason="silent")
        return self._computed.result()


class SamSlot:
    """One SAM slot and its thread, the only one that touches the PSAM.

    A second thread only hears what comes and goes in the slot, and has the first one look.
    """

    def __init__(self, world: World, reader: CardReader, line: Line, home: str = "") -> None:
        self._home = home
        self._world = world
        self._reader = reader
        self._jobs: Queue[Callable[[], None] | None] = world.queue()
        self._handle: CardHandle | None = None
        self._psam: Psam | None = None
        self._silent = False
        self._stopping = False
        self._tasks: list[Task] = []
        self.lease = Lease(world, line)
        self.algorithms: tuple[Algorithm, ...] = ()  # of the PSAM that is there
        self.terminal_number = ""
        self.looking = False  # something has come or gone and is being looked at
        self.fault: str = PsamMissing.code  # until one has answered

    @property
    def usable(self) -> bool:
        """False while it owes an answer that nobody waits for any more."""
        return not self._silent

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

    def ask(self, work: Work) -> Pending[bytes]:
        """Let the PSAM do `work` after what it was asked before."""
        answer = Answer(self, self._world.event())

        def job() -> None:
            answer.fulfil(self._attempt(work))
            self.lease.answered()

        self.lease.asked()
        self._jobs.put(job)
        return answer

    def give_back(self, flow: object) -> None:
        """End the flow's lease once everything asked so far is done."""
        self._jobs.put(lambda: self.lease.give_back(flow))

    def give_up(self) -> None:
        """It hangs: its thread stays with it, flows get `PsamMissing` until it answers."""
        self._silent = True
        self._reader.give_up()
        LOG.warning("psam %s: does not answer", self._reader.name)

    def status(self) -> SamStatus:
        algorithms = tuple(algorithm.value for algorithm in self.algorithms)
        return SamStatus(self._reader.name, self.terminal_number, algorithms, self.fault)

    def _hear(self) -> None:
        """A PSAM that comes is powered and probed before the next card needs it."""
        while not self._stopping:
            self._reader.events.get()
            if not self._stopping:
                self.looking = True
                self._jobs.put(self._renew)

    # The PSAM's thread

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            self._silent = False
        self._close()

    def _renew(self) -> None:
        if self._handle is not None and self._handle.present():
            return  # what was heard is of the one before
        known = self.fault
        self._close()
        self._attempt(_nothing)
        self.looking = False
        if self.fault and not known:
            LOG.warning("psam %s: lost (%s)", self._reader.name, self.fault)
        elif known and not self.fault:
            LOG.info("psam %s: ready, number %s", self._reader.name, self.terminal_number)

    def _attempt(self, work: Work) -> Computed:
        """A PSAM that went with its reader service is powered again, once: no try is spent."""
        stale = self._psam is not None
        computed = self._once(work)
        if stale and isinstance(computed.fault, PsamMissing):
            computed = self._once(work)
        self.fault = computed.fault.code if computed.fault else ""
        return computed

    def _once(self, work: Work) -> Computed:
        try:
            return Computed(work(self._psam or self._open()))
        except PsamMissing as fault:
            self._close()
            self.algorithms, self.terminal_number = (), ""
            return Computed(fault=fault)
        except Fault as fault:
            return Computed(fault=fault)

    def _open(self) -> Psam:
        try:
            self._handle = self._reader.open()
        except Fault as fault:
            raise PsamMissing(reason=fault.code) from fault
        psam = Psam(self._handle, home=self._home)
        try:
            self.algorithms = psam.probe()
        except Fault:
            self._close()
            raise
        self.terminal_number = psam.terminal_number
        self._psam = psam
        return psam

    def _close(self) -> None:
        if self._handle is not None:
            self._handle.close()
        self._handle = self._psam = None


class SamDesk:
    """All PSAMs of the terminal; hands out one authenticator per flow. `home`: the terminal's
    region, six digits; a PSAM without national keys has those of its city or province."""

    def __init__(
        self,
        world: World,
        readers: Sequence[CardReader],
        *,
        home: str = "",
        keys: CityKeys = PUBLIC_KEYS_ONLY,
    ) -> None:
        """`keys`: the authority's table, for keys beyond IRK and RKSSSE."""
        self.keys = keys
        self._line = Line(world)
        self._slots = [SamSlot(world, reader, self._line, home) for reader in readers]

    def start(self) -> None:
        for slot in self._slots:
            slot.start()

    def stop(self) -> None:
        for slot in self._slots:
            slot.stop()

    def authenticator(self) -> "LeasingAuthenticator":
        """For one flow; it takes a PSAM only when it is asked for a key."""
        return LeasingAuthenticator(self)

    def status(self) -> Sequence[SamStatus]:
        return [slot.status() for slot in self._slots]

    def lease(self, algorithm: Algorithm, flow: object) -> SamSlot:
        """A PSAM with that algorithm, for that flow.

        Raises `PsamMissing`, `PsamLacksAlgorithm`, `PsamBusy`.
        """
        usable = [slot for slot in self._slots if slot.usable]
        if not usable:
            raise PsamMissing(reason="silent" if self._slots else "no-slot")
        # Where nothing has answered yet, the right one may be there by now.
        unknown = [slot for slot in usable if not slot.algorithms]
        able = (
            [slot for slot in usable if algorithm in slot.algorithms]
            or [slot for slot in unknown if slot.looking]
            or unknown
        )
        if not able:
            raise PsamLacksAlgorithm(algorithm=algorithm.value)
        slots = {slot.lease: slot for slot in able}
        return slots[self._line.take(flow, list(slots))]


class LeasingAuthenticator:
    """See `apdu.authentication.Authenticator`."""

    mode: ClassVar[Mode] = "psam"

    def __init__(self, desk: SamDesk) -> None:
        self._desk = desk
        self._slot: SamSlot | None = None
        self._refused: Fault | None = None  # nobody waits twice within one flow

    @property
    def terminal_number(self) -> str:
        return self._slot.terminal_number if self._slot else ""

    def internal(self, card: CardParameters, factor: bytes, original: bytes) -> Pending[bytes]:
        keys = self._desk.keys
        return self._ask(card, lambda psam: compute(psam, keys, card, IRK, factor, original))

    def external(
        self, card: CardParameters, factor: bytes, original: bytes, key: Key = RKSSSE
    ) -> Pending[bytes]:
        keys = self._desk.keys
        return self._ask(card, lambda psam: compute(psam, keys, card, key, factor, original))

    def secured(
        self, card: CardParameters, factor: bytes, header: bytes, new_pin: bytes
    ) -> Pending[bytes]:
        keys = self._desk.keys
        return self._ask(card, lambda psam: secured(psam, keys, card, factor, header, new_pin))

    def release(self) -> None:
        slot, self._slot = self._slot, None
        if slot is not None:
            slot.give_back(self)

    def _ask(self, card: CardParameters, work: Work) -> Pending[bytes]:
        try:
            slot = self._leased(card.algorithm)
        except Fault as fault:
            self._refused = fault
            return Computed(fault=fault)
        return slot.ask(work)

    def _leased(self, algorithm: Algorithm) -> SamSlot:
        if self._refused is not None:
            raise self._refused
        if self._slot is None or not self._slot.lease.held_by(self):
            self._slot = self._desk.lease(algorithm, self)
        return self._slot


def _nothing(psam: Psam) -> bytes:
    return b""
