"""What the bridge to the readers needs of a simulated card, and how the inside of one is cut.

Bytes come in at a face (`transport`), become an `Apdu`, are answered by a `Processor` (an operating
system) and leave through the face again in the manner of the interface.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

NO_ANSWER = b""
"""`transmit` returned this: the card keeps silent. The bridge must send nothing at all."""

RandomSource = Callable[[int], bytes]


class Interface(Enum):
    """How the card touches the reader; the values are those of the settings (`[[readers]]`)."""

    CONTACT = "contact"
    CONTACTLESS = "contactless"
    SAM = "sam"


class Card(Protocol):
    """One physical card at one interface. Thread-compatible: one caller at a time."""

    @property
    def atr(self) -> bytes: ...

    def power_on(self) -> None:
        """Power or reset: what is volatile (selection, challenge, rights) is forgotten."""
        ...

    def power_off(self) -> None: ...

    def transmit(self, command: bytes) -> bytes:
        """The answer to one raw APDU, at least two bytes, or `NO_ANSWER`. Never raises."""
        ...


class Answer(NamedTuple):
    """What an operating system says: all of its data, and the status word."""

    data: bytes
    sw: int


@dataclass(frozen=True)
class Apdu:
    """A short command as the operating system sees it, whichever interface carried it."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    le: int | None = None  # 1…256; None: no answer data asked for

    @property
    def p1p2(self) -> int:
        return self.p1 << 8 | self.p2


class Processor(Protocol):
    """The operating system of a card."""

    def reset(self) -> None: ...

    def process(self, apdu: Apdu) -> Answer: ...
