"""The service window: who it is, for the clerk; nothing opens, and no visitor is turned away for
coming twice."""

from typing import Self

from agent.messages.reasons import Reason
from agent.scenes.credential import judge_credential
from agent.scenes.port import Case, Decision, ListsInTurn, Looked, Parts, Scene, SceneTurn
from agent.scenes.status_rule import StandingRule
from apdu.social_security.needs import BASIC
from config.model import SceneSettings as SceneSettings
from offline_store.events.seen import Seen


class ServiceWindow(Scene):
    """Accept who is authenticated, not blacklisted, in date, and stands well (卡鉴权)."""

    kind = "service-window"
    needs = BASIC
    asks_by_default = True

    def __init__(self, settings: SceneSettings, region: str) -> None:
        """`region`: the terminal's own, six digits."""
        self._rule = StandingRule(settings.offline, region)
        self.asks = self.asks_status(settings)

    @classmethod
    def make(cls, parts: Parts) -> Self:
        return cls(parts.settings.scene, parts.settings.terminal.city)

    def look(self, turn: SceneTurn, case: Case) -> Looked:
        return Looked(self._rule.look(turn, case))

    def decide(self, lists: ListsInTurn, case: Case, seen: Seen) -> Decision:
        judged = judge_credential(self._rule, lists, case, seen)
        if judged.reason is not None:
            return Decision("refused", judged.reason, judged.checks)
        return Decision("accepted", Reason.ACCEPTED, judged.checks, judged.offline)
