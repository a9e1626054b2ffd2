"""Tap reports on their way from reader threads to listeners on the event loop: one hop per tap."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from world.foreign import encoded

END = b""  # after the last report
BACKLOG = 256  # reports a slow listener may lag behind before it loses the oldest


class Feed:
    """`publish` from any thread; `listen` on the event loop."""

    def __init__(self) -> None:
        self._closed = False
        self._listeners: list[tuple[asyncio.AbstractEventLoop, asyncio.Queue[bytes]]] = []

    def publish(self, report: dict[str, Any]) -> None:
        """Hand one report to all listeners; returns at once, with or without listeners."""
        if self._listeners:
            self._tell(encoded(report))

    def close(self) -> None:
        """Let every listener end, also one that comes now."""
        self._closed = True
        self._tell(END)

    def _tell(self, line: bytes) -> None:
        for loop, queue in list(self._listeners):
            try:
                loop.call_soon_threadsafe(_offer, queue, line)
            except RuntimeError:  # the loop has closed: that listener is gone
                continue

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    @contextmanager
    def listen(self) -> Iterator[asyncio.Queue[bytes]]:
        """A queue of reports from now on; the last item is `END` when the agent ends. A listener
        that falls behind misses the oldest."""
        queue: asyncio.Queue[bytes] = asyncio.Queue(BACKLOG)
        listener = (asyncio.get_running_loop(), queue)
        self._listeners.append(listener)
        if self._closed:
            _offer(queue, END)
        try:
            yield queue
        finally:
            self._listeners.remove(listener)


def _offer(queue: asyncio.Queue[bytes], line: bytes) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(line)
