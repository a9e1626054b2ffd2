"""A powered card seen as a pipe: command bytes in, answer bytes out (data ‖ SW1 SW2)."""

from enum import Enum
from typing import Protocol

from world import Fault


class Transport(Enum):
    """How APDUs travel; it decides about Le and 61xx (ISO/IEC 7816-3 T=0, T=1; 14443-4)."""

    T0 = "T=0"
    T1 = "T=1"


class CardGone(Fault):
    """The card left (or lost power) before it answered: what it did last is unknown."""

    code = "card.gone"


class CardMute(Fault):
    """The reader says that the card does not answer, or answers what cannot be an answer."""

    code = "card.mute"


class ReaderGone(Fault):
    """The reader, or the service behind it, went away before the card answered."""

    code = "reader.gone"


class Channel(Protocol):
    """One powered card, held exclusively. Used by one thread only."""

    @property
    def transport(self) -> Transport:
        """The transmission protocol that card and reader agreed on."""
        ...

    @property
    def atr(self) -> bytes:
        """Answer to reset: 2 to 33 bytes; of a contactless card the one that the reader made up."""
        ...

    def transmit(self, command: bytes) -> bytes:
        """Send one raw APDU and return the raw answer (at least the two status bytes).

        Raises `CardGone`, `CardMute`, `ReaderGone`.
        """
        ...
