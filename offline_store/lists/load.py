"""`python -m offline_store.lists.load PAYLOAD FILE NAME VERSION [BASE BASE_VERSION]`: a list's
payload into its file, a delta together with the file of its base.

A polite child process, so that half a million entries neither slow a tap nor grow the daemon. It
holds some blocks of records at a time, however long the list is, and rests nearly all the time:
a list is not urgent, a tap is. The file is whole and synced when the exit status is 0.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from offline_store.lists.file import Damaged, ListFile, ListWriter
from offline_store.lists.form import (
    FAILED_STATUS,
    KEY_SIZE,
    KINDS,
    MALFORMED_STATUS,
    NO_BASE_STATUS,
    Kind,
    Malformed,
    read_header,
    records_of,
)
from world import World
from world.real import RealWorld

# Bytes between two syncs. The journal's COMMIT may have to wait for what a sync has begun to write,
# so a list goes to the disk in small pieces.
_BURST = 512 * 1024
# Bytes between two rests, some milliseconds of work, and how many times as long each rest is. Being
# nice is not enough: a tap beside it takes longer, so only one of fifty is beside it.
_PIECE = 32 * 1024
_REST = 49


class _Pace:
    """Takes a rest after each piece of work, in proportion to how long that took: on a machine that
    has other things to do it took longer."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._done = 0
        self._since = world.monotonic()

    def worked(self, size: int) -> None:
        """`size`: bytes of records."""
        self._done += size
        if self._done >= _PIECE:
            self._world.wait(_REST * (self._world.monotonic() - self._since))
            self._done, self._since = 0, self._world.monotonic()


class _Changes:
    """Records of a payload, taken in the order of their keys."""

    def __init__(self, blocks: Iterator[list[bytes]], size: int) -> None:
        self._records = (record for block in blocks for record in block)
        self._size = size
        self._next = next(self._records, None)

    def below(self, end: bytes | None) -> Iterator[bytes]:
        """Those whose key is less than `end` (None: all that are left)."""
        while (record := self._next) is not None and (end is None or record[: self._size] < end):
            yield record
            self._next = next(self._records, None)


def load(
    world: World,
    payload: Path,
    file: Path,
    name: str,
    version: int,
    base: tuple[Path, int] | None = None,
) -> None:
    """Fill `file`. `base`: file and version of the list in force, for a delta. Raises `Malformed`,
    `Damaged` (the base), `OSError`."""
    with (
        world.open(payload, "rb") as added,
        world.open(payload, "rb") as removed,
        world.open(file, "wb") as target,
    ):
        header = read_header(added)
        if header.list != name or (header.form == "delta") != (base is not None):
            raise Malformed("header")
        before = ListFile(world, base[0], name, base[1]) if base else None
        writer, pace = ListWriter(target), _Pace(world)
        unsynced, at = 0, added.tell()
        for kind in KINDS:
            adds, removes = header.add.get(kind, 0), header.remove.get(kind, 0)
            size = KEY_SIZE[kind]
            added.seek(at)
            removed.seek(at + adds * (size + 1))
            at += adds * (size + 1) + removes * size
            blocks = records_of(added, kind, adds, size + 1)
            if before is not None:
                gone = _Changes(records_of(removed, kind, removes, size), size)
                blocks = _merged(before, kind, _Changes(blocks, size), gone)
            for block in blocks:
                writer.put(kind, block)
                unsynced += len(block) * (size + 1)
                if unsynced >= _BURST:
                    world.sync_file(target)
                    unsynced = 0
                pace.worked(len(block) * (size + 1))
        if added.seek(0, 2) != at:
            raise Malformed("more than the header says")
        if writer.sum != header.sum:
            raise Malformed("another list comes of it")
        writer.finish(name, version)
        world.sync_file(target)


def _merged(
    before: ListFile, kind: Kind, added: _Changes, removed: _Changes
) -> Iterator[list[bytes]]:
    """The base's records with the changes made, block by block."""
    size = KEY_SIZE[kind]
    blocks = before.blocks(kind)
    block: list[bytes] | None = next(blocks, [])
    while block is not None:
        following = next(blocks, None)
        end = following[0][:size] if following else None
        adds, removes = [*added.below(end)], [*removed.below(end)]
        yield _changed(kind, block, adds, removes) if adds or removes else block
        block = following


def _changed(
    kind: Kind, block: list[bytes], adds: list[bytes], removes: list[bytes]
) -> list[bytes]:
    size = KEY_SIZE[kind]
    records = {record[:size]: record for record in block}
    for key in removes:
        if records.pop(key, None) is None:
            raise Malformed(f"{kind}: removes what is not there")
    records |= {record[:size]: record for record in adds}
    return [records[key] for key in sorted(records)]


def main(arguments: list[str]) -> int:
    """Exit status: 0, `MALFORMED_STATUS` for a payload that is no list, `NO_BASE_STATUS` where what
    a delta builds on is damaged, `FAILED_STATUS` for an error of the system."""
    payload, file, name, version, *base = arguments
    try:
        held = (Path(base[0]), int(base[1])) if base else None
        load(RealWorld(), Path(payload), Path(file), name, int(version), held)
    except Malformed as error:
        sys.stderr.write(f"offline_store.lists.load: {error}\n")
        return MALFORMED_STATUS
    except Damaged as error:
        sys.stderr.write(f"offline_store.lists.load: base: {error}\n")
        return NO_BASE_STATUS
    except OSError as error:
        sys.stderr.write(f"offline_store.lists.load: {type(error).__name__}: {error}\n")
        return FAILED_STATUS
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
