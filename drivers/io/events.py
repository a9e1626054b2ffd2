"""An evdev event file (`/dev/input/…-event-kbd`), held so that no other program hears its keys.

Bytes of `struct input_event` come in, `(type, code, value)` go out. `interrupt` ends a read from
another thread.
"""

import errno
import fcntl
import os
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from drivers.contract import (
    DeviceAbsent,
    DeviceBusy,
    DeviceDenied,
    DeviceFault,
    DeviceLost,
    DeviceProtocol,
)
from drivers.io.holders import holders_of
from drivers.io.line import DENIED, GONE
from drivers.io.ports import find_port
from drivers.io.wait import REST, Waker, hung_up, readable, rest
from world import World

# linux/input.h: struct input_event {long seconds, long microseconds, u16 type, u16 code, s32 value}
EVENT: Final = struct.Struct("@llHHi")
MANY: Final = 64  # events in one read
GRAB: Final = 0x40044590  # EVIOCGRAB, _IOW('E', 0x90, int)


class InputEvent(NamedTuple):
    """`struct input_event` of linux/input.h without its time."""

    type: int
    code: int
    value: int


class EventFile:
    """An open, grabbed event file; see `open_events`."""

    def __init__(self, fd: int, device: str, attached: str) -> None:
        self._fd = fd
        self._device = device
        self._waker = Waker()
        self._rest = b""
        self.attached = attached

    def read(self, timeout: float | None = None) -> Sequence[InputEvent]:
        """The events that are there; waits up to `timeout` seconds (None: for ever) for the
        first, and gives none after that (or, seldom, sooner: a read that brings nothing is no
        farewell).

        Raises `drivers.io.wait.Interrupted`, `DeviceLost`.
        """
        try:
            if not readable(self._fd, self._waker, timeout):
                return ()
            data = os.read(self._fd, MANY * EVENT.size)
            if not data:
                if hung_up(self._fd):
                    raise DeviceLost(device=self._device, port=self.attached)
                rest(self._waker, REST if timeout is None else min(timeout, REST))
        except BlockingIOError:
            return ()
        except (OSError, DeviceFault) as error:
            raise DeviceLost(device=self._device, port=self.attached) from error
        # evdev gives whole events; a stream that stands in for one may cut them.
        self._rest += data
        whole = len(self._rest) - len(self._rest) % EVENT.size
        events, self._rest = self._rest[:whole], self._rest[whole:]
        return [InputEvent(*event[2:]) for event in EVENT.iter_unpack(events)]

    def interrupt(self) -> None:
        """Make a `read` that waits, and every later one, raise `Interrupted`. Any thread."""
        self._waker.wake()

    def close(self) -> None:
        """Close the descriptor; other programs get the keys again."""
        os.close(self._fd)  # which ends the grab too


def open_events(world: World, port: str, *, device: str) -> EventFile:
    """Open the event file and grab it: from now on nothing it says reaches the desktop.

    Raises `DeviceAbsent`, `DeviceAmbiguous`, `DeviceDenied`, `DeviceBusy` (another program has
    grabbed it), `DeviceProtocol` (that file is no input device).
    """
    path = find_port(world, port, device=device)
    try:
        # No terminal of ours, should the path name one by mistake.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise _not_opened(world, error, path, device) from error
    try:
        fcntl.ioctl(fd, GRAB, 1)
        return EventFile(fd, device, path)
    except OSError as error:
        os.close(fd)
        raise _not_opened(world, error, path, device) from error


def _not_opened(world: World, error: OSError, path: str, device: str) -> DeviceFault:
    if error.errno in DENIED:
        return DeviceDenied(device=device, port=path)
    if error.errno == errno.EBUSY:
        return DeviceBusy(device=device, port=path, holder=holders_of(world, path))
    if error.errno in GONE:
        return DeviceAbsent(device=device, port=path)
    if error.errno in (errno.ENOTTY, errno.EINVAL):
        return DeviceProtocol(device=device, port=path)
    return DeviceFault(device=device, port=path)
