"""The terminal's PSAMs: each works on a thread of its own, so that it and the card work together.

A flow leases a PSAM whole at its first question and gives it back when all its answers are in;
answers come as `Pending`, while the caller goes on talking to the card.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar, TypeVar

from agent.psam.leases import PsamWaitQueue
from agent.psam.slot import ANSWER, SamStatus, Slot
from apdu.crypto import Algorithm
from apdu.social_security.authentication import (
    CardParameters,
    Computed,
    Mode,
    Pending,
    compute,
    secured,
)
from apdu.social_security.city_keys import PUBLIC_KEYS_ONLY, CityKeys
from apdu.social_security.keys import IRK, RKSSSE, Key
from apdu.social_security.psam import Psam, PsamLacksAlgorithm, PsamMissing
from drivers.contract import CardHandle, CardReader
from world import Fault, World

Work = Callable[[Psam], bytes]
T = TypeVar("T")


class PsamSlot(Slot[Psam]):
    """A slot with a PSAM for social security cards, by the algorithms that it has."""

    def __init__(
        self,
        world: World,
        reader: CardReader,
        line: PsamWaitQueue,
        *,
        home: str = "",
        silent: float = ANSWER,
    ) -> None:
        super().__init__(world, reader, line, silent=silent)
        self._home = home
        self.algorithms: tuple[Algorithm, ...] = ()  # of the PSAM that is there
        self.terminal_number = ""

    def status(self) -> SamStatus:
        algorithms = tuple(algorithm.value for algorithm in self.algorithms)
        return SamStatus(self._reader.name, self.terminal_number, algorithms, self.fault)

    def _made(self, handle: CardHandle) -> Psam:
        psam = Psam(handle, home=self._home)
        self.algorithms = psam.probe()
        self.terminal_number = psam.terminal_number
        return psam

    def _forget(self) -> None:
        self.algorithms, self.terminal_number = (), ""

    def _perform(self, work: Callable[[Psam], T]) -> T:
        """Also what it refused last is shown: a key that it lacks is for staff to know."""
        try:
            done = super()._perform(work)
        except Fault as fault:
            self.fault = fault.code
            raise
        self.fault = ""
        return done


class PsamPool:
    """All PSAMs of the terminal; hands out one authenticator per flow. `home`: the terminal's
    region, six digits; a PSAM without national keys has those of its city or province."""

    def __init__(
        self,
        world: World,
        readers: Sequence[CardReader],
        *,
        home: str = "",
        keys: CityKeys = PUBLIC_KEYS_ONLY,
        silent: float = ANSWER,
    ) -> None:
        """`keys`: the authority's table, for keys beyond IRK and RKSSSE. `silent`: see
        `agent.psam.slot.Slot`."""
        self.keys = keys
        self._line = PsamWaitQueue(world)
        self._slots = [
            PsamSlot(world, reader, self._line, home=home, silent=silent) for reader in readers
        ]

    def start(self) -> None:
        """Begin the threads of all slots."""
        for slot in self._slots:
            slot.start()

    def stop(self) -> None:
        """As `Slot.stop`, one slot after another."""
        for slot in self._slots:
            slot.stop()

    def authenticator(self) -> "LeasingAuthenticator":
        """For one flow; it takes a PSAM only when it is asked for a key."""
        return LeasingAuthenticator(self)

    def status(self) -> Sequence[SamStatus]:
        """Of each slot, in the order of the settings."""
        return [slot.status() for slot in self._slots]

    def lease(self, algorithm: Algorithm, flow: object) -> PsamSlot:
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
    """See `apdu.social_security.authentication.Authenticator`."""

    mode: ClassVar[Mode] = "psam"

    def __init__(self, desk: PsamPool) -> None:
        self._desk = desk
        self._slot: PsamSlot | None = None
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

    def _leased(self, algorithm: Algorithm) -> PsamSlot:
        if self._refused is not None:
            raise self._refused
        if self._slot is None or not self._slot.lease.held_by(self):
            self._slot = self._desk.lease(algorithm, self)
        return self._slot
