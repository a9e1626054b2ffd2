"""Asks a vendor's driver something, and keeps what went wrong with it."""

import logging
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar

from drivers.contract import DeviceFault, DeviceState, DeviceStatus
from world import Fault, Queue, Task, World
from world.packages import EntryPoint, entry_points

LOG = logging.getLogger("onecard.devices")
OURS: Final = "onecard-agent"
# Our groups of entry points.
KINDS: Final = (
    *("readers", "scanners", "documents", "barriers", "prompts", "pinpads", "printers"),
    *("voices", "photo_decoders"),
)
HOUSE: Final = ("agent", "apdu", "drivers", "simulators")  # of entry points without a package
THREAD: Final = "thread"
EVENTS, EVENT = "events", "event"  # its queue, and what came out of it

STEADY: Final = 5.0  # seconds without a further one until a thread's defect is over
FIRST_RETRY: Final = 0.25
LAST_RETRY: Final = 30.0
FIRST_PAUSE, LAST_PAUSE = 0.01, 1.0  # seconds after what is no event, so that none come at once
AHEAD: Final = 1.0  # seconds that an event may be before our clock

T = TypeVar("T")
WAKE: Final[Any] = object()  # ends the wait for events


class DriverDefect(DeviceFault):
    """A vendor's driver did what its contract does not know. Facts: `device`, `driver`, `package`,
    `point` (MODULE:NAME), `where` (what was asked of it), `error` (the exception's type)."""

    code = "driver.defect"
    state = DeviceState.PROTOCOL_ERROR


class WrongType(TypeError):
    """It returned what its contract does not name."""


@dataclass(frozen=True)
class Origin:
    """Where a driver comes from."""

    driver: str  # name of the entry point
    package: str
    point: str

    @classmethod
    def of(cls, point: EntryPoint) -> "Origin":
        """From an entry point: its package is that of the distribution, or the module where none
        says."""
        return cls(point.name, point.package or point.module, point.value)

    def facts(self) -> Mapping[str, str]:
        """As facts of a `Fault`: `driver`, `package`, `point`."""
        return {"driver": self.driver, "package": self.package, "point": self.point}


def ours(point: EntryPoint) -> bool:
    """Whether an entry point is of this package."""
    if point.package:
        return point.package == OURS
    return point.value.partition(".")[0] in HOUSE


def is_foreign_code(file: str) -> bool:
    """Whether a source file belongs to a package that offers drivers, voices or decoders to us."""
    points = [point for kind in KINDS for point in entry_points(group=f"onecard.{kind}")]
    for point in points:
        module = sys.modules.get(point.value.partition(":")[0].partition(".")[0])
        own = getattr(module, "__file__", None) or ""
        place = f"{Path(own).parent}/" if Path(own).name == "__init__.py" else own
        if own and not ours(point) and file.startswith(place):
            return True
    return False


class Guard:
    """Of one device of a vendor's driver. Any thread."""

    def __init__(self, world: World, origin: Origin, device: str) -> None:
        self.device = device
        self._world = world
        self._origin = origin
        self._changing = world.lock()
        self._found: dict[str, tuple[float, DeviceFault]] = {}  # where → last defect, and when
        self._stopping = world.event()

    def ask(self, where: str, question: Callable[[], T]) -> T:
        """What it answers. Raises the `Fault`s that it raises, and `DriverDefect`."""
        try:
            answer = question()
        except KeyboardInterrupt:  # somebody has ended the command
            raise
        except BaseException as error:
            if isinstance(error, Fault) and can_be_told(error):
                raise
            raise self._defect(where, type(error), error.__traceback__) from None
        with self._changing:
            self._found.pop(where, None)
        return answer

    def tell(self, where: str, order: Callable[[], object]) -> None:
        """What may not raise by its contract, and whose answer is not wanted."""
        try:
            self.ask(where, order)
        except DriverDefect:
            return
        except Fault as fault:
            self.note(where, fault)

    def typed(self, where: str, question: Callable[[], object], kind: type[T]) -> T:
        """An answer of that type. Raises as `ask` does."""

        def asked() -> T:
            answer = question()
            if not isinstance(answer, kind):
                raise WrongType
            return answer

        return self.ask(where, asked)

    def note(self, where: str, fault: Fault) -> None:
        """A fault that its contract does not have there."""
        self._keep(where, self._told(where, fault.code))

    def keep_running(self, target: Callable[[], None]) -> None:
        """A thread of the driver's: when it ends by a defect it is begun again, ever later."""
        delay = FIRST_RETRY
        while not self._stopping.is_set():
            try:
                self.ask(THREAD, target)
            except DriverDefect:
                if self._stopping.wait(delay):
                    return
                delay = min(delay * 2, LAST_RETRY)
            except Fault as fault:
                self.note(THREAD, fault)
                if self._stopping.wait(delay):
                    return
            else:
                return

    def stop(self) -> None:
        """No thread is begun again from now on."""
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        """True from `stop` on: no call of the driver is begun again."""
        return self._stopping.is_set()

    def pause(self, seconds: float) -> None:
        """Until then, or until the end."""
        self._stopping.wait(seconds)

    def are_times(self, *times: object) -> bool:
        """Moments of `World.monotonic`: of another clock they would be hours of waiting."""
        latest = self._world.monotonic() + AHEAD
        return all(
            isinstance(time, float | int) and isfinite(time) and time <= latest for time in times
        )

    def status(self, told: DeviceStatus) -> DeviceStatus:
        """`told`, or the defect that keeps the device from working."""
        now = self._world.monotonic()
        with self._changing:
            found = dict(self._found)
        for where, (at, defect) in sorted(found.items(), key=lambda each: -each[1][0]):
            over = where == THREAD and now - at >= STEADY and told.state is DeviceState.READY
            if not over:
                return DeviceStatus(
                    self.device,
                    defect.state,
                    attached=told.attached,
                    fault=defect.code,
                    lost=told.lost,
                    presented=told.presented,
                    facts=defect.facts,
                    counters=told.counters,
                )
        return told

    def _defect(
        self, where: str, kind: type[BaseException], trace: TracebackType | None
    ) -> DriverDefect:
        defect = self._told(where, kind.__name__)
        if self._keep(where, defect):
            # Without what the exception says: it may be somebody's data.
            frames = "".join(traceback.format_tb(trace))
            LOG.error("device %s: %s\n%s", self.device, defect, frames)
        return defect

    def _told(self, where: str, error: str) -> DriverDefect:
        facts = {"device": self.device, **self._origin.facts(), "where": where, "error": error}
        return DriverDefect(**facts)

    def _keep(self, where: str, defect: DriverDefect) -> bool:
        """Whether it is news."""
        with self._changing:
            before = self._found.get(where)
            # Another one than is raised, which would gather the frames of every call.
            self._found[where] = (self._world.monotonic(), DriverDefect(**defect.facts))
        return before is None or before[1].facts != defect.facts


def can_be_told(fault: Fault) -> bool:
    """Its code and facts are what a record and a sentence can hold. Raises nothing: a vendor's
    fault need not have any facts, and its code may be code."""
    try:
        code, facts = fault.code, dict(fault.facts)
    except KeyboardInterrupt:  # somebody has ended the command
        raise
    except BaseException:  # noqa: BLE001 - whatever it is, it is the vendor's
        return False
    texts = (code, *facts)
    return all(isinstance(text, str) for text in texts) and all(
        isinstance(fact, str | int) for fact in facts.values()
    )


class ForeignWorld:
    """The World as a vendor's driver has it: its threads may fail."""

    def __init__(self, world: World, keep: Callable[[Callable[[], None]], None]) -> None:
        self._world = world
        self._keep = keep

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    def spawn(self, target: Callable[[], None], *, name: str) -> Task:
        """As `world.ports.World.spawn`; what `target` raises becomes a defect of the driver, and
        the process goes on."""
        return self._world.spawn(lambda: self._keep(target), name=name)


class Events:
    """What a driver tells, as far as it is what its contract names; on a thread of ours."""

    def __init__(
        self, world: World, guard: Guard, inner: object, sound: Callable[[Any], bool]
    ) -> None:
        """`sound`: whether something is such an event."""
        self.queue: Queue[Any] = world.queue()
        self._world = world
        self._guard = guard
        self._inner = inner
        self._sound = sound
        self._task: Task | None = None

    def start(self) -> None:
        """Begin the thread that takes the driver's events and puts the sound ones into `queue`."""
        self._task = self._world.spawn(self._run, name=f"events {self._guard.device}")

    def stop(self) -> None:
        """Wake that thread, which ends; nothing is waited for."""
        self._guard.tell(EVENTS, lambda: self._source().put(WAKE))

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._guard.stopping:
            try:
                event = self._guard.ask(EVENTS, lambda: self._source().get())
            except Fault:
                return  # there are no events; the status says so
            if event is WAKE:
                return
            if self._is_sound(event):
                self.queue.put(event)
                pause = FIRST_PAUSE
            else:
                self._guard.pause(pause)
                pause = min(pause * 2, LAST_PAUSE)

    def _is_sound(self, event: object) -> bool:
        def checked() -> None:
            if not self._sound(event):
                raise WrongType

        try:
            self._guard.ask(EVENT, checked)
        except DriverDefect:
            return False
        return True

    def _source(self) -> Any:
        return self._inner.events  # type: ignore[attr-defined]
