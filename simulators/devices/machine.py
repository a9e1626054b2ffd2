"""A machine's /sys and /dev in a folder, as the kernel and udev would fill them: for whatever looks
at what is plugged in without opening it. Nothing in it can be opened.
"""

import os
from dataclasses import dataclass
from pathlib import Path

POS_DESCRIPTOR = bytes.fromhex("058c0902a101")  # usage page 0x8C, as HID POS scanners begin


@dataclass(frozen=True)
class UsbIdentity:
    """What a device tells of itself."""

    vendor: str
    product: str
    serial: str = ""
    maker: str = ""
    name: str = ""


class Machine:
    """`sys` and `dev` below `root`. Each `add_…` plugs one device into the next USB port."""

    def __init__(self, root: Path, *, udev: bool = True) -> None:
        self.sys = root / "sys"
        self.dev = root / "dev"
        self._udev = udev
        self._ports = 0
        self._counts: dict[str, int] = {}
        self.sys.mkdir(parents=True)
        self.dev.mkdir(parents=True)

    def add_serial(self, usb: UsbIdentity, link: str = "") -> Path:
        """A serial adapter; its node. `link` is its by-id name, made up when not given."""
        name = self._next("ttyUSB")
        interface = self._interface(self.add_usb(usb))
        self._class("tty", name, interface / name)
        node = self._node(name)
        where = f"pci-0000:00:14.0-usb-0:{self._ports}:1.0-port0"
        by_id = f"usb-{usb.maker}_{usb.name}_{usb.serial}-if00-port0".replace(" ", "_")
        self._links("serial", node, link or by_id, where)
        return node

    def add_uart(self, name: str = "ttyS0", *, there: bool = True) -> Path:
        """A port of the board itself; the kernel has places for some that are not there."""
        folder = self._folder("class", "tty", name)
        (folder / "type").write_text("4\n" if there else "0\n")
        return self._node(name)

    def add_camera(self, usb: UsbIdentity) -> Path:
        """Two nodes: pictures and their metadata."""
        interface = self._interface(self.add_usb(usb))
        nodes = []
        for index in (0, 1):
            name = self._next("video")
            folder = self._class("video4linux", name, interface)
            (folder / "index").write_text(f"{index}\n")
            nodes.append(self._node(name))
            by_id = f"usb-{usb.maker}_{usb.name}_{usb.serial}-video-index{index}".replace(" ", "_")
            where = f"pci-0000:00:14.0-usb-0:{self._ports}:1.0-video-index{index}"
            self._links("v4l", nodes[-1], by_id, where)
        return nodes[0]

    def add_keyboard(self, usb: UsbIdentity) -> Path:
        interface = self._interface(self.add_usb(usb))
        name = self._next("event")
        self._class("input", name, interface)
        node = self._node(f"input/{name}")
        by_id = f"usb-{usb.maker}_{usb.name}-event-kbd".replace(" ", "_")
        self._links("input", node, by_id, f"pci-0000:00:14.0-usb-0:{self._ports}:1.0-event-kbd")
        return node

    def add_hid_pos(self, usb: UsbIdentity, descriptor: bytes = POS_DESCRIPTOR) -> None:
        interface = self._interface(self.add_usb(usb))
        (interface / "report_descriptor").write_bytes(descriptor)
        self._class("hidraw", self._next("hidraw"), interface)

    def add_printer(self, usb: UsbIdentity) -> Path:
        interface = self._interface(self.add_usb(usb))
        name = self._next("lp")
        self._class("usbmisc", name, interface)
        return self._node(f"usb/{name}")

    def add_reader(self, usb: UsbIdentity, *, mode: int = 0o664) -> Path:
        """A card reader with a CCID interface, which the kernel has no driver for; its node."""
        folder = self.add_usb(usb)
        interface = self._interface(folder)
        (interface / "bInterfaceClass").write_text("0b\n")
        (folder / "busnum").write_text("1\n")
        (folder / "devnum").write_text(f"{self._ports}\n")
        node = self._node(f"bus/usb/001/{self._ports:03}")
        node.chmod(mode)
        return node

    def add_sound(self, name: str = "PCH") -> None:
        folder = self._folder("class", "sound", self._next("card"))
        (folder / "id").write_text(f"{name}\n")

    def add_usb(self, usb: UsbIdentity) -> Path:
        """A bare USB device; its folder in /sys."""
        self._ports += 1
        folder = self._folder("devices", "usb1", f"1-{self._ports}")
        attributes = {
            "idVendor": usb.vendor,
            "idProduct": usb.product,
            "serial": usb.serial,
            "manufacturer": usb.maker,
            "product": usb.name,
        }
        for name, value in attributes.items():
            if value:
                (folder / name).write_bytes(os.fsencode(value) + b"\n")
        link = self._folder("bus", "usb", "devices") / folder.name
        link.symlink_to(os.path.relpath(folder, link.parent))
        return folder

    def _interface(self, device: Path) -> Path:
        folder = device / f"{device.name}:1.0"
        folder.mkdir()
        (folder / "bInterfaceNumber").write_text("00\n")
        return folder

    def _class(self, class_: str, name: str, device: Path) -> Path:
        device.mkdir(exist_ok=True)
        folder = self._folder("class", class_, name)
        (folder / "device").symlink_to(os.path.relpath(device, folder))
        return folder

    def _folder(self, *parts: str) -> Path:
        folder = self.sys.joinpath(*parts)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _node(self, name: str) -> Path:
        node = self.dev / name
        node.parent.mkdir(parents=True, exist_ok=True)
        node.touch()
        return node

    def _links(self, class_: str, node: Path, by_id: str, by_path: str) -> None:
        """As udev does: of two that want one by-id name, the last has it."""
        for folder, name in (("by-id", by_id), ("by-path", by_path)):
            if self._udev:
                link = self.dev / class_ / folder / name
                link.parent.mkdir(parents=True, exist_ok=True)
                link.unlink(missing_ok=True)
                link.symlink_to(os.path.relpath(node, link.parent))

    def _next(self, prefix: str) -> str:
        number = self._counts.get(prefix, 0)
        self._counts[prefix] = number + 1
        return f"{prefix}{number}"
