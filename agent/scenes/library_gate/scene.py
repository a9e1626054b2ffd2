"""The library gate: a valid card opens; listed, expired and just-used ones do not."""

from typing import Annotated, Self

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from agent.messages.reasons import Reason
from agent.scenes.code_uses import for_several
from agent.scenes.credential import judge_credential, needs_of
from agent.scenes.port import Case, Decision, ListsInTurn, Looked, Parts, Scene, SceneTurn
from agent.scenes.status_rule import StandingRule
from config.model import SceneSettings as SceneSettings
from offline_store.clock import ClockReading
from offline_store.events.seen import Seen
from offline_store.events.tap import Tap


class LibraryOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`repeat_window`: seconds within which the same person is refused."""

    repeat_window: Annotated[float, Meta(ge=0, le=3600)] = 8.0


class LibraryGate(Scene):
    """Accept who is authenticated, not blacklisted, in date, and not here a moment ago; how people
    stand it asks only where the settings say so, because a queue waits behind each tap."""

    kind = "library-gate"
    options = LibraryOptions
    moves_barrier = True

    def __init__(self, options: LibraryOptions, settings: SceneSettings, region: str) -> None:
        """`region`: the terminal's own, six digits."""
        self._window_ms = int(options.repeat_window * 1000)
        self._rule = StandingRule(settings.offline, region)
        self.asks = self.asks_status(settings)
        self.needs = needs_of(asks=self.asks)

    @classmethod
    def make(cls, parts: Parts) -> Self:
        assert isinstance(parts.options, LibraryOptions)
        settings = parts.settings
        return cls(parts.options, settings.scene, settings.terminal.city)

    def look(self, turn: SceneTurn, case: Case) -> Looked:
        """The last entry by any lane, unless the person has left since. How often a ticket is good
        for, it says itself."""
        seen, identity = self._rule.look(turn, case), case.identity
        if identity.shown is not None and identity.shown.counted:
            return Looked(seen)
        last = self._last(turn, identity.person, case.clock)
        if last is None or last.reason == Reason.ACCEPTED_EXIT:
            return Looked(seen)
        return Looked(replace(seen, last_entry_ms=last.clock.time_ms))

    def _last(self, turn: SceneTurn, person: str, clock: ClockReading) -> Tap | None:
        """What the person himself did here last within the window: who goes in on his group ticket
        need not be he, and a visit that was given back did not happen."""
        for done in turn.accepted(person, scene=self.kind):
            if done.clock.time_ms < clock.time_ms - self._window_ms:
                return None
            event = done.event
            if not done.given_back and isinstance(event, Tap) and not for_several(event.seen):
                return event
        return None

    def decide(self, lists: ListsInTurn, case: Case, seen: Seen) -> Decision:
        judged = judge_credential(self._rule, lists, case, seen)
        reason = judged.reason
        if reason is None and self._just_here(seen, case.clock):
            reason = Reason.REPEATED
        if reason is not None:
            return Decision("refused", reason, judged.checks)
        return Decision("accepted", Reason.ACCEPTED, judged.checks, judged.offline)

    def _just_here(self, seen: Seen, clock: ClockReading) -> bool:
        last = seen.last_entry_ms
        # An entry far "in the future" says that the clock went back; a person must not be locked
        # out for as long as it was wrong. One within the window is a repetition either way.
        return last is not None and abs(clock.time_ms - last) < self._window_ms
