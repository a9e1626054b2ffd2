"""Text → the signs that a Chinese receipt printer has: one byte is one column wide, two are two.

The printer's own rule is the rule here: in Chinese mode (FS &) it prints each two-byte code in a
cell of two columns, whatever Unicode says of the sign (`·`, `é`, `§`, `±` are "ambiguous" there),
and each ASCII byte in one. It knows no four-byte codes of GB 18030: it would print two wrong signs.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final, Literal

Encoding = Literal["gb18030", "gbk", "gb2312"]

KEPT: Final = 4096  # signs whose code is remembered
MISSING: Final = "□"  # what a text that lacks a sign has in its place (GB/T 15834 用法)
# Signs that no encoding, or not each, has in one or two bytes, as what says the same.
SAME: Final[Mapping[str, str]] = {
    **dict.fromkeys("•‧∙⋅・･․", "·"),
    **dict.fromkeys("‐‑‒–−⁃﹣", "-"),
    **dict.fromkeys("―⸺", "—"),
    **dict.fromkeys("〜∼˜", "～"),
    **dict.fromkeys("‛ʹ", "'"),
    **dict.fromkeys("ʼʻ`´", "’"),
    **dict.fromkeys("„‟", '"'),
    **dict.fromkeys("⋯", "…"),
    **dict.fromkeys("✓✔☑", "√"),
    **dict.fromkeys("✗✘☒✕", "×"),
    **dict.fromkeys("⁄∕", "/"),
    **dict.fromkeys("◯⚪", "○"),
    "¥": "￥", "£": "￡", "¢": "￠", "€": "EUR", "₩": "KRW", "₽": "RUB", "₹": "INR", "﹩": "$",
    "«": "《", "»": "》", "‹": "<", "›": ">", "¦": "|", "©": "(C)", "®": "(R)", "℠": "(SM)",
    "〇": "○", "º": "o", "ª": "a",
    "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
    "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ħ": "h", "Ħ": "H", "ı": "i",
    "ŋ": "ng", "Ŋ": "Ng", "ə": "e", "Ə": "E",
}  # fmt: skip


def cells(text: str, encoding: Encoding) -> Sequence[bytes]:
    """What is printed, sign by sign: as many columns wide as it has bytes."""
    return list(chain.from_iterable(_cells(sign, encoding) for sign in whole(text)))


def whole(text: str) -> str:
    """Signs put together from several where there is one (NFC)."""
    return unicodedata.normalize("NFC", text)


def width(text: str, encoding: Encoding = "gb18030") -> int:
    """Columns that the text takes."""
    return sum(map(len, cells(text, encoding)))


@lru_cache(KEPT)
def _cells(sign: str, encoding: Encoding) -> tuple[bytes, ...]:
    return tuple(_found(sign, encoding))


def _found(sign: str, encoding: Encoding) -> Iterator[bytes]:
    kind = unicodedata.category(sign)
    if " " <= sign <= "~":
        yield sign.encode("ascii")
    elif kind in ("Cc", "Zl", "Zp") or (kind == "Zs" and sign != "\u3000"):
        yield b" "
    elif kind == "Cf" or sign in VARIANTS:  # steers how its neighbours look, and is nothing itself
        return
    elif (code := _two_bytes(sign, encoding)) is not None:
        yield code
    elif sign in SAME:
        yield from cells(SAME[sign], encoding)
    elif plainer := _plainer(sign, encoding):
        yield from plainer
    elif kind not in ("Mn", "Me"):
        yield _missing(sign)


# Variation selectors: another drawing of the sign before them, as rare characters of names have.
VARIANTS: Final = frozenset(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))


def _two_bytes(sign: str, encoding: Encoding) -> bytes | None:
    """The sign's code; None where the encoding has none of two bytes.

    Python's own gb2312 has the middle dot and the dash as other signs than GB 2312's users do
    (A1A4 as U+30FB, A1AA as U+2015), so it only says which of gbk's codes belong to it.
    """
    try:
        code = sign.encode("gb18030" if encoding == "gb18030" else "gbk")
        if encoding == "gb2312":
            code.decode("gb2312")
    except UnicodeError:
        return None
    return code if len(code) == 2 and unicodedata.category(sign) != "Co" else None


def _plainer(sign: str, encoding: Encoding) -> Sequence[bytes]:
    """Without marks above and below, rings and squares around, as the plainer form of itself
    (NFKD); empty where that cannot be printed either."""
    apart = unicodedata.normalize("NFKD", sign)
    parts = [part for part in apart if not unicodedata.combining(part)]
    if parts == [sign] or any(_is_missing(part, encoding) for part in parts):
        return ()
    return [code for part in parts for code in _cells(part, encoding)]


def _is_missing(sign: str, encoding: Encoding) -> bool:
    return sign > "~" and sign not in SAME and _two_bytes(sign, encoding) is None


def _missing(sign: str) -> bytes:
    """A sign that is not there, as wide as it would be."""
    narrow = unicodedata.east_asian_width(sign) in ("N", "Na", "H")
    return b"?" if narrow else MISSING.encode("gb2312")
