"""Somebody who types PINs at a pad: knows beforehand what to type, and types when asked."""

import threading
from collections import deque
from collections.abc import Callable

from simulators.devices.pinpad import CANCEL, CONFIRM, PinPadPeer

BEGIN, AGAIN = b"\x02", b"\x03"  # what the daemon sends when it asks, and asks once more


class Typist(PinPadPeer):
    """The pad's electronics with a person before it. `asked` counts questions."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self._keys: deque[bytes] = deque()
        self._lock = threading.Condition()

    def received(self, data: bytes, send: Callable[[bytes], None]) -> None:
        super().received(data, send)
        for _ in range(data.count(BEGIN) + data.count(AGAIN)):
            with self._lock:
                self.asked += 1
                self._lock.notify_all()
                keys = self._keys.popleft() if self._keys else b""
            if keys:
                send(keys)

    def will_type(self, *entries: str) -> None:
        """Each entry answers one question, with the confirm key behind it."""
        with self._lock:
            self._keys.extend(entry.encode("ascii") + CONFIRM for entry in entries)

    def will_cancel(self) -> None:
        with self._lock:
            self._keys.append(CANCEL)

    def will_hesitate(self) -> None:
        """Type nothing until the daemon gives up."""
        with self._lock:
            self._keys.append(b"")

    def await_asked(self, questions: int, within: float = 60.0) -> bool:
        """Wait until so many questions have been asked since `rest`."""
        with self._lock:
            return self._lock.wait_for(lambda: self.asked >= questions, within)

    def rest(self) -> None:
        with self._lock:
            self._keys.clear()
            self.asked = 0
