"""A keyboard as an event file: real `struct input_event` bytes through a pty.

A pty knows no EVIOCGRAB, so `fcntl.ioctl` is stood in for while a keyboard is plugged: it grabs
and refuses as the kernel does (one holder at a time, EBUSY for others), for these files only. What
is said while nobody holds it goes to `leaked`, as it would to the desktop.
"""

import errno
import fcntl
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final
from unittest import mock

from evdev import ecodes as keys

from simulators.devices.pty import PtyPort

EVENT: Final = struct.Struct("@llHHi")
EVIOCGRAB: Final = 0x40044590

UNSHIFTED: Final = "abcdefghijklmnopqrstuvwxyz1234567890-=[];'`\\,./ \t"
SHIFTED: Final = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ!@#$%^&*()_+{}:"~|<>?'
NAMES: Final = [
    *"ABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890", "MINUS", "EQUAL", "LEFTBRACE", "RIGHTBRACE",
    "SEMICOLON", "APOSTROPHE", "GRAVE", "BACKSLASH", "COMMA", "DOT", "SLASH", "SPACE", "TAB",
]  # fmt: skip
KEY_OF: Final[dict[str, tuple[int, bool]]] = {
    **{c: (getattr(keys, f"KEY_{name}"), False) for c, name in zip(UNSHIFTED, NAMES, strict=True)},
    **{c: (getattr(keys, f"KEY_{name}"), True) for c, name in zip(SHIFTED, NAMES, strict=False)},
}


class Keyboard:
    """A scan module in keyboard mode, whose event file is `path`; a context manager that plugs
    it."""

    def __init__(self, path: Path) -> None:
        self.baudrate = 38400  # a pty's own; keys have none
        self.port = PtyPort(path, self)
        self.leaked = b""  # events that the desktop got
        self.denied = False  # as for a user who is not in the group `input`
        self._holder = -1  # the descriptor that has grabbed it
        self._ioctl = fcntl.ioctl
        self._patch = mock.patch("fcntl.ioctl", self._stand_in)

    # The person's side

    def show(self, code: str, end: str = "ENTER") -> None:
        """Type the code, and the key that ends it (empty: none)."""
        self.say(typed(code) + (press(getattr(keys, f"KEY_{end}")) if end else b""))

    def say(self, events: bytes) -> None:
        """Any bytes of events, raw."""
        if self.grabbed:
            self.port.send(events)
        else:
            self.leaked += events

    @property
    def grabbed(self) -> bool:
        return self._holder >= 0 and self._is_this(self._holder)

    # The host's side

    def received(self, data: bytes, send: Callable[[bytes], None]) -> None:
        """A host writes LEDs and nothing that a scanner heeds."""

    def _stand_in(self, fd: Any, request: int, *rest: Any) -> Any:
        number = fd if isinstance(fd, int) else fd.fileno()
        if request != EVIOCGRAB or not self._is_this(number):
            return self._ioctl(fd, request, *rest)
        if self.denied:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        # The same number is a file that was opened anew: closing it ended the grab.
        if self.grabbed and number != self._holder:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        self._holder = number
        return 0

    def _is_this(self, fd: int) -> bool:
        try:
            return os.fstat(fd).st_rdev == os.stat(self.port.path).st_rdev
        except OSError:  # closed, or unplugged
            return False

    def __enter__(self) -> "Keyboard":
        self._patch.start()
        self.port.plug()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.port.unplug()
        self._patch.stop()


def typed(text: str) -> bytes:
    """The events of a US keyboard, shift pressed and let go where it is needed."""
    events = b""
    for character in text:
        code, shift = KEY_OF[character]
        events += event(keys.EV_KEY, keys.KEY_LEFTSHIFT, 1) if shift else b""
        events += press(code)
        events += event(keys.EV_KEY, keys.KEY_LEFTSHIFT, 0) if shift else b""
    return events


def press(code: int) -> bytes:
    """A key down and up, each with its report."""
    return b"".join(
        event(keys.EV_MSC, keys.MSC_SCAN, 0x70000 + code)
        + event(keys.EV_KEY, code, value)
        + event(keys.EV_SYN, keys.SYN_REPORT, 0)
        for value in (1, 0)
    )


def event(kind: int, code: int, value: int) -> bytes:
    """One `struct input_event`, now."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return EVENT.pack(seconds, nanoseconds // 1000, kind, code, value)
