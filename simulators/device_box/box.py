"""A terminal fitted with one of every kind of device, its city around it, in one folder.

The agent is the product's daemon in this process, so that the in-memory USB bus is its own; every
other device is behind the operating system's real interfaces. A `Part` is one device: its plug, its
table of the settings, what it can do and how it can fail. It works when the *product* shows it: a
tap in the agent's feed, a relay that switched, a clip that was said. Nothing looks into a driver.
"""

import queue
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar, Self

from simulators.device_box.local import LocalAgent
from simulators.devices.usb import UsbBus
from simulators.feed import Feed
from simulators.people import Wallet
from simulators.site import PSAM, AgentProcess, NotInTime, Site, until
from simulators.witness import Witness

SOON = 60.0  # seconds of patience, no measure
PLAIN = {"unplugged", "pulled in the middle", "taken by another program", "no permission"}
CODE = "BOX-"  # how the codes begin that nobody here can resolve
LANES = {"entry": "entry", "exit": "exit", "desk": "counter", "side": "entry"}  # name → direction
NOT_STORED = "not-stored"  # the reason of a tap that the journal did not take in time
WITHIN = 2.0  # seconds for a person to go through
SINGLE = {"barriers": "barrier", "pinpads": "pinpad", "printers": "printer"}

Injection = Callable[[], AbstractContextManager[None]]  # a context in which a fault lasts


class NotStored(NotInTime):
    """A tap did not end as it had to, and the journal did not take one meanwhile."""


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
    def works(self, box: "DeviceBox") -> str:
        """Have it do its work; what it did (`did-…` of the texts). Raises `NotInTime`."""

    def faults(self) -> Mapping[str, Injection]:
        """How it can fail: name → a context in which it does."""
        return {"unplugged": self.unplugged}

    def shows(self, fault: str) -> bool:
        """Whether the agent has to tell of this fault; a scanner that only listens cannot."""
        return fault in PLAIN

    def excused(self, box: "DeviceBox", fault: str) -> Collection[str]:
        """Other parts that cannot work either while it fails so: a card opens no broken gate."""
        return ()

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        self.unplug()
        try:
            yield
        finally:
            self.plug()


class DeviceBox(Site):
    """Plug everything in, start the agent, and wait until every device is ready."""

    def __init__(self, fit: "Callable[[DeviceBox], Sequence[Part]]") -> None:
        """`fit` says which parts there are; called once, when folder and bus are there."""
        super().__init__(language="en")
        self._fit = fit
        self.wallet = Wallet(self.cast)
        self.usb = UsbBus()
        self.parts: Sequence[Part] = ()

    def __enter__(self) -> Self:
        super().__enter__()
        self._stack.enter_context(self.usb)
        self.witness = self._stack.enter_context(Witness(self.folder))
        for part in self.parts:
            part.plug()
            self._stack.callback(part.unplug)
        self.slots[PSAM].insert(self.cast.psam())
        self._stack.callback(self.agent.stop)
        self.agent.start()
        self.feed = Feed(self)
        self.feed.listen()
        for part in self.parts:
            self.until_ready(part)
        return self

    @property
    def local(self) -> LocalAgent:
        assert isinstance(self.agent, LocalAgent)
        return self.agent

    def make_agent(self) -> AgentProcess:
        return LocalAgent(self.folder, self.config, self.pcscd.environment())

    def configuration(self) -> str:
        self.ports = self.folder / "by-id"
        self.ports.mkdir()
        self.parts = self._fit(self)
        head, _, rest = super().configuration().partition("[[readers]]")
        sync = rest[rest.index("[sync]") :]
        tables = "".join(part.table() for part in self.parts)
        lanes = "".join(self._lane(name, direction) for name, direction in LANES.items())
        psam = '[[readers]]\nname = "psam"\nmatch = "*SAM*"\ninterface = "sam"\n\n'
        codes = (
            f'[[codes]]\nname = "box"\nresolve = "offline"\nprefix = "{CODE}"\n'
            'characters = "digits"\n\n'
        )
        head = head.replace('profile = "library-gate"\n', "")
        scene = '[scene]\nkind = "library-gate"\noptions.repeat_window = 0.0\n\n'
        return head + scene + psam + tables + lanes + codes + sync

    def _lane(self, name: str, direction: str) -> str:
        """The table of a lane with all parts that belong to it."""
        lines = [
            f'[[lanes]]\nname = "{name}"\ndirection = "{direction}"\npassage_within = {WITHIN}'
        ]
        own = [part for part in self.parts if part.lane == name]
        for kind in dict.fromkeys(part.kind for part in own):
            names = [f'"{part.name}"' for part in own if part.kind == kind]
            if kind in SINGLE:
                lines.append(f"{SINGLE[kind]} = {names[0]}")
            else:
                lines.append(f"{kind} = [{', '.join(names)}]")
        return "\n".join(lines) + "\n\n"

    # What parts ask

    def device(self, name: str) -> Mapping[str, Any]:
        """What the agent says of a device at /v1/devices."""
        devices = self.agent.client.get("/v1/devices")["devices"]
        return next(device for device in devices if device["name"] == name)

    def state(self, name: str) -> str:
        return str(self.device(name)["state"])

    def until_ready(self, part: Part, seconds: float = 60.0) -> None:
        until(lambda: self.state(part.name) == "ready", f"{part.name} is not ready", seconds)

    def forget(self, source: str) -> None:
        """Reports of that source that nobody asked for."""
        try:
            while True:
                self.feed.take(source, 0.0)
        except queue.Empty:
            return

    def report(self, source: str, reason: str) -> Mapping[str, Any]:
        """The next tap at that source that ended so; others are passed over.

        Raises `NotInTime`, `NotStored`.
        """
        seen: list[str] = []
        try:
            while (report := self.feed.take(source, SOON))["reason"] != reason:
                seen.append(str(report["reason"]))
        except queue.Empty:
            why = NotStored if NOT_STORED in seen else NotInTime
            raise why(f"{source}: no tap that is {reason}, but {seen}") from None
        return report

    def part(self, name: str) -> Part:
        return next(part for part in self.parts if part.name == name)
