"""Cuts a board's byte stream into frames, and finds the next good one after whatever else came."""

from collections.abc import Callable, Iterator

# The size of the good frame that begins at a place; 0: more bytes are needed to know; None: none
# begins there. A place stays undecided for a bounded number of bytes only.
Begins = Callable[[bytes, int], int | None]


class Frames:
    """Bytes in, frames out. Holds no more than one undecided frame."""

    def __init__(self, begins: Begins) -> None:
        self._begins = begins
        self._rest = b""
        self.skipped = 0  # bytes that belonged to no frame

    @property
    def unfinished(self) -> bool:
        """Whether bytes are kept that may still become a frame."""
        return bool(self._rest)

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that these bytes complete."""
        return list(self._cut(self._rest + data))

    def quiet(self) -> list[bytes]:
        """What is unfinished will not be finished: the frames that hide behind its beginning."""
        found: list[bytes] = []
        while self._rest:
            self.skipped += 1
            found += self._cut(self._rest[1:])
        return found

    def _cut(self, heard: bytes) -> Iterator[bytes]:
        at = 0
        while at < len(heard):
            size = self._begins(heard, at)
            if size == 0:
                break
            if size is None:
                self.skipped += 1
                at += 1
            else:
                yield heard[at : at + size]
                at += size
        self._rest = heard[at:]
