"""The fixed time table of cards, for benchmarks: bytes on the wire plus the card's own work.

Every number is from spec devices.md, "Time of a card, for benchmarks", and there are no others: an
instruction that the table does not name costs its bytes alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from simulators.cards.contract import Interface

Air = Literal[106, 212, 424, 848]  # kbit/s
AIR_BITS_PER_BYTE = 9
AIR_FRAME_BYTES = 3  # each way
AIR_FRAME_DELAY = 91e-6 + 86e-6  # both ways together
AIR_ACTIVATION = 6.4e-3
CONTACT_BAUD = 38_400
CONTACT_BITS_PER_BYTE = 12

# Milliseconds of work by INS; by CLA and INS where the class matters.
CARD_WORK: Mapping[bytes, float] = {
    b"\xa4": 4,
    b"\xb0": 2,
    b"\xb2": 2,
    b"\x84": 3,
    b"\x88": 12,
    b"\x82": 12,
    b"\x20": 8,
    b"\x80\x50": 10,
    b"\x80\xdc": 4,
    b"\x80\x54": 20,
    b"\xdc": 8,
    b"\xd6": 8,
}
PSAM_WORK: Mapping[bytes, float] = {
    b"\xa4": 4,
    b"\xb0": 2,
    b"\xb2": 2,
    b"\xbf\xde": 8,
    b"\x80\xfa": 6,
    b"\x80\x70": 15,
    b"\x80\x72": 8,
}


@dataclass(frozen=True)
class Exchange:
    """One command and its answer, raw, at one interface."""

    interface: Interface
    command: bytes
    response: bytes


@dataclass(frozen=True)
class TimeTable:
    """Seconds. `air` is the bit rate of the contactless interface."""

    air: Air = 106

    def exchange_seconds(self, interface: Interface, command: bytes, response: bytes) -> float:
        """From the first bit of the command to the last of the answer."""
        work = PSAM_WORK if interface is Interface.SAM else CARD_WORK
        milliseconds = work.get(command[:2], work.get(command[1:2], 0))
        return milliseconds / 1000 + self._wire_seconds(interface, len(command), len(response))

    def activation_seconds(self, interface: Interface) -> float:
        """From field on to the first APDU; the table has none for contacts."""
        return AIR_ACTIVATION if interface is Interface.CONTACTLESS else 0.0

    def floor(self, exchanges: Iterable[Exchange]) -> float:
        """The sequential sum of a flow, activation not counted."""
        return sum(
            self.exchange_seconds(one.interface, one.command, one.response) for one in exchanges
        )

    def at(self, interface: Interface) -> "CardTime":
        """The table as one reader's bridge charges it."""
        return CardTime(self, interface)

    def _wire_seconds(self, interface: Interface, sent: int, received: int) -> float:
        if interface is Interface.CONTACTLESS:
            framed = sent + received + 2 * AIR_FRAME_BYTES
            return framed * AIR_BITS_PER_BYTE / (self.air * 1000) + AIR_FRAME_DELAY
        return (sent + received) * CONTACT_BITS_PER_BYTE / CONTACT_BAUD


@dataclass(frozen=True)
class CardTime:
    """One interface's column of the table."""

    table: TimeTable
    interface: Interface

    @property
    def activation_seconds(self) -> float:
        return self.table.activation_seconds(self.interface)

    def exchange_seconds(self, command: bytes, response: bytes) -> float:
        return self.table.exchange_seconds(self.interface, command, response)
