"""Events of the journal that no tap waits for: alarms, recoveries, passages.

What cannot be stored is counted, and told by the next tap that can.
"""

from collections.abc import Callable
from typing import Literal

from msgspec.structs import replace

from agent.clock import Clock
from agent.passage import PassageEnd, Tap
from offline_store.event import ABOUT_EPOCH, ABOUT_SEQ, Draft
from offline_store.store import Entry, Store, Turn, Unstored
from world import World

NOT_EXECUTED = "not-executed"  # reason of a recovery event: what it refers to did not take place
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

    def alarm(self, lane: str, reason: str, **detail: str | int) -> None:
        """Something that an operator has to know."""
        draft = replace(self._draft("alarm", lane, reason), detail=detail)
        self._record(lambda turn: Entry(draft))

    def not_executed(self, lane: str, tap: Tap) -> None:
        """The record says accepted, the barrier did not open: the person may come again at once."""
        self._about(tap, self._draft("recovery", lane, NOT_EXECUTED))

    def passage(self, lane: str, end: PassageEnd) -> None:
        """Who went through, or did not, or went without a tap of his own."""
        kind: Literal["passage", "alarm"] = "passage" if end.kind in KNOWN else "alarm"
        draft = self._draft(kind, lane, end.kind)
        since = round((self._world.monotonic() - end.at) * 1000)
        detail: dict[str, int | str] = {"direction": end.direction} if end.direction else {}
        self._about(end.tap, replace(draft, time_ms=draft.time_ms - since, detail=detail))

    def _about(self, tap: Tap | None, draft: Draft) -> None:
        """An event that names an earlier one; of another epoch by its number and epoch."""

        def decide(turn: Turn) -> Entry:
            if tap is None:
                return Entry(draft)
            epoch, seq = tap
            event = turn.event(seq)
            if event is not None and event.epoch == epoch:
                return Entry(replace(draft, refers=seq))
            elsewhere = {ABOUT_EPOCH: epoch, ABOUT_SEQ: seq}
            return Entry(replace(draft, detail={**draft.detail, **elsewhere}))

        self._record(decide)

    def _record(self, decide: Callable[[Turn], Entry]) -> None:
        try:
            self._store.turn(decide)
        except Unstored:
            self.missed.add(1)

    def _draft(
        self, kind: Literal["alarm", "recovery", "passage"], lane: str, reason: str
    ) -> Draft:
        clock = self._clock.read()
        return Draft(
            kind=kind,
            time_ms=clock.time_ms,
            clock=clock.quality,
            boot=clock.boot,
            up_ms=clock.up_ms,
            lane=lane,
            scene=self._scene,
            reason=reason,
        )


class Missed:
    """How many taps and alarms could not be stored since an event last told of it."""

    def __init__(self, world: World) -> None:
        self._changing = world.lock()
        self._count = 0

    def add(self, count: int) -> None:
        with self._changing:
            self._count += count

    def take(self) -> int:
        """All of them, for one event to tell; two taps at once never tell of the same ones."""
        with self._changing:
            count, self._count = self._count, 0
            return count
