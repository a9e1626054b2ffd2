"""A reader's own context with pcscd: connects its card, looks at its slot, escapes to the reader.

pcscd may be restarted, another program may hold the card, or have left it at a protocol that is not
ours: what can be mended is mended here, the rest is a fault that says which it was.
"""

from collections.abc import Callable, Sequence
from typing import Final

from smartcard import scard

from apdu.channel import CardGone, CardMute, ReaderGone
from drivers.contract import CardProtocol, DeviceBusy, DeviceDenied, DeviceProtocol
from drivers.io.flight import Flight
from drivers.pcsc.calls import connect, status_change
from drivers.pcsc.errors import (
    BUSY,
    CARD_LEFT,
    CARD_SILENT,
    DENIED,
    IN_USE,
    READER_LEFT,
    SERVICE_LEFT,
)
from drivers.pcsc.lamp import ESCAPE
from drivers.pcsc.state import SlotState, moves
from drivers.pcsc.users import users_of_pcsc
from world import Fault, World

PROTOCOLS: Final = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
# Programs that look at each card that comes (scdaemon, gsd-smartcard, OpenSC) let go of it after
# some tenths of a second. A person waits as long; the watchdog's patience is 1.2 s.
BUSY_FOR: Final = 1.0  # seconds
BUSY_STEP: Final = 0.02
# pcscd's thread looks at a slot at once where the reader tells of moves, else each 0.4 s.
LOOKED_WITHIN: Final = 500  # milliseconds


class ReaderContext:
    """One thread at a time connects; `flight` is held during each call to pcscd, so that a call
    that hangs is seen."""

    def __init__(self, world: World, name: str, flight: Flight) -> None:
        self._world = world
        self._name = name
        self._flight = flight
        self._context: int | None = None

    def connect(self, card: SlotState, now: Callable[[], SlotState]) -> tuple[int, int]:
        """A handle and its protocol, of the `card` that was seen, and of none that is there `now`
        instead. Raises `CardGone`, `CardMute`, `CardProtocol`, `ReaderGone`, `DeviceBusy`,
        `DeviceDenied`, `DeviceProtocol`."""
        until = self._world.monotonic() + BUSY_FOR
        while True:
            with self._flight:
                if _left(card, now()):
                    raise CardGone(reader=self._name)
                error, handle, protocol = self._unless_held(card.attached)
            if error == scard.SCARD_S_SUCCESS:
                return handle, protocol
            if error not in BUSY or self._world.monotonic() >= until:
                raise self._refused(error, card)
            self._world.wait(BUSY_STEP)

    def _unless_held(self, attached: str) -> tuple[int, int, int]:
        """SCardConnect waits as long as another program's transaction lasts, so the slot is looked
        at first; that takes some 30 µs."""
        if self._established() == scard.SCARD_S_SUCCESS and self.look(attached) & IN_USE:
            return scard.SCARD_E_SHARING_VIOLATION, 0, 0
        return self._at_our_protocol(attached)

    def _at_our_protocol(self, attached: str) -> tuple[int, int, int]:
        """A card that another program has left at another protocol (RAW) keeps it until it loses
        its power, and each attempt at ours would keep it powered (winscard.c, SCardConnect)."""
        error, handle, protocol = self._in_context(attached)
        if error != scard.SCARD_E_PROTO_MISMATCH:
            return error, handle, protocol
        refused = self._power_down(attached)
        if refused != scard.SCARD_S_SUCCESS:
            return refused, 0, 0
        error, handle, protocol = self._in_context(attached)
        if error == scard.SCARD_E_PROTO_MISMATCH:
            self._power_down(attached)
        return error, handle, protocol

    def _power_down(self, attached: str) -> int:
        """Take the power of a card that is held by nobody, by the one protocol that fits always."""
        error, handle, _ = self._in_context(attached, protocols=scard.SCARD_PROTOCOL_RAW)
        if error == scard.SCARD_S_SUCCESS:
            scard.SCardDisconnect(handle, scard.SCARD_UNPOWER_CARD)
        return error

    def _in_context(
        self, attached: str, share: int = scard.SCARD_SHARE_EXCLUSIVE, protocols: int = PROTOCOLS
    ) -> tuple[int, int, int]:
        """A context that died with its pcscd is replaced once."""
        fresh = self._context is None
        error, handle, protocol = self._attempt(attached, share, protocols)
        if error in SERVICE_LEFT and not fresh:
            self._release()
            error, handle, protocol = self._attempt(attached, share, protocols)
        if error in SERVICE_LEFT:
            self._release()
        return error, handle, protocol

    def _attempt(self, attached: str, share: int, protocols: int) -> tuple[int, int, int]:
        error = self._established()
        if error != scard.SCARD_S_SUCCESS or self._context is None:
            return error, 0, 0
        return connect(self._context, attached, share, protocols)

    def _established(self) -> int:
        if self._context is None:
            error, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
            if error != scard.SCARD_S_SUCCESS:
                return int(error)
            self._context = context
        return int(scard.SCARD_S_SUCCESS)

    def _refused(self, error: int, card: SlotState) -> Fault:
        name = self._name
        if error in SERVICE_LEFT or error in READER_LEFT:
            return ReaderGone(reader=name)
        if error in BUSY:
            return DeviceBusy(device=name, holder=users_of_pcsc(self._world))
        if error in DENIED:
            return DeviceDenied(device=name)
        if error == scard.SCARD_E_PROTO_MISMATCH:
            return CardProtocol(reader=name, holder=users_of_pcsc(self._world))
        if error not in CARD_LEFT | CARD_SILENT:
            return DeviceProtocol(device=name, error=f"{error:08X}")
        # A card that is there and takes no power is silent, not gone.
        with self._flight:
            slot = self.look_for(card, doubted=not card.silent)
        lies = slot & scard.SCARD_STATE_PRESENT and not moves(card, slot)
        return CardMute(reader=name) if lies else CardGone(reader=name)

    def look(self, attached: str) -> int:
        """The slot's event state as pcscd has it now; 0 when it does not say. In flight; needs a
        context with no call under way."""
        if self._context is None:
            return 0
        error, states = status_change(self._context, 0, [(attached, scard.SCARD_STATE_UNAWARE)])
        return states[0][1] if error == scard.SCARD_S_SUCCESS else 0

    def look_for(self, card: SlotState, *, doubted: bool) -> int:
        """The slot's event state in which that `card` may lie or have left. `doubted`: pcscd may
        call a card present of which its thread has yet to see that it has left, so that has time to
        look. In flight; needs a context with no call under way."""
        slot = self.look(card.attached)
        lies = slot & scard.SCARD_STATE_PRESENT and not moves(card, slot)
        if not doubted or not lies or self._context is None:
            return slot
        known = [(card.attached, slot & ~scard.SCARD_STATE_CHANGED)]
        error, states = status_change(self._context, LOOKED_WITHIN, known)
        return states[0][1] if error == scard.SCARD_S_SUCCESS else slot

    def escape(self, attached: str, commands: Sequence[bytes]) -> bool:
        """Past any card, to the reader itself; True when it took all. In flight. With no card of
        ours open no program holds the slot."""
        error, handle, _ = self._attempt(attached, scard.SCARD_SHARE_DIRECT, 0)
        if error != scard.SCARD_S_SUCCESS:
            if error in SERVICE_LEFT:
                self._release()
            return False
        errors = [scard.SCardControl(handle, ESCAPE, list(command))[0] for command in commands]
        scard.SCardDisconnect(handle, scard.SCARD_LEAVE_CARD)
        return not any(errors)

    def drop(self) -> None:
        """Its pcscd is gone: the next call makes a new one. In flight, or with all calls landed."""
        self._release()

    def _release(self) -> None:
        if self._context is not None:
            scard.SCardReleaseContext(self._context)
            self._context = None


def _left(card: SlotState, now: SlotState) -> bool:
    """It, or its reader, is not there any more."""
    same = (now.attached, now.count) == (card.attached, card.count)
    return not same or (card.present and not now.present)
