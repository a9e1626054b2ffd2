"""docs/drivers.md from the installed drivers and their options: `python -m drivers.document`."""

import inspect
import re
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points

import msgspec

from config.shape import allowed, shown
from drivers.options import DriverOptions

HEAD = """\
# Drivers and their options

Generated from the drivers; do not edit. After a change there: `python -m drivers.document >
docs/drivers.md`. `driver` in a table of the settings names one of these, `options` are its own. An
option without a default has to be given. Vendors add drivers by entry points of the same groups.
"""
GROUPS = {
    "readers": "Card readers: `[[readers]]`",
    "scanners": "Scan modules and cameras: `[[scanners]]`",
    "documents": "ID-card readers: `[[documents]]`",
    "barriers": "Gates and relays: `[[barriers]]`",
    "prompts": "What tells people the result: `[[prompts]]`",
    "pinpads": "PIN pads: `[[pinpads]]`",
    "printers": "Receipt printers: `[[printers]]`",
}
CHECKED = re.compile(r"typed\(\s*[\w.]+,\s*(\w+)")  # how every driver takes its options


def document() -> str:
    """The whole page in Markdown."""
    return "\n".join([HEAD, *(line for group in GROUPS for line in _group(group))])


def _group(group: str) -> Iterator[str]:
    yield f"## {GROUPS[group]}\n"
    for point in sorted(entry_points(group=f"onecard.{group}"), key=lambda point: point.name):
        yield from _driver(point)


def _driver(point: EntryPoint) -> Iterator[str]:
    options = options_of(point)
    yield f"### `{point.name}`\n"
    yield f"{_words(sys.modules[point.module].__doc__)}\n"
    if options is None or not msgspec.structs.fields(options):
        yield "It takes no options.\n"
        return
    if options.__doc__:
        yield f"{_words(options.__doc__)}\n"
    yield "| option | allowed | default |"
    yield "|---|---|---|"
    yield from (_row(field) for field in msgspec.structs.fields(options))
    yield ""


def options_of(point: EntryPoint) -> type[DriverOptions] | None:
    """The struct that the driver checks its options against."""
    driver = point.load()
    module = sys.modules[driver.__module__]
    named = CHECKED.search(inspect.getsource(driver)) or CHECKED.search(inspect.getsource(module))
    options = getattr(module, named[1]) if named else None
    return options if isinstance(options, type) and options is not DriverOptions else None


def _row(field: msgspec.structs.FieldInfo) -> str:
    return f"| `{field.name}` | {_cell(allowed(field.type))} | {_cell(_default(field))} |"


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "–"
    if field.default_factory is not msgspec.NODEFAULT:
        return f"`{shown(field.default_factory())}`"
    return "none" if field.default is None else f"`{shown(field.default)}`"


def _words(docstring: str | None) -> str:
    return " ".join((docstring or "").split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(document())
