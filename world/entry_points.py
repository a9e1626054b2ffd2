"""The entry points of the packages that are installed: drivers, scenes, voices.

`importlib.metadata` reads the files of every package for each question. Here they are read once,
and again when something was installed or taken away: then a folder of `sys.path` has changed.
"""

import os
import sys
from functools import lru_cache
from importlib import metadata
from importlib.metadata import Distribution, EntryPoints
from typing import cast

_Folders = tuple[tuple[str, int], ...]  # of sys.path, and when each last changed (ns)


def entry_points(*, group: str, name: str | None = None) -> EntryPoints:
    """Those of a group, or the ones of that name in it; none when there are none."""
    found = _read(_folders())
    return found.select(group=group) if name is None else found.select(group=group, name=name)


@lru_cache
def package_of(distribution: Distribution) -> str:
    """Its name, which stands in a file of many lines."""
    return distribution.name


@lru_cache(maxsize=1)
def _read(folders: _Folders) -> EntryPoints:
    # Python 3.11 has them by group, later ones flat; both can be asked for a group.
    return cast(EntryPoints, metadata.entry_points())


def _folders() -> _Folders:
    return tuple((folder, _changed(folder)) for folder in sys.path)


def _changed(folder: str) -> int:
    try:
        return os.stat(folder or ".").st_mtime_ns
    except OSError:  # there is none of that name
        return 0
