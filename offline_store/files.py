"""The journal's files in a terminal's folder: `journal-0001.db`, and a higher number after damage.

A damaged file keeps its name and stays; the one that takes over gets the next number. A file gets
its name only when it is complete (renamed from `.new`), so every one with a name counts.
"""

import re
from pathlib import Path

from trust.sm3 import sm3
from world import Database, World

SCHEMA = 5  # PRAGMA user_version of a file that this code can use

SALVAGED = "salvaged-from"  # meta: the damaged file's name, until an event has told of it
VERSION_MARK = "version"  # meta: the user_version once more
TABLES_MARK = "tables"  # meta: `tables_hash` of the file as the child left it

STATUS_BASE = 100  # the child's exit status above it: an SQLite result code

_NAME = re.compile(r"journal-(\d{4,})\.db")


def journal_file(directory: Path, generation: int) -> Path:
    """`journal-0001.db` in the folder; `generation` counts from 1."""
    return directory / f"journal-{generation:04}.db"


def building_file(directory: Path, generation: int) -> Path:
    """Where the file of that generation is made, until it is complete."""
    return directory / f"journal-{generation:04}.new"


def wal_of(path: Path) -> Path:
    """Where SQLite keeps the write-ahead log of that file."""
    return path.with_name(f"{path.name}-wal")


def generations(world: World, directory: Path) -> list[int]:
    """Numbers of the files that are there, ascending. Raises `OSError`."""
    try:
        names = world.list_folder(directory)
    except FileNotFoundError:
        return []
    return sorted(int(found[1]) for name in names if (found := _NAME.fullmatch(name)))


def tables_hash(db: Database) -> str:
    """SM3 of the texts of all tables, indexes and triggers: they are read from the file too, and
    a flipped bit in them makes SQLite misread or refuse the rest."""
    texts = db.execute("SELECT coalesce(sql, name) FROM sqlite_master ORDER BY name").fetchall()
    return sm3("\n".join(str(text) for (text,) in texts).encode()).hex()
