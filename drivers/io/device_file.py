"""A character device that is no tty, such as a USB printer's /dev/usb/lp0: bytes in, bytes out.

As `drivers.io.line.OpenLine`, without anything to set; no call waits longer than it is told to.
"""

import errno
import os
import stat
from pathlib import Path
from typing import Final

from drivers.contract import (
    DeviceAbsent,
    DeviceBusy,
    DeviceDenied,
    DeviceFault,
    DeviceLost,
    DeviceSilent,
)
from drivers.io.holders import holders_of
from drivers.io.ports import find_port
from drivers.io.wait import REST, Waker, hung_up, readable, rest, writable
from world import World

WRITE_WITHIN: Final = 0.5  # seconds; a device that takes no bytes for so long is stuck
CHUNK: Final = 4096
DENIED: Final = frozenset({errno.EACCES, errno.EPERM})
GONE: Final = frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO})
CLASSES: Final = Path("/sys/dev/char")  # MAJOR:MINOR/subsystem leads to the class of a device


class DeviceFile:
    """An open device file; see `open_device_file`."""

    def __init__(self, world: World, descriptor: int, device: str, attached: str) -> None:
        self._descriptor = descriptor
        self._open = True
        self._sending = world.lock()  # a write and the close never meet: the number may be reused
        self._device = device
        self._waker = Waker()
        self.attached = attached

    def read(self, timeout: float | None = None, size: int = CHUNK) -> bytes:
        """See `Line.read`. A device that answers a read with nothing is there (a USB printer's
        zero-length packets); such a read takes its time, so that it is not asked in a whirl."""
        try:
            if not readable(self._descriptor, self._waker, timeout):
                return b""
            data = os.read(self._descriptor, size)
            if data:
                return data
            if hung_up(self._descriptor):
                raise self._lost()
            rest(self._waker, REST if timeout is None else min(timeout, REST))
        except BlockingIOError:
            return b""
        except (OSError, DeviceFault) as error:
            raise self._lost() from error
        return b""

    def silent(self) -> DeviceFault:
        """See `Line.silent`."""
        return DeviceSilent(device=self._device, port=self.attached)

    def write(self, data: bytes, *, marks: bool = False) -> None:
        """See `Line.write`; each part of the data has its half second. Such a file does not echo,
        so `marks` means nothing."""
        with self._sending:
            if not self._open:
                raise self._lost()
            left = memoryview(data)
            while left:
                left = left[self._taken(left) :]

    def _taken(self, data: memoryview) -> int:
        """How many bytes the device took now."""
        try:
            if not writable(self._descriptor, WRITE_WITHIN):
                raise DeviceSilent(device=self._device, port=self.attached)
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._lost() from error

    def interrupt(self) -> None:
        """Make a `read` that waits, and every later one, raise `Interrupted`. Any thread."""
        self._waker.wake()

    def close(self) -> None:
        """Close the descriptor, after a `write` of another thread that is under way."""
        with self._sending:
            self._open = False
            os.close(self._descriptor)

    def _lost(self) -> DeviceLost:
        return DeviceLost(device=self._device, port=self.attached)


def open_device_file(world: World, port: str, *, device: str) -> DeviceFile:
    """Raises `DeviceAbsent`, `DeviceAmbiguous`, `DeviceDenied`, `DeviceBusy` (fact `holder`)."""
    path = find_port(world, port, device=device)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise _not_opened(world, error, path, device) from error
    try:
        return DeviceFile(world, descriptor, device, path)
    except OSError as error:  # no descriptors left
        os.close(descriptor)
        raise DeviceFault(device=device, port=path) from error


def is_device_file(world: World, path: str) -> bool:
    """Whether what `path` leads to is a printer's node, or another character device that is no tty.
    Not found out by opening it: that restarts a board behind a tty."""
    node = world.real_path(Path(path))
    return node.name.startswith("lp") or _class_of(world, node) not in ("", "tty")


def _class_of(world: World, node: Path) -> str:
    """The kernel's class of a character device; empty for what is none, or has none (a pty)."""
    try:
        found = os.stat(node)
    except OSError:
        return ""
    if not stat.S_ISCHR(found.st_mode):
        return ""
    number = f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
    link = CLASSES / number / "subsystem"
    place = world.real_path(link)
    return "" if place == link else place.name


def _not_opened(world: World, error: OSError, path: str, device: str) -> DeviceFault:
    if error.errno in DENIED:
        return DeviceDenied(device=device, port=path)
    if error.errno == errno.EBUSY:
        return DeviceBusy(device=device, port=path, holder=holders_of(world, path))
    if error.errno in GONE:
        return DeviceAbsent(device=device, port=path)
    return DeviceFault(device=device, port=path)
