"""DER (X.690, 10): bytes in, a bounded tree out. Whatever the bytes are, the answer is a tree or a
`DerFault`; what BER would allow beside the one encoding is refused."""

from dataclasses import dataclass, field
from typing import Final

from world import Fault

MAX_BYTES: Final = 4096
MAX_DEPTH: Final = 12

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OID = 0x01, 0x02, 0x03, 0x04, 0x06
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31
CONSTRUCTED = 0x20


class DerFault(Fault):
    """Bytes that are no DER. Facts: `reason`, `offset`."""

    code = "card.der"

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(reason=reason, offset=offset)


@dataclass(frozen=True)
class Node:
    """One value: `raw` with tag and length, `content` without, `children` of a constructed one."""

    tag: int
    raw: bytes = field(repr=False)
    content: bytes = field(repr=False)
    children: "tuple[Node, ...]" = ()


def parse(raw: bytes) -> Node:
    """Exactly one value. Raises `DerFault`."""
    if len(raw) > MAX_BYTES:
        raise DerFault("too-long", MAX_BYTES)
    node, end = _node(raw, 0, len(raw), MAX_DEPTH)
    if end != len(raw):
        raise DerFault("trailing", end)
    return node


def length_of(raw: bytes) -> int:
    """Bytes of the value that `raw` begins with, header included. Raises `DerFault`."""
    at, length = _header(raw, 0, len(raw))
    return at + length


def _node(raw: bytes, start: int, end: int, depth: int) -> tuple[Node, int]:
    if not depth:
        raise DerFault("too-deep", start)
    at, length = _header(raw, start, end)
    stop = at + length
    if stop > end:
        raise DerFault("truncated", at)
    children: list[Node] = []
    if raw[start] & CONSTRUCTED:
        while at < stop:
            child, at = _node(raw, at, stop, depth - 1)
            children.append(child)
    return Node(raw[start], raw[start:stop], raw[stop - length : stop], tuple(children)), stop


def _header(raw: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the content begins, and its length."""
    if start + 2 > end:
        raise DerFault("truncated", start)
    if raw[start] & 0x1F == 0x1F:  # no certificate has tags of several bytes
        raise DerFault("tag", start)
    first, at = raw[start + 1], start + 2
    if first < 0x80:
        return at, first
    size = first & 0x7F
    if not 1 <= size <= 2:  # 80 is the indefinite length
        raise DerFault("length", start + 1)
    if at + size > end:
        raise DerFault("truncated", at)
    length = int.from_bytes(raw[at : at + size], "big")
    if length < 0x80 or (size == 2 and length < 0x100):
        raise DerFault("length", start + 1)
    return at + size, length
