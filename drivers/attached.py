"""What is plugged into this machine and how it could be configured, without touching it.

Ports, cameras, keyboards, HID scanners, printers and sound come from /sys with their stable names
in /dev; where there is no /sys, the by-id names alone have to do. PC/SC slots come from pcscd.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from drivers.io.hid import BAR_CODE_SCANNERS, usage_pages
from drivers.io.ports import WILD
from drivers.io.sysfs import Tree, Usb, shown
from drivers.known import Choice, Class, Known, known
from world import World

# Why a path is not the usual by-id link.
Note = Literal["", "twins", "no-link", "built-in"]
PRINTER_CLASS: Final = "07"  # bInterfaceClass
NO_UART: Final = "0"  # PORT_UNKNOWN: a driver's empty place, /sys/class/tty/ttyS*/type


@dataclass(frozen=True)
class Attached:
    """One thing that is plugged in."""

    class_: Class
    path: str  # the stable one as a setting would write it, empty for a bare USB device
    real: Path  # what the path leads to
    label: str  # as the device names itself, made safe to show
    usb: str  # vid:pid, empty when it is no USB device
    what: str  # name of the trade, empty when it is not known
    choices: Sequence[Choice] = field(default=())
    note: Note = ""

    @property
    def certain(self) -> bool:
        """One way to configure it, on a path that says which one it is."""
        return len(self.choices) == 1 and self.class_ != "keyboard"


def attached(world: World, sys: Path = Path("/sys"), dev: Path = Path("/dev")) -> list[Attached]:
    """All that is there, each once, in the order of the settings."""
    look = _Look(Tree(world, sys, dev), known())
    return [
        *look.serial(),
        *look.cameras(),
        *look.hid_pos(),
        *look.keyboards(),
        *look.printers(),
        *look.bare(),
        *look.sound(),
    ]


def as_setting(path: str) -> str:
    """A path as `drivers.io.ports.find_port` takes it: signs of patterns in it are only signs, and
    what a TOML file cannot hold becomes a `?`."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{as_pattern(name)}"


def as_pattern(name: str) -> str:
    """A pattern that fits this name, whatever signs are in it."""
    first = len(name) - len(name.lstrip(" "))
    last = len(name.rstrip(" "))
    inside = (_escaped(sign, outer=not first <= at < last) for at, sign in enumerate(name))
    return "".join(inside)


def _escaped(sign: str, *, outer: bool) -> str:
    """`outer`: a space at the beginning or the end, which would be stripped."""
    if sign in WILD or outer:
        return f"[{sign}]"
    return "?" if sign == "|" or not sign.isprintable() else sign


class _Look:
    """One look at the tree."""

    def __init__(self, tree: Tree, table: Known) -> None:
        self._tree = tree
        self._known = table

    def serial(self) -> Iterator[Attached]:
        folder = self._tree.sys / "class" / "tty"
        found = []
        for name in self._tree.names(folder):
            if (usb := self._tree.usb(folder / name / "device")) is not None:
                found.append((name, usb))
            elif self._tree.text(folder / name / "type") not in ("", NO_UART):
                yield self._built_in(name)
        yield from self._linked("serial", found, self._tree.dev / "serial")
        seen = {self._tree.real(self._tree.dev / name) for name, _ in found}
        yield from self._names_only(seen)

    def cameras(self) -> Iterator[Attached]:
        folder = self._tree.sys / "class" / "video4linux"
        found = [
            (name, usb)
            for name in self._tree.names(folder)
            # A camera's second node carries its metadata.
            if self._tree.text(folder / name / "index") in ("", "0")
            and (usb := self._tree.usb(folder / name / "device"))
        ]
        yield from self._linked("camera", found, self._tree.dev / "v4l")

    def keyboards(self) -> Iterator[Attached]:
        """Those that udev calls keyboards: scan modules that type are among them."""
        for folder in ("by-id", "by-path"):
            links = self._tree.links(self._tree.dev / "input" / folder)
            found = [
                (real.name, usb)
                for real, link in links.items()
                if link.name.endswith("-event-kbd")
                and (usb := self._tree.usb(self._event(real.name))) is not None
            ]
            if found:
                yield from self._linked("keyboard", found, self._tree.dev / "input", "input/")
                return

    def hid_pos(self) -> Iterator[Attached]:
        folder = self._tree.sys / "class" / "hidraw"
        seen = set()
        for name in self._tree.names(folder):
            device = folder / name / "device"
            pages = usage_pages(self._tree.bytes(device / "report_descriptor", 4096))
            usb = self._tree.usb(device)
            if BAR_CODE_SCANNERS in pages and usb is not None and usb.path not in seen:
                seen.add(usb.path)
                yield self._bare("hid-pos", usb)

    def printers(self) -> Iterator[Attached]:
        folder = self._tree.sys / "class" / "usbmisc"
        for name in self._tree.names(folder):
            usb = self._tree.usb(folder / name / "device")
            if name.startswith("lp") and usb is not None:
                yield self._found("printer", self._tree.dev / "usb" / name, usb)

    def bare(self) -> Iterator[Attached]:
        """USB devices without a port that the table knows by themselves."""
        folder = self._tree.sys / "bus" / "usb" / "devices"
        with_port = {
            usb.path
            for name in self._tree.names(self._tree.sys / "class" / "tty")
            if (usb := self._tree.usb(self._tree.sys / "class" / "tty" / name / "device"))
        }
        for name in self._tree.names(folder):
            usb = self._tree.usb(folder / name) if ":" not in name else None
            if usb is not None and usb.path not in with_port:
                found = self._bare("usb", usb)
                if found.choices:
                    yield found

    def sound(self) -> Iterator[Attached]:
        """One line for all cards: the system's default is what is played on."""
        folder = self._tree.sys / "class" / "sound"
        cards = [name for name in self._tree.names(folder) if name.startswith("card")]
        for card in cards[:1]:
            label = self._tree.text(folder / card / "id")
            choices = self._known.choices("sound", "", "")
            yield Attached("sound", "", self._tree.real(folder / card), label, "", "", choices)

    def _event(self, name: str) -> Path:
        return self._tree.sys / "class" / "input" / name / "device"

    def _built_in(self, name: str) -> Attached:
        path = self._tree.dev / name
        choices = self._known.choices("serial", "", "")
        return Attached("serial", str(path), path, "", "", "", choices, "built-in")

    def _bare(self, class_: Class, usb: Usb) -> Attached:
        choices = self._known.choices(class_, usb.identity, "")
        what = self._known.what(usb.identity)
        return Attached(class_, "", usb.path, usb.label, usb.identity, what, choices)

    def _linked(
        self, class_: Class, found: Sequence[tuple[str, Usb]], links: Path, below: str = ""
    ) -> Iterator[Attached]:
        """Each by the link that means it alone."""
        by_id, by_path = (self._tree.links(links / name) for name in ("by-id", "by-path"))
        same = Counter(_who(usb) for _, usb in found)
        for name, usb in found:
            node = self._tree.dev / below / name
            real = self._tree.real(node)
            twins = same[_who(usb)] > 1
            link = None if twins else by_id.get(real)
            link = link or by_path.get(real)
            note: Note = "twins" if twins else "" if link else "no-link"
            yield self._found(class_, link or node, usb, note)

    def _names_only(self, seen: set[Path]) -> Iterator[Attached]:
        """Ports of which /sys tells nothing: the by-id name is all there is."""
        for real, link in self._tree.links(self._tree.dev / "serial" / "by-id").items():
            if real not in seen:
                choices = self._known.choices("serial", "", link.name)
                path = as_setting(str(link))
                yield Attached("serial", path, real, shown(link.name), "", "", choices)

    def _found(self, class_: Class, path: Path, usb: Usb, note: Note = "") -> Attached:
        return Attached(
            class_,
            as_setting(str(path)),
            self._tree.real(path),
            usb.label,
            usb.identity,
            self._known.what(usb.identity),
            self._known.choices(class_, usb.identity, path.name),
            note,
        )


def _who(usb: Usb) -> tuple[str, str, str, str]:
    """What a by-id link is made of: two devices alike share one link, which means either."""
    return usb.vendor, usb.product, usb.serial, usb.interface
