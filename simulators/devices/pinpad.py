"""A PIN pad on a simulated serial port: a person's fingers in, key bytes out, and what it shows.

It speaks the bytes that `drivers.counter.pinpad` has by default.
"""

import threading
from collections.abc import Callable
from pathlib import Path

from simulators.devices.pty import PtyPort

CONFIRM, CANCEL, BACK, CLEAR = b"\r", b"\x1b", b"\x08", b"\x0c"
ERASE = b"\x08 \x08"


class PinPadPeer:
    """The pad's electronics; see `simulators.devices.pty.Peer`."""

    def __init__(self, baudrate: int = 9600) -> None:
        self.baudrate = baudrate
        self._guard = threading.Condition()
        self._received = bytearray()

    def received(self, data: bytes, send: Callable[[bytes], None]) -> None:
        with self._guard:
            self._received += data
            self._guard.notify_all()

    @property
    def shown(self) -> bytes:
        """All that the host has sent to the pad."""
        with self._guard:
            return bytes(self._received)

    @property
    def display(self) -> str:
        """What its line of signs shows now."""
        line = ""
        for sign in self.shown.decode("latin-1"):
            line = line[:-1] if sign == "\x08" else line + sign
        return line.rstrip(" ")

    def await_shown(self, data: bytes, within: float = 60.0) -> bool:
        """Wait until the host has sent `data`, anywhere in what it sent."""
        with self._guard:
            return self._guard.wait_for(lambda: data in self._received, within)


class PinPadSimulator:
    """The pad, its wire and its plug (`port.plug`, `port.unplug`, `port.faults`); a context
    manager."""

    def __init__(self, path: Path, baudrate: int = 9600) -> None:
        self.peer = PinPadPeer(baudrate)
        self.port = PtyPort(path, self.peer)

    def __enter__(self) -> "PinPadSimulator":
        self.port.plug()
        return self

    def __exit__(self, *exception: object) -> None:
        self.port.unplug()

    def press(self, digits: str, then: bytes = b"") -> None:
        """Press digit keys, then maybe another."""
        self.port.send(digits.encode("ascii") + then)
