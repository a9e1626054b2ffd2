"""People in `onecard prove money` who pay and do not go through: who turns back, who is only slow,
and what the journal must say of the boardings that they are owed."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from agent.clock import CHINA_AHEAD_MS, DAY_MS, Clock, ClockReading
from agent.fares.carried import Carried
from agent.fares.history import History
from agent.fares.ride import AGAIN_EPOCH, AGAIN_SEQ, Journey, Rider
from agent.give_back import GiveBacks
from agent.logbook import Missed
from agent.returned import RETURNS, Place, place_of
from agent.transit.fares import Priced
from agent.transit.owed import RidesOwed
from agent.transit.paying import Took
from config.model import GiveBack
from offline_store.event import Event
from offline_store.store import Store
from offline_store.turn import Done
from offline_store.turn import GiveBack as Given
from simulators.proofs.money_judge import Tally
from world import World

TURNS_BACK: Final = 0.35  # of who was let through
SLOW: Final = 0.15  # of these: goes through a moment after his time
LIMITS: Final = GiveBack()


class Gate:
    """The gate's sensors of one power-on."""

    def __init__(self, world: World, store: Store, scene: str, chance: random.Random) -> None:
        self._chance = chance
        self._back = GiveBacks(Clock(world), store, scene, LIMITS, Missed(world))

    def turned_back(self, lane: str, took: Took) -> bool:
        """Whether who has just been let through goes away again."""
        if took.proof is None or took.record is None or self._chance.random() >= TURNS_BACK:
            return False
        place = took.record.epoch, took.record.seq
        self._back.timed_out(lane, place)
        if self._chance.random() < SLOW:
            self._back.went_through(lane, place)
            return False
        return True


def judge(events: Sequence[Event], tally: Tally) -> None:
    """Each boarding for nothing is of a ride that was given back by then, and of no other's."""
    taken_back = {(e.epoch, e.refers) for e in events if e.kind == "recovery"}
    owed: set[Place] = set()
    ridden: set[Place] = set()
    given: Counter[tuple[str, str, int]] = Counter()
    for event in events:
        if event.kind == "give-back" and (event.epoch, event.seq) not in taken_back:
            owed.add(place_of(event))
            day = (event.time_ms + CHINA_AHEAD_MS) // DAY_MS
            given[event.person, str(event.detail[RETURNS]), day] += 1
            tally.given_back += 1
        if event.verdict == "accepted" and AGAIN_SEQ in event.detail:
            place = str(event.detail[AGAIN_EPOCH]), int(event.detail[AGAIN_SEQ])
            tally.boarded += 1
            tally.unowed += place not in owed or event.amounts.get("amount", 0) != 0
            tally.ridden_twice += place in ridden
            ridden.add(place)
    most = {"ride": LIMITS.rides_per_day, "visit": LIMITS.visits_per_day}
    tally.too_often += sum(count > most[kind] for (_, kind, _), count in given.items())


class Unforgotten(RidesOwed):
    """The control: a ride that was given back is owed however often it has been ridden."""

    def price(
        self,
        turn: History,
        rider: Rider,
        clock: ClockReading,
        journey: Journey | None = None,
        carried: Carried | None = None,
    ) -> Priced:
        return super().price(_Forgetful(turn), rider, clock, journey, carried)


class _Forgetful:
    """See `History`: nobody has ridden yet."""

    def __init__(self, turn: History) -> None:
        self._turn = turn

    def accepted(self, person: str, *, scene: str) -> Iterator[Done]:
        return iter(())

    def given_back(self, person: str) -> Iterator[Given]:
        return self._turn.given_back(person)
