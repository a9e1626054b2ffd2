"""The bus: a purse pays before any scene is asked (`agent.transit`). What comes here has none: a
social security card, a code, an ID card, by which somebody may ride for nothing."""

from collections.abc import Sequence

from agent.clock import ClockReading
from agent.identity import Identity
from agent.reasons import Reason
from agent.scenes.credential import credential_checks, credential_reason
from agent.scenes.port import Decision, Lists, State, Turn
from config.model import Scene as SceneSettings
from offline_store.event import Check


class Bus:
    """Without a purse nobody rides while no fare list says who may for nothing."""

    kind = "bus"
    asks = False

    def __init__(self, settings: SceneSettings, region: str) -> None:
        pass

    def look(
        self,
        turn: Turn,
        identity: Identity,
        clock: ClockReading,
        standing: Sequence[Check] = (),
    ) -> State:
        return {}

    def decide(
        self,
        identity: Identity,
        lists: Lists,
        state: State,
        clock: ClockReading,
        standing: Sequence[Check] = (),
    ) -> Decision:
        own = credential_checks(identity, lists, clock)
        return Decision("refused", credential_reason(own) or Reason.NO_PURSE, own)
