"""`python -m offline_store.load_list PAYLOAD FILE NAME VERSION`: a list's payload into its file.

A polite child process, so that half a million entries neither slow a tap nor grow the daemon. The
file is whole and synced when the exit status is 0.
"""

import re
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from offline_store.lists import FORM, KINDS, MALFORMED_STATUS, Header
from world import World
from world.real import RealWorld

LONGEST_HEADER = 4096
_LINE = re.compile(rb"(card|number|person) ([0-9a-f]{64})\n")
_LONGEST_LINE = 80
_KIND = {kind.encode(): number for number, kind in enumerate(KINDS)}


class Malformed(Exception):
    """The payload is not a list of a form that is known here."""


def load(world: World, payload: Path, file: Path, name: str, version: int) -> None:
    """Fill the empty `file`. Raises `Malformed`, `OSError`, `sqlite3.Error`."""
    with world.open(payload, "rb") as source:
        header = _header(source, name)
        db = world.database(file)
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("BEGIN IMMEDIATE")
        db.execute("CREATE TABLE header (list TEXT, version INTEGER, entries INTEGER)")
        db.execute(
            "CREATE TABLE entries (reference BLOB, kind INTEGER, PRIMARY KEY (reference, kind))"
            " WITHOUT ROWID"
        )
        db.execute("INSERT INTO header VALUES (?, ?, ?)", (name, version, header.entries))
        db.executemany("INSERT OR IGNORE INTO entries VALUES (?, ?)", _entries(source, header))
        db.execute("COMMIT")
        db.close()


def _header(source: IO[bytes], name: str) -> Header:
    line = source.readline(LONGEST_HEADER)
    try:
        header = msgspec.json.decode(line, type=Header)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Malformed("header") from error
    if header.form != FORM or header.list != name or not line.endswith(b"\n"):
        raise Malformed("header")
    return header


def _entries(source: IO[bytes], header: Header) -> Iterator[tuple[bytes, int]]:
    count = 0
    while line := source.readline(_LONGEST_LINE):
        found = _LINE.fullmatch(line)
        if found is None:
            raise Malformed(f"line {count + 2}")
        count += 1
        yield bytes.fromhex(found[2].decode()), _KIND[found[1]]
    if count != header.entries:
        raise Malformed("entries are missing or too many")


def main(arguments: list[str]) -> int:
    payload, file, name, version = arguments
    try:
        load(RealWorld(), Path(payload), Path(file), name, int(version))
    except Malformed as error:
        sys.stderr.write(f"offline_store.load_list: {error}\n")
        return MALFORMED_STATUS
    except (sqlite3.Error, OSError) as error:
        sys.stderr.write(f"offline_store.load_list: {type(error).__name__}: {error}\n")
        return 74  # EX_IOERR
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
