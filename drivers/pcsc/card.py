"""One PC/SC slot and the card in it: what the watcher saw goes in, presences and APDUs come out.

The thread that opens a card uses it and closes it. A call that hangs is left alone by everybody:
SCardDisconnect or SCardReleaseContext on it would freeze every PC/SC call of the process, because
libpcsclite waits for the context's mutex while it holds the library's (winscard_clnt.c,
SCardGetContextChannelAndLockFromHandle).
"""

import logging
from collections import Counter
from dataclasses import replace
from typing import Final

from smartcard import scard

from apdu.channel import CardGone, CardMute, ReaderGone, Transport
from drivers.contract import (
    Absence,
    DeviceAbsent,
    DeviceDenied,
    DeviceFault,
    DeviceState,
    DeviceStatus,
    DeviceStuck,
    Interface,
    Presence,
    Prompt,
    SlotBinding,
)
from drivers.io.flight import Flight
from drivers.options import typed
from drivers.pcsc.calls import atr_of, shown
from drivers.pcsc.context import ReaderContext
from drivers.pcsc.errors import CARD_LEFT, READER_FAILS, READER_LEFT, SERVICE_LEFT
from drivers.pcsc.lamp import PcscOptions, escapes
from drivers.pcsc.state import (
    SlotState,
    early,
    half_told,
    insertions,
    moves,
    occupied,
    seen_coming,
    still_ahead,
)
from world import Fault, Queue, World

LOG = logging.getLogger("onecard.pcsc")

# Seconds until a state that tells only half is taken as it is. pcscd's moment between presence and
# counter is microseconds, unless its thread has to wait for a processor.
HALF_TOLD: Final = 0.25

# Seconds after a reader or its pcscd has come within which its first card counts as lying there. A
# contactless reader that has just got power calls its field empty until its firmware has looked:
# half a second and less; readers that are polled by pcscd add 0.4 s; as much again for a busy box.
SETTLES_WITHIN: Final = 2.0


class PcscCard:
    """A card held exclusively; see `drivers.contract.CardHandle`."""

    def __init__(self, reader: "PcscReader", handle: int, protocol: int, seen: SlotState) -> None:
        self._reader = reader
        self._flight = reader.flight
        self._handle = handle
        self._protocol = protocol
        self._seen = seen
        self._open = True

    @property
    def transport(self) -> Transport:
        return Transport.T0 if self._protocol == scard.SCARD_PROTOCOL_T0 else Transport.T1

    @property
    def atr(self) -> bytes:
        return self._seen.atr

    def transmit(self, command: bytes) -> bytes:
        """See `apdu.channel.Channel`. After a fault the card is powered down and stays so."""
        if not self._open:
            raise CardGone(reader=self._reader.name)
        with self._flight:
            error, answer = scard.SCardTransmit(self._handle, self._protocol, list(command))
        if error == scard.SCARD_S_SUCCESS and len(answer) >= 2:
            return bytes(answer)
        raise self._failed(error)

    def present(self) -> bool:
        now = self._reader.seen
        return self._open and now.present and not self._replaced

    def close(self) -> None:
        if self._open:
            with self._flight:
                self.power_down()

    def power_down(self) -> int:
        """With no call under way. The handle is gone afterwards whatever pcscd says."""
        if not self._open:
            return scard.SCARD_S_SUCCESS  # type: ignore[no-any-return]
        self._open = False
        # pcscd would take the power from whatever lies there now, and may go on to call a slot that
        # is empty a card's (winscard.c, SCardDisconnect).
        lies = self._reader.seen.present and not self._replaced
        how = scard.SCARD_UNPOWER_CARD if lies else scard.SCARD_LEAVE_CARD
        error: int = scard.SCardDisconnect(self._handle, how)
        return error

    @property
    def _replaced(self) -> bool:
        """Another card has come since ours."""
        return self._reader.seen.count != self._seen.count

    def _failed(self, error: int) -> Fault:
        """What a transmit's error means, with the card powered down.

        pcscd says NOT_TRANSACTED for a card that left, for one that is mute and for a reader that
        fails, but the power-down makes it look: then the slot's state tells which it was.
        """
        name, context = self._reader.name, self._reader.context
        with self._flight:
            down = self.power_down()
            if error in SERVICE_LEFT or down in SERVICE_LEFT:
                context.drop()
                return ReaderGone(reader=name)
        if error in READER_LEFT or not self._reader.seen.attached:
            return ReaderGone(reader=name)
        if error in CARD_LEFT or self._replaced:
            return CardGone(reader=name)
        with self._flight:
            slot = context.look_for(self._seen, doubted=down != scard.SCARD_S_SUCCESS)
        # Another card may lie there already, of which the watcher has not told yet.
        if slot & scard.SCARD_STATE_PRESENT and moves(self._seen, slot):
            return CardGone(reader=name)
        if slot & READER_FAILS:
            return ReaderGone(reader=name)
        if slot & scard.SCARD_STATE_PRESENT:
            return CardMute(reader=name)
        return CardGone(reader=name)


class PcscReader:
    """One `[[readers]]` entry; see `drivers.contract.CardReader`."""

    def __init__(self, world: World, binding: SlotBinding) -> None:
        self.flight = Flight(world)
        self.seen = SlotState()
        self._world = world
        self._binding = binding
        self._events: Queue[Presence | Absence] = world.queue()
        self.context = ReaderContext(world, binding.name, self.flight)
        self._card: PcscCard | None = None
        self._denied = False
        self._fault: DeviceFault | None = None
        self._last_fault = ""
        self._lamp = typed(binding.options, PcscOptions, device=binding.name).lamp
        self._counters: Counter[str] = Counter()
        self._telling = world.lock()  # what `status` counts is in `events`, and the other way round
        self._half_told_since: float | None = None
        self._seen_since = 0.0  # World.monotonic() of the last new state
        self._settled_at = 0.0  # World.monotonic() from which what is seen to come has come
        self._lost = 0

    @property
    def name(self) -> str:
        return self._binding.name

    @property
    def interface(self) -> Interface:
        return self._binding.interface

    @property
    def events(self) -> Queue[Presence | Absence]:
        return self._events

    # The lane's thread

    def open(self, count: int | None = None) -> PcscCard:
        """See `drivers.contract.CardReader`."""
        if self.flight.hangs:
            raise DeviceStuck(device=self.name)
        seen = self.seen
        try:
            if self._denied:
                raise DeviceDenied(device=self.name)
            if not seen.attached:
                raise DeviceAbsent(device=self.name, match=self._binding.match)
            if count is not None and count != seen.count:
                raise CardGone(reader=self.name)
            handle, protocol = self.context.connect(seen, lambda: self.seen)
        except Fault as fault:
            self._fault = fault if isinstance(fault, DeviceFault) else None
            self._last_fault = fault.code
            raise
        self._fault = None
        self._card = PcscCard(self, handle, protocol, self._with_atr(seen, handle))
        return self._card

    def _with_atr(self, seen: SlotState, handle: int) -> SlotState:
        """What was seen, with the ATR of the card that has just been powered.

        pcscd may tell of a card that comes back at once before it knows its ATR, with the same
        counter and without calling it mute; the next word comes when the card has long been read.
        """
        if seen.atr:
            return seen
        with self.flight:
            return replace(seen, atr=atr_of(handle))

    def signal(self, prompt: Prompt) -> None:
        """See `drivers.contract.SignallingReader`. Counted: `signalled`, `unsignalled`."""
        commands = escapes(self._lamp, prompt)
        attached = self.seen.attached
        if commands and attached:
            with self.flight:
                taken = self.context.escape(attached, commands)
            self._counters["signalled" if taken else "unsignalled"] += 1

    # The watchdog and the agent

    def give_up(self) -> None:
        """See `drivers.contract.CardReader`."""
        self.flight.give_up()
        if self.flight.hangs:
            LOG.warning("reader %s: the card does not answer, given up", self.name)

    def shut(self, timeout: float) -> bool:
        """Power the card down and release the context. False when a call hangs for `timeout`
        seconds: then neither is touched."""
        self.seen = SlotState(count=self.seen.count)
        if not self.flight.land(timeout):
            return False
        if self._card is not None:
            self._card.power_down()
        self.context.drop()
        self.flight.take_off()
        return True

    def status(self) -> DeviceStatus:
        with self._telling:
            seen = self.seen
        return DeviceStatus(
            self.name,
            self._state(),
            attached=shown(seen.attached),
            fault=self._last_fault,
            lost=self._lost,
            presented=seen.count,
            holder=str(self._fault.facts.get("holder", "")) if self._fault else "",
            counters=dict(self._counters),
        )

    def _state(self) -> DeviceState:
        if self.flight.hangs:
            return DeviceState.NO_ANSWER
        if self._denied:
            return DeviceState.NO_PERMISSION
        if not self.seen.attached or self._settling:
            return DeviceState.ABSENT
        if not self.seen.available:
            return DeviceState.NO_ANSWER
        return self._fault.state if self._fault is not None else DeviceState.READY

    # The watcher's thread

    @property
    def match(self) -> str:
        """The pattern of the settings that this reader's slot fits."""
        return self._binding.match

    def attach(self, attached: str, *, fresh: bool = False) -> None:
        """This slot is ours from now on. What lies there is told by the first `see`. `fresh`: it
        has come while we looked on, so it may have had no power until now."""
        if fresh or self._lost:
            self._settle()
        self.seen = SlotState(attached, count=self.seen.count)
        self._fault = None
        self._denied = False
        LOG.info(
            "reader %s: %s as %r", self.name, "back" if self._lost else "found", shown(attached)
        )

    def detach(self, *, denied: bool = False) -> None:
        """The reader or its service has gone, and any card with it."""
        self._denied = denied
        before = self.seen
        if not before.attached:
            return
        with self._telling:
            self.seen = SlotState(count=before.count)
            if before.present:
                self._tell_left(before)
        self._lost += 1
        LOG.warning("reader %s: lost (%r)", self.name, shown(before.attached))

    @property
    def _settling(self) -> bool:
        """It has only just come back, and what it says of its place may not be so yet."""
        return self._world.monotonic() < self._settled_at

    @property
    def doubtful(self) -> bool:
        """Another look is needed soon: the last state told only half."""
        return self._half_told_since is not None

    def see(self, state: int, atr: bytes) -> None:
        """A new event state of the slot: put what happened into `events`, where whoever hears of
        it finds `seen` as new as that. A state that tells only half is not taken over
        (`doubtful`), so the watcher's next wait returns at once."""
        state &= ~scard.SCARD_STATE_CHANGED
        before = self.seen
        now, lacking = self._world.monotonic(), 0
        present = occupied(before, state, atr)
        if half_told(before, state, present):
            if self._half_told_since is None:
                self._half_told_since = now
            if now - self._half_told_since < HALF_TOLD:
                return
            # What had stood for so long lacked nothing, so it is the new state that lacks a move.
            lacking = int(self._half_told_since - self._seen_since >= HALF_TOLD)
        self._half_told_since = None
        uncounted = lacking or early(before, state, present)
        inserted = insertions(before, state, present, uncounted)
        came = seen_coming(before, lacking) and not self._settling
        ahead = still_ahead(before, state) + uncounted
        seen = SlotState(before.attached, state, atr, before.count + inserted, ahead, present)
        new = present and inserted > 0
        self._seen_since = now
        if seen.available and not before.available:
            self._settle()
        if new:
            self._fault = None
            if atr:  # it has shown what lies there; a card without power shows itself once more
                self._settled_at = now
        with self._telling:
            self.seen = seen
            if before.present and (inserted or not present):
                self._tell_left(before)
            if new:
                told = Presence(self.name, self.interface, atr, seen.count, now, came)
                self._events.put(told)

    def _settle(self) -> None:
        self._settled_at = self._world.monotonic() + SETTLES_WITHIN

    def _tell_left(self, card: SlotState) -> None:
        self._events.put(Absence(self.name, card.count, self._world.monotonic()))
