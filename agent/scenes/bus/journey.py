"""The vehicle's state: who drives, on which line, which way, at which stop. One per terminal.

Fixes, a driver's card or code, and the driver's hands (local API) come in; the journey that a fare
is decided from, and what a record says of the vehicle, go out. Changes survive a power cut.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from msgspec.structs import replace

from agent.fares.lines import Direction, LineBook
from agent.fares.ride import Journey
from agent.fares.rules import Rules
from agent.identify.proof import Proof
from agent.scenes.bus.faults import LineUnknown, NobodyOn, StopUnknown
from agent.scenes.bus.geofence import Located, locate
from agent.scenes.bus.journey_file import JourneyMemory, MemoryFile, OpenShift
from agent.scenes.bus.shift import CLOSED, OPENED, ShiftJournal, Summary, summarise
from config.model import JourneySettings as Settings
from config.model import Vehicle
from drivers.contract.position import Position
from offline_store.clock import Clock
from offline_store.events.reference import Reference
from offline_store.events.ride import Ride
from offline_store.events.row import Event, Stored
from offline_store.events.terminal import Shift
from offline_store.faults import ListUnreadable, Unstored
from world import World

LOG = logging.getLogger("onecard.journey")
MINUTE: Final = 60.0
SHOWN: Final = 8  # hex digits of the person reference, all that is shown of a driver
HAND: Final = "hand"  # credential of a shift that was closed by the API

Signed = Literal["on", "off", "held"]
Source = Literal["none", "manual", "gnss"]


class VehicleState:
    """Any thread; `start` first."""

    def __init__(
        self,
        world: World,
        clock: Clock,
        vehicle: Vehicle,
        settings: Settings,
        ledger: ShiftJournal,
        rules: Callable[[], Rules],
        data: Path,
    ) -> None:
        self._world = world
        self._clock = clock
        self._vehicle = vehicle
        self._settings = settings
        self._ledger = ledger
        self._rules = rules
        self._file = MemoryFile(world, data)
        self._changing = world.lock()
        self._memory = JourneyMemory()
        self._caught_up = False  # with the journal
        self._located = Located()
        self._source: Source = "none"
        self._manual_ends = 0.0  # World.monotonic(): the clock may be set meanwhile
        self._signed_on = -self._settings.held  # World.monotonic() of the last sign-on

    def start(self) -> None:
        """Remember. A journal that cannot be read yet is read before the next driver signs."""
        with self._changing:
            memory = self._file.read()
            if not memory.line:
                memory = replace(memory, line=self._vehicle.line, direction=self._vehicle.direction)
            self._memory = memory
            self._located = Located(memory.stop)
            self._source = "manual" if memory.manual_until_ms else "none"
            left = (memory.manual_until_ms - self._clock.read().time_ms) / 1000
            within = self._settings.override_minutes * MINUTE
            self._manual_ends = self._world.monotonic() + max(0.0, min(left, within))
            with suppress(Unstored):
                self._catch_up()

    # Who drives

    def sign(self, driver: str, credential: str, proof: Proof) -> Signed:
        """A driver, by reference, has shown a card or code that has proved itself: signs on, off
        when on already, or takes over from another. `held`: the driver has only just signed on, the
        card lay there twice.

        Raises `offline_store.store.Unstored`; then all is as it was.
        """
        with self._changing:
            self._catch_up()
            shift = self._memory.shift
            if shift is not None and shift.driver == driver:
                if self._world.monotonic() - self._signed_on < self._settings.held:
                    return "held"
                self._close(shift, credential)
                return "off"
            behind = self._close(shift, credential) if shift is not None else None
            self._open(driver, credential, behind)
            return "on"

    def sign_off(self) -> None:
        """Close the shift without the driver's card. Raises `NobodyOn`, `Unstored`."""
        with self._changing:
            self._catch_up()
            if self._memory.shift is None:
                raise NobodyOn()
            self._close(self._memory.shift, HAND)

    def summary(self) -> Summary | None:
        """The open shift's trips so far; None without one. Raises `Unstored`."""
        with self._changing:
            self._catch_up()
            shift = self._memory.shift
        if shift is None:
            return None
        return summarise(self._ledger.after(shift.after))

    # Where it is

    def set_line(self, line: str, direction: Direction) -> None:
        """By hand. The stop is open then. Raises `LineUnknown`."""
        book = self._book()
        if line not in book.lines:
            raise LineUnknown(line=line, known=", ".join(book.lines))
        with self._changing:
            self._located, self._source = Located(), "none"
            self._keep(
                replace(self._memory, line=line, direction=direction, stop="", manual_until_ms=0)
            )

    def set_stop(self, stop: str) -> None:
        """By hand: it holds for `override_minutes`, whatever the satellites say, or until
        `follow`; where there is no receiver until the next one is chosen. Raises `StopUnknown`."""
        with self._changing:
            memory = self._memory
            course = [one.id for one in self._book().course(memory.line, memory.direction)]
            if stop not in course:
                raise StopUnknown(line=memory.line, stop=stop, known=", ".join(course))
            lasting = self._settings.override_minutes * MINUTE
            self._manual_ends = self._world.monotonic() + lasting
            self._located, self._source = Located(stop), "manual"
            until_ms = self._clock.read().time_ms + round(lasting * 1000)
            self._keep(replace(memory, stop=stop, manual_until_ms=until_ms))

    def follow(self) -> None:
        """Go by the satellites again."""
        with self._changing:
            self._manual_ends = self._world.monotonic()
            self._keep(replace(self._memory, manual_until_ms=0))

    def moved(self, position: Position) -> None:
        """One fix. It moves nothing while a stop that was chosen by hand holds."""
        with self._changing:
            if self._source == "manual" and self._world.monotonic() < self._manual_ends:
                return
            memory, before = self._memory, self._located
            book = self._book()
            course = book.course(memory.line, memory.direction)
            here = locate(before, position.lat, position.lon, course, self._settings.sure)
            self._located = here
            if here.at_stop and (here.stop != memory.stop or not before.at_stop):
                self._source = "gnss"
                self._keep(self._arrived(memory, here.stop, book))

    def _arrived(self, memory: JourneyMemory, stop: str, book: LineBook) -> JourneyMemory:
        """At the last stop the vehicle is on its way back: who gets on there rides that way."""
        direction = memory.direction
        course = book.course(memory.line, direction)
        other: Direction = "down" if direction == "up" else "up"
        back = book.course(memory.line, other)
        if self._settings.turn_at_end and stop == course[-1].id and stop == back[0].id:
            direction = other
        return replace(memory, stop=stop, direction=direction, manual_until_ms=0)

    # What others need of it

    def journey(self) -> Journey:
        """Who boards now rides so."""
        memory = self._memory
        return Journey(memory.line, memory.direction, memory.stop)

    def ride(self) -> Ride:
        """What the back office is owed of the vehicle, for who boards now."""
        memory, book = self._memory, self._book()
        line, stop = book.lines.get(memory.line), book.stops.get(memory.stop)
        shift = memory.shift
        return Ride(
            vehicle=self._vehicle.id,
            line=memory.line,
            direction=memory.direction,
            station=memory.stop,
            line_code=line.code if line else None,
            station_code=stop.code if stop else None,
            driver=shift.driver if shift else "",
            shift=shift.id if shift else "",
        )

    def shown(self) -> dict[str, object]:
        """For the API: no reference in full."""
        with self._changing:
            memory, source, at_stop = self._memory, self._source, self._located.at_stop
            left = max(0.0, self._manual_ends - self._world.monotonic())
        shift = memory.shift
        return {
            "vehicle": self._vehicle.id,
            "line": memory.line,
            "direction": memory.direction,
            "stop": memory.stop,
            "at_stop": at_stop,
            "source": source,
            "manual_seconds": round(left) if source == "manual" else 0,
            "shift": None
            if shift is None
            else {"id": shift.id, "driver": shift.driver[:SHOWN], "opened_ms": shift.opened_ms},
        }

    # Parts

    def _catch_up(self) -> None:
        """Read what the journal says about shifts behind the file, once. Raises `Unstored`."""
        if self._caught_up:
            return
        memory = self._memory
        for row in self._ledger.after(memory.at):
            memory = replace(_with_event(memory, row), at=row.at)
        self._caught_up = True
        self._keep(memory)

    def _open(self, driver: str, credential: str, behind: Reference | None) -> None:
        begun = Shift(
            clock=self._clock.read(),
            reason=OPENED,
            credential=credential,
            person=driver,
            shift=self._world.random(8).hex(),
            vehicle=self._vehicle.id,
            line=self._memory.line,
            direction=self._memory.direction,
            after=behind,
        )
        row = self._ledger.write(begun)
        self._signed_on = self._world.monotonic()
        self._keep(_with_event(self._memory, row))

    def _close(self, shift: OpenShift, credential: str) -> Reference | None:
        """The last row that was counted into it."""
        rows = list(self._ledger.after(shift.after))
        until = rows[-1].at if rows else shift.after
        ended = Shift(
            clock=self._clock.read(),
            reason=CLOSED,
            credential=credential,
            person=shift.driver,
            shift=shift.id,
            vehicle=self._vehicle.id,
            line=self._memory.line,
            direction=self._memory.direction,
            after=until,
            opened_ms=shift.opened_ms,
            totals=summarise(rows).totals(),
        )
        self._keep(_with_event(self._memory, self._ledger.write(ended)))
        return until

    def _keep(self, memory: JourneyMemory) -> None:
        """In force at once. A disk that takes nothing stops no vehicle: what the file lacks, the
        journal and the next stop give back."""
        self._memory = memory
        try:
            self._file.write(memory)
        except OSError as error:
            LOG.warning("journey: not kept (%s)", type(error).__name__)

    def _book(self) -> LineBook:
        """No lines where their list cannot be read: the vehicle drives on, as far as is known."""
        try:
            return self._rules().lines
        except ListUnreadable:
            return LineBook()


def _with_event(memory: JourneyMemory, row: Stored[Event]) -> JourneyMemory:
    """The memory after one event of the journal; others than of shifts change nothing."""
    event = row.event
    if not isinstance(event, Shift) or row.was is not None:
        return memory
    if event.totals is not None:
        return replace(memory, shift=None, at=row.at)
    shift = OpenShift(
        id=event.shift,
        driver=event.person,
        opened_ms=event.clock.time_ms,
        after=event.after or row.at,
    )
    return replace(memory, shift=shift, at=row.at)
