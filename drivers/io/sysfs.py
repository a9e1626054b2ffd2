"""What the kernel tells of devices in /sys, and under which names they lie in /dev.

Both roots are parameters: tests and containers bring their own. What is read is hostile until
shown otherwise: a device chooses its own name and serial number.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from world import World

IDENTITY: Final = ("idVendor", "idProduct")
NUMBER: Final = re.compile(r"[0-9a-f]{4}\Z")
LONGEST: Final = 256  # bytes of an attribute; USB strings have 126 characters
HIGHEST: Final = 16  # folders between a device and its USB device
SHOWN: Final = 60  # characters of a name


@dataclass(frozen=True)
class Usb:
    """The USB device that something belongs to."""

    path: Path  # in /sys
    vendor: str  # four hexadecimal digits, small letters
    product: str
    serial: str
    interface: str  # bInterfaceNumber on the way to it, or empty
    maker: str
    name: str

    @property
    def identity(self) -> str:
        """`VENDOR:PRODUCT`, each 4 hexadecimal digits."""
        return f"{self.vendor}:{self.product}"

    @property
    def label(self) -> str:
        """Maker and name as the device says them, without signs that a console would obey."""
        return shown(f"{self.maker} {self.name}")


class Tree:
    """Reads below `sys` and `dev`; what is not there is empty."""

    def __init__(self, world: World, sys: Path, dev: Path) -> None:
        self._world = world
        self.sys = sys
        self.dev = dev

    def names(self, folder: Path) -> list[str]:
        """The names in the folder, sorted; empty when there is none, or none that may be read."""
        try:
            return list(self._world.list_folder(folder))
        except OSError:
            return []

    def real(self, path: Path) -> Path:
        """The path with every link in it followed."""
        return self._world.real_path(path)

    def bytes(self, path: Path, most: int = LONGEST) -> bytes:
        """The file's first `most` bytes; empty when it is missing or cannot be read."""
        try:
            with self._world.open(path, "rb") as stream:
                return stream.read(most)
        except OSError:
            return b""

    def text(self, path: Path) -> str:
        """An attribute, in characters that can be shown."""
        return shown(self.bytes(path).decode(errors="replace"), LONGEST)

    def usb(self, device: Path) -> Usb | None:
        """The USB device above `device`, or `device` itself."""
        folder, interface = self.real(device), ""
        for _ in range(HIGHEST):
            interface = interface or self.text(folder / "bInterfaceNumber")
            vendor, product = (self.text(folder / name).lower() for name in IDENTITY)
            if NUMBER.match(vendor) and NUMBER.match(product):
                return Usb(
                    folder,
                    vendor,
                    product,
                    self.text(folder / "serial"),
                    interface,
                    self.text(folder / "manufacturer"),
                    self.text(folder / "product"),
                )
            if folder in (self.sys, folder.parent):
                break
            folder = folder.parent
        return None

    def links(self, folder: Path) -> Mapping[Path, Path]:
        """What links in a folder of /dev lead to → the link; the first in order of names."""
        found: dict[Path, Path] = {}
        for name in self.names(folder):
            found.setdefault(self.real(folder / name), folder / name)
        return found


def shown(text: str, most: int = SHOWN) -> str:
    """On one line, without signs that a terminal or a file would take for orders."""
    clean = "".join(sign if sign.isprintable() else "?" for sign in " ".join(text.split()))
    return clean if len(clean) <= most else clean[: most - 1] + "…"
