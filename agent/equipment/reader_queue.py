"""A reader at a lane as its own thread knows it: what lies there, and who is served next.

Cards become taps; a job (a business system's call) is put among the reader's events and is
done on the same thread, so that a card is only ever touched by one.
"""

from collections.abc import Callable
from typing import Any, Protocol

from agent.equipment.lane import WAKE, Lane
from drivers.contract import Absence, CardReader, DeviceState, Presence
from world import Queue, World


class ReaderJob(Protocol):
    """Work for a reader's thread."""

    def run(self, seat: "ReaderQueue") -> None:
        """On the reader's thread. May itself take what comes meanwhile (`ReaderQueue.next`)."""
        ...


class CatchUp:
    """Done when the reader's thread has heard all that it was told before."""

    def __init__(self, world: World) -> None:
        self._heard = world.event()

    def run(self, seat: "ReaderQueue") -> None:
        self._heard.set()

    def wait(self, seconds: float) -> bool:
        """False when that thread is busy for longer. The caller's thread."""
        return self._heard.wait(seconds)


ReaderEvent = Presence | Absence | ReaderJob


class ReaderQueue:
    """One reader of a lane. `tap` is what becomes of a card at a lane that takes taps."""

    def __init__(
        self, lane: Lane, reader: CardReader, tap: Callable[[Presence], object] | None
    ) -> None:
        self.lane = lane
        self.reader = reader
        self._tap = tap
        self._events: Queue[Any] = reader.events
        self._card_present: Presence | None = None

    @property
    def card_present(self) -> Presence | None:
        """The card that lies there, as far as this thread has heard. Any thread may ask."""
        return self._card_present

    @property
    def ready(self) -> bool:
        """Whether the reader can be used now. Any thread."""
        return self.reader.status().state is DeviceState.READY

    def ask(self, job: ReaderJob) -> None:
        """Let the reader's thread do it after what it was told before. Any thread."""
        self._events.put(job)

    def take(self, event: ReaderEvent) -> None:
        """The next event while no job is under way. The reader's thread."""
        if isinstance(event, Presence | Absence):
            self._hear(event)
            if isinstance(event, Presence) and self._tap is not None:
                self._tap(event)
        else:
            event.run(self)

    def next(self, timeout: float) -> Any:
        """For a job that waits: the next `ReaderEvent`, or `WAKE` when the thread is to stop.
        Raises `QueueEmpty`."""
        event = self._events.get(timeout)
        if event is not WAKE and isinstance(event, Presence | Absence):
            self._hear(event)
        return event

    def _hear(self, event: Presence | Absence) -> None:
        self._card_present = event if isinstance(event, Presence) else None
