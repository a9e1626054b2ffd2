"""Another package's scene, behind a guard: what goes wrong in it ends a tap and nothing else."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, Self, TypeVar, get_args

import msgspec

from agent.equipment.watchdog import Hold
from agent.fares.rules import Rules
from agent.messages.reasons import ReasonRow
from agent.messages.results import Announcer
from agent.messages.texts import Texts
from agent.purse.pricing import PricedRide
from agent.purse.tap_result import TapResult
from agent.scenes.defects import SceneDefect, SceneSpeechless
from agent.scenes.port import (
    Case,
    Decision,
    ListsInTurn,
    Looked,
    Parts,
    Payer,
    Scene,
    SceneTurn,
)
from agent.stages import Stages
from apdu.channel import Channel
from apdu.social_security.needs import DETAILED
from drivers.contract import Prompt
from drivers.foreign.guard import Origin
from offline_store.events.happened import Check
from offline_store.events.payment import Intent
from offline_store.events.ride import Ride
from offline_store.events.row import Event
from offline_store.events.seen import PurseSeen, Seen
from offline_store.events.tap import Offline, Tap
from offline_store.turn import ListView
from world import Fault
from world.foreign import Undecodable, decoded

T = TypeVar("T")
LOG: Final = logging.getLogger("onecard")
# What says that a value is none of an event's.
UNWRITABLE: Final = (Undecodable, TypeError, ValueError, OverflowError, RecursionError)


class SceneGuard:
    """Asks a scene of another package, and lets nothing out but what its port knows."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin

    def ask(
        self, where: str, question: Callable[[], object], kind: type[T], *, faults: bool = False
    ) -> T:
        """The answer, which is a `kind`. Raises `SceneDefect`, and with `faults` each `Fault` that
        the scene raises."""
        try:
            answer = question()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if faults and isinstance(error, Fault):
                raise
            raise self.defect(where, type(error).__name__) from error
        if not isinstance(answer, kind):
            raise self.defect(where, type(answer).__name__)
        return answer

    def recorded(self, where: str, value: T, shape: type[T]) -> T:
        """The value as its row will have it. Raises `SceneDefect` for what could not be read from
        there again."""
        try:
            return decoded(msgspec.json.encode(value), shape)
        except UNWRITABLE as error:
            raise self.defect(where, type(error).__name__) from error

    def defect(self, where: str, error: str) -> SceneDefect:
        origin = self._origin
        return SceneDefect(
            scene=origin.driver,
            package=origin.package,
            point=origin.point,
            where=where,
            error=error,
        )


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
        guard = self._guard = SceneGuard(origin)
        self._reasons = reasons
        made = self._scene = guard.ask("make", lambda: scene.make(parts), scene, faults=True)
        self.kind, self.decides_exits = scene.kind, scene.decides_exits
        self.pays, self.reasons = scene.pays, scene.reasons
        self.asks, self.needs = made.asks, made.needs
        if not self.needs <= DETAILED:
            raise guard.defect("needs", ", ".join(sorted(self.needs - DETAILED)))
        self.payer = ForeignPayer(guard, made.payer) if made.payer is not None else None

    @classmethod
    def make(cls, parts: Parts) -> Self:
        """Made by `agent.scenes.registry`."""
        raise NotImplementedError

    def look(self, turn: SceneTurn, case: Case) -> Looked:
        return self._looked("look", lambda: self._scene.look(turn, case))

    def look_again(self, rules: Rules, case: Case, seen: Seen) -> Looked:
        return self._looked("look_again", lambda: self._scene.look_again(rules, case, seen))

    def _looked(self, where: str, question: Callable[[], Looked]) -> Looked:
        guard = self._guard
        looked = guard.ask(where, question, Looked)
        lists = guard.ask(where, lambda: dict(looked.lists), dict)
        return Looked(
            seen=guard.recorded(where, looked.seen, Seen),
            ride=guard.recorded(where, looked.ride, Ride),
            lists=guard.recorded(where, lists, dict[str, int]),
        )

    def decide(self, lists: ListsInTurn, case: Case, seen: Seen) -> Decision:
        guard = self._guard
        decision = guard.ask("decide", lambda: self._scene.decide(lists, case, seen), Decision)
        row = self._reasons.get(decision.reason)
        if row is None or row.verdict != decision.verdict:
            raise guard.defect("decide", f"reason {decision.reason}")
        if decision.offline not in get_args(Offline):
            raise guard.defect("decide", f"offline {decision.offline}")
        checks = guard.recorded("decide", decision.checks, tuple[Check, ...])
        return replace(decision, checks=checks)


class ForeignPayer:
    """See `agent.scenes.port.Payer`; raises `SceneDefect` and the faults of its contract."""

    def __init__(self, guard: SceneGuard, payer: Payer) -> None:
        self._guard = guard
        self._payer = payer

    def start(self) -> None:
        self._guard.ask("payer.start", self._payer.start, object, faults=True)

    def stop(self) -> None:
        self._guard.ask("payer.stop", self._payer.stop, object, faults=True)

    def pay(
        self, lane: str, card: Channel, credential: str, stages: Stages, watch: Hold
    ) -> TapResult:
        return self._guard.ask(
            "payer.pay",
            lambda: self._payer.pay(lane, card, credential, stages, watch),
            TapResult,
            faults=True,
        )

    def recover(
        self,
        lane: str,
        power: Callable[[], Channel],
        credential: str,
        stages: Stages,
        watch: Hold,
    ) -> TapResult | None:
        where = "payer.recover"
        ended = self._guard.ask(
            where,
            lambda: self._payer.recover(lane, power, credential, stages, watch),
            object,
            faults=True,
        )
        if ended is not None and not isinstance(ended, TapResult):
            raise self._guard.defect(where, type(ended).__name__)
        return ended

    def price_again(
        self, lists: ListView, rules: Rules, row: Intent | Tap, purse: PurseSeen
    ) -> PricedRide:
        return self._guard.ask(
            "payer.price_again",
            lambda: self._payer.price_again(lists, rules, row, purse),
            PricedRide,
            faults=True,
        )


class ForeignAnnouncer:
    """See `agent.messages.results.Announcer`. Where the scene's own fails, the reason's words are
    said as they stand, and the log names the defect."""

    def __init__(self, origin: Origin, announcer: Announcer, texts: Texts) -> None:
        self._guard = SceneGuard(origin)
        self._announcer = announcer
        self._texts = texts

    def prompt_for(self, prompt: Prompt, event: Event) -> Prompt:
        return self._added("prompt_for", prompt, lambda: self._announcer.prompt_for(prompt, event))

    def for_staff(self, prompt: Prompt, event: Event) -> Prompt:
        return self._added("for_staff", prompt, lambda: self._announcer.for_staff(prompt, event))

    def _added(self, where: str, prompt: Prompt, question: Callable[[], Prompt]) -> Prompt:
        try:
            return self._guard.ask(where, question, Prompt)
        except SceneDefect as defect:
            LOG.error("%s", self._texts.fault(SceneSpeechless(**defect.facts)))
            return prompt
