"""Whether the person for whom a barrier opened went through, and who went through without.

Openings come from the taps, crossings and force from the barrier's sensors; out come ends, each
naming its tap: passed or timed out (and passed late, after all), and alarms: tailgating, wrong way,
forced.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import inf
from typing import Any, Final, Literal

from drivers.contract import Barrier, Crossing, DeviceFault, Direction, Forced, Sensed
from offline_store.events.reference import Reference
from world import QueueEmpty, Task, World

EndKind = Literal["passed", "timed-out", "passed-late", "tailgating", "wrong-way", "forced"]

TAIL: Final = 3.0  # seconds behind a person in which whoever follows him is a tailgater
LATE: Final = 3.0  # seconds after his time in which whoever goes through is he, a moment late
STOP_WITHIN: Final = 2.0  # seconds
# Put among the events, the one makes the thread look at its deadlines, the other ends it.
WAKE: Final[Any] = object()
STOP: Final[Any] = object()


@dataclass(frozen=True)
class PassageEnd:
    """What became of an opening ("passed", "timed-out", and after that "passed-late"), or an
    alarm."""

    kind: EndKind
    tap: (
        Reference | None
    )  # whose opening; of a tailgater: behind whom; None: nobody's, or not recorded
    direction: Direction | None  # None of a leaf moved by force: the sensor does not tell
    at: float  # World.monotonic() when it was sensed, or when the time was up


class Opening:
    """A barrier is open for one person; made by `PassageMachine.announce`."""

    def __init__(self, direction: Direction, tap: Reference | None, since: float) -> None:
        self.direction = direction
        self.since = since  # who crossed earlier did not come for it
        self.tap = tap
        self.named = tap is not None  # its tap is recorded, or never will be
        self.deadline: float | None = None  # none until the barrier took the order


class PassageMachine:
    """The state machine of one barrier: times come in as arguments, ends go out by `take`.

    An opening waits for its person. The oldest of a direction belongs to the person who crosses
    first; those behind get their whole time again when one has gone: the gate lets through one by
    one.
    """

    def __init__(self, directions: Collection[Direction], limit: float) -> None:
        """`directions` are those that people may go here; `limit` is in seconds."""
        self._directions = frozenset(directions)
        self._limit = limit
        self._waiting: list[Opening] = []
        self._last: dict[Direction, tuple[Opening, float]] = {}  # who ended last, and when
        self._overdue: list[tuple[Opening, float]] = []  # whose time was up, and when
        self._ends: list[tuple[PassageEnd, Opening | None]] = []

    def announce(self, direction: Direction, tap: Reference | None, at: float = -inf) -> Opening:
        """The barrier is about to be opened. Without a tap `name` has to follow."""
        opening = Opening(direction, tap, at)
        self._waiting.append(opening)
        return opening

    def took(self, opening: Opening, at: float) -> None:
        """The barrier is open; the person's time runs."""
        opening.deadline = at + self._limit

    def withdraw(self, opening: Opening) -> None:
        """The barrier did not open. A person who went through all the same has gone through."""
        if opening in self._waiting:
            self._waiting.remove(opening)

    def name(self, opening: Opening, tap: Reference | None) -> None:
        """The tap's record is durable, or there will be none."""
        opening.tap, opening.named = tap, True

    def crossed(self, direction: Direction, at: float) -> None:
        """Somebody went through."""
        self.expire(at)
        waiting = [opening for opening in self._waiting if opening.since <= at]
        opening = next((one for one in waiting if one.direction == direction), None)
        if opening is not None:
            self._end("passed", opening, at)
            self._renew(direction, at)
        elif waiting or direction not in self._directions:
            self._alarm("wrong-way", None, direction, at)
        elif (late := self._overdue_one(direction, at)) is not None:
            self._last[direction] = late, at
            self._alarm("passed-late", late, direction, at)
        elif (before := self._just_before(direction, at)) is not None:
            self._alarm("tailgating", before, direction, at)
        else:
            self._alarm("forced", None, direction, at)

    def forced(self, at: float) -> None:
        """The leaf was moved by force; openings that wait go on waiting."""
        self.expire(at)
        self._alarm("forced", None, None, at)

    def expire(self, now: float) -> None:
        """End the openings that no person used in time."""
        for opening in list(self._waiting):
            if opening.deadline is not None and opening.deadline <= now:
                self._end("timed-out", opening, opening.deadline)

    def next_deadline(self) -> float | None:
        """World.monotonic() at which the first opening times out; None: no opening waits."""
        return min((o.deadline for o in self._waiting if o.deadline is not None), default=None)

    def take(self) -> list[PassageEnd]:
        """What has ended since, in order; what waits for its tap's name stays."""
        known = [end for end in self._ends if end[1] is None or end[1].named]
        self._ends = [end for end in self._ends if end not in known]
        return [
            PassageEnd(end.kind, opening.tap if opening else None, end.direction, end.at)
            for end, opening in known
        ]

    def _end(self, kind: EndKind, opening: Opening, at: float) -> None:
        self._waiting.remove(opening)
        self._last[opening.direction] = opening, at
        if kind == "timed-out":
            self._overdue.append((opening, at))
        self._alarm(kind, opening, opening.direction, at)

    def _alarm(
        self, kind: EndKind, opening: Opening | None, direction: Direction | None, at: float
    ) -> None:
        self._ends.append((PassageEnd(kind, None, direction, at), opening))

    def _renew(self, direction: Direction, at: float) -> None:
        for opening in self._waiting:
            if opening.direction == direction and opening.deadline is not None:
                opening.deadline = max(opening.deadline, at + self._limit)

    def _overdue_one(self, direction: Direction, at: float) -> Opening | None:
        """Whose time was up a moment ago; nobody is twice."""
        self._overdue = [(one, ended) for one, ended in self._overdue if at - ended <= LATE]
        for overdue in self._overdue:
            if overdue[0].direction == direction:
                self._overdue.remove(overdue)
                return overdue[0]
        return None

    def _just_before(self, direction: Direction, at: float) -> Opening | None:
        opening, ended = self._last.get(direction, (None, 0.0))
        return opening if opening is not None and at - ended <= TAIL else None


class Passages:
    """Watches one barrier that senses, for all lanes that open it, on a thread of its own.

    `record` is called on that thread, one end at a time; it must not raise.
    """

    def __init__(
        self,
        world: World,
        barrier: Barrier,
        directions: Collection[Direction],
        deadline: float,
        record: Callable[[PassageEnd], None],
    ) -> None:
        """`directions`: of the lanes that use the barrier. `deadline`: seconds for a person."""
        self._world = world
        self._barrier = barrier
        self._record = record
        self._guard = world.lock()  # over what follows
        self._passage = PassageMachine(directions, deadline)
        self._task: Task | None = None

    def start(self) -> None:
        """Begin the thread `passage LANE`, which takes the barrier's events."""
        self._task = self._world.spawn(self._run, name=f"passage {self._barrier.name}")

    def stop(self) -> None:
        """What was sensed until now is recorded; what is still open has no end that anybody saw."""
        self._barrier.events.put(STOP)
        if self._task is not None:
            self._task.join(STOP_WITHIN)

    def open(self, direction: Direction, tap: Reference | None = None) -> Opening:
        """Open the barrier for one person and watch for the crossing. Raises `DeviceFault`: it is
        not open.

        Expected before it opens, as a quick person may be through before the board has answered.
        Where people are let out first and recorded afterwards, `tap` is missing and `name` follows.
        """
        with self._guard:
            opening = self._passage.announce(direction, tap, self._world.monotonic())
        try:
            self._barrier.open(direction)
        except DeviceFault:
            with self._guard:
                self._passage.withdraw(opening)
            raise
        with self._guard:
            self._passage.took(opening, self._world.monotonic())
        self._barrier.events.put(WAKE)
        return opening

    def name(self, opening: Opening, tap: Reference | None) -> None:
        """The record of an opening without one is durable now; None: it could not be stored."""
        with self._guard:
            self._passage.name(opening, tap)
        self._barrier.events.put(WAKE)

    def _run(self) -> None:
        while True:
            event = self._next_event()
            self._watch(event)
            with self._guard:
                ends = self._passage.take()
            for end in ends:
                self._record(end)
            if event is STOP:
                return

    def _next_event(self) -> Sensed | None:
        with self._guard:
            deadline = self._passage.next_deadline()
        left = None if deadline is None else max(0.0, deadline - self._world.monotonic())
        try:
            event = self._barrier.events.get(left)
        except QueueEmpty:
            return None
        return event

    def _watch(self, event: Sensed | None) -> None:
        with self._guard:
            if isinstance(event, Crossing):
                self._passage.crossed(event.direction, event.at)
            elif isinstance(event, Forced):
                self._passage.forced(event.at)
            elif event is None:  # no earlier crossing waits to be looked at
                self._passage.expire(self._world.monotonic())
