"""Whether pcscd may open the readers that are plugged in, where it is no longer root.

From pcsc-lite 2.4.0 on pcscd runs as the user pcscd, and a reader's driver has to bring a udev rule
that gives the reader to the group of that name: libccid does from 1.7.0 on, acsccid from 1.1.13
(LudovicRousseau/PCSC #239, acshk/acsccid #39); makers' own drivers may not.
"""

from collections.abc import Iterator
from pathlib import Path
from stat import S_IWGRP, S_IWOTH
from typing import Final

from agent.doctor.findings import RULES, ExaminedTerminal, Finding
from drivers.io.sysfs import Tree, Usb

PROC: Final = Path("proc")
CCID: Final = "0b"  # bInterfaceClass: smart card (USB class codes)
PCSCD: Final = b"pcscd\n"


def reader_nodes(case: ExaminedTerminal) -> Iterator[Finding]:
    """Only where a reader that should be there is not: what works needs no rule."""
    missing = any(d["driver"] == "pcsc" and d["state"] == "absent" for d in case.devices)
    group = _group_of_pcscd(case) if missing else None
    if group is None:
        return
    tree = Tree(case.world, case.root / "sys", case.root / "dev")
    for usb in _readers(tree):
        if not _may_write(case, _node(tree, usb), group):
            rule = f'SUBSYSTEM=="usb", ENV{{DEVTYPE}}=="usb_device", {_identity(usb)}'
            rule += f', GROUP="{group}", MODE="0660"'
            command = f"echo '{rule}' >> {RULES} && udevadm control --reload && udevadm trigger"
            yield Finding(
                "pcscd-may-not-open",
                False,
                {
                    "reader": usb.label or usb.identity,
                    "user": group,
                    "command": f"{command} && systemctl restart pcscd",
                },
            )


def _group_of_pcscd(case: ExaminedTerminal) -> str | None:
    """Of the pcscd that runs; None when it is root, or none runs."""
    try:
        numbers = [name for name in case.world.list_folder(case.root / PROC) if name.isdigit()]
    except OSError:
        return None
    for number in numbers:
        if case.read(PROC / number / "comm") == PCSCD:
            rows = case.read(PROC / number / "status").decode(errors="replace").splitlines()
            uids = next((row.split()[1:] for row in rows if row.startswith("Uid:")), ["0"])
            return _group_of(case, case.root / PROC / number) if "0" not in uids[:2] else None
    return None


def _group_of(case: ExaminedTerminal, path: Path) -> str | None:
    try:
        return case.world.file_group(path)
    except OSError:
        return None


def _readers(tree: Tree) -> Iterator[Usb]:
    """Every USB device with a smart card interface."""
    devices = tree.sys / "bus" / "usb" / "devices"
    for name in sorted(tree.names(devices)):
        folder = tree.real(devices / name)
        interfaces = (folder / one for one in tree.names(folder) if ":" in one)
        if any(tree.text(one / "bInterfaceClass") == CCID for one in interfaces):
            usb = tree.usb(folder)
            if usb is not None:
                yield usb


def _node(tree: Tree, usb: Usb) -> Path:
    bus, number = (tree.text(usb.path / name).zfill(3) for name in ("busnum", "devnum"))
    return tree.dev / "bus" / "usb" / bus / number


def _may_write(case: ExaminedTerminal, node: Path, group: str) -> bool:
    """What cannot be found out is not complained of."""
    try:
        mode = case.world.file_mode(node)
    except OSError:
        return True
    if mode & S_IWOTH:
        return True
    return bool(mode & S_IWGRP) and _group_of(case, node) in (group, None)


def _identity(usb: Usb) -> str:
    return f'ATTR{{idVendor}}=="{usb.vendor}", ATTR{{idProduct}}=="{usb.product}"'
