"""Parts on a serial port, and all that can be wrong with one."""

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from simulators.device_box.box import Injection, Part
from simulators.devices.pty import Peer, PtyPort, WireFaults

HOSTILE = 4096  # bytes of garbage


class SerialPart(Part):
    """A device on a simulated serial port."""

    def __init__(self, name: str, lane: str, folder: Path, peer: Peer) -> None:
        super().__init__(name, lane)
        self.peer = peer
        self.port = PtyPort(folder / f"usb-Onecard_{name}-if00", peer)

    def plug(self) -> None:
        self.port.plug()

    def unplug(self) -> None:
        self.port.unplug()

    def options(self) -> str:
        return f'{{ port = "{self.port.path}", baudrate = {self.peer.baudrate} }}'

    def faults(self) -> Mapping[str, Injection]:
        return {
            **super().faults(),
            "pulled in the middle": self.pulled,
            "garbage": self.garbage,
            "endless bytes": self.endless,
            "silent": partial(self.wire, mute=True, deaf=True),
            "garbled": partial(self.wire, garble=-1),
            "wrong baud rate": self.wrong_baud,
            "taken by another program": self.taken,
            "another device on the port": self.another,
        }

    @contextmanager
    def wire(self, **faults: bool | int) -> Iterator[None]:
        """Something is wrong with the wire."""
        for name, value in faults.items():
            setattr(self.port.faults, name, value)
        try:
            yield
        finally:
            self.port.faults = WireFaults()

    @contextmanager
    def pulled(self) -> Iterator[None]:
        """Three bytes still come, then the plug is out."""
        with self.wire(unplug_after=3):
            self.port.send(b"\xaa" * 8)
            yield
        self.port.unplug()
        self.port.plug()

    @contextmanager
    def garbage(self) -> Iterator[None]:
        self.port.send(random.Random(self.name).randbytes(HOSTILE))
        yield

    @contextmanager
    def endless(self) -> Iterator[None]:
        """Bytes as fast as the host takes them."""
        enough = threading.Event()
        chance = random.Random(self.name)

        def pour() -> None:
            while not enough.is_set():
                self.port.send(chance.randbytes(256))

        pouring = threading.Thread(target=pour, name=f"endless {self.name}", daemon=True)
        pouring.start()
        try:
            yield
        finally:
            enough.set()
            self.port.unplug()  # ends a write that nobody reads
            pouring.join()
            self.port.plug()

    @contextmanager
    def wrong_baud(self) -> Iterator[None]:
        right = self.peer.baudrate
        self.peer.baudrate = 300
        try:
            yield
        finally:
            self.peer.baudrate = right

    @contextmanager
    def taken(self) -> Iterator[None]:
        self.port.unplug()
        self.port.plug(taken=True)
        try:
            yield
        finally:
            self.port.let_go()

    @contextmanager
    def another(self) -> Iterator[None]:
        """A GPS receiver, which talks by itself."""
        right = self.port.peer
        self.port.unplug()
        self.port.peer = Talker(self.peer.baudrate)
        self.port.plug()
        self.port.send(Talker.SENTENCE)
        try:
            yield
        finally:
            self.port.unplug()
            self.port.peer = right
            self.port.plug()


class Talker:
    """What else may be on a port: it says its sentence to whatever it is asked."""

    SENTENCE = b"$GPGGA,092725.00,4717.11399,N,00833.91590,E,1,08,1.01,499.6,M,48.0,M,,*5B\r\n"

    def __init__(self, baudrate: int) -> None:
        self.baudrate = baudrate

    def received(self, data: bytes, send: Callable[[bytes], None]) -> None:
        send(self.SENTENCE)
