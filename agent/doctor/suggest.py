"""What is attached and in no configuration, as tables ready to be pasted into one.

What is certain is printed as it is; of what could be several things each is printed behind `#`.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

import msgspec

from agent.equipment.devices import KINDS, configured, patterns
from agent.messages.texts import Texts
from config.model import AgentSettings as Settings
from config.model import SceneSettings, TerminalSettings
from drivers.attached import Attached, as_pattern
from drivers.io.patterns import fitting
from drivers.io.sysfs import shown
from drivers.known import Choice, known
from world import World

SEVERAL = ("readers", "scanners", "documents", "prompts")  # a lane has any number of these
ONE = {"barriers": "barrier", "pinpads": "pinpad", "printers": "printer"}
INPUTS = ("readers", "scanners", "documents")  # each has to be in a lane, and a lane has one
NAMELESS_INDEX = "[0-9A-F][0-9A-F]"  # the first of pcscd's two numbers changes with plugging
LANE = "new"
# A box that nobody has configured yet.
UNCONFIGURED = Settings(
    terminal=TerminalSettings(id="new", city=""), scene=SceneSettings(kind="library-gate"), lanes=()
)


@dataclass(frozen=True)
class SuggestedTable:
    """One `[[kind]]` table."""

    kind: str
    name: str
    driver: str
    match: str
    interface: str
    options: Mapping[str, str | int | bool]

    def lines(self) -> Iterator[str]:
        """The table as lines of TOML; what is empty is left out."""
        yield f"[[{self.kind}]]"
        yield f"name = {_quoted(self.name)}"
        yield f"driver = {_quoted(self.driver)}"
        if self.match:
            yield f"match = {_quoted(self.match)}"
        if self.interface:
            yield f"interface = {_quoted(self.interface)}"
        if self.options:
            inside = ", ".join(f"{key} = {_value(value)}" for key, value in self.options.items())
            yield f"options = {{ {inside} }}"


@dataclass(frozen=True)
class Suggestion:
    """One thing that is attached, and the tables that it could be."""

    found: Attached
    tables: Sequence[SuggestedTable]
    certain: bool


class Suggestions:
    """`found` and `slots` (pcscd's names) without what `settings` has already; with `driver`, what
    is uncertain is taken for a device of that driver. `installed` are the drivers that there are,
    by kind."""

    def __init__(
        self,
        world: World,
        settings: Settings,
        found: Iterable[Attached],
        slots: Sequence[str],
        *,
        installed: Mapping[str, Sequence[str]],
        driver: str | None = None,
    ) -> None:
        self._settings = settings
        self._installed = installed
        self._driver = driver
        self._taken = {device.name for _, device in configured(settings)}
        self._lanes = {lane.name for lane in settings.lanes}
        has = _Configured(world, settings)
        new = [each for each in found if not has.device(each)]
        new += [_slot(name, slots) for name in slots if not has.slot(name)]
        self.all = [self._suggestion(each) for each in new]

    def toml(self, texts: Texts) -> str:
        """The tables with their comments, empty when nothing is new."""
        if not self.all:
            return ""
        lines = [*_comment(texts.ui("suggest-head")), ""]
        for suggestion in self.all:
            lines += [*_lines(suggestion, texts), ""]
        lane = list(self._lane())
        if lane:
            lines += [*_comment(texts.ui("suggest-lane")), *lane, ""]
        return "\n".join(lines)

    def _suggestion(self, found: Attached) -> Suggestion:
        choices = [c for c in found.choices if c.driver in self._installed.get(c.kind, ())]
        chosen = [c for c in choices if c.driver == self._driver]
        certain = found.certain
        if chosen and not certain:
            choices, certain = chosen[:1], True
        certain = certain and bool(choices)
        return Suggestion(found, [self._table(found, c, certain) for c in choices], certain)

    def _table(self, found: Attached, choice: Choice, certain: bool) -> SuggestedTable:
        blanks = {"{path}": found.path, "{usb}": found.usb}
        name = _free(choice.name, self._taken)
        if certain:
            self._taken.add(name)
        return SuggestedTable(
            choice.kind,
            name,
            choice.driver,
            blanks.get(choice.match, choice.match),
            choice.interface or "",
            {key: blanks.get(str(value), value) for key, value in choice.options.items()},
        )

    def _lane(self) -> Iterator[str]:
        """A lane for what is certain, where there is somebody to serve."""
        tables = [table for each in self.all if each.certain for table in each.tables]
        tables = [table for table in tables if table.interface != "sam"]
        if not any(table.kind in INPUTS for table in tables):
            return
        yield "[[lanes]]"
        yield f"name = {_quoted(_free(LANE, self._lanes))}"
        yield 'direction = "entry"'
        for kind in KINDS:
            names = [table.name for table in tables if table.kind == kind]
            if names and kind in SEVERAL:
                yield f"{kind} = [{', '.join(_quoted(name) for name in names)}]"
            elif names:
                yield f"{ONE[kind]} = {_quoted(names[0])}"


def _free(name: str, taken: Container[str]) -> str:
    """The name, or with the first number that makes it a new one."""
    numbered = (f"{name}-{number}" for number in count(2))
    return next(each for each in chain([name], numbered) if each not in taken)


class _Configured:
    """What the settings name already."""

    def __init__(self, world: World, settings: Settings) -> None:
        self._world = world
        self._patterns = list(patterns(settings))
        self._real = {path for pattern in self._patterns for path in self._meant(pattern)}
        self._drivers = {device.driver for _, device in configured(settings)}

    def device(self, found: Attached) -> bool:
        if found.class_ == "sound":
            return any(choice.driver in self._drivers for choice in found.choices)
        return found.real in self._real or any(self._is_usb(p, found) for p in self._patterns)

    def slot(self, name: str) -> bool:
        return any(fitting(pattern, [name]) for pattern in self._patterns)

    def _meant(self, pattern: str) -> Iterator[Path]:
        folder, slash, last = pattern.rpartition("/")
        if not slash or not folder.startswith("/"):
            return
        try:
            names = self._world.list_folder(Path(folder))
        except OSError:
            return
        for name in fitting(last, names):
            yield self._world.real_path(Path(folder, name))

    def _is_usb(self, pattern: str, found: Attached) -> bool:
        """`vid:pid[:serial]`, or where it is plugged; a port of that device is not meant."""
        if not found.usb or found.path:
            return False
        identity = ":".join(pattern.lower().split(":")[:2])
        return pattern == found.real.name or bool(fitting(identity, [found.usb]))


def _slot(name: str, slots: Sequence[str]) -> Attached:
    """A PC/SC slot as something attached."""
    choice = Choice(
        kind="readers",
        name="reader",
        driver="pcsc",
        match=slot_pattern(name, slots),
        interface=known().interface(name),
    )
    choice = msgspec.structs.replace(choice, name="psam") if choice.interface == "sam" else choice
    return Attached("slot", name, Path(name), shown(name), "", "", [choice])


def slot_pattern(name: str, slots: Sequence[str]) -> str:
    """A pattern for the slot that outlives plugging: pcscd ends its name with two numbers, of the
    reader (which changes) and of the slot in it. Two readers alike need both."""
    exact = as_pattern(name)
    front, _, numbers = exact.rpartition(" ")
    reader, _, index = front.rpartition(" ")
    if not (reader and len(index) == 2 and len(numbers) == 2):
        return exact
    lasting = f"{reader} {NAMELESS_INDEX} {numbers}"
    return lasting if fitting(lasting, slots) == [name] else exact


def _lines(suggestion: Suggestion, texts: Texts) -> Iterator[str]:
    found = suggestion.found
    named = " · ".join(part for part in (found.what, found.usb, found.label) if part)
    yield from _comment(named or shown(found.path, 200))
    if found.note:
        yield from _comment(texts.ui(f"suggest-{found.note}", path=shown(found.path, 200)))
    if found.class_ == "slot":
        yield from _comment(texts.ui("suggest-slot"))
    if not suggestion.certain:
        key = "suggest-keyboard" if found.class_ == "keyboard" else "suggest-unsure"
        yield from _comment(texts.ui(key, path=shown(found.path, 200)))
    for number, table in enumerate(suggestion.tables):
        lines = list(table.lines())
        if not suggestion.certain:
            lines = [*(["#"] if number else []), *(f"# {line}" for line in lines)]
        yield from lines


def _comment(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield f"# {line}"


def _value(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _quoted(value) if isinstance(value, str) else str(value)


def _quoted(text: str) -> str:
    """A TOML basic string (TOML 1.0, String)."""
    inside = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(s if s.isprintable() else f"\\U{ord(s):08X}" for s in inside) + '"'
