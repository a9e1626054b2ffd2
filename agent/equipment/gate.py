"""What stands at the lanes: drivers, SAM slots, lanes and their threads, made from the settings.

A reload replaces it as a whole; store, link and API go on.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from agent.equipment.devices import Devices, Placed, patterns
from agent.equipment.lane import InputThread, Lane
from agent.equipment.loans import Loans
from agent.equipment.passage import PassageEnd, Passages
from agent.equipment.reader_queue import ReaderQueue
from agent.psam.slot import SamStatus
from agent.psam.social_security import PsamPool
from apdu.social_security.city_keys import PUBLIC_KEYS_ONLY, CityKeys
from config.model import AgentSettings as Settings
from config.model import LaneSettings as LaneSettings
from config.waits import longest_tap
from drivers import registry
from drivers.contract import (
    CardReader,
    Code,
    Document,
    Interface,
    Presence,
    Prompt,
    ReaderDriver,
    SlotBinding,
    Unread,
)
from drivers.hotplug import USUAL_FOLDERS
from drivers.io.together import together
from world import World

if TYPE_CHECKING:
    from agent.psam.transit import TransitPsamPool


class Handlers(Protocol):
    """What becomes of what was shown at a lane; `agent.tap.tap.Taps` is one."""

    def handle(self, lane: Lane, reader: CardReader, presence: Presence) -> object:
        """A card came to `reader`; runs on the thread of that reader, to the end of its tap. Never
        raises a `Fault`."""
        ...

    def handle_code(self, lane: Lane, code: Code) -> object:
        """A code was read; runs on the lane's thread."""
        ...

    def handle_document(self, lane: Lane, document: Document | Unread) -> object:
        """An ID document was read, or could not be; runs on the lane's thread."""
        ...

    def handle_passage(self, lane: Lane, end: PassageEnd) -> object:
        """What was opened was used, or was not in its time."""
        ...


class Equipment:
    """`start` begins to take cards; `stop` takes no more and waits for taps under way."""

    def __init__(self, world: World, settings: Settings, keys: CityKeys = PUBLIC_KEYS_ONLY) -> None:
        """`keys`: the issuing authority's table. Raises `drivers.registry` faults when a driver is
        not installed."""
        self._world = world
        self._drain = longest_tap(settings)
        self._drivers = _reader_drivers(world, settings)
        self._readers = {r.name: r for driver in self._drivers.values() for r in driver.readers()}
        self.fitted = Devices(world, settings)
        scanners = {name: fitted.device for name, fitted in self.fitted.scanners.items()}
        self.loans = Loans(world, scanners)
        self._passages = self._watches(settings.lanes)
        self.lanes = {lane.name: self._lane(lane) for lane in settings.lanes}
        self._settings = settings.lanes
        self._family = {reader.name: reader.driver for reader in settings.readers}
        self._lane_of = {reader: lane.name for lane in settings.lanes for reader in lane.readers}
        transit = {reader.name for reader in settings.readers if reader.sam == "transit"}
        slots = [r for r in self._readers.values() if r.interface is Interface.SAM]
        sams = [slot for slot in slots if slot.name not in transit]
        self._purses = [slot for slot in slots if slot.name in transit]
        silent = self._silent = settings.watchdog.psam_silent
        self.sams = PsamPool(world, sams, home=settings.terminal.city, keys=keys, silent=silent)
        self.seats: tuple[ReaderQueue, ...] = ()  # the readers at the lanes, once started
        self._handlers: Handlers | None = None
        self._threads: list[InputThread[Any]] = []

    @cached_property
    def transit(self) -> "TransitPsamPool":
        """The purse's PSAMs."""
        from agent.psam.transit import TransitPsamPool

        return TransitPsamPool(self._world, self._purses, silent=self._silent)

    def start_psams(self) -> None:
        """Have them ready for the first card."""
        self.sams.start()
        if self._purses:
            self.transit.start()

    def look(self) -> None:
        """Only find out what is attached; no card is touched."""
        for driver in self._drivers.values():
            driver.start()

    def plugged(self) -> None:
        """Something was plugged or unplugged: what is missing is looked for now. Any thread."""
        for driver in self._drivers.values():
            driver.look()
        self.fitted.look()

    def start(self, handlers: Handlers, welcome: Prompt | None = None) -> None:
        """Serve every lane's inputs; what is shown there goes to `handlers`. `welcome` is shown
        before anybody can be told anything else."""
        self._handlers = handlers
        self.start_psams()
        self.fitted.start()
        if welcome is not None:
            self.say(welcome)
        for passages in self._passages.values():
            passages.start()
        self.seats = tuple(self._seats(handlers))
        for lane in self._settings:
            self._threads += self._inputs(lane, handlers)
        for thread in self._threads:
            thread.start()
        self.look()

    def say(self, prompt: Prompt) -> None:
        """Show it at every lane."""
        for lane in self.lanes.values():
            lane.show(prompt)

    def stop(self) -> bool:
        """False when a reader hangs and its thread was left behind."""
        for thread in self._threads:
            thread.stop()
        deadline = self._world.monotonic() + self._drain
        ended = [t.join(max(0.0, deadline - self._world.monotonic())) for t in self._threads]
        self.sams.stop()
        if self._purses:
            self.transit.stop()
        self.loans.stop()
        together(
            self._world,
            {f"stop passage {name}": watch.stop for name, watch in self._passages.items()},
        )
        # After the passages: a board tells them of what happens until it is let go.
        together(self._world, {**self._reader_stops(), **self.fitted.stops()})
        return all(ended)

    def _reader_stops(self) -> Mapping[str, Callable[[], None]]:
        return {f"stop readers {family}": driver.stop for family, driver in self._drivers.items()}

    def readers(self) -> Sequence[Placed]:
        """Every card reader with its lanes and its state of this moment."""
        return [
            Placed("readers", self._family[name], self._lanes("readers", name), reader.status())
            for name, reader in self._readers.items()
        ]

    def sam_slots(self) -> Sequence[SamStatus]:
        """All PSAMs, social security's first."""
        return [*self.sams.status(), *(self.transit.status() if self._purses else ())]

    def devices(self) -> Sequence[Placed]:
        """All that is no card reader."""
        return [
            Placed(fitted.kind, fitted.driver, self._lanes(fitted.kind, status.name), status)
            for fitted in self.fitted
            for status in [fitted.status()]
        ]

    def lane_readers(self) -> Sequence[CardReader]:
        """The readers where people tap."""
        return [self._readers[name] for name in self._lane_of]

    def attached(self) -> Sequence[str]:
        """The system's names of all slots, bound or not."""
        return [slot for driver in self._drivers.values() for slot in driver.attached()]

    def looked(self) -> bool:
        """Every driver has looked for its readers: what is absent now is really not there."""
        return all(driver.looked() for driver in self._drivers.values())

    def _lanes(self, kind: str, name: str) -> Sequence[str]:
        """The lanes that name that device."""
        return [lane.name for lane in self._settings if name in named(lane, kind)]

    def _lane(self, lane: LaneSettings) -> Lane:
        fitted = self.fitted
        return Lane(
            name=lane.name,
            direction=lane.direction,
            barrier=fitted.barriers[lane.barrier].device if lane.barrier else None,
            prompts=[fitted.prompts[prompts].device for prompts in lane.prompts],
            staff=[fitted.prompts[prompts].device for prompts in lane.staff],
            pinpad=fitted.pinpads[lane.pinpad].device if lane.pinpad else None,
            printer=fitted.printers[lane.printer].device if lane.printer else None,
            passages=self._passages.get(lane.barrier) if lane.barrier else None,
        )

    def _watches(self, lanes: Sequence[LaneSettings]) -> Mapping[str, Passages]:
        """Who goes through, by barrier, for those that can tell. Lanes may share a barrier."""
        watches = {}
        for name, fitted in self.fitted.barriers.items():
            users = [lane for lane in lanes if lane.barrier == name]
            if users and fitted.device.senses:
                watches[name] = Passages(
                    self._world,
                    fitted.device,
                    {lane.direction for lane in users},
                    max(lane.passage_within for lane in users),
                    partial(self._passed, users),
                )
        return watches

    def _passed(self, users: Sequence[LaneSettings], end: PassageEnd) -> None:
        """The end belongs to the lane of its direction, else to the barrier's first."""
        lane = next((lane for lane in users if lane.direction == end.direction), users[0])
        if self._handlers is not None:
            self._handlers.handle_passage(self.lanes[lane.name], end)

    def _seats(self, handlers: Handlers) -> Iterator[ReaderQueue]:
        for settings in self._settings:
            lane = self.lanes[settings.name]
            for name in settings.readers:
                reader = self._readers[name]
                tap = partial(handlers.handle, lane, reader) if settings.taps else None
                yield ReaderQueue(lane, reader, tap)

    def _inputs(self, settings: LaneSettings, handlers: Handlers) -> Iterator[InputThread[Any]]:
        """The threads of one lane."""
        lane = self.lanes[settings.name]
        for seat in self.seats:
            if seat.lane is lane:
                name = f"reader {seat.reader.name}"
                yield InputThread[Any](self._world, name, seat.reader.events, seat.take, ahead=True)
        for name in settings.scanners:
            codes = self.fitted.scanners[name].device.events
            handle = partial(handlers.handle_code, lane)
            yield InputThread(self._world, f"scanner {name}", codes, handle)
        for name in settings.documents:
            documents = self.fitted.documents[name].device.events
            take = partial(handlers.handle_document, lane)
            yield InputThread(self._world, f"documents {name}", documents, take)


def device_folders(settings: Settings) -> Sequence[Path]:
    """Where devices appear: the usual folders, and those of the paths that the settings name."""
    named = (
        Path(pattern).parent
        for pattern in patterns(settings)
        if pattern.startswith("/") and "|/" not in pattern  # paths that are named apart as well
    )
    return [*USUAL_FOLDERS, *named]


def named(lane: LaneSettings, kind: str) -> Sequence[str]:
    """The devices of a kind (a table of the settings) that a lane names."""
    one = {"barriers": lane.barrier, "pinpads": lane.pinpad, "printers": lane.printer}
    if kind in one:
        return [name for name in [one[kind]] if name]
    if kind == "prompts":
        return (*lane.prompts, *lane.staff)
    names: Sequence[str] = getattr(lane, kind)
    return names


def _reader_drivers(world: World, settings: Settings) -> dict[str, ReaderDriver]:
    """One driver per family, with all its bindings."""
    families = {reader.driver for reader in settings.readers}
    return {
        family: _reader_driver(family)(
            world,
            [
                SlotBinding(r.name, r.match, Interface(r.interface), r.options)
                for r in settings.readers
                if r.driver == family
            ],
        )
        for family in sorted(families)
    }


def _reader_driver(family: str) -> type[ReaderDriver]:
    try:
        return registry.reader_driver(family)
    except registry.DriverBroken as fault:
        return cast(type[ReaderDriver], registry.out_of_order(registry.READERS, family, fault))
