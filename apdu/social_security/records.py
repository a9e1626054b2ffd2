"""What the bytes of a record, of an ATR and of the card's numbers mean: bytes in, text out.

Source: spec social-security-card.md, Files and Identity. What cannot be is a fault that names the
record and never shows its content.
"""

import re
from dataclasses import dataclass
from typing import ClassVar

from apdu.crypto import HISTORICAL_BYTES
from apdu.legible import Legible, gb18030, undivided
from apdu.social_security.files import Encoding, FileRecord, Generation
from apdu.vectors import Vector
from trust import canonical
from world import Fault

SOURCE = "spec social-security-card.md, Identity"
PADDING = b"\x00\x20\xff"
LINE_ENDS = " \t\r\n"
NOT_TEXT = re.compile(r"[\x00-\x1f\x7f|]")  # "|" divides the fields of the national interface


class RecordFault(Fault):
    """A record is not what the file map says. Facts: `file`, `tag`, `reason`."""

    code = "card.record"

    def __init__(self, record: FileRecord, reason: str) -> None:
        super().__init__(file=f"EF{record.sfi:02X}", tag=f"{record.tag:02X}", reason=reason)


class CardIdFault(Fault):
    """The card identification code has another form. (National interface: -20.)"""

    code = "card.id-format"


class GenerationFault(Fault):
    """Record 03 names an edition that this program does not know."""

    code = "card.generation"


class AtrFault(Fault):
    """The ATR does not carry 13 historical bytes."""

    code = "card.atr"


def value_of(record: FileRecord, raw: bytes) -> bytes:
    """The value in `tag ‖ length ‖ value`. Raises `RecordFault`: wrong tag, wrong length."""
    if not raw or raw[0] != record.tag:
        raise RecordFault(record, "tag" if raw else "short")
    if len(raw) < 2 or raw[1] > len(raw) - 2:
        raise RecordFault(record, "short")
    if raw[1] < len(raw) - 2 or raw[1] > record.size:
        raise RecordFault(record, "length")
    if record.encoding is Encoding.HEX and raw[1] != record.size:
        raise RecordFault(record, "length")
    return raw[2:]


def salvaged(record: FileRecord, raw: bytes) -> bytes:
    """What is there of the value, where `value_of` would raise: lengths that do not agree."""
    return raw[2 : 2 + raw[1]] if len(raw) > 1 and raw[0] == record.tag else b""


def decode(record: FileRecord, value: bytes, generation: Generation) -> str:
    """A record's value as text, as far as it is legible; a padded-out value is the empty text.

    Raises `RecordFault` where the record decides something and is not text, or not whole.
    """
    return legible(record, value, generation).text


def legible(record: FileRecord, value: bytes, generation: Generation) -> Legible:
    """As `decode`, and whether that is all that the record holds."""
    match record.encoding:
        case Encoding.HEX:
            return Legible(value.hex().upper(), whole=True)
        case Encoding.CN:
            return _digits(value, generation)
        case Encoding.AN if record.decides:
            return Legible(text(record, unpadded(value)), whole=True)
        case Encoding.AN:
            return shown_text(value)


def _digits(value: bytes, generation: Generation) -> Legible:
    """What is no digit is told as the hexadecimal digit that it is: nothing is made up."""
    nibbles = value.hex().upper()
    digits = nibbles.rstrip("EF")
    whole = digits.isdecimal() or not digits
    return Legible(digits, whole and (generation is Generation.V1 or "E" not in nibbles))


def shown_text(value: bytes) -> Legible:
    """A name, an address: nothing is decided by it, so whatever it is there is a text."""
    found, whole = gb18030(value)
    shown = undivided(found)
    return Legible(shown, whole and shown == found)


def unpadded(value: bytes) -> bytes:
    """Without the 00, 20 and FF at the end; none of them ends a GBK character."""
    return value.rstrip(PADDING)


def text(record: FileRecord, value: bytes) -> str:
    """GBK or ASCII, a line end behind it aside. Raises `RecordFault` for what is no text, has
    control characters or a field divider."""
    try:
        decoded = value.decode("gb18030").strip(LINE_ENDS)
    except UnicodeDecodeError:
        raise RecordFault(record, "text") from None  # the cause would show the value
    if NOT_TEXT.search(decoded):
        raise RecordFault(record, "text")
    return decoded


def generation_of(version: str) -> Generation:
    """From record 03: the first three characters count, empty is 1.0. Raises `GenerationFault`."""
    if not version:
        return Generation.V1
    try:
        return Generation(version[:3])
    except ValueError:
        raise GenerationFault from None


@dataclass(frozen=True, repr=False)
class CardIdentificationCode:
    """卡识别码: region 3 (BCD) ‖ D156000005 ‖ serial 4 ‖ authentication code 4."""

    region: str  # six digits
    serial: bytes
    authentication_code: bytes
    hex: str  # all 32 digits

    PROVIDER: ClassVar[str] = "D156000005"
    vectors: ClassVar[tuple[Vector, ...]] = (
        Vector(
            "parts",
            (bytes.fromhex("639900D15600000500BF7C7A48FB4966"),),
            ("639900", "00BF7C7A", "48FB4966"),
            SOURCE,
        ),
        Vector(
            "parts",
            (bytes.fromhex("519900D15600000510000B26FFFFFFFF"),),
            ("519900", "10000B26", "FFFFFFFF"),
            "spec social-security-card.md, The two authentication modes (trace)",
        ),
    )

    @classmethod
    def of(cls, value: bytes) -> "CardIdentificationCode":
        """From the 16 bytes of record 01. Raises `CardIdFault`."""
        digits = value.hex().upper()
        if len(value) != 16:
            raise CardIdFault(reason="length")
        if not digits[:6].isdecimal():
            raise CardIdFault(reason="region")
        if digits[6:16] != cls.PROVIDER:
            raise CardIdFault(reason="provider")
        return cls(digits[:6], value[8:12], value[12:], digits)

    @classmethod
    def parts(cls, value: bytes) -> tuple[str, str, str]:
        """Region, serial, authentication code as hex."""
        code = cls.of(value)
        return code.region, code.serial.hex().upper(), code.authentication_code.hex().upper()


class CardNumber:
    """卡号: eight characters and a check character. Real cards exist that fail it: only warn."""

    WEIGHTS: ClassVar[tuple[int, ...]] = (3, 7, 9, 10, 5, 8, 4, 2)
    vectors: ClassVar[tuple[Vector, ...]] = (
        Vector("holds", ("D2143569X",), True, SOURCE),
        Vector("holds", ("D21435691",), False, SOURCE),
        Vector("holds", ("D2143569",), False, SOURCE),
        Vector("holds", ("d2143569X",), False, SOURCE),
    )

    @classmethod
    def fails(cls, written: str) -> bool:
        """A number is there, in whatever form, and its check character is another."""
        number = canonical.card_number(written)
        return bool(number) and not cls.holds(number)

    @classmethod
    def holds(cls, number: str) -> bool:
        """C9 = 11 - (sum of Ci x Wi mod 11), A = 10 … Z = 35, 10 is X and 11 is 0."""
        if not re.fullmatch(r"[0-9A-Z]{8}[0-9X]", number, re.ASCII):
            return False
        total = sum(int(c, 36) * w for c, w in zip(number, cls.WEIGHTS, strict=False))
        return number[8] == "0123456789X0"[11 - total % 11]


class IdNumber:
    """公民身份号码, also the social security number: GB 11643-1999, ISO 7064 MOD 11-2."""

    vectors: ClassVar[tuple[Vector, ...]] = (
        Vector("holds", ("519900190001010014",), True, "computed by GB 11643-1999, 4.2"),
        Vector("holds", ("519900190001010022",), True, "computed by GB 11643-1999, 4.2"),
        Vector("holds", ("519900190001010019",), False, "computed by GB 11643-1999, 4.2"),
        Vector("holds", ("51990019000101001",), False, "computed by GB 11643-1999, 4.2"),
    )

    @classmethod
    def fails(cls, written: str) -> bool:
        """A number is there, in whatever form, and its check character is another."""
        number = canonical.id_number(written)
        return bool(number) and not cls.holds(number)

    @classmethod
    def holds(cls, number: str) -> bool:
        """True when the 18th character is the check character of the 17 digits."""
        if not re.fullmatch(r"[0-9]{17}[0-9X]", number, re.ASCII):
            return False
        return number[17] == canonical.check_character(number[:17])


class HistoricalBytes:
    """The 13 bytes that both ATRs of a card carry (spec: Identity, ATR)."""

    vectors: ClassVar[tuple[Vector, ...]] = (
        Vector(
            "of",
            (bytes.fromhex("3B6D000000814A444686605199000001AC"),),
            bytes.fromhex("00814A444686605199000001AC"),
            SOURCE,
        ),
        Vector(
            "of",
            (bytes.fromhex("3B8D800100814A444686605199000001AC") + b"\x46",),
            bytes.fromhex("00814A444686605199000001AC"),
            SOURCE,
        ),
    )

    @classmethod
    def of(cls, atr: bytes) -> bytes:
        """From a contact ATR or the one that PC/SC makes for contactless cards.

        Raises `AtrFault`: truncated, other number of historical bytes, wrong check byte
        (ISO/IEC 7816-3, 8.2).
        """
        if len(atr) < 2 or atr[0] not in (0x3B, 0x3F):
            raise AtrFault(reason="start")
        at, more, protocols = 2, atr[1] >> 4, {0}
        while more:
            at += more.bit_count()
            if at > len(atr):
                raise AtrFault(reason="truncated")
            if not more & 0x8:  # no TD: the interface bytes end here
                break
            protocols.add(atr[at - 1] & 0xF)
            more = atr[at - 1] >> 4
        return cls._checked(atr, at, with_check_byte=protocols != {0})

    @classmethod
    def _checked(cls, atr: bytes, at: int, *, with_check_byte: bool) -> bytes:
        if atr[1] & 0xF != HISTORICAL_BYTES:
            raise AtrFault(reason="count")
        if len(atr) != at + HISTORICAL_BYTES + with_check_byte:
            raise AtrFault(reason="length")
        if with_check_byte and _xor_of(atr[1:]) != 0:
            raise AtrFault(reason="check")
        return atr[at : at + HISTORICAL_BYTES]


def _xor_of(data: bytes) -> int:
    total = 0
    for byte in data:
        total ^= byte
    return total
