"""`python -m offline_store.migrate [--damaged] DIR`: makes or migrates a journal, takes over one.

A child process, so that the daemon never loads sqlite-utils. With `--damaged` the newest file is
given up: what is readable goes into a file with the next number.
"""

import sqlite3
import sys
from pathlib import Path

from offline_store.faults import MISREAD
from offline_store.files import STATUS_BASE, building_file, generations, journal_file, wal_of
from offline_store.salvage import salvage
from offline_store.schema import migrate
from world import World
from world.real import RealWorld


def prepare(world: World, directory: Path, *, damaged: bool) -> None:
    """Raises `sqlite3.Error`, `OSError`; what was there before then stands as it was."""
    known = generations(world, directory)
    if known and not damaged:
        db = world.database(journal_file(directory, known[-1]))
        db.execute("PRAGMA synchronous = FULL")
        migrate(db)
        db.close()
        return
    generation = known[-1] + 1 if known else 1
    fresh = building_file(directory, generation)
    _remove_unfinished(world, fresh)
    world.replace_file(fresh, b"", 0o600)  # what SQLite lays beside it gets the same permissions
    db = world.database(fresh)
    db.execute("PRAGMA journal_mode = DELETE")  # one file, so that one rename makes it count
    db.execute("PRAGMA synchronous = FULL")
    migrate(db)
    if known:
        salvage(world, journal_file(directory, known[-1]), db)
    db.close()
    world.rename_file(fresh, journal_file(directory, generation))


def _remove_unfinished(world: World, fresh: Path) -> None:
    """What a child that was killed left: never had a name, never held an event of its own."""
    leftovers = {fresh.name, f"{fresh.name}-journal", wal_of(fresh).name}
    for name in leftovers.intersection(world.list_folder(fresh.parent)):
        world.remove_file(fresh.parent / name)


def main(arguments: list[str]) -> int:
    """Exit status: 0, or `STATUS_BASE` and the result code of SQLite."""
    damaged = "--damaged" in arguments
    (folder,) = [argument for argument in arguments if argument != "--damaged"]
    try:
        prepare(RealWorld(), Path(folder), damaged=damaged)
    except sqlite3.Error as error:
        sys.stderr.write(f"offline_store.migrate: {error}\n")
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0x7F
        # A step that does not go with the tables: they are not what the file's version says.
        unfitting = code == sqlite3.SQLITE_ERROR and not damaged
        return STATUS_BASE + (sqlite3.SQLITE_CORRUPT if unfitting else code)
    except MISREAD as error:
        sys.stderr.write(f"offline_store.migrate: {type(error).__name__}\n")
        return STATUS_BASE + sqlite3.SQLITE_CORRUPT
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
