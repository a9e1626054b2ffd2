"""A record's or a file's bytes to the text that the national interface shows, and back.

What cannot be is a fault that names the record and never shows its content.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from apdu.social_security.data_items import DataItem, ValueForm
from apdu.social_security.files import Encoding, FileRecord, Generation
from apdu.social_security.records import RecordFault, legible, salvaged
from world import Fault

PARTS = "^"  # divides the parts of a value (spec sscard-interface.md)
EMPTY = b"\0\xff"
Odd = set[int]  # tags of records that are not legible as a whole


class ValueFault(Fault):
    """What is to be written does not fit the record. Facts: `file`, `tag`, `reason` ("characters",
    "parts", "unknown-item", "not-writable"). (National interface: -41.)"""

    code = "card.value"


class ValueLength(ValueFault):
    """The same, too long or too short: `reason` "length". (National interface: -42.)"""

    code = "card.value-length"


def decoded(
    item: DataItem, raw: bytes, fid: int, generation: Generation, odd: Odd | None = None
) -> str:
    """A record as it is stored, `tag ‖ length ‖ value`; what is not legible of a text is left out,
    and its record noted in `odd`. Raises `RecordFault`: another record, lengths that disagree, an
    unreadable social security number."""
    record = _record(item, fid)
    if len(raw) < 2 or raw[0] != item.tag:
        raise RecordFault(record, "tag" if len(raw) > 1 else "short")
    if raw[1] != len(raw) - 2 or (item.size and raw[1] > item.size):
        raise RecordFault(record, "length")
    return _Reading(fid, generation, set() if odd is None else odd).shown(item, raw[2:], item.tag)


def readable(item: DataItem, raw: bytes, fid: int, generation: Generation, odd: Odd) -> str:
    """As `decoded`; where lengths disagree what there is of the value, and of another record
    nothing. Raises `RecordFault` for an unreadable social security number only."""
    if not raw:
        return ""
    try:
        return decoded(item, raw, fid, generation, odd)
    except RecordFault:
        if item.decides:
            raise
        odd.add(item.tag)
        value = salvaged(_record(item, fid), raw)
        return _Reading(fid, generation, odd).shown(item, value, item.tag)


def decoded_row(
    item: DataItem, raw: bytes, fid: int, generation: Generation, odd: Odd | None = None
) -> str:
    """A row of a cyclic file. Raises `RecordFault`: another length, so that its columns cannot be
    found."""
    if len(raw) != item.size:
        raise RecordFault(_record(item, fid), "length")
    return _Reading(fid, generation, set() if odd is None else odd).shown(item, raw, 0)


def encoded(item: DataItem, text: str, fid: int) -> bytes:
    """The record to be stored, padded to its full length. Raises `ValueFault`."""
    if not item.size:
        raise _refused(item, fid, "unknown-item")
    return bytes((item.tag, item.size)) + _stored(item, text, fid)


@dataclass(frozen=True)
class _Reading:
    """One record on its way to text."""

    fid: int
    generation: Generation
    odd: Odd

    def shown(self, item: DataItem, value: bytes, within: int) -> str:
        """`within`: the tag of the record that is noted when this is not legible."""
        if item.parts:
            if item.tag and not value.strip(EMPTY):  # never written
                return ""
            return PARTS.join(self._parts(item, value, within))
        match item.form:
            case ValueForm.HEX:
                return value.hex().upper()
            case ValueForm.AMOUNT:
                return str(int.from_bytes(value, "big"))
            case ValueForm.CN | ValueForm.AN:
                text, whole = legible(_record(item, self.fid), value, self.generation)
                if not whole:
                    self.odd.add(within)
                return text

    def _parts(self, item: DataItem, value: bytes, within: int) -> Iterator[str]:
        header = 2 if item.tag else 0  # a row's columns have neither tag nor length
        for part in item.parts:
            piece, value = value[: header + part.size], value[header + part.size :]
            if header and piece[:2] != bytes((part.tag, part.size)):
                self.odd.add(within)
                piece = b""
            yield self.shown(part, piece[header:], within)
        if value:
            self.odd.add(within)


def _stored(item: DataItem, text: str, fid: int) -> bytes:
    if item.parts:
        texts = text.split(PARTS) if text else [""] * len(item.parts)
        if len(texts) != len(item.parts):
            raise _refused(item, fid, "parts")
        return b"".join(encoded(*pair, fid) for pair in zip(item.parts, texts, strict=True))
    if item.form is ValueForm.AN:
        value, fill = _characters(item, text, fid), b"\0"
    else:
        value, fill = _digits(item, text, fid), b"\xff" if item.form is ValueForm.CN else b"\0"
    if len(value) > item.size or (item.form is ValueForm.HEX and 0 < len(value) < item.size):
        raise _refused(item, fid, "length")
    return value.ljust(item.size, fill)


def _characters(item: DataItem, text: str, fid: int) -> bytes:
    try:
        value = text.encode("gb18030")
    except UnicodeEncodeError:
        raise _refused(item, fid, "characters") from None
    if any(byte < 0x20 or byte == 0x7F for byte in value):
        raise _refused(item, fid, "characters")
    return value


def _digits(item: DataItem, text: str, fid: int) -> bytes:
    allowed = "0123456789" if item.form is ValueForm.CN else "0123456789abcdefABCDEF"
    if any(character not in allowed for character in text):
        raise _refused(item, fid, "characters")
    if item.form is ValueForm.HEX and len(text) % 2:
        raise _refused(item, fid, "length")
    return bytes.fromhex(text + "F" * (len(text) % 2))


def _refused(item: DataItem, fid: int, reason: str) -> ValueFault:
    kind = ValueLength if reason == "length" else ValueFault
    return kind(file=f"EF{fid & 0xFF:02X}", tag=f"{item.tag:02X}", reason=reason)


def _record(item: DataItem, fid: int) -> FileRecord:
    encoding = Encoding.CN if item.form is ValueForm.CN else Encoding.AN
    return FileRecord(fid & 0xFF, item.tag, "", encoding, item.size, item.decides)
