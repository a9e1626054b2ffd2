"""What a terminal in a vehicle has besides: the desk, and a receiver whose fixes go to it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from agent.equipment.devices import Placed
from agent.equipment.lane import InputThread
from agent.fares.rules import Rules
from agent.scenes.bus.journey import VehicleState
from agent.scenes.bus.shift import StoreLedger
from config.model import JourneySettings as Settings
from config.model import Vehicle
from drivers.contract.position import Position
from drivers.position.receiver import NmeaReceiver
from offline_store.clock import Clock
from offline_store.store import Store
from world import World

GNSS: Final = "gnss"
ENDS_WITHIN: Final = 2.0  # seconds; it waits for nothing but the store


class VehicleUnit:
    """`start` when the store runs, `stop` before it ends."""

    def __init__(
        self,
        world: World,
        clock: Clock,
        vehicle: Vehicle,
        settings: Settings,
        store: Store,
        rules: Callable[[], Rules],
        data: Path,
    ) -> None:
        """Touches no device. Raises `drivers.options.OptionsFault`."""
        self._world = world
        self._receiver = NmeaReceiver(world, GNSS, settings.gnss) if settings.gnss else None
        self.desk = VehicleState(world, clock, vehicle, settings, StoreLedger(store), rules, data)
        self._thread: InputThread[Position] | None = None

    def start(self) -> None:
        """Read the journey, then take positions, where the vehicle has a receiver."""
        self.desk.start()
        if self._receiver is not None:
            self._receiver.start()
            self._thread = InputThread(
                self._world, f"positions {GNSS}", self._receiver.events, self.desk.moved
            )
            self._thread.start()

    def stop(self) -> None:
        """Take no more positions; the journey stays as it is."""
        if self._receiver is not None:
            self._receiver.stop()
        if self._thread is not None:
            self._thread.stop()
            self._thread.join(ENDS_WITHIN)

    def devices(self) -> Sequence[Placed]:
        """The receiver, if there is one."""
        if self._receiver is None:
            return ()
        return (Placed("journey", "nmea", (), self._receiver.status()),)
