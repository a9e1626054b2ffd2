"""The product's own source and classes, for tests that walk all of it."""

import ast
import importlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from world import Fault

ROOT = Path(__file__).parents[1]
ROOMS = ("world", "trust", "apdu", "config", "drivers", "offline_store", "sync", "agent")
SIMULATED = ("simulators", "proving", "benchmarks")  # what onecard-simulators ships


def sources(*rooms: str) -> Iterator[Path]:
    """Every Python file of the rooms (of all product rooms when none is named), sorted."""
    for room in rooms or ROOMS:
        yield from sorted((ROOT / room).rglob("*.py"))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def module_name(path: Path) -> str:
    """`agent/cli/app.py` → `agent.cli.app`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def meaning(path: Path, name: ast.expr) -> object:
    """What `a.b.c` stands for at the top level of that file; None when it stands for nothing."""
    head, *rest = ast.unparse(name).split(".")
    found = getattr(importlib.import_module(module_name(path)), head, None)
    for part in rest:
        found = getattr(found, part, None)
    return found


@cache
def faults() -> tuple[type[Fault], ...]:
    """`Fault` and every class below it, in the order of their codes, after importing all rooms."""
    for path in sources():
        name = module_name(path)
        if not name.endswith("__main__"):
            importlib.import_module(name)
    found = {kind for kind in _below(Fault) if kind.__module__.partition(".")[0] in ROOMS}
    return tuple(sorted(found, key=lambda kind: (kind.code, kind.__qualname__)))


def _below(kind: type[Fault]) -> Iterator[type[Fault]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _below(child)
