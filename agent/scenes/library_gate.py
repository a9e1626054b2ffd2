"""The library gate: a valid card opens; listed, expired and just-used ones do not."""

from collections.abc import Sequence

from msgspec.structs import replace

from agent.identity import Identity
from agent.reasons import Reason
from agent.scenes.credential import judge_credential, needs_of
from agent.scenes.port import Decision, Lists, Looked, Turn
from agent.scenes.standing import StandingRule
from agent.transit_codes.memory import for_several
from config.model import Scene as SceneSettings
from offline_store.clock import ClockReading
from offline_store.events.happened import Check
from offline_store.events.seen import Seen
from offline_store.events.tap import Tap


class LibraryGate:
    """Accept who is authenticated, not blacklisted, in date, and not here a moment ago; how people
    stand it asks only where the settings say so, because a queue waits behind each tap."""

    kind = "library-gate"
    decides_exits = False

    def __init__(self, settings: SceneSettings, region: str) -> None:
        self._window_ms = int(settings.repeat_window * 1000)
        self._rule = StandingRule(settings.offline, region)
        self.asks = settings.check == "ask"
        self.needs = needs_of(asks=self.asks)

    def look(
        self,
        turn: Turn,
        identity: Identity,
        clock: ClockReading,
        standing: Sequence[Check] = (),
    ) -> Looked:
        """The last entry by any lane, unless the person has left since. How often a ticket is good
        for, it says itself."""
        seen = self._rule.look(turn, identity, clock, standing)
        if identity.shown is not None and identity.shown.counted:
            return Looked(seen)
        last = self._last(turn, identity.person, clock)
        if last is None or last.reason == Reason.ACCEPTED_EXIT:
            return Looked(seen)
        return Looked(replace(seen, last_entry_ms=last.clock.time_ms))

    def _last(self, turn: Turn, person: str, clock: ClockReading) -> Tap | None:
        """What the person himself did here last within the window: who goes in on his group ticket
        need not be he, and a visit that was given back did not happen."""
        for done in turn.accepted(person, scene=self.kind):
            if done.clock.time_ms < clock.time_ms - self._window_ms:
                return None
            event = done.event
            if not done.given_back and isinstance(event, Tap) and not for_several(event.seen):
                return event
        return None

    def decide(
        self,
        identity: Identity,
        lists: Lists,
        seen: Seen,
        clock: ClockReading,
        standing: Sequence[Check] = (),
    ) -> Decision:
        judged = judge_credential(self._rule, identity, lists, seen, clock, standing)
        reason = judged.reason
        if reason is None and self._just_here(seen, clock):
            reason = Reason.REPEATED
        if reason is not None:
            return Decision("refused", reason, judged.checks)
        return Decision("accepted", Reason.ACCEPTED, judged.checks, judged.offline)

    def _just_here(self, seen: Seen, clock: ClockReading) -> bool:
        last = seen.last_entry_ms
        # An entry far "in the future" says that the clock went back; a person must not be locked
        # out for as long as it was wrong. One within the window is a repetition either way.
        return last is not None and abs(clock.time_ms - last) < self._window_ms
