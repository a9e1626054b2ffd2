"""Our own look at every device, while no daemon has them."""

from typing import Any

from agent.api.status import device_status
from agent.equipment.gate import Equipment
from config.model import AgentSettings as Settings
from drivers.contract import DeviceState
from world import World

SETTLE = 2.0  # seconds that drivers get at most to find what is attached
LOOK = 0.02  # seconds between looks at whether they have


def own_look(world: World, settings: Settings, *, only_readers: bool) -> dict[str, Any]:
    """See `agent.cli.looking.look`."""
    gate = Equipment(world, settings)
    gate.look()
    if not only_readers:
        gate.fitted.start()
    end = world.monotonic() + SETTLE
    while not _settled(gate, only_readers=only_readers) and world.monotonic() < end:
        world.wait(LOOK)
    devices = [device_status(placed) for placed in (*gate.readers(), *gate.devices())]
    seen = {"version": 1, "devices": devices, "attached": list(gate.attached())}
    gate.stop()
    return seen


def _settled(gate: Equipment, *, only_readers: bool) -> bool:
    """Every driver has looked for its device once."""
    statuses = [] if only_readers else [placed.status for placed in gate.devices()]
    return gate.looked() and all(s.fault or s.state is DeviceState.READY for s in statuses)
