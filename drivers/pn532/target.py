"""What the chip found in its field: its list's bytes in, targets with the ATR of PC/SC out.

Source: NXP UM0701-02, 7.3.5 (InListPassiveTarget, 106 kbit/s type A); ISO/IEC 14443-3 and -4.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

MAY_14443_4: Final = 0x20  # SEL_RES: compliant with ISO/IEC 14443-4 (14443-3, coding of SAK)
RANDOM_ID: Final = 0x08  # first byte of a four-byte identifier that changes with the field
MOST_HISTORICAL: Final = 15  # what the ATR's T0 can count
# PC/SC part 3, 3.1.3.2.3.2: a card without ISO/IEC 14443-4, standard 14443-3 type A, no name given.
STORAGE_CARD: Final = bytes.fromhex("8F8001804F0CA00000030603000000000000")


@dataclass(frozen=True)
class Target:
    """One card in the field; `number` is the chip's, valid until the field goes off."""

    number: int
    identifier: bytes = field(repr=False)
    ats: bytes = field(repr=False)  # empty without ISO/IEC 14443-4, or when it gave none
    speaks: bool  # ISO/IEC 14443-4

    @property
    def atr(self) -> bytes:
        """As PC/SC part 3 (3.1.3.2.3.1) makes it: 3B 8n 80 01, historical bytes, TCK; empty for a
        card that should have given an ATS and did not."""
        if not self.speaks:
            return _with_check(STORAGE_CARD)
        if not self.ats:
            return b""
        historical = historical_bytes(self.ats)[:MOST_HISTORICAL]
        return _with_check(bytes((0x80 | len(historical), 0x80, 0x01)) + historical)

    def is_same(self, other: "Target") -> bool:
        """The same card at another time. One with a random identifier is known by its ATS alone:
        two such cards that change places within one look are taken for one; neither is ever
        spoken to as the other, because an open card never loses its field."""
        if self.identifier == other.identifier:
            return True
        return self._is_random and other._is_random and self.ats == other.ats

    @property
    def _is_random(self) -> bool:
        return len(self.identifier) == 4 and self.identifier[0] == RANDOM_ID


def historical_bytes(ats: bytes) -> bytes:
    """What follows T0 and the interface bytes that it announces (ISO/IEC 14443-4, 5.2)."""
    if len(ats) < 2:
        return b""
    announced = (ats[1] >> 4 & 0b0111).bit_count()
    return ats[2 + announced :]


def targets(data: bytes) -> Sequence[Target]:
    """The answer to InListPassiveTarget: NbTg, then for each Tg, SENS_RES 2, SEL_RES, length and
    identifier, and with ISO/IEC 14443-4 the ATS, whose first byte is its length.

    Raises `ValueError` for what is cut short.
    """
    reading = _Reading(data)
    found = []
    for _ in range(reading.byte()):
        number = reading.byte()
        reading.take(2)
        speaks = bool(reading.byte() & MAY_14443_4)
        identifier = reading.take(reading.byte())
        ats = b""
        if speaks and reading.left:
            length = reading.byte()
            ats = bytes((length,)) + reading.take(length - 1) if length else b""
        found.append(Target(number, identifier, ats, speaks))
    return found


class _Reading:
    """Bytes taken off the front."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def left(self) -> int:
        return len(self._data)

    def byte(self) -> int:
        return self.take(1)[0]

    def take(self, size: int) -> bytes:
        if size > len(self._data):
            raise ValueError("cut short")
        taken, self._data = self._data[:size], self._data[size:]
        return taken


def _with_check(body: bytes) -> bytes:
    check = 0
    for byte in body:
        check ^= byte
    return b"\x3b" + body + bytes((check,))
