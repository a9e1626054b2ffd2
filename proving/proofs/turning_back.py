"""People in `onecard prove money` who pay and do not go through: who turns back, who is only slow,
and what the journal must say of the boardings that they are owed."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from agent.fares.carried import Carried
from agent.fares.history import History
from agent.fares.memory import PriceMemory
from agent.fares.ride import Journey, Rider, ride_of
from agent.purse.owed import RidesOwed
from agent.purse.pricing import PricedRide
from agent.purse.tap_result import TapResult
from agent.tap.give_back import GiveBacks
from agent.tap.logbook import Missed
from config.model import GiveBackSettings as Settings
from offline_store.clock import CHINA_AHEAD_MS, DAY_MS, Clock, ClockReading
from offline_store.columns import verdict_of
from offline_store.events.about import GiveBack, Recovery
from offline_store.events.payment import PaymentEnd
from offline_store.events.row import Event, Stored
from offline_store.events.seen import OwedRide, RidesBefore
from offline_store.in_force import Place
from offline_store.store import Store
from offline_store.turn import Done, GivenBack
from proving.proofs.money_judge import Tally
from world import World

TURNS_BACK: Final = 0.35  # of who was let through
SLOW: Final = 0.15  # of these: goes through a moment after his time
LIMITS: Final = Settings()


class Gate:
    """The gate's sensors of one power-on."""

    def __init__(self, world: World, store: Store, scene: str, chance: random.Random) -> None:
        self._chance = chance
        self._back = GiveBacks(Clock(world), store, scene, LIMITS, Missed(world))

    def turned_back(self, lane: str, took: TapResult) -> bool:
        """Whether who has just been let through goes away again."""
        if took.proof is None or took.record is None or self._chance.random() >= TURNS_BACK:
            return False
        place = took.record.reference
        self._back.timed_out(lane, place)
        if self._chance.random() < SLOW:
            self._back.went_through(lane, place)
            return False
        return True


def judge(rows: Sequence[Stored[Event]], tally: Tally) -> None:
    """Each boarding for nothing is of a ride that was given back by then, and of no other's."""
    taken_back = {row.event.about.place for row in rows if isinstance(row.event, Recovery)}
    owed: set[Place] = set()
    ridden: set[Place] = set()
    given: Counter[tuple[str, str, int]] = Counter()
    for row in rows:
        event = row.event
        if isinstance(event, GiveBack) and row.at.place not in taken_back:
            owed.add(event.about.place)
            day = (event.clock.time_ms + CHINA_AHEAD_MS) // DAY_MS
            given[event.person, event.returns, day] += 1
            tally.given_back += 1
        again = ride_of(event).again
        if again is not None and verdict_of(event) == "accepted":
            cost = event.purchase.amount if isinstance(event, PaymentEnd) else 0
            tally.boarded += 1
            tally.unowed += again.place not in owed or cost != 0
            tally.ridden_twice += again.place in ridden
            ridden.add(again.place)
    most = {"ride": LIMITS.rides_per_day, "visit": LIMITS.visits_per_day}
    tally.too_often += sum(count > most[kind] for (_, kind, _), count in given.items())


class Unforgotten(RidesOwed):
    """The control: a ride that was given back is owed however often it has been ridden."""

    def price(
        self,
        memory: PriceMemory,
        rider: Rider,
        clock: ClockReading,
        journey: Journey | None = None,
        carried: Carried | None = None,
    ) -> PricedRide:
        return super().price(_Forgetful(memory), rider, clock, journey, carried)


class _Forgetful:
    """See `PriceMemory`: nobody has ridden yet."""

    def __init__(self, memory: PriceMemory) -> None:
        self._memory = memory
        self.rules, self.journey = memory.rules, memory.journey
        self.let_through = memory.let_through

    def rides(self, read: Callable[[History], RidesBefore]) -> RidesBefore:
        return self._memory.rides(lambda turn: read(_Unridden(turn)))

    def owed(self, read: Callable[[History], OwedRide | None]) -> OwedRide | None:
        return self._memory.owed(lambda turn: read(_Unridden(turn)))


class _Unridden:
    """See `History`."""

    def __init__(self, turn: History) -> None:
        self._turn = turn

    def accepted(self, person: str, *, scene: str) -> Iterator[Done]:
        return iter(())

    def given_back(self, person: str) -> Iterator[GivenBack]:
        return self._turn.given_back(person)
