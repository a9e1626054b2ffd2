"""The library gate: a valid card opens; listed, expired and just-used ones do not."""

from collections.abc import Sequence

from agent.clock import ClockReading
from agent.identity import Identity
from agent.reasons import Reason
from agent.scenes.credential import judge_credential
from agent.scenes.port import Decision, Lists, State, Turn
from agent.scenes.standing import StandingRule
from agent.transit_codes import memory
from config.model import Scene as SceneSettings
from offline_store.event import Check, Event

LAST_ENTRY = "last_entry_ms"


class LibraryGate:
    """Accept who is authenticated, not blacklisted, in date, and not here a moment ago; how people
    stand it asks only where the settings say so, because a queue waits behind each tap."""

    kind = "library-gate"
    decides_exits = False

    def __init__(self, settings: SceneSettings, region: str) -> None:
        self._window_ms = int(settings.repeat_window * 1000)
        self._rule = StandingRule(settings.offline, region)
        self.asks = settings.check == "ask"

    def look(
        self,
        turn: Turn,
        identity: Identity,
        clock: ClockReading,
        standing: Sequence[Check] = (),
    ) -> State:
        """The last entry by any lane, unless the person has left since. How often a ticket is good
        for, it says itself."""
        state = dict(self._rule.look(turn, identity, clock, standing))
        if identity.shown is not None and identity.shown.counted:
            return state
        last = self._last(turn, identity.person, clock)
        if last is not None and last.reason != Reason.ACCEPTED_EXIT:
            state[LAST_ENTRY] = last.time_ms
        return state

    def _last(self, turn: Turn, person: str, clock: ClockReading) -> Event | None:
        """What the person himself did here last within the window: who goes in on his group ticket
        need not be he, and a visit that was given back did not happen."""
        for done in turn.accepted(person, scene=self.kind):
            if done.event.time_ms < clock.time_ms - self._window_ms:
                return None
            if not done.given_back and not memory.for_several(done.event.state):
                return done.event
        return None

    def decide(
        self,
        identity: Identity,
        lists: Lists,
        state: State,
        clock: ClockReading,
        standing: Sequence[Check] = (),
    ) -> Decision:
        judged = judge_credential(self._rule, identity, lists, state, clock, standing)
        reason = judged.reason
        if reason is None and self._just_here(state, clock):
            reason = Reason.REPEATED
        if reason is not None:
            return Decision("refused", reason, judged.checks)
        return Decision("accepted", Reason.ACCEPTED, judged.checks, judged.offline)

    def _just_here(self, state: State, clock: ClockReading) -> bool:
        last = state.get(LAST_ENTRY)
        # An entry far "in the future" says that the clock went back; a person must not be locked
        # out for as long as it was wrong. One within the window is a repetition either way.
        return isinstance(last, int) and abs(clock.time_ms - last) < self._window_ms
