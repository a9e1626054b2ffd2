"""What stands at the lanes: drivers, SAM slots, lanes and their threads, made from the settings.

A reload replaces it as a whole; store, link and API go on.
"""

from collections.abc import Callable, Mapping, Sequence

from agent.lanes import Lane, ReaderThread
from agent.sam import SamDesk
from config.model import Agent as Settings
from config.model import Lane as LaneSettings
from drivers import registry
from drivers.contract import (
    Barrier,
    CardReader,
    DeviceStatus,
    Interface,
    Presence,
    Prompts,
    ReaderDriver,
    SlotBinding,
)
from world import World

DRAIN = 5.0  # seconds that a tap under way gets to end

Handler = Callable[[Lane, CardReader, Presence], object]


class Gate:
    """`start` begins to take cards; `stop` takes no more and waits for taps under way."""

    def __init__(self, world: World, settings: Settings) -> None:
        """Raises `drivers.registry` faults when a driver is not installed."""
        self._world = world
        self._drivers = _reader_drivers(world, settings)
        self._readers = {r.name: r for driver in self._drivers.values() for r in driver.readers()}
        self._barriers: Mapping[str, Barrier] = {
            device.name: registry.barrier(device.driver)(world, device.name, device.options)
            for device in settings.barriers
        }
        self._prompts: Mapping[str, Prompts] = {
            device.name: registry.prompts(device.driver)(world, device.name, device.options)
            for device in settings.prompts
        }
        self.lanes = {lane.name: self._lane(lane) for lane in settings.lanes}
        self._lane_of = {reader: lane.name for lane in settings.lanes for reader in lane.readers}
        sams = [r for r in self._readers.values() if r.interface is Interface.SAM]
        self.sams = SamDesk(world, sams)
        self._threads: list[ReaderThread] = []

    def look(self) -> None:
        """Only find out what is attached; no card is touched."""
        for driver in self._drivers.values():
            driver.start()

    def start(self, handle: Handler) -> None:
        """Serve every lane's readers; each tap goes to `handle`."""
        self.sams.start()
        for name, lane in self._lane_of.items():
            thread = ReaderThread(self._world, self.lanes[lane], self._readers[name], handle)
            thread.start()
            self._threads.append(thread)
        self.look()

    def stop(self) -> bool:
        """False when a reader hangs and its thread was left behind."""
        for thread in self._threads:
            thread.stop()
        deadline = self._world.monotonic() + DRAIN
        ended = [t.join(max(0.0, deadline - self._world.monotonic())) for t in self._threads]
        self.sams.stop()
        for driver in self._drivers.values():
            driver.stop()
        return all(ended)

    def readers(self) -> Sequence[DeviceStatus]:
        return [reader.status() for reader in self._readers.values()]

    def devices(self) -> Sequence[DeviceStatus]:
        """Barriers and prompts."""
        devices: list[Barrier | Prompts] = [*self._barriers.values(), *self._prompts.values()]
        return [device.status() for device in devices]

    def lane_readers(self) -> Sequence[CardReader]:
        """The readers where people tap."""
        return [self._readers[name] for name in self._lane_of]

    def attached(self) -> Sequence[str]:
        """The system's names of all slots, bound or not."""
        return [slot for driver in self._drivers.values() for slot in driver.attached()]

    def looked(self) -> bool:
        """Every driver has looked for its readers: what is absent now is really not there."""
        return all(driver.looked() for driver in self._drivers.values())

    def _lane(self, lane: LaneSettings) -> Lane:
        return Lane(
            name=lane.name,
            direction=lane.direction,
            barrier=self._barriers[lane.barrier] if lane.barrier else None,
            prompts=[self._prompts[prompts] for prompts in lane.prompts],
        )


def _reader_drivers(world: World, settings: Settings) -> dict[str, ReaderDriver]:
    """One driver per family, with all its bindings."""
    families = {reader.driver for reader in settings.readers}
    return {
        family: registry.reader_driver(family)(
            world,
            [
                SlotBinding(r.name, r.match, Interface(r.interface), r.options)
                for r in settings.readers
                if r.driver == family
            ],
        )
        for family in sorted(families)
    }
