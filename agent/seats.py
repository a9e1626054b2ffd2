"""A reader at a lane as its own thread knows it: what lies there, and who is served next.

Cards become taps; an errand (a business system's call) is put among the reader's events and is
done on the same thread, so that a card is only ever touched by one.
"""

from collections.abc import Callable
from typing import Any, Protocol

from agent.lanes import WAKE, Lane
from drivers.contract import Absence, CardReader, DeviceState, Presence
from world import Queue, World


class Errand(Protocol):
    """Work for a reader's thread."""

    def run(self, seat: "ReaderSeat") -> None:
        """On the reader's thread. May itself take what comes meanwhile (`ReaderSeat.next`)."""
        ...


class CatchUp:
    """Done when the reader's thread has heard all that it was told before."""

    def __init__(self, world: World) -> None:
        self._heard = world.event()

    def run(self, seat: "ReaderSeat") -> None:
        self._heard.set()

    def wait(self, seconds: float) -> bool:
        """False when that thread is busy for longer. The caller's thread."""
        return self._heard.wait(seconds)


Happening = Presence | Absence | Errand


class ReaderSeat:
    """One reader of a lane. `tap` is what becomes of a card at a lane that takes taps."""

    def __init__(
        self, lane: Lane, reader: CardReader, tap: Callable[[Presence], object] | None
    ) -> None:
        self.lane = lane
        self.reader = reader
        self._tap = tap
        self._events: Queue[Any] = reader.events
        self._lying: Presence | None = None

    @property
    def lying(self) -> Presence | None:
        """The card that lies there, as far as this thread has heard. Any thread may ask."""
        return self._lying

    @property
    def ready(self) -> bool:
        """Whether the reader can be used now. Any thread."""
        return self.reader.status().state is DeviceState.READY

    def ask(self, errand: Errand) -> None:
        """Let the reader's thread do it after what it was told before. Any thread."""
        self._events.put(errand)

    def take(self, event: Happening) -> None:
        """Whatever comes while nobody's errand is under way. The reader's thread."""
        if isinstance(event, Presence | Absence):
            self._hear(event)
            if isinstance(event, Presence) and self._tap is not None:
                self._tap(event)
        else:
            event.run(self)

    def next(self, timeout: float) -> Any:
        """For an errand that waits: the next `Happening`, or `WAKE` when the thread is to stop.
        Raises `QueueEmpty`."""
        event = self._events.get(timeout)
        if event is not WAKE and isinstance(event, Presence | Absence):
            self._hear(event)
        return event

    def _hear(self, event: Presence | Absence) -> None:
        self._lying = event if isinstance(event, Presence) else None
