"""A three-colour tower light with buzzer on a simulated serial port; and what it showed.

One byte per command: 1x on, 2x off; 1 red, 2 yellow, 4 green, 8 buzzer.
"""

import threading
from collections.abc import Callable
from pathlib import Path

from simulators.devices.pty import PtyPort

COLOURS = {0x1: "red", 0x2: "yellow", 0x4: "green", 0x8: "buzzer"}


class TowerPeer:
    """The light; see `simulators.devices.pty.Peer`."""

    def __init__(self, baudrate: int = 9600) -> None:
        self.baudrate = baudrate
        self.received_bytes = bytearray()
        self.history: list[frozenset[str]] = []  # what was on after each change, buzzer too
        self._changed = threading.Condition()
        self._on: set[str] = set()

    @property
    def on(self) -> frozenset[str]:
        """What is on now."""
        with self._changed:
            return frozenset(self._on)

    def received(self, data: bytes, send: Callable[[bytes], None]) -> None:
        with self._changed:
            self.received_bytes += data
            for byte in data:
                self._obey(byte)
            self._changed.notify_all()

    def await_on(self, *expected: str, within: float = 60.0) -> bool:
        """Wait until exactly these are on."""
        with self._changed:
            return self._changed.wait_for(lambda: self._on == set(expected), within)

    def await_was_on(self, *expected: str, within: float = 60.0) -> bool:
        """Wait until exactly these are on, or have been: for what is over at once."""
        with self._changed:
            return self._changed.wait_for(lambda: frozenset(expected) in self.history, within)

    def await_beeps(self, count: int, within: float = 60.0) -> bool:
        """Wait until the buzzer has been switched on so often."""
        with self._changed:
            return self._changed.wait_for(lambda: self.beeps >= count, within)

    @property
    def beeps(self) -> int:
        """How often the buzzer went on."""
        loud = ["buzzer" in state for state in self.history]
        return sum(now and not before for before, now in zip([False, *loud], loud, strict=False))

    def _obey(self, byte: int) -> None:
        colour = COLOURS.get(byte & 0x0F)
        if colour is None or byte >> 4 not in (1, 2):
            return
        before = set(self._on)
        (self._on.add if byte >> 4 == 1 else self._on.discard)(colour)
        if before != self._on:
            self.history.append(frozenset(self._on))


class TowerSimulator:
    """The light, its wire and its plug (`port.plug`, `port.unplug`, `port.faults`); a context
    manager."""

    def __init__(self, path: Path, baudrate: int = 9600) -> None:
        self.peer = TowerPeer(baudrate)
        self.port = PtyPort(path, self.peer)

    def __enter__(self) -> "TowerSimulator":
        self.port.plug()
        return self

    def __exit__(self, *exception: object) -> None:
        self.port.unplug()
