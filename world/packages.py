"""The packages that are installed: their versions, and the entry points that they offer.

`importlib.metadata` reads the files of every package for each question, and brings `email`,
`zipfile` and `csv` into a terminal's memory. Here the folders of `sys.path` are read once, and
again when something was installed or taken away: then one of them has changed. What is read is the
form that the packaging specifications give ("Recording installed projects", "Entry points").
"""

import importlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from pathlib import Path
from typing import Any

_Folders = tuple[tuple[str, int], ...]  # of sys.path, and when each last changed (ns)

_FORMS = {".dist-info": "METADATA", ".egg-info": "PKG-INFO"}  # of a package's folder: its metadata
_SEPARATORS = re.compile(r"[-_.]+")


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """What a package offers under a name."""

    name: str
    value: str  # MODULE:ATTRIBUTE
    group: str
    package: str = ""  # its name, normalized; empty: none is known

    @property
    def module(self) -> str:
        """Its part before the colon."""
        return self.value.partition(":")[0].strip()

    def load(self) -> Any:
        """The object itself. Raises whatever its module raises, `AttributeError` when the module
        has no such name."""
        attributes = self.value.partition(":")[2].partition("[")[0].strip()
        found = importlib.import_module(self.module)
        return reduce(getattr, attributes.split("."), found) if attributes else found


def entry_points(*, group: str, name: str | None = None) -> Sequence[EntryPoint]:
    """Those of a group, or the ones of that name in it; none when there are none."""
    offered = _offered(_folders())
    return [one for one in offered if one.group == group and name in (None, one.name)]


def version(package: str) -> str:
    """The version of an installed package. Raises `LookupError` when it is not installed."""
    folder = _installed(_folders())[_normalized(package)]
    for line in _text(folder, _FORMS).splitlines():
        if line.startswith("Version:"):
            return line.partition(":")[2].strip()
    raise LookupError(package)


@lru_cache(maxsize=1)
def _offered(folders: _Folders) -> Sequence[EntryPoint]:
    return [
        point
        for package, folder in _installed(folders).items()
        for point in _points(package, _text(folder, dict.fromkeys(_FORMS, "entry_points.txt")))
    ]


@lru_cache(maxsize=1)
def _installed(folders: _Folders) -> dict[str, Path]:
    """Name of each package → its folder of metadata; the first on `sys.path` counts."""
    found: dict[str, Path] = {}
    for folder, _ in folders:
        for name in _names(folder):
            stem, form = os.path.splitext(name)
            if form in _FORMS:
                package = _normalized(stem.partition("-")[0])
                found.setdefault(package, Path(folder, name))
    return found


def _points(package: str, text: str) -> Iterator[EntryPoint]:
    group = ""
    for line in map(str.strip, text.splitlines()):
        name, equals, value = line.partition("=")
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
        elif equals and not line.startswith("#"):
            yield EntryPoint(name.strip(), value.strip(), group, package)


def _text(folder: Path, names: dict[str, str]) -> str:
    """A file of a package's metadata by the folder's form; empty when there is none. What is no
    UTF-8 of a stranger's harms nothing but itself."""
    try:
        return (folder / names[folder.suffix]).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _normalized(package: str) -> str:
    return _SEPARATORS.sub("-", package).lower()


def _folders() -> _Folders:
    return tuple((folder, _changed(folder)) for folder in sys.path)


def _changed(folder: str) -> int:
    try:
        return os.stat(folder or ".").st_mtime_ns
    except OSError:  # there is none of that name
        return 0


def _names(folder: str) -> Sequence[str]:
    try:
        return sorted(os.listdir(folder or "."))
    except OSError:  # there is none of that name, or it is a file
        return []
