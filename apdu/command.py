"""A command APDU and its answer, as values: what is sent in, what came out.

Short APDUs only, cases 1 to 4 (ISO/IEC 7816-3, 12.1). Data never shows in `repr`: it may be a PIN,
a key or a name.
"""

from dataclasses import dataclass, field
from typing import Literal

from apdu.channel import CardMute
from world import Fault

MAX_DATA = 255
MAX_EXPECTED = 256  # Le 00


class CommandFault(Fault):
    """Bytes that are no short command APDU."""

    code = "apdu.command"


@dataclass(frozen=True, slots=True)
class Command:
    """Header, data and `expected`, the bytes wanted back: None for none, 256 for what there is.

    Raises `CommandFault` when the values cannot be a short APDU.
    """

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = field(default=b"", repr=False)
    expected: int | None = None

    def __post_init__(self) -> None:
        for byte in (self.cla, self.ins, self.p1, self.p2):
            if not 0 <= byte <= 0xFF:
                raise CommandFault(reason="header")
        if self.ins >> 4 in (0x6, 0x9):  # ISO/IEC 7816-3, 10.3.2: these would read as SW1
            raise CommandFault(reason="instruction")
        if len(self.data) > MAX_DATA:
            raise CommandFault(reason="data")
        if self.expected is not None and not 1 <= self.expected <= MAX_EXPECTED:
            raise CommandFault(reason="expected")

    @classmethod
    def parse(cls, raw: bytes) -> "Command":
        """From the bytes of a short APDU. Raises `CommandFault`."""
        if len(raw) < 4:
            raise CommandFault(reason="header")
        cla, ins, p1, p2 = raw[:4]
        body = raw[4:]
        if not body:
            return cls(cla, ins, p1, p2)
        if len(body) == 1:
            return cls(cla, ins, p1, p2, expected=_ne(body[0]))
        lc, data = body[0], body[1 : 1 + body[0]]
        rest = body[1 + lc :]
        if lc == 0 or len(data) < lc or len(rest) > 1:
            raise CommandFault(reason="length")
        return cls(cla, ins, p1, p2, data, _ne(rest[0]) if rest else None)

    @classmethod
    def from_hex(cls, text: str) -> "Command":
        """From hex, blanks allowed. Raises `CommandFault`."""
        try:
            raw = bytes.fromhex(text)
        except ValueError as error:
            raise CommandFault(reason="hex") from error
        return cls.parse(raw)

    @property
    def case(self) -> Literal[1, 2, 3, 4]:
        """1 nothing either way, 2 data back, 3 data in, 4 both."""
        if self.data:
            return 3 if self.expected is None else 4
        return 1 if self.expected is None else 2

    @property
    def header(self) -> bytes:
        """CLA INS P1 P2, 4 bytes."""
        return bytes((self.cla, self.ins, self.p1, self.p2))

    @property
    def le(self) -> bytes:
        """The Le field: empty, or one byte with 00 for 256."""
        return b"" if self.expected is None else bytes((self.expected & 0xFF,))

    def __bytes__(self) -> bytes:
        if not self.data:
            return self.header + self.le
        return self.header + bytes((len(self.data),)) + self.data + self.le


@dataclass(frozen=True, slots=True)
class Response:
    """What the card answered: data and the two status bytes as one number."""

    data: bytes = field(repr=False)
    sw: int

    @classmethod
    def parse(cls, raw: bytes) -> "Response":
        """Raises `CardMute` for fewer than two bytes, which no card can have meant."""
        if len(raw) < 2:
            raise CardMute(answered=len(raw))
        return cls(raw[:-2], raw[-2] << 8 | raw[-1])

    @property
    def ok(self) -> bool:
        """Whether the status word is 9000; a warning (62xx, 63xx) is not."""
        return self.sw == 0x9000


def _ne(le: int) -> int:
    return le or MAX_EXPECTED
