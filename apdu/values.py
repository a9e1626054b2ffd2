"""A record's or a file's bytes to the text that the national interface shows, and back.

What cannot be is a fault that names the record and never shows its content.
"""

from collections.abc import Iterator

from apdu.data_items import DataItem, Form
from apdu.files import Encoding, Generation, Record
from apdu.records import RecordFault, decode
from world import Fault

PARTS = "^"  # divides the parts of a value (spec sscard-interface.md)


class ValueFault(Fault):
    """What is to be written does not fit the record. Facts: `file`, `tag`, `reason` ("length",
    "characters", "parts", "unknown-item"). (National interface: -42 for length, else -41.)"""

    code = "card.value"


def decoded(item: DataItem, raw: bytes, fid: int, generation: Generation) -> str:
    """A record as it is stored, `tag ‖ length ‖ value`. Raises `RecordFault`."""
    record = _record(item, fid)
    if len(raw) < 2 or raw[0] != item.tag:
        raise RecordFault(record, "tag" if len(raw) > 1 else "short")
    if raw[1] != len(raw) - 2 or (item.size and raw[1] > item.size):
        raise RecordFault(record, "length")
    return _shown(item, raw[2:], fid, generation)


def decoded_row(item: DataItem, raw: bytes, fid: int, generation: Generation) -> str:
    """A row of a cyclic file. Raises `RecordFault`."""
    if len(raw) != item.size:
        raise RecordFault(_record(item, fid), "length")
    return _shown(item, raw, fid, generation)


def encoded(item: DataItem, text: str, fid: int) -> bytes:
    """The record to be stored, padded to its full length. Raises `ValueFault`."""
    if not item.size:
        raise _refused(item, fid, "unknown-item")
    return bytes((item.tag, item.size)) + _stored(item, text, fid)


def _shown(item: DataItem, value: bytes, fid: int, generation: Generation) -> str:
    if item.parts:
        shown = list(_parts(item, value, fid, generation))
        if any(PARTS in part for part in shown):
            raise RecordFault(_record(item, fid), "text")  # one part would read as two
        return PARTS.join(shown)
    match item.form:
        case Form.HEX:
            return value.hex().upper()
        case Form.AMOUNT:
            return str(int.from_bytes(value, "big"))
        case Form.CN | Form.AN:
            return decode(_record(item, fid), value, generation)


def _parts(item: DataItem, value: bytes, fid: int, generation: Generation) -> Iterator[str]:
    header = 2 if item.tag else 0  # a row's columns have neither tag nor length
    for part in item.parts:
        piece, value = value[: header + part.size], value[header + part.size :]
        if header:
            yield decoded(part, piece, fid, generation)
        else:
            yield _shown(part, piece, fid, generation)
    if value:
        raise RecordFault(_record(item, fid), "length")


def _stored(item: DataItem, text: str, fid: int) -> bytes:
    if item.parts:
        texts = text.split(PARTS) if text else [""] * len(item.parts)
        if len(texts) != len(item.parts):
            raise _refused(item, fid, "parts")
        return b"".join(encoded(*pair, fid) for pair in zip(item.parts, texts, strict=True))
    if item.form is Form.AN:
        value, fill = _characters(item, text, fid), b"\0"
    else:
        value, fill = _digits(item, text, fid), b"\xff" if item.form is Form.CN else b"\0"
    if len(value) > item.size or (item.form is Form.HEX and 0 < len(value) < item.size):
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
    allowed = "0123456789" if item.form is Form.CN else "0123456789abcdefABCDEF"
    if any(character not in allowed for character in text):
        raise _refused(item, fid, "characters")
    if item.form is Form.HEX and len(text) % 2:
        raise _refused(item, fid, "length")
    return bytes.fromhex(text + "F" * (len(text) % 2))


def _refused(item: DataItem, fid: int, reason: str) -> ValueFault:
    return ValueFault(file=f"EF{fid & 0xFF:02X}", tag=f"{item.tag:02X}", reason=reason)


def _record(item: DataItem, fid: int) -> Record:
    encoding = Encoding.CN if item.form is Form.CN else Encoding.AN
    return Record(fid & 0xFF, item.tag, "", encoding, item.size)
