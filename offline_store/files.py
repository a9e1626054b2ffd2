"""The journal's files in a terminal's folder: `journal-0001.db`, and a higher number after damage.

A damaged file keeps its name and stays; the one that takes over gets the next number. A file gets
its name only when it is complete (renamed from `.new`), so every one with a name counts.
"""

import re
from pathlib import Path

from world import World

SCHEMA = 1  # PRAGMA user_version of a file that this code can use

_NAME = re.compile(r"journal-(\d{4,})\.db")


def journal_file(directory: Path, generation: int) -> Path:
    return directory / f"journal-{generation:04}.db"


def building_file(directory: Path, generation: int) -> Path:
    return directory / f"journal-{generation:04}.new"


def wal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def generations(world: World, directory: Path) -> list[int]:
    """Numbers of the files that are there, ascending. Raises `OSError`."""
    try:
        names = world.list_folder(directory)
    except FileNotFoundError:
        return []
    return sorted(int(found[1]) for name in names if (found := _NAME.fullmatch(name)))
