"""A list as it lies on a terminal: one file, searched by a fence per block and one read.

    records  kind by kind as in `offline_store.lists.form`; after a range's reason stand the last
             number (10) and the reason (1) of the range that reaches furthest of all the issuer's
             ranges up to it, so that one look tells also where ranges overlap
    footer   JSON: `Footer`
    trailer  length of the footer (4) ‖ CRC-32 over all before it (4) ‖ `OCL2`

Read, not mapped: a disk that fails under a mapped file ends the process with SIGBUS, under `read`
it is an error that somebody can be told. In memory is the first key of each block of records, under
two per cent of the file.
"""

import bisect
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import msgspec

from offline_store.lists.form import BLOCK, KEY_SIZE, KINDS, Counts, Kind
from world import World
from world.foreign import Undecodable, decoded

MAGIC = b"OCL2"
REACH = 11  # bytes behind a range's reason

_ISSUER, _NUMBER = 8, 10
_TRAILER = 12  # bytes
_LONGEST_FOOTER = 4096
_STEP = 64 * 1024  # bytes that are read at once while checking
_LAST = b"\x99" * _NUMBER  # no range ends after it


class Damaged(Exception):
    """The file is not that list, whole."""


class Footer(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says of itself; it stands behind the records because a merge ends with it."""

    list: str
    version: int
    counts: Counts


def width_of(kind: Kind) -> int:
    """Bytes of a record in the file."""
    return KEY_SIZE[kind] + 1 + (REACH if kind == "range" else 0)


class ListFile:
    """Open for reading, by one thread at a time. Every read may raise `OSError`, `Damaged`."""

    def __init__(self, world: World, path: Path, name: str, version: int) -> None:
        """Reads the file once through. Raises `Damaged` when it is not that list, `OSError`."""
        self.name = name
        self._file = world.open(path, "rb")
        try:
            footer, end = _footer(self._file)
            if (footer.list, footer.version) != (name, version):
                raise Damaged("another list")
            self.counts: Mapping[Kind, int] = footer.counts
            self._starts: dict[Kind, int] = {}
            at = 0
            for kind in KINDS:
                self._starts[kind] = at
                at += footer.counts.get(kind, 0) * width_of(kind)
            if at != end:
                raise Damaged("records are missing or too many")
            self._fences = {kind: [*self._first_keys(kind)] for kind in KINDS}
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Close the file; nothing can be read of it any more."""
        self._file.close()

    def find(self, kind: Kind, key: bytes) -> int | None:
        """The reason code of the record with this key; None: there is none."""
        record = self._floor(kind, key)
        size = KEY_SIZE[kind]
        return record[size] if record[:size] == key else None

    def find_range(self, issuer: bytes, number: bytes) -> int | None:
        """The reason code of a range of the issuer that covers the number."""
        record = self._floor("range", issuer + number + _LAST)
        last = record[-REACH:-1]
        return record[-1] if record[:_ISSUER] == issuer and number <= last else None

    def blocks(self, kind: Kind) -> Iterator[list[bytes]]:
        """All records of a kind in order, each as key and reason."""
        width, payload_width = width_of(kind), KEY_SIZE[kind] + 1
        for block in range(len(self._fences[kind])):
            raw = self._block(kind, block)
            yield [raw[at : at + payload_width] for at in range(0, len(raw), width)]

    def _floor(self, kind: Kind, key: bytes) -> bytes:
        """The record with the greatest key that is not greater than `key`; empty: none."""
        block = bisect.bisect_right(self._fences[kind], key) - 1
        if block < 0:
            return b""
        raw = self._block(kind, block)
        width, size = width_of(kind), KEY_SIZE[kind]
        low, high = 0, len(raw) // width  # the first record is not greater: it is the fence
        while high - low > 1:
            middle = (low + high) // 2
            if raw[middle * width : middle * width + size] <= key:
                low = middle
            else:
                high = middle
        return raw[low * width : (low + 1) * width]

    def _first_keys(self, kind: Kind) -> Iterator[bytes]:
        for first in range(0, self.counts.get(kind, 0), BLOCK):
            yield self._read(self._starts[kind] + first * width_of(kind), KEY_SIZE[kind])

    def _block(self, kind: Kind, block: int) -> bytes:
        width, first = width_of(kind), block * BLOCK
        records = min(BLOCK, self.counts[kind] - first)
        return self._read(self._starts[kind] + first * width, records * width)

    def _read(self, at: int, size: int) -> bytes:
        self._file.seek(at)
        raw = self._file.read(size)
        if len(raw) != size:
            raise Damaged("cut off")
        return raw


def _footer(file: IO[bytes]) -> tuple[Footer, int]:
    """The footer of a file whose checksum is right, and where the records end."""
    size = file.seek(0, 2)
    if size < _TRAILER:
        raise Damaged("cut off")
    file.seek(size - _TRAILER)
    trailer = file.read(_TRAILER)
    length, checksum = int.from_bytes(trailer[:4]), int.from_bytes(trailer[4:8])
    end = size - _TRAILER - length
    if trailer[8:] != MAGIC or length > _LONGEST_FOOTER or end < 0:
        raise Damaged("trailer")
    if _checksum(file, size - _TRAILER) != checksum:
        raise Damaged("checksum")
    file.seek(end)
    try:
        return decoded(file.read(length), Footer), end
    except Undecodable as fault:
        raise Damaged("footer") from fault


def _checksum(file: IO[bytes], size: int) -> int:
    """Of the first `size` bytes. `crc32` lets other threads run meanwhile."""
    file.seek(0)
    checksum = 0
    while size > 0:
        part = file.read(min(_STEP, size))
        if not part:
            raise Damaged("cut off")
        checksum = zlib.crc32(part, checksum)
        size -= len(part)
    return checksum


class ListWriter:
    """Writes such a file from records in order; `finish` makes it whole. Raises `OSError`."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._counts: dict[Kind, int] = {}
        self._checksum = 0
        self.sum = 0  # CRC-32 over the records' keys and reasons
        self._issuer = b""
        self._reach = bytes(REACH)

    def put(self, kind: Kind, records: list[bytes]) -> None:
        """`records`: key and reason each."""
        if not records:
            return
        joined = b"".join(records)
        self.sum = zlib.crc32(joined, self.sum)
        self._counts[kind] = self._counts.get(kind, 0) + len(records)
        if kind == "range":
            joined = b"".join(record + self._reaching(record) for record in records)
        self._write(joined)

    def finish(self, name: str, version: int) -> None:
        """Write the footer (name, version, counts), its length, and the checksum. The caller
        syncs."""
        footer = msgspec.json.encode(Footer(list=name, version=version, counts=self._counts))
        self._write(footer)
        self._file.write(len(footer).to_bytes(4) + self._checksum.to_bytes(4) + MAGIC)

    def _reaching(self, record: bytes) -> bytes:
        """Last number and reason of the range that reaches furthest so far."""
        if record[:_ISSUER] != self._issuer:
            self._issuer, self._reach = record[:_ISSUER], bytes(REACH)
        last = record[_ISSUER + _NUMBER :]  # and its reason
        if last[:_NUMBER] > self._reach[:_NUMBER] or self._reach == bytes(REACH):
            self._reach = last
        return self._reach

    def _write(self, data: bytes) -> None:
        self._checksum = zlib.crc32(data, self._checksum)
        self._file.write(data)
