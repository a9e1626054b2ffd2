"""The devices of a box: each with its plug, its table of the settings, what it can do, and how it
can fail.

A part works when the *product* shows it: a tap in the agent's feed, a relay that switched, a clip
that was said. Nothing here looks into a driver.
"""

import queue
import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from simulators.devices.pty import Peer, PtyPort, WireFaults
from simulators.site import NotInTime

if TYPE_CHECKING:
    from simulators.box.box import Box

SOON = 10.0  # seconds of patience, no measure
HOSTILE = 4096  # bytes of garbage
PLAIN = {"unplugged", "pulled in the middle", "taken by another program", "no permission"}

Fault = Callable[[], AbstractContextManager[None]]


class Part(ABC):
    """One device of a box."""

    kind: ClassVar[str]  # table of the settings: readers, scanners, documents, barriers …
    driver: ClassVar[str]

    def __init__(self, name: str, lane: str) -> None:
        self.name = name
        self.lane = lane

    @abstractmethod
    def plug(self) -> None: ...

    @abstractmethod
    def unplug(self) -> None: ...

    @abstractmethod
    def options(self) -> str:
        """TOML of the options, as an inline table."""

    def table(self) -> str:
        """Its table of the settings."""
        return (
            f'[[{self.kind}]]\nname = "{self.name}"\ndriver = "{self.driver}"\n'
            f"options = {self.options()}\n\n"
        )

    @abstractmethod
    def works(self, box: "Box") -> str:
        """Have it do its work; what it did (`did-…` of the texts). Raises `NotInTime`."""

    def faults(self) -> Mapping[str, Fault]:
        """How it can fail: name → a context in which it does."""
        return {"unplugged": self.unplugged}

    def shows(self, fault: str) -> bool:
        """Whether the agent has to tell of this fault; a scanner that only listens cannot."""
        return fault in PLAIN

    def excused(self, box: "Box", fault: str) -> Collection[str]:
        """Other parts that cannot work either while it fails so: a card opens no broken gate."""
        return ()

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        self.unplug()
        try:
            yield
        finally:
            self.plug()


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

    def faults(self) -> Mapping[str, Fault]:
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


def soon(events: "queue.Queue[str]", what: str) -> str:
    """The next of the events. Raises `NotInTime`."""
    try:
        return events.get(timeout=SOON)
    except queue.Empty:
        raise NotInTime(what) from None
