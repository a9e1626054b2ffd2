"""PN532 frames on a high-speed UART: bytes of the line in, frames out, whatever lies between them.

Source: NXP UM0701-02, 6.2.1; the wake-up as libnfc's pn532_uart.c does it.

    normal    00 00 FF LEN LCS           TFI PD… DCS 00    LEN counts TFI and PD…
    extended  00 00 FF FF FF LENM LENL LCS TFI PD… DCS 00  for more than 255 of them
    ACK       00 00 FF 00 FF 00        NACK  00 00 FF FF 00 00

LCS and DCS make the low byte of their sums zero. Preamble and postamble may be of any length.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

START: Final = b"\x00\xff"
ACK: Final = bytes.fromhex("0000FF00FF00")
NACK: Final = bytes.fromhex("0000FFFF0000")
# Sixteen bytes: the chip loses the first ones while its oscillator starts.
WAKE_UP: Final = bytes.fromhex("5555") + bytes(14)

FROM_HOST: Final = 0xD4  # TFI
FROM_CHIP: Final = 0xD5
SYNTAX_ERROR: Final = bytes.fromhex("7F")

LONGEST_NORMAL: Final = 255
LONGEST: Final = 265  # TFI and 264 bytes of packet data: what the chip can keep


@dataclass(frozen=True)
class ChipAck:
    """The chip has taken the command and works on it."""


@dataclass(frozen=True)
class ChipNack:
    """A NACK. The chip has no use for it, so it is the line's echo or noise."""


@dataclass(frozen=True)
class Information:
    """TFI and packet data, checked. May be part of a person's data, so it never shows."""

    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Garbled:
    """There was a frame, and it did not arrive whole."""


Frame = ChipAck | ChipNack | Information | Garbled


def frame(content: bytes) -> bytes:
    """TFI and packet data as an information frame, normal if it can be; at most `LONGEST`."""
    if not 1 <= len(content) <= LONGEST:
        raise ValueError(f"no frame has {len(content)} bytes")
    if len(content) <= LONGEST_NORMAL:
        marks, length = b"", len(content).to_bytes(1)
    else:
        marks, length = b"\xff\xff", len(content).to_bytes(2)
    return (
        b"\x00" + START + marks + length + _complement(length)
        + content + _complement(content) + b"\x00"
    )  # fmt: skip


class Parser:
    """Finds frames in what comes off the line; keeps no more than the longest frame.

    After a checksum that does not hold it looks for the next start code behind the wrong frame's
    own, so a good frame is never lost inside a wrong one's claimed length.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.noise = 0  # bytes that belonged to no frame since the last good one; 00 is padding

    @property
    def partial(self) -> bool:
        """A frame has begun and has not come to its end."""
        return self._buffer.startswith(START)

    def feed(self, data: bytes) -> Sequence[Frame]:
        """Frames that are complete now."""
        self._buffer += data
        return tuple(self._frames())

    def give_up(self) -> None:
        """The frame that has begun will not come to its end: look behind its start code."""
        self._drop(len(START))

    def _frames(self) -> Iterator[Frame]:
        while self._at_start():
            found = self._one()
            if found is None:
                return
            yield found

    def _at_start(self) -> bool:
        """Move to the next start code. False when there is none; a lone 00 may begin one."""
        at = self._buffer.find(START)
        if at < 0:
            at = len(self._buffer) - self._buffer.endswith(START[:1])
        self._drop(at)
        return self.partial

    def _one(self) -> Frame | None:
        """The frame at the start code, None while it is not complete."""
        head = bytes(self._buffer[2:8])
        if len(head) < 2:
            return None
        if head[:2] == b"\x00\xff":
            return self._take(4, ChipAck())
        if head[:2] == b"\xff\x00":
            return self._take(4, ChipNack())
        if head[:2] == b"\xff\xff":
            if len(head) < 5:
                return None
            return self._information(5, int.from_bytes(head[2:4]), sum(head[2:5]))
        return self._information(2, head[0], sum(head[:2]))

    def _information(self, header: int, length: int, checked: int) -> Frame | None:
        if checked & 0xFF or not 1 <= length <= LONGEST:
            return self._wrong()
        begin = len(START) + header
        body = bytes(self._buffer[begin : begin + length + 1])
        if len(body) <= length:
            return None
        if sum(body) & 0xFF:
            return self._wrong()
        return self._take(begin + length + 1, Information(body[:-1]))

    def _take(self, size: int, found: Frame) -> Frame:
        del self._buffer[:size]
        self.noise = 0
        return found

    def _wrong(self) -> Frame:
        self._drop(len(START))
        return Garbled()

    def _drop(self, size: int) -> None:
        self.noise += size - self._buffer.count(0, 0, size)
        del self._buffer[:size]


def _complement(data: bytes) -> bytes:
    return bytes((-sum(data) & 0xFF,))
