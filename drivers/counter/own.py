"""Which of a PIN pad's bytes are no keys, but what it was sent: a line may hear itself.

As `drivers.io.echo`, byte by byte and without a copy: what a person pressed is never kept here.
"""

from collections import deque
from collections.abc import Container, Sequence
from typing import Final

KEEP: Final = 1.0  # seconds in which an echo comes back
HOLD: Final = 0.05  # seconds until what looks like an echo's beginning is a key


class OwnBytes:
    """Of one open line, under the caller's lock. A signal that holds no byte but keys cannot be
    told from fingers before another one has shown that the line echoes."""

    def __init__(self, keys: Container[int]) -> None:
        self._keys = keys
        self._owed: deque[tuple[int, float]] = deque()  # byte, and when it was sent
        self._held = 0  # of these, bytes that came and may be keys
        self._echoes = False

    @property
    def holds(self) -> bool:
        """A byte that came is being held back, for `HOLD` at most."""
        return bool(self._held)

    def sent(self, data: bytes, at: float) -> None:
        """This goes out; `at`: World.monotonic()."""
        self._owed.extend((byte, at) for byte in data)

    def without(self, byte: int, at: float) -> Sequence[int]:
        """The keys that were pressed, now that this byte has come."""
        if not self._held:
            while self._owed and at - self._owed[0][1] > KEEP:
                self._owed.popleft()
        place = self._place(byte)
        if place is not None:
            self._held = place + 1
            if self._echoes or byte not in self._keys:
                self._echoes = True
                self._drop(self._held)
            return ()
        keys = self.released()
        return [*keys, *self.without(byte, at)] if keys else [byte]

    def released(self) -> Sequence[int]:
        """No more came: what was held back are keys."""
        keys = [byte for byte, _ in list(self._owed)[: self._held]]
        self._drop(self._held)
        return keys

    def _place(self, byte: int) -> int | None:
        """Which of the owed it is: the next; or, of what no finger can press, a later one, where
        what came between was thrown away unread."""
        owed = [one for one, _ in self._owed]
        if owed[self._held : self._held + 1] == [byte]:
            return self._held
        skipped = self._echoes and byte not in self._keys and byte in owed
        return owed.index(byte) if skipped else None

    def _drop(self, count: int) -> None:
        for _ in range(count):
            self._owed.popleft()
        self._held = 0
