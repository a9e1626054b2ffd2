"""One form of each number that names a card or a person: as written or typed → as it is compared.

Cards, platforms, lists and clerks write the same number in small letters, in full-width characters,
with blanks, with the hyphen that is printed on the card. A reference is made of this form only.
"""

import re
import unicodedata
from typing import Final

# Categories of characters that no number has and that copying adds: blanks, controls, invisible
# marks (U+FEFF, U+202D of Windows' dialogs) and hyphens.
_ADDED: Final = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Pd"})
# A spreadsheet's mark for "this is text", and what a table of texts is exported with.
_QUOTES: Final = frozenset("'\u2018\u2019`\"\u201c\u201d")
_PLAIN: Final = re.compile(r"[0-9A-Z]*", re.ASCII)
_FIFTEEN: Final = re.compile(r"[0-9]{15}", re.ASCII)
_TRANSIT: Final = re.compile(r"0[0-9]{19}", re.ASCII)
_REFERENCE: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
CENTURY: Final = "19"  # of every 15-digit number: they were given out until 1999 (GB 11643-1989)
CHECK_CHARACTERS: Final = "10X98765432"  # by the remainder (GB 11643-1999, 4.2)
_WEIGHTS: Final = tuple(2**place % 11 for place in range(17, 0, -1))


def card_number(said: str) -> str:
    """卡号, or a transit card's number: 19 digits, without the 0 that fills up file 0015's first
    byte. Empty for what names nothing; zeros are what stands where there is none."""
    bare = _bare(said)
    if not bare.strip("0"):
        return ""
    return bare[1:] if _TRANSIT.fullmatch(bare) else bare


def account(said: bytes) -> bytes:
    """The payment account of a transit code, a text, without what fills up its 16 bytes."""
    return said.strip(b" \0")


def id_number(said: str) -> str:
    """公民身份号码 or social security number: 15 digits are the 18 of the same person. Empty for
    what names no person; zeros are what stands where there is none."""
    bare = _bare(said)
    if not bare.strip("0"):
        return ""
    if not _FIFTEEN.fullmatch(bare):
        return bare
    digits = bare[:6] + CENTURY + bare[6:]
    return digits + check_character(digits)


def digits(said: str) -> str:
    """Decimal or hexadecimal digits: a region, 卡识别码, a reference in capitals."""
    return _bare(said)


def reference(said: str) -> str:
    """Of `trust.references`, 64 hex digits in small letters. Raises `ValueError`."""
    digits = said.strip().lower()
    if not _REFERENCE.fullmatch(digits):
        raise ValueError("a reference has 64 hex digits")
    return digits


def check_character(digits: str) -> str:
    """The 18th character behind the 17 digits of a 公民身份号码 (GB 11643-1999, ISO 7064 MOD
    11-2)."""
    total = sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=True))
    return CHECK_CHARACTERS[total % 11]


def _bare(said: str) -> str:
    if _PLAIN.fullmatch(said):
        return said
    return "".join(
        character
        for character in unicodedata.normalize("NFKC", said).upper()
        if unicodedata.category(character) not in _ADDED and character not in _QUOTES
    )
