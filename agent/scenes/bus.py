"""The bus: a purse pays before any scene is asked (`agent.transit`). What comes here has none: a
code that pays by the account behind it, a ticket that is paid for, and a social security card or
an ID card, by which somebody may ride for nothing."""

from collections.abc import Mapping, Sequence
from typing import Final

from agent.clock import ClockReading
from agent.fares.ride import FARE, FULL, Rider
from agent.identity import Identity
from agent.reasons import Reason
from agent.scenes.credential import judge_credential
from agent.scenes.port import Decision, Lists, State, Turn
from agent.scenes.standing import AMOUNT, StandingRule
from agent.transit.fares import FareSource, Ride, no_ride
from config.model import Scene as SceneSettings
from offline_store.event import Check

# In the state:
DRIVER: Final = "driver"  # of who drives
PRICE: Final = "price"  # fen; missing where he does not ride
FULL_PRICE: Final = "price_full"  # before anything was taken off; missing with a ticket
PASSES: Final = "passes"  # the reason, where it costs nothing for once
UNPRICED: Final = "unpriced"  # the reason, where there is no price
TOLD: Final = "ride_"  # before what belongs into the event's detail
LIST: Final = "list_"  # before the name of a list that the price went by: its version


class Bus:
    """Codes pay; whose fare is nothing rides; everybody else needs a purse. Drivers sign on and
    off."""

    kind = "bus"
    decides_exits = False

    def __init__(
        self,
        settings: SceneSettings,
        region: str,
        fares: FareSource | None = None,
        ride: Ride = no_ride,
    ) -> None:
        """Without `fares` nobody rides but with a ticket. `ride`: what a record says of it."""
        self._fares = fares
        self._ride = ride
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
        told = _marked(TOLD, self._ride())
        shown = identity.shown
        if shown is not None and not shown.pays:
            return {**state, **told, PRICE: 0}
        if self._fares is None:
            return state
        priced = self._fares.price(turn, Rider(identity.person), clock)
        if priced.driver:
            return {**state, DRIVER: 1}
        state |= {**priced.state, **told, **_marked(TOLD, priced.detail)}
        state |= _marked(LIST, priced.lists)
        if priced.refused is not None:
            return {**state, UNPRICED: priced.refused.value}
        if shown is not None:  # its own limit is held against this
            state[AMOUNT] = priced.amount
        if priced.passes is not None:
            state[PASSES] = priced.passes.value
        return {**state, PRICE: priced.amount, FULL_PRICE: priced.full}

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
        refusal = _refusal(identity, state)
        if refusal is not None:
            return Decision("refused", refusal, checks)
        reason = Reason.PAID if _pays(identity) else Reason.ACCEPTED
        return Decision(
            "accepted",
            Reason(str(state.get(PASSES, reason.value))),
            checks,
            offline,
            amounts={
                name: int(state[key])
                for name, key in ((FARE, PRICE), (FULL, FULL_PRICE))
                if key in state
            },
            detail=_unmarked(TOLD, state),
            lists={name: int(version) for name, version in _unmarked(LIST, state).items()},
        )


def _pays(identity: Identity) -> bool:
    return identity.shown is not None and identity.shown.pays


def _refusal(identity: Identity, state: State) -> Reason | None:
    """Why he does not ride; a code pays any price, and what is no purse none."""
    if _pays(identity):
        return None if PRICE in state else Reason(str(state.get(UNPRICED, Reason.NO_FARE.value)))
    return None if state.get(PRICE) == 0 else Reason.NO_PURSE


def _marked(mark: str, values: Mapping[str, int | str]) -> dict[str, int | str]:
    return {f"{mark}{name}": value for name, value in values.items()}


def _unmarked(mark: str, state: State) -> dict[str, int | str]:
    return {name.removeprefix(mark): state[name] for name in state if name.startswith(mark)}
