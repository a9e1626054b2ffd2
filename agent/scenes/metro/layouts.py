"""A city's own record tables: TOML files that the settings name → the tables of a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from apdu.transit.files import Layout, LayoutFault, Layouts, parse
from world import World, cause_of
from world.text import NotText, read_text

# What trips go by: kind and bytes of a rail record's fields. All else a table may leave out.
NEEDED: Final[Mapping[str, tuple[str, int]]] = {
    "state": ("int", 1),
    **{
        f"{end}_{part}": of
        for end in ("entry", "exit")
        for part, of in {
            "city": ("hex", 2),
            "station": ("hex", 8),
            "terminal": ("hex", 8),
            "time": ("bcd", 7),
        }.items()
    },
}

MOMENT_BYTES: Final = 7
WRITTEN: Final[Mapping[str, tuple[str, int]]] = {
    "transaction": ("hex", 8),
    "entry_institution": ("hex", 8),
    "exit_institution": ("hex", 8),
    "maximum_fare": ("int", 4),
}


# What a city's bus record tells of a day's rides (`agent.purse.card_memory`), where it does.
TOLD: Final[Mapping[str, tuple[str, ...]]] = {
    "entry_time": ("bcd",),
    "entry_terminal": ("hex",),
    "line": ("int", "bcd", "hex"),
    "paid": ("int",),
    "paid_today": ("int",),
    "conceded_today": ("int",),
    "transfer_count": ("int",),
}


def load_layouts(world: World, paths: Sequence[str]) -> Layouts:
    """The shipped tables and those. Raises `LayoutFault`, also where a file cannot be read, or
    where a city has a table already."""
    texts = {path: _text(world, path) for path in paths}
    for path, text in texts.items():
        for fault in _lacking(parse(path, text)):
            raise fault
    return Layouts.shipped(texts)


def _text(world: World, path: str) -> str:
    try:
        return read_text(world, Path(path))
    except OSError as error:
        raise LayoutFault(layout=path, field="", reason=cause_of(error)) from error
    except NotText as error:
        raise LayoutFault(layout=path, field="", reason=f"{error.found}, not UTF-8") from error


def _lacking(layout: Layout) -> Iterator[LayoutFault]:
    if layout.industry == "bus":
        yield from _untold(layout)
        return
    fields = {one.name: (one.kind, one.length) for one in layout.fields}
    for name, of in {**NEEDED, **{n: of for n, of in WRITTEN.items() if n in fields}}.items():
        if fields.get(name) != of:
            wanted = f"{of[0]} {of[1]}"
            yield LayoutFault(layout=layout.name, field=name, reason=wanted)


def _untold(layout: Layout) -> Iterator[LayoutFault]:
    for one in layout.fields:
        kinds = TOLD.get(one.name)
        if kinds is not None and one.kind not in kinds:
            yield LayoutFault(layout=layout.name, field=one.name, reason=" | ".join(kinds))
        if one.name == "entry_time" and one.length != MOMENT_BYTES:
            yield LayoutFault(layout=layout.name, field=one.name, reason=f"bcd {MOMENT_BYTES}")
