"""Names in certificates: DER in, a form in which equal names are equal bytes, and a name to show.

Authorities' programs write one name as PrintableString here and as UTF8String there, in other
capitals, with other blanks; by RFC 5280, 7.1, it is one name. A name chooses who is tried as the
issuer; it proves nothing, so whatever stands in it is a name.
"""

from collections.abc import Iterator
from typing import Final

from apdu.der import OID, SEQUENCE, SET, Node

COMMON_NAME: Final = bytes.fromhex("550403")  # 2.5.4.3
# String types and their charsets, in the order they are tried. T61String holds what its writer had.
_CHARSETS: Final = {
    0x0C: ("utf-8",),
    0x13: ("ascii",),
    0x14: ("utf-8", "gb18030"),
    0x16: ("ascii",),
    0x1A: ("ascii",),
    0x1C: ("utf-32-be",),
    0x1E: ("utf-16-be",),
}
LONGEST: Final = 64  # characters that are shown


def canonical(name: Node) -> bytes:
    """Equal for equal names: texts in small letters with single blanks; the rest as it stands."""
    return b"".join(_framed(b"".join(sorted(map(_part, one.children)))) for one in name.children)


def shown(name: Node) -> str:
    """Its common name as printable characters; empty where it has none."""
    for kind, value in _attributes(name):
        if kind.content == COMMON_NAME:
            text = _text(value)
            found = value.content.decode("utf-8", "replace") if text is None else text
            return "".join(sign for sign in found if sign.isprintable())[:LONGEST]
    return ""


def _attributes(name: Node) -> Iterator[tuple[Node, Node]]:
    """Type and value of each, of what is a name at all."""
    for one in name.children:
        for part in one.children if one.tag == SET else ():
            if part.tag == SEQUENCE and len(part.children) == 2 and part.children[0].tag == OID:
                yield part.children[0], part.children[1]


def _part(part: Node) -> bytes:
    if len(part.children) != 2:
        return _framed(part.raw)
    kind, value = part.children
    text = _text(value)
    if text is None:
        return _framed(part.raw)
    return _framed(kind.raw) + _framed(b"\x0c" + " ".join(text.split()).lower().encode("utf-8"))


def _text(value: Node) -> str | None:
    for charset in _CHARSETS.get(value.tag, ()):
        try:
            return value.content.decode(charset)
        except UnicodeDecodeError:
            continue
    return None


def _framed(value: bytes) -> bytes:
    return len(value).to_bytes(2) + value
