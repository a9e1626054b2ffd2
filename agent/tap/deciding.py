"""One decision about a credential: what was seen goes in, the verdict comes out.

    turn ─▶ look ─▶ Seen ─▶ decide ─▶ Decision      in the store's turn, at a tap
           event ─▶ Seen ─▶ decide ─▶ Decision      whenever somebody asks why (`agent.tap.explain`)

In the order in which each may refuse: the code that is shown, the scene, what is odd about a card.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from agent.messages.reasons import Reason
from agent.scenes.code_uses import CodeMemory
from agent.scenes.port import Case, Decision, ListsInTurn, Looked, Scene
from offline_store.events.happened import Verdict
from offline_store.events.seen import Seen
from offline_store.turn import Turn


@dataclass(frozen=True)
class Decider:
    """Of one terminal, by one version of its settings. `verdict`: of a reason of our own;
    `refuses`: doubts about a card that the city takes for reasons."""

    scene: Scene
    verdict: Callable[[str], Verdict]
    codes: CodeMemory = field(default_factory=lambda: CodeMemory(0))
    refuses: Mapping[str, Reason] = field(default_factory=dict)

    def look(self, turn: Turn, case: Case) -> Looked:
        """All that `decide` goes by."""
        looked = self.scene.look(turn, case)
        code = self.codes.look(turn, case.identity, self.scene.kind, case.clock)
        return replace(looked, seen=looked.seen.joined(code))

    def decide(self, lists: ListsInTurn, case: Case, seen: Seen) -> Decision:
        """Pure. The checks of the case stand behind the scene's own."""
        refused = self._judge_code(case, seen)
        decision = refused or self.scene.decide(lists, case, seen)
        return self._judge_doubts(case, decision)

    def _judge_code(self, case: Case, seen: Seen) -> Decision | None:
        """None when the code may be used now, or there is none."""
        shown = case.identity.shown
        reason = self.codes.judge(shown, seen, case.clock) if shown else None
        return Decision(self.verdict(reason), reason) if reason else None

    def _judge_doubts(self, case: Case, decision: Decision) -> Decision:
        """What was looked up stays in the record."""
        reasons = [self.refuses[doubt] for doubt in case.identity.doubts if doubt in self.refuses]
        if decision.verdict != "accepted" or not reasons:
            return decision
        return Decision(self.verdict(reasons[0]), reasons[0], decision.checks)
