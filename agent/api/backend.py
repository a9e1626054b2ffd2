"""What the local API answers with: the terminal's parts and the service of now, as JSON objects."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from agent.api.status import (
    device_status,
    sam_status,
    sign_in_status,
    standing_status,
    tap_status,
)
from agent.assembly import Service, Terminal
from agent.feed import Feed
from agent.in_force import SettingsInForce
from agent.messages.texts import Texts
from agent.reader_service import reader_service
from agent.scenes.bus.faults import JourneyOff
from agent.tap.tap import TapReport
from offline_store.events.row import Record
from world import Fault
from world.packages import version

if TYPE_CHECKING:
    from agent.scenes.bus.journey import VehicleState


class Backend:
    """See `agent.api.app.Daemon`; asked by any thread once a service is there. `ready`: the agent
    has started and does not stop."""

    def __init__(self, terminal: Terminal, in_force: SettingsInForce, texts: Texts) -> None:
        self._terminal = terminal
        self._in_force = in_force
        self._texts = texts
        self._service: Service | None = None
        self.feed = Feed(terminal.world)
        self.ready = False

    def serve(self, service: Service, texts: Texts) -> None:
        """Answer for that service, in its language, from now on."""
        self._service, self._texts = service, texts

    def publish(self, report: TapReport) -> None:
        """A tap has ended."""
        self.feed.publish(tap_status(report))

    @property
    def service(self) -> Service:
        """The one that serves people now; a reload makes a new one."""
        assert self._service is not None, "the API starts after the service"
        return self._service

    @property
    def traces(self) -> Feed:
        """The traces of taps, redacted."""
        return self._terminal.traces.feed

    def status(self) -> dict[str, Any]:
        """See docs/architecture.md, local API."""
        terminal, service = self._terminal, self.service
        clock, uplink = terminal.clock.read(), terminal.requests.uplink
        held = {**terminal.every_list.versions(), **terminal.key_lists.versions()}
        return {
            "ready": self.ready and service.gate.looked(),
            "terminal": service.settings.terminal.id,
            "agent": version("onecard-agent"),
            "scene": service.settings.scene.kind,
            "clock": {"time_ms": clock.time_ms, "quality": clock.quality},
            "readers": self.readers(),
            "attached": list(service.gate.attached()),
            "devices": self.devices(),
            "sams": [sam_status(status) for status in service.gate.sam_slots()],
            "store": msgspec.to_builtins(terminal.store.status()),
            "lists": held,
            "arrived": terminal.arrivals.times(held),
            "sync": msgspec.to_builtins(uplink.status()) if uplink else None,
            "standing": standing_status(service.standing.trouble()),
            "facade": service.facade.status() if service.facade is not None else None,
            "settings": self._in_force.status(),
            "pcscd": reader_service(),
        }

    def settings(self) -> dict[str, Any]:
        """Those in force, as `config.model.AgentSettings` has them; there is no secret in them."""
        return self._in_force.whole()

    def readers(self) -> list[dict[str, Any]]:
        """Each with the lease of the business program that holds it now, or None."""
        leases = {lease["reader"]: lease for lease in self.leases()}
        return [
            {**device_status(placed), "lease": leases.get(placed.status.name)}
            for placed in self.service.gate.readers()
        ]

    def devices(self) -> list[dict[str, Any]]:
        """All that is no card reader."""
        service = self.service
        aboard = service.aboard.devices() if service.aboard is not None else ()
        return [device_status(placed) for placed in (*service.gate.devices(), *aboard)]

    @property
    def journey(self) -> "VehicleState":
        """The vehicle's state. Raises `JourneyOff`."""
        aboard = self.service.aboard
        if aboard is None:
            raise JourneyOff()
        return aboard.desk

    def attached(self) -> Sequence[str]:
        return self.service.gate.attached()

    def leases(self) -> Sequence[dict[str, Any]]:
        facade = self.service.facade
        return facade.leases() if facade is not None else []

    def records(self, epoch: str | None, after: int, limit: int) -> Sequence[Record]:
        return self._terminal.store.records(epoch, after, limit)

    def verify(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.to_builtins(self._terminal.store.verify())
        return found

    def explain(self, epoch: str, seq: int) -> dict[str, Any]:
        """Raises as `agent.tap.explain.explain`, and a Fault of the store."""
        from agent.tap.explain import answer, explain

        terminal = self._terminal
        found = explain(epoch, seq, terminal.store, self.service.decider, terminal.kept_lists)
        return answer(found, self._texts)

    def lend(self, device: str, seconds: float) -> None:
        self._terminal.staff.require("lend-devices")
        self.service.gate.loans.lend(device, seconds)

    def take_back(self, device: str) -> None:
        self.service.gate.loans.take_back(device)

    def sign_in(self) -> dict[str, Any]:
        return sign_in_status(self.service.sign_in.view(), self._terminal.staff.current())

    def begin_sign_in(self) -> dict[str, Any]:
        """Raises `agent.staff.sign_in` faults, `sync.requests.RequestFault`s."""
        return sign_in_status(self.service.sign_in.begin(), self._terminal.staff.current())

    def cancel_sign_in(self) -> None:
        self.service.sign_in.cancel()

    def sign_out(self) -> None:
        self._terminal.staff.leave()

    def sentence(self, fault: Fault) -> str:
        return self._texts.fault(fault)
