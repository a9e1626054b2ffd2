"""Texts that are shown, names and addresses: bytes as an issuer's program left them → what of them
can be read. Whatever the bytes, there is a text; what had to be left out is told with it.

Programs cut a text at so many bytes, in the middle of a character; they leave an older, longer text
behind the NUL of a newer one; they store the line end of the form that it was typed into.
"""

import re
import unicodedata
from typing import Final, NamedTuple

END: Final = re.compile(rb"[\x00\xff]")  # neither is part of a GB 18030 character
BLANKS: Final = " \u3000"
REPLACED: Final = "\ufffd"  # for bytes that are no character, between others that are
_DIVIDERS: Final = str.maketrans("|^$", "｜＾＄")
# By category (Unicode, 4.5). What is not assigned stays: it is a rare character of a newer Unicode.
_AS_BLANK: Final = frozenset({"Cc", "Zl", "Zp"})
_LEFT_OUT: Final = frozenset({"Cf", "Cs"})


class Legible(NamedTuple):
    """`whole`: nothing but padding was left out or replaced."""

    text: str
    whole: bool


def gb18030(value: bytes) -> Legible:
    """A card's text. GB 18030 contains GBK and the rare characters of names beyond it. It ends at
    the first 00 or FF."""
    end = END.search(value)
    kept = value[: end.start()] if end else value
    return _cleaned(kept, "gb18030", ended=not value[len(kept) :].strip(b"\0\x20\xff"))


def utf_16(value: bytes) -> Legible:
    """An ID document's text, little endian. It ends at the first NUL."""
    ends = (at for at in range(0, len(value) - 1, 2) if not any(value[at : at + 2]))
    at = next(ends, len(value))
    rest = value[at:].decode("utf-16-le", "replace")
    return _cleaned(value[:at], "utf-16-le", ended=not rest.strip(BLANKS + "\0"))


def undivided(text: str) -> str:
    """Without the signs that divide the fields, parts and files of the national interface: their
    full-width twins stand for them."""
    return text.translate(_DIVIDERS)


def _cleaned(value: bytes, encoding: str, *, ended: bool) -> Legible:
    text, decoded = _decoded(value, encoding)
    whole = ended and decoded
    text = text.strip(BLANKS)
    if text.isprintable():
        return Legible(text, whole)
    clean = "".join(map(_shown, text))
    return Legible(clean.strip(BLANKS), whole and clean == text)


def _decoded(value: bytes, encoding: str) -> tuple[str, bool]:
    """Without half a character at its end, and whether all of it was one."""
    parts: list[str] = []
    at = 0
    while True:
        try:
            parts.append(value[at:].decode(encoding))
        except UnicodeDecodeError as error:
            parts.append(value[at : at + error.start].decode(encoding))
            at += error.end
            if at >= len(value):
                return "".join(parts), False
            parts.append(REPLACED)
        else:
            return "".join(parts), REPLACED not in parts


def is_shown(character: str) -> bool:
    """It stays as it is wherever it stands in a text."""
    return character.isprintable() or _shown(character) == character


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category in _AS_BLANK:
        return " "
    code = ord(character)
    nobody = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF  # noncharacters (Unicode, 23.7)
    return "" if nobody or category in _LEFT_OUT else character
