"""How every device is: the daemon's word, or our own look when none runs."""

from typing import Any

from agent.cli.client import DaemonAbsent
from agent.cli.context import Context
from agent.gate import Gate
from agent.status import device_status
from config.model import Agent as Settings
from drivers.contract import DeviceState

SETTLE = 2.0  # seconds that drivers get at most to find what is attached when no daemon runs
LOOK = 0.02  # seconds between looks at whether they have


def look(context: Context, settings: Settings, *, only_readers: bool = False) -> dict[str, Any]:
    """As /v1/devices answers: `version`, `devices`, `attached`. Our own look opens each device as
    the daemon would, and leaves it again (with `only_readers` none); no card is touched."""
    try:
        return context.client(settings).get("/v1/devices")
    except DaemonAbsent:
        gate = Gate(context.world, settings)
        gate.look()
        if not only_readers:
            gate.fitted.start()
        end = context.world.monotonic() + SETTLE
        while not _settled(gate, only_readers=only_readers) and context.world.monotonic() < end:
            context.world.wait(LOOK)
        devices = [device_status(placed) for placed in (*gate.readers(), *gate.devices())]
        seen = {"version": 1, "devices": devices, "attached": list(gate.attached())}
        gate.stop()
        return seen


def readers(seen: dict[str, Any]) -> list[dict[str, Any]]:
    """The card readers among the devices."""
    return [device for device in seen["devices"] if device["kind"] == "readers"]


def _settled(gate: Gate, *, only_readers: bool) -> bool:
    """Every driver has looked for its device once."""
    statuses = [] if only_readers else [placed.status for placed in gate.devices()]
    return gate.looked() and all(s.fault or s.state is DeviceState.READY for s in statuses)
