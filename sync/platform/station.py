"""One link of the platform: each message is handled, answered, and only then acknowledged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sync.backoff import Backoff
from sync.link import Acknowledged, Correlation, Link, Lost, Message
from world import Fault, Queue, QueueEmpty, Task, World


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """Something to publish."""

    topic: str
    payload: bytes = field(repr=False)
    exchange: Correlation | None = None


class Subscriber:
    """Keeps one subscription alive on a task of its own.

    `handle` makes what a message says durable and returns the letters that follow from it; a Fault
    from it ends the connection, unacknowledged, and all begins again after a pause.
    """

    def __init__(
        self,
        world: World,
        link: Link,
        topic_filter: Sequence[str],
        handle: Callable[[Message], Sequence[OutgoingMessage]],
        *,
        name: str,
        retry: float,
    ) -> None:
        self._world = world
        self._link = link
        self._filters = topic_filter
        self._handle = handle
        self.name = name
        self._backoff = Backoff(world, retry)
        self._wake = world.event()
        self._stopping = world.event()
        self._letters: Queue[OutgoingMessage] = world.queue()
        self._task: Task | None = None
        self.ready = world.event()  # set while subscribed
        self.fault: Fault | None = None  # what ended the last connection, or refused a letter

    def start(self) -> None:
        """Begin the task; it connects, and connects again after every loss."""
        self._task = self._world.spawn(self._run, name=f"platform-{self.name}")

    def stop(self, timeout: float | None = None) -> bool:
        """Let the task end. True when it has ended within `timeout` seconds (None: without
        limit)."""
        self._stopping.set()
        self._wake.set()
        return self._task is None or self._task.join(timeout)

    def send(self, letter: OutgoingMessage) -> None:
        """Publish soon. Lost with the connection: what matters is sent again at the next birth."""
        self._letters.put(letter)
        self._wake.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._link.connect(None, self._wake)
                self._link.subscribe(*self._filters)
                self.ready.set()
                self._backoff.reset()
                self._serve()
            except Fault as fault:
                self.fault = fault
                self._stopping.wait(self._backoff.next())
            self.ready.clear()
            self._link.disconnect()

    def _serve(self) -> None:
        while True:
            self._wake.clear()  # before looking at anything, so that nothing falls between
            if self._stopping.is_set():
                return
            while (signal := self._link.take()) is not None:
                if isinstance(signal, Message):
                    for letter in self._handle(signal):
                        self._letters.put(letter)
                    self._post()
                    self._link.acknowledge(signal)
                else:
                    self._note(signal)
            self._post()
            self._wake.wait()

    def _post(self) -> None:
        while self._link.room > 0:
            try:
                letter = self._letters.get(timeout=0)
            except QueueEmpty:
                return
            self._link.publish(letter.topic, letter.payload, exchange=letter.exchange)

    def _note(self, signal: Acknowledged | Lost) -> None:
        if isinstance(signal, Lost):
            raise signal.fault
        self.fault = signal.fault or self.fault
