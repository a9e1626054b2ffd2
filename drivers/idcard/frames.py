"""Frames of a SAM_V module: contents in, bytes out, and back again through whatever noise there is.

Source: spec devices.md, ID card reader. `AAAAAA9669 | Len 2 | content | XOR`; Len counts all that
follows it, the XOR runs from Len to the content's last byte.
"""

from functools import reduce
from operator import xor
from typing import Final

PREAMBLE: Final = bytes.fromhex("AAAAAA9669")
HEADER: Final = len(PREAMBLE) + 2
LEAST, MOST = 3, 2400  # what Len can be


def frame(content: bytes) -> bytes:
    """The frame of `CMD PARA …` or of `SW1 SW2 SW3 data`."""
    checked = (len(content) + 1).to_bytes(2, "big") + content
    return PREAMBLE + checked + bytes([xor_of(checked)])


def length_of(header: bytes) -> int | None:
    """Len of a frame that begins with these seven bytes; None when none can begin so."""
    length = int.from_bytes(header[len(PREAMBLE) : HEADER], "big")
    right = len(header) >= HEADER and header.startswith(PREAMBLE) and LEAST <= length <= MOST
    return length if right else None


class Deframer:
    """Finds frames in what comes. Never holds more than one frame and the last chunk."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Contents of all frames that are whole now."""
        self._buffer += data
        found = []
        while (content := self._next()) is not None:
            found.append(content)
        return found

    def _next(self) -> bytes | None:
        buffer = self._buffer
        while self._at_preamble():
            if len(buffer) < HEADER:
                return None
            length = length_of(bytes(buffer[:HEADER]))
            if length is not None:
                end = HEADER + length
                if len(buffer) < end:
                    return None
                if xor_of(buffer[len(PREAMBLE) : end]) == 0:
                    content = bytes(buffer[HEADER : end - 1])
                    del buffer[:end]
                    return content
            # No frame begins here, but a whole one may begin inside of what looked like one.
            del buffer[:1]
        return None

    def _at_preamble(self) -> bool:
        """Throw away what comes before the next preamble; False when none is there."""
        start = self._buffer.find(PREAMBLE)
        # The last bytes may be a preamble's beginning.
        before = start if start >= 0 else max(0, len(self._buffer) - len(PREAMBLE) + 1)
        del self._buffer[:before]
        return start >= 0


def xor_of(data: bytes | bytearray) -> int:
    """The XOR of all bytes, 0 … 255; 0 of none."""
    return reduce(xor, data, 0)
