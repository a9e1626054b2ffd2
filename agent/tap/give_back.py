"""A visit that did not happen costs nothing: what its tap used up is returned by an event that
names the tap.

    no person went through in time, or the gate stuck after a purse had paid ─▶ `give-back`
    what a torn card had paid was found out while it was left lying          ─▶ `give-back`
    the person went through all the same, late                               ─▶ `recovery` of that

What the sensors say is bounded by the person and day, or a person could ride by turning back for
ever; no passenger can make a gate stick. Nothing is kept here: the journal is the memory, and each
step is decided in the turn that records it.
"""

from collections.abc import Callable
from typing import Final

from agent.purse.returned import (
    RIDE,
    TIMED_OUT,
    code_of,
    given_today,
    paid_for,
    returned,
    ridden,
    trip_moment,
)
from agent.tap.logbook import Missed
from config.model import GiveBackSettings as Settings
from offline_store.clock import Clock
from offline_store.events.about import NOT_EXECUTED, GiveBack, Recovery, Returned
from offline_store.events.payment import PaymentEnd
from offline_store.events.reference import Reference
from offline_store.events.row import Event
from offline_store.events.tap import Tap
from offline_store.store import Entry, Store, Turn, Unstored

# Reasons of a give-back, and of the recovery that takes one back.
STUCK: Final = "gate-stuck"
LEFT_LYING: Final = "left-lying"
WENT_THROUGH: Final = "passed-late"


class NothingToReturn(Exception):
    """There is nothing to return, or to take back: nothing is recorded."""


class GiveBacks:
    """One per terminal; called by any thread, and waits for the store only. What cannot be stored
    is counted."""

    def __init__(
        self, clock: Clock, store: Store, scene: str, settings: Settings, missed: Missed
    ) -> None:
        self._clock = clock
        self._store = store
        self._scene = scene
        self._settings = settings
        self._missed = missed

    def timed_out(self, lane: str, tap: Reference) -> None:
        """No person went through for that tap's opening, as the barrier's sensors tell."""
        self._record(lambda turn: self._given(turn, lane, tap, TIMED_OUT))

    def not_opened(self, lane: str, tap: Reference) -> None:
        """The record says accepted, and nothing opened. What a purse has paid stays paid, and a
        boarding is owed for it; any other tap did not take place: its holder may come again at
        once."""
        self._record(lambda turn: self._undone(turn, lane, tap))

    def left_lying(self, lane: str, tap: Reference) -> None:
        """That payment was found out from a card that no reader saw coming, so nothing opened for
        it."""
        self._record(lambda turn: self._given(turn, lane, tap, LEFT_LYING))

    def went_through(self, lane: str, tap: Reference) -> None:
        """The person did, a moment after the time was up: what was given back is taken back, unless
        it was ridden for by now."""
        self._record(lambda turn: self._taken_back(turn, lane, tap))

    def _record(self, decide: Callable[[Turn], Event]) -> None:
        try:
            self._store.turn(lambda turn: Entry(decide(turn)))
        except NothingToReturn:
            return
        except Unstored:
            self._missed.add(1)

    def _given(self, turn: Turn, lane: str, tap: Reference, reason: str) -> GiveBack:
        event = _tap(turn, tap)
        before = turn.give_back_of(tap)
        returns = returned(event)
        if returns is None or (before is not None and before.stands):
            raise NothingToReturn
        clock = self._clock.read()
        today = given_today(turn, event, returns, clock)
        if reason == TIMED_OUT and today >= self._most(returns):
            raise NothingToReturn
        return GiveBack(
            clock=clock,
            lane=lane,
            scene=self._scene,
            reason=reason,
            about=tap,
            credential=event.credential,
            card=event.card,
            person=event.person,
            code=code_of(event),
            returns=returns,
            amount=paid_for(event) if returns == RIDE else 0,
            again_of=trip_moment(event),
            given_back_today=today,
        )

    def _undone(self, turn: Turn, lane: str, tap: Reference) -> GiveBack | Recovery:
        found = turn.event(tap)
        if found is not None and isinstance(found.event, PaymentEnd):
            return self._given(turn, lane, tap, STUCK)
        return self._recovery(lane, NOT_EXECUTED, tap)

    def _taken_back(self, turn: Turn, lane: str, tap: Reference) -> Recovery:
        _tap(turn, tap)
        given = turn.give_back_of(tap)
        if given is None or not given.stands:
            raise NothingToReturn
        event = given.event
        if event.about.place in ridden(turn, event.person, event.scene):
            raise NothingToReturn
        return self._recovery(lane, WENT_THROUGH, given.stored.at)

    def _recovery(self, lane: str, reason: str, about: Reference) -> Recovery:
        return Recovery(
            clock=self._clock.read(), lane=lane, scene=self._scene, reason=reason, about=about
        )

    def _most(self, returns: Returned) -> int:
        settings = self._settings
        return settings.rides_per_day if returns == RIDE else settings.visits_per_day


def _tap(turn: Turn, tap: Reference) -> Tap | PaymentEnd:
    """The event of a tap; one of an earlier epoch is out of reach, and its visit stays as it is.
    Raises `NothingToReturn`."""
    found = turn.event(tap)
    if found is None or not isinstance(found.event, Tap | PaymentEnd):
        raise NothingToReturn
    return found.event
