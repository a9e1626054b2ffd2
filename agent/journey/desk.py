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

from agent.clock import Clock
from agent.fares.ride import Journey
from agent.fares.rules import Rules
from agent.journey.faults import LineUnknown, NobodyOn, StopUnknown
from agent.journey.geofence import Located, locate
from agent.journey.lines import Direction, LineBook
from agent.journey.memory import Memory, MemoryFile, Shift
from agent.journey.shift import CLOSED, OPENED, SCENE, At, Ledger, Summary, entered_again, summarise
from agent.proof import Proof
from config.model import Journey as Settings
from config.model import Vehicle
from drivers.contract.position import Position
from offline_store.event import Draft, Event
from offline_store.faults import ListUnreadable, Unstored
from world import World

LOG = logging.getLogger("onecard.journey")
MINUTE: Final = 60.0
SHOWN: Final = 8  # hex digits of the person reference, all that is shown of a driver
HAND: Final = "hand"  # credential of a shift that was closed by the API

Signed = Literal["on", "off", "held"]
Source = Literal["none", "manual", "gnss"]


class JourneyDesk:
    """Any thread; `start` first."""

    def __init__(
        self,
        world: World,
        clock: Clock,
        vehicle: Vehicle,
        settings: Settings,
        ledger: Ledger,
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
        self._memory = Memory()
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
        """A driver, by his reference, has shown a card or code that has proved itself: on, off if
        it is he who is on, or taking over from who is. `held`: he has only just signed on, his card
        lay there twice.

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
        return summarise(event for _, event in self._ledger.after(shift.after))

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

    def _arrived(self, memory: Memory, stop: str, book: LineBook) -> Memory:
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

    def recorded(self) -> dict[str, int | str]:
        """For `Draft.detail` of a ride: what the back office is owed of the vehicle."""
        memory = self._memory
        book = self._book()
        found: dict[str, int | str] = {
            "vehicle": self._vehicle.id,
            "line": memory.line,
            "direction": memory.direction,
            "station": memory.stop,
        }
        if memory.line in book.lines:
            found["line_code"] = book.lines[memory.line].code
        if memory.stop in book.stops:
            found["station_code"] = book.stops[memory.stop].code
        if memory.shift is not None:
            found |= {"driver": memory.shift.driver, "shift": memory.shift.id}
        return found

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
        for at, event in self._ledger.after(memory.at):
            memory = replace(_with_event(memory, at, event), at=at)
        self._caught_up = True
        self._keep(memory)

    def _open(self, driver: str, credential: str, behind: At | None) -> None:
        shift = self._world.random(8).hex()
        detail: dict[str, int | str] = {"shift": shift, "after_epoch": "", "after_seq": 0}
        if behind is not None:
            detail |= {"after_epoch": behind[0], "after_seq": behind[1]}
        draft = self._draft(OPENED, credential, driver)
        at, event = self._write(replace(draft, detail={**draft.detail, **detail}))
        self._signed_on = self._world.monotonic()
        self._keep(_with_event(self._memory, at, event))

    def _close(self, shift: Shift, credential: str) -> At | None:
        """The last row that was counted into it."""
        until, events = shift.after, []
        for at, event in self._ledger.after(shift.after):
            until = at
            events.append(event)
        summary = summarise(events)
        draft = self._draft(CLOSED, credential, shift.driver)
        amounts = {f"{row['class']} {row['kind']}": int(row["amount"]) for row in summary.shown()}
        state: dict[str, int | str] = {
            f"{row['class']} {row['kind']}": row["rides"] for row in summary.shown()
        }
        state |= {"refused": summary.refused, "unknown": summary.unknown}
        detail: dict[str, int | str] = {
            "shift": shift.id,
            "rides": summary.rides,
            "amount": summary.amount,
            "opened_ms": shift.opened_ms,
        }
        if until is not None:
            detail |= {"until_epoch": until[0], "until_seq": until[1]}
        at, closing = self._write(
            replace(draft, amounts=amounts, state=state, detail={**draft.detail, **detail})
        )
        self._keep(_with_event(self._memory, at, closing))
        return until

    def _draft(self, reason: str, credential: str, person: str) -> Draft:
        clock = self._clock.read()
        memory = self._memory
        return Draft(
            time_ms=clock.time_ms,
            clock=clock.quality,
            boot=clock.boot,
            up_ms=clock.up_ms,
            kind="tap",
            scene=SCENE,
            credential=credential,
            person=person,
            verdict="accepted",
            reason=reason,
            detail={
                "vehicle": self._vehicle.id,
                "line": memory.line,
                "direction": memory.direction,
            },
        )

    def _write(self, draft: Draft) -> tuple[At, Draft]:
        return self._ledger.write(draft), draft

    def _keep(self, memory: Memory) -> None:
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


def _with_event(memory: Memory, at: At, event: Draft) -> Memory:
    """The memory after one event of the journal; others than of shifts change nothing."""
    if event.scene != SCENE or (isinstance(event, Event) and entered_again(event)):
        return memory
    if event.reason == CLOSED:
        return replace(memory, shift=None, at=at)
    detail = event.detail
    behind = (str(detail["after_epoch"]), int(detail["after_seq"]))
    shift = Shift(
        id=str(detail["shift"]),
        driver=event.person,
        opened_ms=event.time_ms,
        after=behind if behind[0] else at,
    )
    return replace(memory, shift=shift, at=at)
