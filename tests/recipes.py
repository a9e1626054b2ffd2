"""The recipes of docs/developing.md, taken from the page and built: what stands there works.

A fence names its file behind the language. ```python a/b.py is a new file; ```diff a/b.py changes
one of the repository's: lines with " " are there, "-" go, "+" come, "@@" stands between two places.
"""

import re
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests import product

PAGE: Final = product.ROOT / "docs" / "developing.md"
HEADING: Final = re.compile(r"^## (.*)$", re.MULTILINE)
FENCE: Final = re.compile(r"^```(\w+) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PLACES: Final = re.compile(r"^@@\n", re.MULTILINE)
BUILT: Final = shutil.ignore_patterns("*.so", ".hypothesis")
TREE: Final = (*product.ROOMS, "simulators", "proving", "benchmarks", "contracts", "tests", "docs")


class DoesNotFit(Exception):
    """A change names lines that its file does not have, or has twice."""


@dataclass(frozen=True)
class Recipe:
    """`files`: new ones, by path; `changes`: path and text of each diff."""

    title: str
    files: Mapping[str, str]
    changes: Sequence[tuple[str, str]]

    def build(self, folder: Path) -> None:
        """Into `folder`; there is what it changes. Raises `DoesNotFit`."""
        for path, text in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        for path, diff in self.changes:
            before = (folder / path).read_text(encoding="utf-8")
            (folder / path).write_text(changed(before, diff), encoding="utf-8")


def recipes(page: str) -> Mapping[str, Recipe]:
    """By the first words of their headings: "A scene" …"""
    _, *parts = HEADING.split(page)
    return {
        title.partition(":")[0]: _recipe(title, text)
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    }


def recipe(name: str) -> Recipe:
    """One of the page's."""
    return recipes(PAGE.read_text(encoding="utf-8"))[name]


def changed(text: str, diff: str) -> str:
    """Raises `DoesNotFit`."""
    for place in PLACES.split(diff):
        lines = place.splitlines(keepends=True)
        before = "".join(line[1:] or line for line in lines if line[0] in " -\n")
        after = "".join(line[1:] or line for line in lines if line[0] in " +\n")
        if f"\n{text}".count(f"\n{before}") != 1:
            raise DoesNotFit(before)
        text = f"\n{text}".replace(f"\n{before}", f"\n{after}")[1:]
    return text


def install(folder: Path) -> None:
    """What pip would have written beside the package of that folder's pyproject.toml."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    groups = project.get("entry-points", {}) | {"console_scripts": project.get("scripts", {})}
    lines = []
    for group, points in groups.items():
        lines += [f"[{group}]", *(f"{name} = {point}" for name, point in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


def copy_of_the_tree(folder: Path) -> Path:
    """All that a change to the repository needs: rooms, simulators, tests, pages."""
    for room in TREE:
        shutil.copytree(product.ROOT / room, folder / room, ignore=BUILT)
    for file in product.ROOT.glob("*.*"):
        if file.is_file():
            shutil.copy(file, folder)
    return folder


def _recipe(title: str, text: str) -> Recipe:
    fences = FENCE.findall(text)
    return Recipe(
        title,
        files={path: code for language, path, code in fences if language != "diff"},
        changes=[(path, code) for language, path, code in fences if language == "diff"],
    )
