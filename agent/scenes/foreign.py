"""Another package's scene, behind a guard: what goes wrong in it ends a tap and nothing else."""

from collections.abc import Callable, Mapping
from typing import Self, TypeVar

from agent.messages.reasons import ReasonRow
from agent.scenes.port import Case, Decision, ListsInTurn, Looked, Parts, Scene, SceneTurn
from drivers.foreign import Origin
from offline_store.events.seen import Seen
from world import Fault

T = TypeVar("T")


class SceneDefect(Fault):
    """A scene of another package did what its port does not know. Facts: `scene`, `package`,
    `point` (MODULE:NAME), `where` (what was asked of it), `error` (the exception's type)."""

    code = "scene.defect"


class ForeignScene(Scene):
    """Asks the scene; `look` and `decide` raise `SceneDefect` alone."""

    def __init__(
        self,
        origin: Origin,
        scene: type[Scene],
        parts: Parts,
        reasons: Mapping[str, ReasonRow],
    ) -> None:
        """`reasons`: all that it may give. Raises `SceneDefect`, and a `Fault` that the scene
        raises."""
        self._origin = origin
        self._reasons = reasons
        made = self._scene = self._asked("make", lambda: scene.make(parts), scene)
        self.kind, self.decides_exits = scene.kind, scene.decides_exits
        self.pays = scene.pays
        self.asks, self.needs, self.payer = made.asks, made.needs, made.payer

    @classmethod
    def make(cls, parts: Parts) -> Self:
        """Made by `agent.scenes.registry`."""
        raise NotImplementedError

    def look(self, turn: SceneTurn, case: Case) -> Looked:
        return self._asked("look", lambda: self._scene.look(turn, case), Looked)

    def decide(self, lists: ListsInTurn, case: Case, seen: Seen) -> Decision:
        decision = self._asked("decide", lambda: self._scene.decide(lists, case, seen), Decision)
        row = self._reasons.get(decision.reason)
        if row is None or row.verdict != decision.verdict:
            raise self._defect("decide", f"reason {decision.reason}")
        return decision

    def _asked(self, where: str, question: Callable[[], object], kind: type[T]) -> T:
        try:
            answer = question()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if where == "make" and isinstance(error, Fault):
                raise
            raise self._defect(where, type(error).__name__) from error
        if not isinstance(answer, kind):
            raise self._defect(where, type(answer).__name__)
        return answer

    def _defect(self, where: str, error: str) -> SceneDefect:
        origin = self._origin
        return SceneDefect(
            scene=origin.driver,
            package=origin.package,
            point=origin.point,
            where=where,
            error=error,
        )
