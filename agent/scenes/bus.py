"""The bus: a purse pays before any scene is asked (`agent.transit`). What comes here has none: a
social security card, a code, an ID card, by which somebody may ride for nothing."""

from collections.abc import Sequence
from typing import Final

from agent.clock import ClockReading
from agent.fares.ride import FARE, Rider
from agent.identity import Identity
from agent.reasons import Reason
from agent.scenes.credential import judge_credential
from agent.scenes.port import Decision, Lists, State, Turn
from agent.scenes.standing import StandingRule
from agent.transit.fares import FareSource
from config.model import Scene as SceneSettings
from offline_store.event import Check

PRICE: Final = "price"  # in the state: fen; missing where nobody rides at all
DRIVER: Final = "driver"  # in the state of who drives
TOLD: Final = "ride_"  # before what the fare says of itself, for the event's detail


class Bus:
    """Whose fare is nothing rides; everybody else needs a purse. Drivers sign on and off."""

    kind = "bus"

    def __init__(
        self, settings: SceneSettings, region: str, fares: FareSource | None = None
    ) -> None:
        """Without `fares` nobody rides for nothing."""
        self._fares = fares
        self._rule = StandingRule(settings.offline, region)
        self.asks = settings.check == "ask"

    def look(
        self,
        turn: Turn,
        identity: Identity,
        clock: ClockReading,
        standing: Sequence[Check] = (),
    ) -> State:
        """What the ride costs this person, and what that went by."""
        state = dict(self._rule.look(turn, identity, clock, standing))
        if self._fares is None:
            return state
        priced = self._fares.price(turn, Rider(identity.person), clock)
        if priced.driver:
            return {**state, DRIVER: 1}
        told = {f"{TOLD}{name}": value for name, value in priced.detail.items()}
        state |= {**priced.state, **told}
        return state if priced.refused is not None else {**state, PRICE: priced.amount}

    def decide(
        self,
        identity: Identity,
        lists: Lists,
        state: State,
        clock: ClockReading,
        standing: Sequence[Check] = (),
    ) -> Decision:
        judged = judge_credential(self._rule, identity, lists, state, clock, standing)
        checks, offline = judged.checks, judged.offline
        if judged.reason is not None:
            return Decision("refused", judged.reason, checks)
        if DRIVER in state:
            return Decision("accepted", Reason.DRIVER, checks, offline)
        if state.get(PRICE) != 0:
            return Decision("refused", Reason.NO_PURSE, checks)
        told = {
            name.removeprefix(TOLD): value for name, value in state.items() if name.startswith(TOLD)
        }
        return Decision("accepted", Reason.ACCEPTED, checks, offline, {FARE: 0}, told)
