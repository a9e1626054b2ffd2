"""A process that writes a journal and says what it was told is stored, until it is killed.

`python -m proving.proofs.writer FOLDER VARIANT` prints `ready`, then `epoch seq hash` for every
acknowledged row, each line in one write, so that the kernel takes all of it or nothing; `rows_said`
reads them. The variants `early` (says so before COMMIT) and `unsynced` (synchronous=OFF) are
the broken ones that a proof must catch.
"""

import os
import re
import sqlite3
import sys
import threading
from pathlib import Path

from offline_store.chain import FIRST_SEQ
from offline_store.clock import ClockReading
from offline_store.events.reference import Reference
from offline_store.events.tap import Tap
from offline_store.journal import SEED
from offline_store.store import Entry, Store, Turn
from trust.keystore import FileKeyStore
from world import Database, World
from world.real import RealWorld

TERMINAL = "gate-7"
FIRST_SEED = b"made-up journal seed of 32 bytes"
LANES = 3
READY = b"ready\n"
ROW = re.compile(rb"([0-9a-f]{32}|-) ([1-9][0-9]*) ([0-9a-f]{64}|-)\n")

Row = tuple[str, int, str]  # epoch, seq, hash


class Unsynced(RealWorld):
    """Never waits for the disk."""

    def database(self, path: Path) -> Database:
        return sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, factory=_NeverSynced
        )


class _NeverSynced(sqlite3.Connection):
    def execute(self, statement: str, *rest: object) -> sqlite3.Cursor:
        statement = statement.replace("synchronous = FULL", "synchronous = OFF")
        return super().execute(statement, *rest)  # type: ignore[arg-type]


def enrol(world: World, folder: Path) -> None:
    """Give the terminal its seed."""
    FileKeyStore(world, folder / "keys").write(SEED, FIRST_SEED)


def rows_said(said: bytes) -> list[Row]:
    """The rows that a killed writer had acknowledged. Of a line that did not come whole, whatever
    took its beginning, middle or end, nobody knows what it would have said: it is none."""
    found = (ROW.fullmatch(line) for line in said.splitlines(keepends=True))
    return [(row[1].decode(), int(row[2]), row[3].decode()) for row in found if row]


def main(folder: Path, variant: str) -> None:
    world = Unsynced() if variant == "unsynced" else RealWorld()
    keys = FileKeyStore(world, folder / "keys")
    store = Store(world, folder, terminal=TERMINAL, boot="boot-1", keys=keys)
    store.start()
    _say(READY)
    write = _write_early if variant == "early" else _write
    for lane in range(LANES):
        threading.Thread(target=write, args=(store, f"lane-{lane}")).start()


def _write(store: Store, lane: str) -> None:
    event = _tap(lane)
    while True:
        record = store.turn(lambda turn: Entry(event))
        _say(f"{record.epoch} {record.seq} {record.hash}\n".encode())


def _write_early(store: Store, lane: str) -> None:
    seen: list[int] = []

    def decide(turn: Turn) -> Entry:
        head = store.head()
        assert head is not None
        while turn.event(Reference(head.epoch, len(seen) + FIRST_SEQ)) is not None:
            seen.append(0)
        _say(b"- %d -\n" % (len(seen) + FIRST_SEQ))
        return Entry(_tap(lane))

    while True:
        store.turn(decide)


def _tap(lane: str) -> Tap:
    return Tap(
        clock=ClockReading(1_790_000_000_000, "synchronised", "boot-1"),
        lane=lane,
        scene="library-gate",
        person="a1" * 32,
        verdict="accepted",
        reason="accepted",
    )


def _say(line: bytes) -> None:
    """Below PIPE_BUF: whole, and not mixed with another thread's (pipe(7))."""
    os.write(sys.stdout.fileno(), line)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
