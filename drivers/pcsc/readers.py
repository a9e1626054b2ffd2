"""PC/SC readers: one thread watches all slots through pcscd and tells each reader what happened.

pcscd may be late, restarted or killed, and readers may come and go: the watcher's context is
rebuilt and the slots are bound again by name pattern, without a word from anybody.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from smartcard import scard

from drivers.contract import Interface, SlotBinding
from drivers.io.patterns import alternatives, fitting
from drivers.pcsc.calls import list_readers, shown, status_change
from drivers.pcsc.card import PcscReader
from drivers.pcsc.errors import DENIED
from drivers.pcsc.state import EVENTS, SlotState
from world import Event, Task, World

LOG = logging.getLogger("onecard.pcsc")

PLUG_AND_PLAY: Final = "\\\\?PnP?\\Notification"
SERVICE_RETRY: Final = 0.5  # seconds; nothing wakes us when pcscd appears
STOP_WITHIN: Final = 2.0  # seconds
LOOK_AGAIN: Final = 0.001  # seconds; lets pcscd's thread go on where it was interrupted
CANCEL_AGAIN: Final = 0.02  # seconds; SCardCancel has no effect before the wait has begun
# How long one wait may last, in milliseconds. pcscd wakes us long before, except where pcsc-lite
# 1.9 can miss a change (winscard_clnt.c, SCardGetStatusChange): a reader that appears between
# listing and waiting, because it counts readers when the wait begins; a swap of the card that lay
# there when pcscd started, because a counter of 0 is not compared; and any change while another
# thread looks at a slot, because all contexts of a process keep what pcscd says in one place, and
# threads look where cards have just come. So while a reader is missing, a card uncounted or
# something new, we look again after a second.
WAIT: Final = 30_000
WAIT_UNSURE: Final = 1_000


NOTHING_NEW: Final = frozenset(
    {scard.SCARD_E_TIMEOUT, scard.SCARD_E_CANCELLED, scard.SCARD_E_UNKNOWN_READER}
)


class ServiceLost(Exception):
    """pcscd does not answer this context any more; the error number says how."""

    def __init__(self, error: int) -> None:
        super().__init__(scard.SCardGetErrorMessage(error))
        self.error = error


@dataclass(frozen=True)
class MuteCardWatch:
    """A reader that is watched on a thread of its own: over there, and noticed by the watcher."""

    over: Event
    noticed: Event


class PcscReaders:
    """All PC/SC slots of one terminal; see `drivers.contract.ReaderDriver`."""

    def __init__(self, world: World, bindings: Sequence[SlotBinding]) -> None:
        self._world = world
        self._readers = tuple(PcscReader(world, binding) for binding in bindings)
        self._attached: tuple[str, ...] = ()
        self._stopping = world.event()
        self._context: int | None = None
        self._task: Task | None = None
        self._aside: dict[PcscReader, MuteCardWatch] = {}
        self._service_lost = False
        self._looked = False
        self._quiet = False  # the last wait brought nothing

    def readers(self) -> Sequence[PcscReader]:
        return self._readers

    def attached(self) -> Sequence[str]:
        """The system's names of all slots that are there now, bound or not."""
        return [shown(name) for name in self._attached]

    def looked(self) -> bool:
        """See `drivers.contract.ReaderDriver`."""
        return self._looked

    def start(self) -> None:
        self._task = self._world.spawn(self._watch, name="pcsc watcher", ahead=True)

    def stop(self) -> None:
        deadline = self._world.monotonic() + STOP_WITHIN
        self._stopping.set()
        self._wake()
        while self._task is not None and not self._task.join(CANCEL_AGAIN):
            if self._world.monotonic() > deadline:
                LOG.warning("pcscd does not let go of the watcher")
                break
            self._wake()
        for reader in self._readers:
            if not reader.shut(max(0.0, deadline - self._world.monotonic())):
                LOG.warning("reader %s: hangs, left as it is", reader.name)

    def look(self) -> None:
        """pcscd tells of what is plugged."""

    # The watcher's thread

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow_service()
            except ServiceLost as lost:
                self._lose_service(lost)
            finally:
                self._release()
            if self._service_lost:
                self._stopping.wait(SERVICE_RETRY)

    def _follow_service(self) -> None:
        """Watch one pcscd until it goes away or we are stopped."""
        error, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
        _check(error)
        self._context = context
        if self._service_lost:
            self._service_lost = False
            LOG.info("pcscd is back")
        while not self._stopping.is_set():
            self._bind(self._list(context))
            self._looked = True
            self._wait(context)
            if any(reader.doubtful for reader in self._readers):
                self._stopping.wait(LOOK_AGAIN)

    def _lose_service(self, lost: ServiceLost) -> None:
        if not self._service_lost:
            self._service_lost = True
            LOG.warning("pcscd lost: %s", lost)
        self._looked = True
        self._attached = ()
        for aside in self._aside.values():
            aside.noticed.set()
        self._aside.clear()
        for reader in self._readers:
            reader.detach(denied=lost.error in DENIED)

    def _release(self) -> None:
        if self._context is not None:
            context, self._context = self._context, None
            scard.SCardReleaseContext(context)

    def _list(self, context: int) -> tuple[str, ...]:
        error, names = list_readers(context)
        if error == scard.SCARD_E_NO_READERS_AVAILABLE:
            return ()
        _check(error)
        return tuple(sorted(names))

    def _bind(self, attached: tuple[str, ...]) -> None:
        """Give slots to bindings: who has one keeps it; then, in the order of the settings, the
        first alternative that matches a free slot, slots by name."""
        self._attached = attached
        for reader in self._readers:
            if reader.seen.attached not in attached:
                reader.detach()
        free = [name for name in attached if name not in {r.seen.attached for r in self._readers}]
        for reader in self._readers:
            if not reader.seen.attached:
                slot = first_match(reader.match, free)
                if slot is not None:
                    free.remove(slot)
                    reader.attach(slot, fresh=self._looked)

    def _wait(self, context: int) -> None:
        """Wait until something changes and tell the readers. A first look returns at once."""
        self._set_aside(self._take_back())
        bound = {
            reader.seen.attached: reader
            for reader in self._readers
            if reader.seen.attached and reader not in self._aside
        }
        states = [(name, reader.seen.state) for name, reader in bound.items()]
        # Later pcsc-lite compares the number of readers that we know, in the high half.
        states.append((PLUG_AND_PLAY, len(self._attached) << EVENTS))
        unsure = any(_missing(reader) or _uncounted(reader) for reader in self._readers)
        rest = WAIT if self._quiet and not unsure else WAIT_UNSURE
        error, changed = status_change(context, rest, states)
        self._quiet = error == scard.SCARD_E_TIMEOUT
        if error in NOTHING_NEW:
            return
        _check(error)
        for name, state, atr in changed:
            if name in bound:
                bound[name].see(state, atr)

    def _take_back(self) -> Sequence[PcscReader]:
        """Readers that were watched aside and are to be looked at here again."""
        back = [reader for reader, aside in self._aside.items() if aside.over.is_set()]
        for reader in back:
            self._aside.pop(reader).noticed.set()
        return back

    def _set_aside(self, back: Sequence[PcscReader]) -> None:
        """Let readers whose card gave no ATR be watched on a thread of their own: pcsc-lite sleeps
        0.4 s each time it looks at one, and all readers would wait with it (winscard_clnt.c,
        "Allow the status thread to convey information")."""
        for reader in self._readers:
            if reader.seen.silent and reader not in self._aside and reader not in back:
                aside = self._aside[reader] = MuteCardWatch(
                    self._world.event(), self._world.event()
                )
                watch = partial(self._watch_silent, reader.seen, aside)
                self._world.spawn(watch, name=f"pcsc watcher of {reader.name}")

    def _watch_silent(self, seen: SlotState, aside: MuteCardWatch) -> None:
        """Wait until the silent card or its reader has left; the watcher then looks for itself."""
        error, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
        if error == scard.SCARD_S_SUCCESS:
            error = scard.SCARD_E_TIMEOUT
            while error == scard.SCARD_E_TIMEOUT and not self._stopping.is_set():
                states = [(seen.attached, seen.state)]
                error, _ = status_change(context, WAIT_UNSURE, states)
            scard.SCardReleaseContext(context)
        aside.over.set()
        while not aside.noticed.wait(CANCEL_AGAIN) and not self._stopping.is_set():
            self._wake()

    def _wake(self) -> None:
        """Make the watcher's wait return, when it waits."""
        context = self._context
        if context is not None:
            scard.SCardCancel(context)


def first_match(match: str, slots: Sequence[str]) -> str | None:
    """The first of the sorted `slots` that the first fitting alternative of `match` names."""
    names = {shown(slot): slot for slot in slots}
    for alternative in alternatives(match):
        for name in fitting(alternative, names):
            return names[name]
    return None


def _missing(reader: PcscReader) -> bool:
    return not reader.seen.attached


def _uncounted(reader: PcscReader) -> bool:
    """A card that has lain there since before pcscd; a PSAM stays, so nobody need look after it."""
    seen = reader.seen
    return seen.present and not seen.state >> EVENTS and reader.interface is not Interface.SAM


def _check(error: int) -> None:
    if error != scard.SCARD_S_SUCCESS:
        raise ServiceLost(error)
