"""The signed list `entitlements`: which people ride for less, by reference. Packed and searched.

Payload: UTF-8 lines ended by LF. The first is a JSON object `{"form": 1, "list": "entitlements",
"entries": n}`, then n lines `R CLASS FROM UNTIL`: R the 64 lower-case hex digits of the person
reference (or of an anonymous card's), dates YYYYMMDD in China, both included, `0` for open.

Reading 180 000 lines takes a second, so a child does it (`agent.fares.pack`), and what is kept is
the packed form: a line of JSON that names the classes, then 41 bytes an entry, sorted: reference
32, class 1, from 4, until 4. In memory it is the same.
"""

import re
import struct
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final, Literal, NamedTuple

import msgspec

from offline_store.lists.in_memory import Unfit, load_json
from trust import canonical

ENTITLEMENTS = "entitlements"

_LINE = re.compile(rb"([0-9a-f]{64}) ([a-z0-9][a-z0-9-]{0,31}) ([0-9]{8}|0) ([0-9]{8}|0)\n")
_ENTRY: Final = struct.Struct(">32sBII")
_CLASS_AT: Final = 32  # byte of an entry
_MOST_CLASSES: Final = 256
_OPEN: Final = 99_999_999


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    form: Literal[1]
    list: Literal["entitlements"]
    entries: int


class _Packed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    form: Literal[1]
    classes: tuple[str, ...]


class Entitlement(NamedTuple):
    """A person's class and when it holds (YYYYMMDD as numbers, both included)."""

    name: str
    begins: int
    ends: int

    def holds(self, day: date | None) -> bool:
        """Without a known day no holder is denied a right."""
        if day is None:
            return True
        return self.begins <= day.year * 10_000 + day.month * 100 + day.day <= self.ends


class Entitlements:
    """All entries of a version."""

    def __init__(self, packed: bytes = b"", classes: tuple[str, ...] = ()) -> None:
        """`packed`: sorted entries; see the module."""
        self._packed = packed
        self._classes = classes

    def __len__(self) -> int:
        return len(self._packed) // _ENTRY.size

    def of(self, person: str) -> tuple[Entitlement, ...]:
        """Every entry of a person reference (64 hex), valid or not; empty: not in the list."""
        if not person or not self._packed:
            return ()
        return tuple(self._from(self._first(bytes.fromhex(person)), bytes.fromhex(person)))

    def _first(self, reference: bytes) -> int:
        """Index of the first entry that is not before the reference."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            at = middle * _ENTRY.size
            if self._packed[at : at + len(reference)] < reference:
                low = middle + 1
            else:
                high = middle
        return low

    def _from(self, index: int, reference: bytes) -> Iterator[Entitlement]:
        for at in range(index * _ENTRY.size, len(self._packed), _ENTRY.size):
            found, number, begins, ends = _ENTRY.unpack_from(self._packed, at)
            if found != reference:
                return
            yield Entitlement(self._classes[number], begins, ends)


def packed(payload: bytes) -> bytes:
    """The packed form of a payload. Raises `Unfit`."""
    end = payload.find(b"\n") + 1
    header = load_json(payload[:end], _Header)
    classes: dict[bytes, int] = {}
    entries: list[bytes] = []
    while end < len(payload):
        found = _LINE.match(payload, end)
        if found is None:
            raise Unfit(f"line {len(entries) + 2}")
        number = classes.setdefault(found[2], len(classes))
        if number >= _MOST_CLASSES:
            raise Unfit("more than 256 classes")
        ends = int(found[4]) or _OPEN
        entries.append(_ENTRY.pack(bytes.fromhex(found[1].decode()), number, int(found[3]), ends))
        end = found.end()
    if len(entries) != header.entries:
        raise Unfit("entries are missing or too many")
    entries.sort()
    head = msgspec.json.encode(_Packed(1, tuple(name.decode() for name in classes)))
    return b"\n".join([head, b"".join(entries)])


def read_packed(data: bytes) -> Entitlements:
    """What `packed` gave. Raises `Unfit`."""
    head, _, entries = data.partition(b"\n")
    if len(entries) % _ENTRY.size:
        raise Unfit("cut off")
    classes = load_json(head, _Packed).classes
    if max(entries[_CLASS_AT :: _ENTRY.size], default=-1) >= len(classes):
        raise Unfit("a class without a name")
    return Entitlements(entries, classes)


def entitlements_payload(entries: Iterable[tuple[str, str, int, int]]) -> bytes:
    """The payload from (person reference, class, from, until) as in the module's lines. Raises
    `ValueError` for what is no reference."""
    lines = [
        f"{canonical.reference(person)} {name} {begins} {ends}"
        for person, name, begins, ends in entries
    ]
    header = {"form": 1, "list": ENTITLEMENTS, "entries": len(lines)}
    return "\n".join([msgspec.json.encode(header).decode(), *lines, ""]).encode()
