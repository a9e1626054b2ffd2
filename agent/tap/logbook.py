"""Events of the journal that no tap waits for: alarms, passages.

What cannot be stored is counted, and told by the next tap that can.
"""

from msgspec.structs import replace

from agent.equipment.passage import PassageEnd
from offline_store.clock import Clock
from offline_store.events.about import Alarm, Passage
from offline_store.events.row import Event
from offline_store.store import Entry, Store, Unstored
from world import World

KNOWN = (
    "passed",
    "timed-out",
    "passed-late",
)  # what becomes of an opening; every other end is an alarm


class Logbook:
    """One per agent; called by any thread, and waits for the store only."""

    def __init__(self, world: World, clock: Clock, store: Store, scene: str) -> None:
        self._world = world
        self._clock = clock
        self._store = store
        self._scene = scene
        self.missed = Missed(world)

    def alarm(self, lane: str, reason: str, reader: str = "") -> None:
        """Something that an operator has to know."""
        self._record(
            Alarm(
                clock=self._clock.read(),
                lane=lane,
                scene=self._scene,
                reason=reason,
                reader=reader,
            )
        )

    def passage(self, lane: str, end: PassageEnd) -> None:
        """A person went through, or did not, or went without a tap."""
        clock = self._clock.read()
        since = round((self._world.monotonic() - end.at) * 1000)
        kind = Passage if end.kind in KNOWN else Alarm
        self._record(
            kind(
                clock=replace(clock, time_ms=clock.time_ms - since),
                lane=lane,
                scene=self._scene,
                reason=end.kind,
                about=end.tap,
                direction=end.direction or "",
            )
        )

    def _record(self, event: Event) -> None:
        try:
            self._store.turn(lambda turn: Entry(event))
        except Unstored:
            self.missed.add(1)


class Missed:
    """How many taps and alarms could not be stored since an event last told of it."""

    def __init__(self, world: World) -> None:
        self._changing = world.lock()
        self._count = 0

    def add(self, count: int) -> None:
        """So many more were not stored. Any thread."""
        with self._changing:
            self._count += count

    def take(self) -> int:
        """All of them, for one event to tell; two taps at once never tell of the same ones."""
        with self._changing:
            count, self._count = self._count, 0
            return count
