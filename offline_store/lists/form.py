"""The form in which lists travel and lie: sorted records of fixed width, kind by kind.

Entries ─▶ `full_payload` / `delta_payload` ─▶ envelope … ─▶ `Payload` ─▶ `offline_store.lists.load`

    header   one line of JSON, UTF-8, ended by LF: `Header`
    records  for each kind in the order of `KINDS`: what is added, then what is removed

A record that is added is its key and a reason code (1 byte, 0: none); one that is removed is its
key alone. Keys of a kind rise strictly, so nothing comes twice. A full payload only adds; a delta
changes the named `base`, may give a new reason to what is there, and removes only what is there.

    kind     key
    card     first 16 of the 32 bytes of `trust.references`
    number   the same, of the card number
    person   the same, of the social security number
    transit  transit card number, 20 digits BCD (10)
    range    issuer (8) ‖ first number (10) ‖ last number (10), both included
    issuer   issuer code (8)

16 bytes of a reference are enough: see docs/decisions.md, Big lists.
"""

import operator
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Annotated, Literal

import msgspec
from msgspec import Meta

from trust import canonical
from world.foreign import Undecodable, decoded

Kind = Literal["card", "number", "person", "transit", "range", "issuer"]
KINDS: tuple[Kind, ...] = ("card", "number", "person", "transit", "range", "issuer")
KEY_SIZE: Mapping[Kind, int] = {
    "card": 16, "number": 16, "person": 16, "transit": 10, "range": 28, "issuer": 8,
}  # fmt: skip

BLACKLIST = "blacklist"
ISSUERS = "issuers"
KINDS_OF: Mapping[str, tuple[Kind, ...]] = {BLACKLIST: KINDS[:-1], ISSUERS: ("issuer",)}

BLOCK = 256  # records that are read at once
LONGEST_HEADER = 4096  # bytes

# How the child that builds a list ends (sysexits.h).
MALFORMED_STATUS = 65  # EX_DATAERR
NO_BASE_STATUS = 66  # EX_NOINPUT
FAILED_STATUS = 74  # EX_IOERR

_ISSUER, _NUMBER = 8, 10
_DIGITS = 2 * _NUMBER

Count = Annotated[int, Meta(ge=0, le=2**32)]
Counts = dict[Kind, Count]  # kinds without records may be left out


class Malformed(Exception):
    """These bytes are not a list of a form that is known here."""


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """First line of a payload."""

    v: Literal[2] = 2  # 1 was a line of text an entry
    form: Literal["full", "delta"]
    list: str
    base: Count = 0  # version that a delta changes
    add: Counts = {}
    remove: Counts = {}
    sum: Count  # CRC-32 over the records (key, reason) of the whole list that comes of it


@dataclass(frozen=True, order=True)
class ListEntry:
    """One entry of a list."""

    key: bytes
    reason: int = 0


Entries = dict[Kind, dict[bytes, int]]  # kind → key → reason


def entry(said: Mapping[str, str]) -> tuple[Kind, ListEntry]:
    """`{"card": R}`, `{"number": R}`, `{"person": R}` (64 hex), `{"transit": digits}`,
    `{"issuer": hex}`, or a range `{"issuer": hex, "first": digits, "last": digits}`; each with
    `"reason": "0"…"255"` or without. Raises `ValueError`."""
    reason = int(said.get("reason", "0"))
    if not 0 <= reason <= 255:
        raise ValueError("a reason is one byte")
    named = {name: value for name, value in said.items() if name != "reason"}
    if named.keys() == {"issuer", "first", "last"}:
        first, last = transit_number(named["first"]), transit_number(named["last"])
        if first > last:
            raise ValueError("a range ends before it begins")
        return "range", ListEntry(issuer_code(named["issuer"]) + first + last, reason)
    for kind, key_of in _KEY_OF.items():
        if named.keys() == {kind}:
            return kind, ListEntry(key_of(named[kind]), reason)
    raise ValueError("an entry of no known kind")


def reference_key(reference: str) -> bytes:
    """64 hex digits of `trust.references` → 16 bytes. Raises `ValueError`."""
    return bytes.fromhex(canonical.reference(reference))[: KEY_SIZE["card"]]


def transit_number(digits: str) -> bytes:
    """19 or 20 digits of a transit card → 10 bytes BCD as in file 0015. Raises `ValueError`."""
    number = canonical.digits(digits)
    if not re.fullmatch(rf"[0-9]{{{_DIGITS - 1},{_DIGITS}}}", number):
        raise ValueError("a transit card number has 19 or 20 digits")
    return bytes.fromhex(number.zfill(_DIGITS))


def issuer_code(code: str) -> bytes:
    """16 hex digits → 8 bytes as in file 0015. Raises `ValueError`."""
    digits = canonical.digits(code)
    if not re.fullmatch(rf"[0-9A-F]{{{2 * _ISSUER}}}", digits):
        raise ValueError("an issuer code has 16 hex digits")
    return bytes.fromhex(digits)


_KEY_OF: Mapping[Kind, Callable[[str], bytes]] = {
    "card": reference_key,
    "number": reference_key,
    "person": reference_key,
    "transit": transit_number,
    "issuer": issuer_code,
}

# Writing


def blacklist_payload(entries: Iterable[Mapping[str, str]]) -> bytes:
    """A whole blacklist from what `entry` takes; of what comes twice the last reason counts."""
    return full_payload(BLACKLIST, _gathered(entries))


def issuers_payload(codes: Iterable[str]) -> bytes:
    """A whole whitelist of issuers from their codes, 16 hex digits each."""
    return full_payload(ISSUERS, _gathered({"issuer": code} for code in codes))


def full_payload(name: str, entries: Entries) -> bytes:
    """Raises `ValueError` for a kind that such a list does not hold."""
    if not entries.keys() <= {*KINDS_OF[name]}:
        raise ValueError(f"{name} holds {KINDS_OF[name]}")
    records = b"".join(_packed(entries.get(kind, {})) for kind in KINDS)
    header = Header(form="full", list=name, add=_counts(entries), sum=zlib.crc32(records))
    return msgspec.json.encode(header) + b"\n" + records


def delta_payload(before: bytes, base: int, after: bytes) -> bytes:
    """What makes the full payload `after` of `before`, which went out as version `base`.

    Raises `Malformed` when one of them is not a full payload, or they are of two lists.
    """
    (old, had), (new, has) = _read_full(before), _read_full(after)
    if old.list != new.list:
        raise Malformed("two lists")
    add: Entries = {}
    remove: dict[Kind, list[bytes]] = {}
    for kind in KINDS:
        mine, yours = had.get(kind, {}), has.get(kind, {})
        add[kind] = {key: why for key, why in yours.items() if mine.get(key) != why}
        remove[kind] = sorted(mine.keys() - yours.keys())
    header = Header(
        form="delta",
        list=new.list,
        base=base,
        add=_counts(add),
        remove={kind: len(keys) for kind, keys in remove.items() if keys},
        sum=new.sum,
    )
    parts = [_packed(add[kind]) + b"".join(remove[kind]) for kind in KINDS]
    return msgspec.json.encode(header) + b"\n" + b"".join(parts)


def _gathered(said: Iterable[Mapping[str, str]]) -> Entries:
    entries: Entries = {}
    for one in said:
        kind, record = entry(one)
        entries.setdefault(kind, {})[record.key] = record.reason
    return entries


def _packed(records: Mapping[bytes, int]) -> bytes:
    return b"".join(key + bytes((records[key],)) for key in sorted(records))


def _counts(entries: Entries) -> Counts:
    return {kind: len(records) for kind, records in entries.items() if records}


def _read_full(payload: bytes) -> tuple[Header, Entries]:
    source = BytesIO(payload)
    header = read_header(source)
    if header.form != "full":
        raise Malformed("not a full payload")
    entries: Entries = {}
    for kind in KINDS:
        size, count = KEY_SIZE[kind], header.add.get(kind, 0)
        blocks = records_of(source, kind, count, size + 1)
        entries[kind] = {record[:size]: record[size] for block in blocks for record in block}
    return header, entries


# Reading


def read_header(source: IO[bytes]) -> Header:
    """Raises `Malformed`."""
    line = source.readline(LONGEST_HEADER)
    try:
        header = decoded(line, Header)
    except Undecodable as fault:
        raise Malformed("header") from fault
    allowed = {*KINDS_OF.get(header.list, ())}
    if not line.endswith(b"\n") or not {*header.add, *header.remove} <= allowed:
        raise Malformed("header")
    if header.form == "full" and (header.base or header.remove):
        raise Malformed("header")
    return header


def records_of(source: IO[bytes], kind: Kind, count: int, width: int) -> Iterator[list[bytes]]:
    """`count` records of `width` bytes, checked, in blocks. Raises `Malformed`."""
    size, last = KEY_SIZE[kind], b""
    for first in range(0, count, BLOCK):
        length = min(BLOCK, count - first) * width
        raw = source.read(length)
        if len(raw) != length:
            raise Malformed(f"{kind}: records are missing")
        block = [raw[at : at + width] for at in range(0, length, width)]
        keys = [record[:size] for record in block]
        if (last >= keys[0] and first) or not all(map(operator.lt, keys, keys[1:])):
            raise Malformed(f"{kind}: not in order")
        if kind in ("transit", "range"):
            _require_numbers(kind, keys)
        last = keys[-1]
        yield block


def _require_numbers(kind: Kind, keys: Iterable[bytes]) -> None:
    skip = _ISSUER if kind == "range" else 0
    if not b"".join(key[skip:] for key in keys).hex().isdecimal():
        raise Malformed(f"{kind}: not digits")
    if kind == "range" and any(key[skip : skip + _NUMBER] > key[-_NUMBER:] for key in keys):
        raise Malformed(f"{kind}: ends before it begins")
