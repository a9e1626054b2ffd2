"""Notices a card that keeps a reader waiting, while the reader's own thread cannot.

Each tap runs under a `Watch`: the reader's thread notes when it hands an APDU to the reader and
when the answer comes; the watchdog's thread sees a note that is too old, gives the reader up and
calls `on_silent` once per tap. The hanging handle itself is never touched (design.md, Devices).
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Final, Protocol

from apdu.channel import Transport
from drivers.contract import CardHandle, CardReader
from world import Event, World

LOOKS = 8  # how often within the time limit a running tap is looked at
HELD: Final = 2.0  # seconds that one tap may keep from others what they wait for


class Hold(Protocol):
    """What a tap that keeps something from others (a transit PSAM) needs of its watch."""

    @property
    def gave_up(self) -> bool:
        """True once the holder was asked to take the card away: no answer of the card is awaited
        any more."""
        ...

    def holding(self, end: Callable[[], None]) -> AbstractContextManager[None]:
        """While it is kept. `end` takes it away, on the watchdog's thread, when the card is given
        up or the tap has kept it for too long; it may come a moment late, and then does nothing."""
        ...


class Unwatched:
    """A `Hold` without an end, where no watchdog is."""

    gave_up = False

    def holding(self, end: Callable[[], None]) -> AbstractContextManager[None]:
        """Never calls `end`."""
        return nullcontext()


@dataclass(frozen=True)
class _Kept:
    """`since`: World.monotonic()."""

    end: Callable[[], None]
    since: float


class Watch:
    """One tap's notes. Plain attributes: no lock and no hop on the way of an APDU."""

    def __init__(self, dog: "Watchdog", reader: CardReader, on_silent: Callable[[], None]) -> None:
        self._dog = dog
        self.reader = reader
        self.on_silent = on_silent
        self.waiting_since: float | None = None
        self.gave_up = False
        self.kept: _Kept | None = None

    def __enter__(self) -> "Watch":
        self._dog.begin(self)
        return self

    def __exit__(self, *exception: object) -> None:
        self._dog.end(self)

    def opening(self, power: Callable[[], CardHandle]) -> CardHandle:
        """The handle that `power` gives, with notes taken around that and every later transmit."""
        self.waiting_since = self._dog.now()
        try:
            return _Watched(self._dog.now, power(), self)
        finally:
            self.waiting_since = None

    @contextmanager
    def holding(self, end: Callable[[], None]) -> Iterator[None]:
        """See `Hold`."""
        self.kept = _Kept(end, self._dog.now())
        try:
            if self.gave_up:  # before, and nobody looks at it any more
                self.let_go()
            yield
        finally:
            self.kept = None

    def let_go(self) -> None:
        """What the tap keeps from others is not its own any more. Any thread."""
        kept, self.kept = self.kept, None
        if kept is not None:
            kept.end()

    def signalling(self, signal: Callable[[], None]) -> None:
        """Let the reader's own lamp and buzzer speak; a reader that hangs in it is seen too."""
        self.waiting_since = self._dog.now()
        try:
            signal()
        finally:
            self.waiting_since = None


class _Watched:
    """See `drivers.contract.CardHandle`."""

    def __init__(self, now: Callable[[], float], handle: CardHandle, watch: Watch) -> None:
        self._now = now
        self._handle = handle
        self._watch = watch

    @property
    def transport(self) -> Transport:
        return self._handle.transport

    @property
    def atr(self) -> bytes:
        return self._handle.atr

    def transmit(self, command: bytes) -> bytes:
        self._watch.waiting_since = self._now()
        try:
            return self._handle.transmit(command)
        finally:
            self._watch.waiting_since = None

    def present(self) -> bool:
        return self._handle.present()

    def close(self) -> None:
        self._watch.waiting_since = self._now()
        try:
            self._handle.close()
        finally:
            self._watch.waiting_since = None


class Watchdog:
    """One thread for all readers; asleep while there is no tap."""

    def __init__(self, world: World, silent: float) -> None:
        self._world = world
        self.now = world.monotonic
        self._silent = silent
        self._watches: list[Watch] = []
        self._changed: Event = world.event()
        self._stopped = False

    def start(self) -> None:
        """Begin the thread; it sleeps until a tap begins."""
        self._world.spawn(self._run, name="watchdog")

    def stop(self) -> None:
        """Let the thread end; nothing is waited for."""
        self._stopped = True
        self._changed.set()

    def watch(self, reader: CardReader, on_silent: Callable[[], None]) -> Watch:
        """Notes for one tap, to be used as a context manager."""
        return Watch(self, reader, on_silent)

    def begin(self, watch: Watch) -> None:
        """A tap begins: look at it until `end`. Called by `Watch` alone."""
        self._watches.append(watch)
        self._changed.set()

    def end(self, watch: Watch) -> None:
        """The tap is over. Raises ValueError when it never began."""
        self._watches.remove(watch)

    def _run(self) -> None:
        while not self._stopped:
            waiting = [one for one in list(self._watches) if one.kept or not one.gave_up]
            if not waiting:
                self._changed.wait()
                self._changed.clear()
                continue
            self._check(waiting)
            self._world.wait(self._silent / LOOKS)

    def _check(self, watches: list[Watch]) -> None:
        now = self._world.monotonic()
        for watch in watches:
            since, kept = watch.waiting_since, watch.kept
            if since is not None and now - since >= self._silent and not watch.gave_up:
                watch.gave_up = True
                watch.reader.give_up()
                watch.on_silent()
            if watch.gave_up or (kept is not None and now - kept.since >= HELD):
                watch.let_go()
