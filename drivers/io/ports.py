"""Which port a setting means: an address, a path, or a pattern that has to fit exactly one."""

from pathlib import Path

from drivers.contract import DeviceAbsent, DeviceAmbiguous
from drivers.io.patterns import alternatives, fitting
from world import World

WILD = "*?["


def is_address(port: str) -> bool:
    """`socket://host:port`: a serial server."""
    return "://" in port


def find_port(world: World, port: str, *, device: str) -> str:
    """The one path or address that `port` names (`drivers.io.patterns`). Shell patterns are allowed
    in the last part of a path, `|` between alternatives, of which the first that is there counts.

    Raises `DeviceAbsent`, `DeviceAmbiguous`.
    """
    if is_address(port):
        return port
    for alternative in alternatives(port):
        found = _matching(world, alternative)
        if len(found) > 1:
            raise DeviceAmbiguous(device=device, port=port, found=", ".join(found))
        if found:
            return found[0]
    raise DeviceAbsent(device=device, port=port)


def _matching(world: World, path: str) -> list[str]:
    folder, _, pattern = path.rpartition("/")
    try:
        names = world.list_folder(Path(folder or "/"))
    except OSError:  # udev makes by-id folders only while something is in them
        return []
    # Several links to one device are one: newer udev makes two by-path for each USB device.
    found: dict[Path, str] = {}
    for name in fitting(pattern, names):
        found.setdefault(world.real_path(Path(f"{folder}/{name}")), f"{folder}/{name}")
    return list(found.values())
