"""Cuts JPEG pictures out of whatever a network camera sends: by their own markers, and no more.

Boundaries, part headers, lengths and line ends differ from camera to camera, and are wrong in some
(docs/decisions.md); where a picture begins and ends stands in the picture (ITU-T T.81, B.1.1).
"""

import re
from collections.abc import Sequence
from typing import Final

LARGEST: Final = 8_000_000  # bytes of a picture; what is longer is none
BEGIN: Final = b"\xff\xd8\xff"  # SOI, and the first byte of the next marker
# In the picture's data FF is followed by 00, by a restart marker or by another FF.
MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
FILL, SOI, EOI, SOS = 0xFF, 0xD8, 0xD9, 0xDA
ALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length


class Jpegs:
    """Bytes in, pictures out; one per connection. Holds one picture and the last chunk."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0  # in the buffer: what comes before has been looked at
        self._inside = False  # the buffer begins with a picture
        self._in_data = False  # between a scan's header and the next marker
        self.broken = 0  # pictures that began and were none

    def feed(self, data: bytes) -> Sequence[bytes]:
        """The pictures that are whole now. One whose end was lost ends where the next begins."""
        self._buffer += data
        found: list[bytes] = []
        while self._step(found):
            pass
        if len(self._buffer) > LARGEST:
            self._drop(len(self._buffer))
        return found

    def _step(self, found: list[bytes]) -> bool:
        """Go on by one marker. False when more bytes are needed."""
        buffer = self._buffer
        if not self._inside:
            return self._begun()
        if self._in_data:
            marker = MARKER.search(buffer, self._at)
            if marker is None:
                self._at = max(self._at, len(buffer) - 1)  # the last byte may begin one
                return False
            self._at, self._in_data = marker.start(), False
        if len(buffer) < self._at + 4:
            return self._ended_here(found)
        code = buffer[self._at + 1]
        if buffer[self._at] != FILL:
            self._drop(len(BEGIN) - 1)
        elif code == FILL:
            self._at += 1
        elif code in (EOI, SOI):
            self._take(found, self._at + 2 * (code == EOI))
        elif code in ALONE:
            self._at += 2
        else:
            size = int.from_bytes(buffer[self._at + 2 : self._at + 4], "big")
            if len(buffer) < self._at + 2 + size:
                return False
            self._at += 2 + size
            self._in_data = code == SOS
        return True

    def _begun(self) -> bool:
        """Move to the next picture's beginning."""
        at = self._buffer.find(BEGIN)
        del self._buffer[: at if at >= 0 else max(0, len(self._buffer) - len(BEGIN) + 1)]
        self._inside, self._in_data, self._at = at >= 0, False, 2
        return self._inside

    def _ended_here(self, found: list[bytes]) -> bool:
        """An end needs no length behind it."""
        if self._buffer[self._at : self._at + 2] == bytes((FILL, EOI)):
            self._take(found, self._at + 2)
            return True
        return False

    def _take(self, found: list[bytes], end: int) -> None:
        found.append(bytes(self._buffer[:end]))
        del self._buffer[:end]
        self._inside = False

    def _drop(self, size: int) -> None:
        """What began is no picture; one may begin behind its first bytes."""
        self.broken += 1
        del self._buffer[:size]
        self._inside = False
