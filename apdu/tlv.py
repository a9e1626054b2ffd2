"""BER-TLV (ISO/IEC 7816-4, 5.2.2): bytes in, a bounded tree out; and the FCI made from it.

Whatever the bytes are, the answer is a tree or a `TlvFault`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from world import Fault

MAX_BYTES = 4096
MAX_DEPTH = 8
MAX_TAG_BYTES = 3
MAX_LENGTH_BYTES = 2

FCI_TEMPLATE = 0x6F
DF_NAME = 0x84
PROPRIETARY = 0xA5
SFI_OF_DIRECTORY = 0x88
ISSUER_DISCRETIONARY = 0x9F0C
ALGORITHM = 0x86


class TlvFault(Fault):
    """Bytes that are no TLV. Facts: `reason` and `offset` where it was seen."""

    code = "card.tlv"


@dataclass(frozen=True)
class Tlv:
    """One data object; `children` of a constructed one, in order."""

    tag: int
    value: bytes = field(repr=False)
    children: "tuple[Tlv, ...]" = ()

    def walk(self) -> "Iterator[Tlv]":
        """This object and all below it, depth first."""
        yield self
        for child in self.children:
            yield from child.walk()


def parse(raw: bytes) -> tuple[Tlv, ...]:
    """All data objects of `raw`, 00 between them skipped (ISO/IEC 7816-4, 5.2.2).

    Raises `TlvFault`: too long, too deep, truncated, indefinite length, tag or length too wide.
    """
    if len(raw) > MAX_BYTES:
        raise TlvFault(reason="too-long", offset=MAX_BYTES)
    return _parse(raw, 0, len(raw), MAX_DEPTH)


def _parse(raw: bytes, start: int, end: int, depth: int) -> tuple[Tlv, ...]:
    if depth == 0 and start < end:
        raise TlvFault(reason="too-deep", offset=start)
    found: list[Tlv] = []
    while start < end:
        if raw[start] == 0x00:
            start += 1
            continue
        constructed = bool(raw[start] & 0x20)
        tag, at = _tag(raw, start, end)
        length, at = _length(raw, at, end)
        if length > end - at:
            raise TlvFault(reason="truncated", offset=at)
        children = _parse(raw, at, at + length, depth - 1) if constructed else ()
        found.append(Tlv(tag, raw[at : at + length], children))
        start = at + length
    return tuple(found)


def _tag(raw: bytes, at: int, end: int) -> tuple[int, int]:
    tag, size = raw[at], 1
    if tag & 0x1F == 0x1F:
        while True:
            if at + size >= end:
                raise TlvFault(reason="truncated", offset=at)
            if size == MAX_TAG_BYTES:
                raise TlvFault(reason="tag", offset=at)
            byte = raw[at + size]
            tag, size = tag << 8 | byte, size + 1
            if not byte & 0x80:
                break
    return tag, at + size


def _length(raw: bytes, at: int, end: int) -> tuple[int, int]:
    if at >= end:
        raise TlvFault(reason="truncated", offset=at)
    first, at = raw[at], at + 1
    if first < 0x80:
        return first, at
    size = first & 0x7F
    if not 1 <= size <= MAX_LENGTH_BYTES:  # 80 is the indefinite form, which cards do not use
        raise TlvFault(reason="length", offset=at - 1)
    if at + size > end:
        raise TlvFault(reason="truncated", offset=at)
    return int.from_bytes(raw[at : at + size]), at + size


@dataclass(frozen=True)
class Fci:
    """What SELECT tells (spec social-security-card.md, Generations and Commands)."""

    name: bytes | None = None  # 84
    directory_sfi: int | None = None  # 88
    algorithm: int | None = None  # 9F0C -> 86: 01, 02, 03


def parse_fci(raw: bytes) -> Fci:
    """The FCI of an answer to SELECT; no bytes at all are an FCI that tells nothing.

    Raises `TlvFault`, also when there are bytes and none of them is an FCI template.
    """
    objects = parse(raw)
    template = next((one for one in objects if one.tag == FCI_TEMPLATE), None)
    if template is None:
        if raw:
            raise TlvFault(reason="no-fci", offset=0)
        return Fci()
    inside = {one.tag: one.value for one in template.walk()}
    directory = inside.get(SFI_OF_DIRECTORY)
    return Fci(
        name=inside.get(DF_NAME),
        directory_sfi=directory[0] if directory else None,
        algorithm=_algorithm(inside.get(ISSUER_DISCRETIONARY, b"")),
    )


def _algorithm(discretionary: bytes) -> int | None:
    # 9F0C is the issuer's own: on older cards it need not be TLV at all, and then, as when 86 is
    # absent, the region tells the algorithm.
    try:
        objects = parse(discretionary)
    except TlvFault:
        return None
    return next((one.value[0] for one in objects if one.tag == ALGORITHM and one.value), None)
