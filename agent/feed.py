"""Tap reports on their way from reader threads to listeners: each has a queue of its own."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from world import Queue, QueueEmpty, World
from world.foreign import encoded

END = b""  # after the last report
BACKLOG = 256  # reports a slow listener may lag behind before it loses the oldest


class Feed:
    """`publish` and `listen` from any thread."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._closed = False
        self._changing = world.lock()
        self._listeners: list[Queue[bytes]] = []

    def publish(self, report: dict[str, Any]) -> None:
        """Hand one report to all listeners; returns at once, whether one listens or none."""
        if self._listeners:
            self._tell(encoded(report))

    def close(self) -> None:
        """Let every listener end, also one that comes now."""
        with self._changing:
            self._closed = True
        self._tell(END)

    def _tell(self, line: bytes) -> None:
        with self._changing:
            for queue in self._listeners:
                _offer(queue, line)

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    @contextmanager
    def listen(self) -> Iterator[Queue[bytes]]:
        """The reports from now on as JSON, oldest first; `END` behind the last."""
        queue: Queue[bytes] = self._world.queue()
        with self._changing:
            self._listeners.append(queue)
            if self._closed:
                queue.put(END)
        try:
            yield queue
        finally:
            with self._changing:
                self._listeners.remove(queue)


def _offer(queue: Queue[bytes], line: bytes) -> None:
    """`line` behind the others; the oldest goes where the listener lags too far behind."""
    with suppress(QueueEmpty):  # taken meanwhile
        while len(queue) >= BACKLOG:
            queue.get(0)
    queue.put(line)
