"""The service window: who it is, for the clerk; nothing opens, and nobody is turned away for coming
twice."""

from collections.abc import Sequence

from agent.identity import Identity
from agent.reasons import Reason
from agent.scenes.credential import judge_credential
from agent.scenes.port import Decision, Lists, Looked, Turn
from agent.scenes.standing import StandingRule
from apdu.needs import BASIC
from config.model import Scene as SceneSettings
from offline_store.clock import ClockReading
from offline_store.events.happened import Check
from offline_store.events.seen import Seen


class ServiceWindow:
    """Accept who is authenticated, not blacklisted, in date, and stands well (卡鉴权)."""

    kind = "service-window"
    decides_exits = False

    def __init__(self, settings: SceneSettings, region: str) -> None:
        self._rule = StandingRule(settings.offline, region)
        self.asks = settings.check != "lists"
        self.needs = BASIC

    def look(
        self,
        turn: Turn,
        identity: Identity,
        clock: ClockReading,
        standing: Sequence[Check] = (),
    ) -> Looked:
        return Looked(self._rule.look(turn, identity, clock, standing))

    def decide(
        self,
        identity: Identity,
        lists: Lists,
        seen: Seen,
        clock: ClockReading,
        standing: Sequence[Check] = (),
    ) -> Decision:
        judged = judge_credential(self._rule, identity, lists, seen, clock, standing)
        if judged.reason is not None:
            return Decision("refused", judged.reason, judged.checks)
        return Decision("accepted", Reason.ACCEPTED, judged.checks, judged.offline)
