"""docs/drivers.md from the installed drivers and their options: `python -m drivers.document`."""

import sys
import textwrap
from collections.abc import Iterable, Iterator

import msgspec
from msgspec.structs import FieldInfo

from config.shape import allowed, shown
from drivers import registry
from drivers.contract import Interface, SlotBinding
from drivers.foreign.guard import ours
from drivers.io.line import LineOptions
from drivers.options import DriverOptions, OptionsFault
from world.packages import EntryPoint, entry_points
from world.real import RealWorld

HEAD = """\
# Drivers and their options

Generated from the drivers; do not edit. After a change there: `python -m drivers.document >
docs/drivers.md`. `driver` in a table of the settings names one of these, `options` are its own. An
option without a default has to be given. `sensors.entry` is the key `entry` in a table `sensors`:
`options = { port = "…", sensors = { entry = 0 } }`. `onecard config check` tells every option that
does not fit.

Vendors add drivers by entry points of the same groups, in packages of their own
(`drivers.contract` says what each kind promises). Such a driver is asked from behind a guard: one
that cannot be loaded or made, raises what its contract does not name, returns or tells something of
another type, or lets an exception out of a thread of its own is a device out of order, whose fault
(`driver.broken`, `driver.defect`) names package and entry point. `onecard config check` and
`doctor` tell it, the log has the frames, everything else goes on. Threads come from `World.spawn`:
one that fails is begun again.
"""
SERIAL = """\
## Serial lines

Every driver with a `port` has these as well, with its own `baudrate`. `port` is a path that stays
the same (`/dev/serial/by-id/…`, `/dev/serial/by-path/…` where two devices have one serial number),
a shell pattern in its last part, or `socket://host:port` of a serial server. `|` stands between
alternatives. Wherever a pattern may stand (readers' `match`, ports, USB serial numbers, sound
devices), a name that is the very text comes first, so a name may be pasted as it is, also one with
`[…]`, `*`, `?` or `|` in it.
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
LINE = msgspec.structs.fields(LineOptions)
COLUMNS = 120  # of every page in docs


def document() -> str:
    """The whole page in Markdown."""
    groups = (line for group in GROUPS for line in _group(group))
    return "\n".join([HEAD, SERIAL, *_table(LINE), *groups]).rstrip() + "\n"


def _group(group: str) -> Iterator[str]:
    yield f"## {GROUPS[group]}\n"
    own = [point for point in entry_points(group=f"onecard.{group}") if ours(point)]
    for point in sorted(own, key=lambda point: point.name):
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
    line = {field.name: field for field in LINE} if issubclass(options, LineOptions) else {}
    yield from _table(f for f in msgspec.structs.fields(options) if not _same(f, line.get(f.name)))


def _same(field: FieldInfo, other: FieldInfo | None) -> bool:
    """What the section on serial lines has told already; a port is told each time."""
    return other is not None and field.name != "port" and field.default == other.default


def _table(fields: Iterable[FieldInfo]) -> Iterator[str]:
    yield "| option | allowed | default |"
    yield "|---|---|---|"
    for field in fields:
        yield from _rows(field)
    yield ""


def options_of(point: EntryPoint) -> type[DriverOptions] | None:
    """The struct that the driver holds its options against: it tells when it refuses one."""
    driver, refused = point.load(), {"?": 0}
    try:
        if point.group == registry.READERS:
            driver(RealWorld(), [SlotBinding("one", "one", Interface.CONTACT, refused)])
        else:
            driver(RealWorld(), "one", refused)
    except OptionsFault as fault:
        return fault.shape
    return None


def _rows(field: FieldInfo, within: str = "") -> Iterator[str]:
    """One row, or one for each key of a table in the options."""
    name = f"{within}{field.name}"
    if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
        for inner in msgspec.structs.fields(field.type):
            yield from _rows(inner, f"{name}.")
    else:
        yield f"| `{name}` | {_cell(allowed(field.type))} | {_cell(_default(field))} |"


def _default(field: FieldInfo) -> str:
    if field.required:
        return "has to be given"
    value = field.default
    if field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    return "none" if value is None else f"`{_toml(value)}`"


def _toml(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return shown(value)


def _words(docstring: str | None) -> str:
    words = " ".join((docstring or "").split())
    return textwrap.fill(words, COLUMNS, break_long_words=False, break_on_hyphens=False)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(document())
