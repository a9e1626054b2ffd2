"""A terminal fitted with one of every kind of device, its city around it, in one folder.

The agent is the product's daemon in this process, so that the in-memory USB bus is its own; every
other device is behind the operating system's real interfaces.
"""

import queue
from collections.abc import Mapping, Sequence
from typing import Any, Self

from simulators.box.local import LocalAgent
from simulators.box.parts import SOON, Part
from simulators.devices.usb import UsbBus
from simulators.feed import Feed
from simulators.people import Wallet
from simulators.site import PSAM, AgentProcess, NotInTime, Site, until

CODE = "BOX-"  # how the codes begin that the box's platform would resolve
LANES = {"entry": "entry", "exit": "exit", "desk": "counter", "side": "entry"}  # name → direction
WITHIN = 2.0  # seconds for a person to go through
SINGLE = {"barriers": "barrier", "pinpads": "pinpad", "printers": "printer"}


class Box(Site):
    """Plug everything in, start the agent, and wait until every device is ready."""

    def __init__(self) -> None:
        super().__init__(language="en")
        self.wallet = Wallet(self.cast)
        self.usb = UsbBus()
        self.parts: Sequence[Part] = ()

    def __enter__(self) -> Self:
        super().__enter__()
        self._stack.enter_context(self.usb)
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
        from simulators.box.kinds import fit  # parts know their box

        self.ports = self.folder / "by-id"
        self.ports.mkdir()
        self.parts = fit(self)
        head, _, rest = super().configuration().partition("[[readers]]")
        sync = rest[rest.index("[sync]") :]
        tables = "".join(part.table() for part in self.parts)
        lanes = "".join(self._lane(name, direction) for name, direction in LANES.items())
        psam = '[[readers]]\nname = "psam"\nmatch = "*SAM*"\ninterface = "sam"\n\n'
        codes = (
            f'[[codes]]\nname = "box"\nresolve = "platform"\nprefix = "{CODE}"\n'
            'characters = "digits"\n\n'
        )
        head = head.replace('profile = "library-gate"\n', "")
        scene = '[scene]\nkind = "library-gate"\nrepeat_window = 0.0\n\n'
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

    def until_ready(self, part: Part, seconds: float = 30.0) -> None:
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

        Raises `NotInTime`.
        """
        seen: list[str] = []
        try:
            while (report := self.feed.take(source, SOON))["reason"] != reason:
                seen.append(str(report["reason"]))
        except queue.Empty:
            raise NotInTime(f"{source}: no tap that is {reason}, but {seen}") from None
        return report

    def part(self, name: str) -> Part:
        return next(part for part in self.parts if part.name == name)
