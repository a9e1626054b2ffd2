"""The library gate: a valid card opens; listed, expired and just-used ones do not."""

from agent.clock import ClockReading
from agent.identity import Identity
from agent.reasons import Reason
from agent.scenes.port import Decision, Lists, State, Turn
from config.model import Scene as SceneSettings
from offline_store.event import Check

LAST_ENTRY = "last_entry_ms"


class LibraryGate:
    """Accept who is authenticated, not blacklisted, in date, and not here a moment ago."""

    kind = "library-gate"

    def __init__(self, settings: SceneSettings) -> None:
        self._window_ms = int(settings.repeat_window * 1000)

    def look(self, turn: Turn, identity: Identity, clock: ClockReading) -> State:
        """The last entry by any lane, unless the person has left since."""
        since = clock.time_ms - self._window_ms
        seen = turn.last_accepted(identity.person, scene=self.kind, since_ms=since)
        if seen is None or seen.reason == Reason.ACCEPTED_EXIT:
            return {}
        return {LAST_ENTRY: seen.time_ms}

    def decide(
        self, identity: Identity, lists: Lists, state: State, clock: ClockReading
    ) -> Decision:
        dates, *listed = checks = (_card_check(identity, clock), *_list_checks(identity, lists))
        if any(check.status == "listed" for check in listed):
            return Decision("refused", Reason.BLACKLISTED, checks)
        if dates.status == "expired":
            return Decision("refused", Reason.CARD_EXPIRED, checks)
        if dates.status == "not-yet-valid":
            return Decision("refused", Reason.CARD_NOT_YET_VALID, checks)
        if self._just_here(state, clock):
            return Decision("refused", Reason.REPEATED, checks)
        return Decision("accepted", Reason.ACCEPTED, checks)

    def _just_here(self, state: State, clock: ClockReading) -> bool:
        last = state.get(LAST_ENTRY)
        # An entry far "in the future" says that the clock went back; a person must not be locked
        # out for as long as it was wrong. One within the window is a repetition either way.
        return isinstance(last, int) and abs(clock.time_ms - last) < self._window_ms


def _card_check(identity: Identity, clock: ClockReading) -> Check:
    """The card's own dates. With a clock that was never set they cannot be judged."""
    if clock.quality == "unset":
        return Check(subject="card", status="unknown", source="card")
    if identity.expires is not None and identity.expires < clock.today:
        return Check(subject="card", status="expired", source="card")
    if identity.issued is not None and identity.issued > clock.today:
        return Check(subject="card", status="not-yet-valid", source="card")
    return Check(subject="card", status="normal", source="card")


def _list_checks(identity: Identity, lists: Lists) -> tuple[Check, Check]:
    """The card by its id or its number, and the person behind it, whichever card he shows."""
    card = lists.find_blacklisted(card=identity.card, number=identity.number)
    holder = lists.find_blacklisted(person=identity.person)
    source = f"list:blacklist@{lists.versions().get('blacklist', 0)}"
    return (
        Check(subject="card", status="listed" if card else "normal", source=source),
        Check(subject="holder", status="listed" if holder else "normal", source=source),
    )
