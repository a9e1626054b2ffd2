"""The terminal's transit PSAMs: each on a thread of its own, leased by one payment at a time.

Beside `agent.psam.social_security`, whose PSAMs answer for social security cards: this one has a
session per payment and remembers the last one only, so a flow keeps it from 8050 to 8072, however
long its card takes. Only the watchdog ends that (`Hold`); what the card proves later cannot be
checked any more then.
"""

from collections.abc import Sequence

from agent.psam.leases import NEVER, PsamWaitQueue
from agent.psam.slot import ANSWER, Promised, SamStatus, Slot
from apdu.social_security.psam import PsamBusy, PsamMissing
from apdu.transit.faults import PsamSessionOver
from apdu.transit.transit_psam import TransitPsam, Verified
from apdu.transit.values import Authorisation, Initialised, PsamTerminal, PublicInfo
from drivers.contract import CardHandle, CardReader
from world import Fault, World


class TransitSlot(Slot[TransitPsam]):
    """A slot with a transit PSAM, by what it says of itself."""

    def __init__(
        self, world: World, reader: CardReader, line: PsamWaitQueue, *, silent: float = ANSWER
    ) -> None:
        super().__init__(world, reader, line, silent=silent)
        self.terminal: PsamTerminal | None = None  # of the PSAM that is there

    def status(self) -> SamStatus:
        number = self.terminal.number.hex().upper() if self.terminal else ""
        return SamStatus(self._reader.name, number, (), self.fault)

    def _made(self, handle: CardHandle) -> TransitPsam:
        psam = TransitPsam(handle)
        self.terminal = psam.open()
        return psam

    def _forget(self) -> None:
        self.terminal = None


class TransitPsamPool:
    """All transit PSAMs of the terminal."""

    def __init__(
        self, world: World, readers: Sequence[CardReader], *, silent: float = ANSWER
    ) -> None:
        """`silent`: see `agent.psam.slot.Slot`."""
        self._line = PsamWaitQueue(world, idle=NEVER)
        self._slots = [TransitSlot(world, reader, self._line, silent=silent) for reader in readers]

    def start(self) -> None:
        """Begin the threads of all slots."""
        for slot in self._slots:
            slot.start()

    def stop(self) -> None:
        """As `Slot.stop`, one slot after another."""
        for slot in self._slots:
            slot.stop()

    def status(self) -> Sequence[SamStatus]:
        """Of each slot, in the order of the settings."""
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

    def __init__(self, slot: TransitSlot, flow: object, terminal: PsamTerminal) -> None:
        self._slot = slot
        self._flow = flow
        self.terminal = terminal

    def authorise(self, card: PublicInfo, begun: Initialised, moment: str) -> Authorisation:
        """8070. Raises the faults of `TransitPsam.authorise`, and `PsamBusy` where the lease was
        ended: it would end the session of the flow that has the PSAM by now."""

        def work(psam: TransitPsam) -> Authorisation:
            if not self._slot.lease.held_by(self._flow):
                raise PsamBusy
            return psam.authorise(card, begun, moment)

        return self._slot.ask(work).result()

    def session(self, authorisation: Authorisation) -> "TransitPsamSession":
        """For 8072 of the payment that 8070 authorised."""
        return TransitPsamSession(self._slot, authorisation)

    def release(self) -> None:
        """End the lease, once the PSAM has done what it was asked."""
        self._slot.give_back(self._flow)

    def end(self) -> None:
        """Take it from its flow, whatever that waits for. Any thread."""
        self._slot.lease.give_back(self._flow)


class TransitPsamSession:
    """One 8070, and the PSAM that it was made by: good until the next 8070 or reset there."""

    def __init__(self, slot: TransitSlot, authorisation: Authorisation) -> None:
        self._slot = slot
        self.authorisation = authorisation

    def verify(self, mac2: bytes) -> "Promised[Verified]":
        """8072, while the caller goes on. Its `result` raises `PsamSessionOver` where that PSAM
        remembers another payment by now, and the faults of `TransitPsam.verify`."""
        return self._slot.ask(lambda psam: psam.verify(self.authorisation, mac2))


__all__ = [
    "Leased",
    "Promised",
    "PsamSessionOver",
    "TransitPsamPool",
    "TransitPsamSession",
    "TransitSlot",
]
