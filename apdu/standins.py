"""Made-up values in the place of a card's own: same length, same encoding, same oddness.

What the flow judges stays as it was judged: a number whose check digit holds becomes a made-up one
that holds, one that fails becomes one that fails, a date that is no day one that is no day, bytes
that are no text bytes that are no text. Whatever has no row here becomes 00.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from operator import xor
from typing import Final

from apdu import days
from apdu.crypto import HISTORICAL_BYTES
from apdu.legible import BLANKS, is_shown, undivided
from apdu.social_security.data_items import DataItem, ValueForm
from apdu.social_security.files import (
    BIRTH_DATE,
    BIRTHPLACE,
    CARD_NUMBER,
    CARD_TYPE,
    EXPIRY_DATE,
    INITIALISER,
    ISSUE_DATE,
    NAME,
    NAME_EXTENSION,
    NATION,
    SEX,
    SOCIAL_SECURITY_NUMBER,
    VERSION,
    FileRecord,
)
from apdu.social_security.records import (
    LINE_ENDS,
    NOT_TEXT,
    AtrFault,
    CardIdentificationCode,
    CardNumber,
    HistoricalBytes,
    IdNumber,
    unpadded,
)
from trust import canonical

REGION: Final = "519900"
SERIAL: Final = bytes.fromhex("00000001")  # of card identification code and ATR
OTHER_SERIAL: Final = bytes.fromhex("00000002")
AUTHENTICATION_CODE: Final = b"\xff" * 4
ID_NUMBER: Final = "519900190001010014"
OLD_ID_NUMBER: Final = ID_NUMBER[:6] + ID_NUMBER[8:17]  # 15 digits
BIRTH: Final = "19000101"
CARD_NUMBER_GOOD: Final = "D2143569X"
NO_DAY: Final = "00000000"
NO_DIGIT: Final = "A"  # a nibble that is neither digit nor padding
NO_TEXT: Final = b"\x80"  # begins no character of GB 18030
CHARACTER: Final = "某".encode("gb18030")
WIDE: Final = CHARACTER[:1] + b"\x30\x81\x30"  # a character of four bytes with the same lead

SIGN: Final = re.compile(r"[0-9A-Z]", re.ASCII)
FULL_WIDTH: Final = ord("０") - ord("0")
UNSHOWN: Final = "\u00ad".encode("gb18030")  # four bytes, as every sign that is left out has


def filler(raw: bytes) -> bytes:
    """As many 00."""
    return bytes(len(raw))


class Names:
    """Name and name extension of one card; a character may lie across their border."""

    def __init__(self) -> None:
        self._cut = b""  # the card's own bytes of a character that the record's end divided

    def begin(self, value: bytes) -> bytes:
        """Record 09."""
        self._cut = b""
        return self._standin(value)

    def go_on(self, value: bytes) -> bytes:
        """Record 4E."""
        return self._standin(value)

    def _standin(self, value: bytes) -> bytes:
        text = unpadded(value)
        before, self._cut = self._cut, b""
        whole, rest = _characters(before + text)
        shown = _shown(whole)
        if shown is None:
            return NO_TEXT * len(text) + value[len(text) :]
        self._cut = rest
        cut = (WIDE if len(rest) > 1 else CHARACTER)[: len(rest)]
        return (shown + cut)[len(before) :] + value[len(text) :]


def record_value(record: FileRecord, value: bytes) -> bytes:
    """A value of EF05 or EF06, but for the name and the card identification code. `value` without
    tag and length."""
    make = _MAKERS.get(record.tag)
    return make(value) if make else filler(value)


def item_record(item: DataItem, raw: bytes) -> bytes:
    """A record of DF01 … DF07, `tag ‖ length ‖ value`, or a row of a cyclic file."""
    header = 2 if item.tag else 0
    value, beyond = raw[header : header + item.size], raw[header + item.size :]
    return raw[:header] + _item_value(item, value) + filler(beyond)


def _item_value(item: DataItem, value: bytes) -> bytes:
    if not item.parts:
        return _FORMS.get(item.form, filler)(value)
    shown, at = b"", 0
    for part in item.parts:
        end = at + part.size + (2 if part.tag else 0)  # a row's columns have neither tag nor length
        piece = value[at:end]
        strange = part.tag and piece[:1] != bytes((part.tag,))
        shown += filler(piece) if strange else item_record(part, piece)
        at = end
    return shown + filler(value[at:])


def atr(raw: bytes) -> bytes:
    """With another serial number; of an ATR that is no social security card's only the form."""
    try:
        historical = HistoricalBytes.of(raw)
    except AtrFault:
        return raw[:2] + filler(raw[2:])
    at = raw.index(historical, 2)
    body = raw[:at] + historical[:9] + SERIAL
    if len(raw) == at + HISTORICAL_BYTES:
        return body
    return body + bytes((reduce(xor, body[1:]),))


def _characters(text: bytes) -> tuple[bytes, bytes]:
    """All whole characters of GB 18030, and what is left of one that was cut."""
    at = 0
    while at < len(text):
        size = _size(text[at : at + 2])
        if at + size > len(text):
            break
        at += size
    return text[:at], text[at:]


def _size(start: bytes) -> int:
    if start[0] < 0x80:
        return 1
    return 4 if len(start) > 1 and 0x30 <= start[1] <= 0x39 else 2


def _shown(text: bytes) -> bytes | None:
    """Character by character as wide a stand-in; None for what is no text."""
    try:
        decoded = text.decode("gb18030")
    except UnicodeDecodeError:
        return None
    return b"".join(_character(one) for one in decoded)


def _character(character: str) -> bytes:
    if character in LINE_ENDS:
        return character.encode()
    if NOT_TEXT.search(character):
        return b"|" if is_shown(character) else b"\x01"
    if not is_shown(character):
        return UNSHOWN
    if character in BLANKS or character != undivided(character):
        return character.encode("gb18030")
    if character.isascii():
        return b"0" if character.isdecimal() else b"X" if character.isalpha() else b"."
    return {2: CHARACTER, 4: WIDE}.get(len(character.encode("gb18030")), NO_TEXT)


def _text(make: Callable[[str], str | None]) -> Callable[[bytes], bytes]:
    """`make` gives a text's stand-in, as many bytes long, or None: character by character."""

    def standin(value: bytes) -> bytes:
        text = unpadded(value)
        shown = _shown(text)
        if shown is None:
            shown = NO_TEXT * len(text)
        else:
            shown = (make(text.decode("gb18030")) or "").encode("gb18030") or shown
        return shown + value[len(text) :]

    return standin


def _digits(make: Callable[[str], str]) -> Callable[[bytes], bytes]:
    """`make` gives as many digits for the digits before the padding."""

    def standin(value: bytes) -> bytes:
        nibbles = value.hex().upper()
        digits = nibbles.rstrip("EF")
        shown = make(digits) if digits.isdecimal() else NO_DIGIT * len(digits)
        return bytes.fromhex(shown + nibbles[len(digits) :])

    return standin


def _id_number(text: str) -> str:
    number = canonical.id_number(text)
    if number and IdNumber.holds(number):
        return _written_as(text, ID_NUMBER if len(_bare(text)) == len(ID_NUMBER) else OLD_ID_NUMBER)
    return _written_as(text, "" if number else _bare(text))


def _card_number(text: str) -> str:
    number = canonical.card_number(text)
    return _written_as(text, CARD_NUMBER_GOOD if CardNumber.holds(number) else "")


def _written_as(text: str, made_up: str) -> str:
    """The number with `text`'s blanks, hyphens and widths; X, which holds nowhere, where there is
    no more of it."""
    signs = iter(made_up)
    return b"".join(_sign(one, signs) for one in text).decode("gb18030")


def _sign(character: str, signs: Iterator[str]) -> bytes:
    bare = _bare(character)
    if not bare and is_shown(character):
        return character.encode("gb18030")
    if not SIGN.fullmatch(bare) or len(character.encode("gb18030")) > 2:
        return _character(character)
    sign = next(signs, "X")
    return (sign if character.isascii() else chr(ord(sign) + FULL_WIDTH)).encode("gb18030")


def _bare(text: str) -> str:
    """The number's own signs."""
    return canonical.digits(text)


def _kept(allowed: str, most: int) -> Callable[[str], str | None]:
    """What tells nothing about a person stays, if it is only what may be there."""
    return lambda text: (
        text if set(text.strip(LINE_ENDS)) <= set(allowed) and len(text) <= most else None
    )


def _day(text: str) -> str:
    """The year stays: whether the card is in force."""
    if days.day(text) is not None:
        return text[:4] + "0101"
    return text[:4] + "0230" if days.last_day(text) and len(text) == len(NO_DAY) else _zeros(text)


def _birth(text: str) -> str:
    return BIRTH if days.day(text) is not None else _zeros(text)


def _zeros(text: str) -> str:
    return "0" * len(text)


def _sized(made_up: str) -> Callable[[str], str]:
    return lambda text: made_up if len(text) == len(made_up) else _zeros(text)


def card_id(value: bytes, serial: bytes) -> bytes:
    """Region and provider stay; serial and authentication code are the made-up ones. A serial that
    is not the ATR's, `serial`, becomes another than the ATR's stand-in."""
    made_up = SERIAL if value[8:12] == serial or not serial else OTHER_SERIAL
    digits = value.hex().upper()
    region = digits[:6] if digits[:6].isdecimal() else NO_DIGIT * len(digits[:6])
    provider = CardIdentificationCode.PROVIDER
    provider = provider if digits[6:16] == provider else NO_DIGIT * len(digits[6:16])
    tail = (made_up + AUTHENTICATION_CODE)[: max(0, len(value) - 8)]
    return (bytes.fromhex(region + provider) + tail).ljust(len(value), b"\0")


_MAKERS: Final[Mapping[int, Callable[[bytes], bytes]]] = {
    CARD_TYPE.tag: _text(_kept("1234", CARD_TYPE.size)),
    VERSION.tag: _text(_kept("0123456789.", VERSION.size)),
    INITIALISER.tag: _digits(_zeros),
    ISSUE_DATE.tag: _digits(_day),
    EXPIRY_DATE.tag: _digits(_day),
    CARD_NUMBER.tag: _text(_card_number),
    SOCIAL_SECURITY_NUMBER.tag: _text(_id_number),
    SEX.tag: _text(lambda text: "1" if text in ("1", "2", "9") else None),
    NATION.tag: _digits(_sized("01")),
    BIRTHPLACE.tag: _digits(_sized(REGION)),
    BIRTH_DATE.tag: _digits(_birth),
}
_FORMS: Final[Mapping[ValueForm, Callable[[bytes], bytes]]] = {
    ValueForm.AN: _text(lambda text: None),
    ValueForm.CN: _digits(_zeros),
}
NAMES: Final = frozenset({NAME.tag, NAME_EXTENSION.tag})  # see `Names`
