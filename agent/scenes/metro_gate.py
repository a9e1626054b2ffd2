"""The metro's gates: a purse pays before any scene is asked (`agent.transit.metro`). What comes
here has none: whose fare is nothing goes through, both ways."""

from collections.abc import Sequence
from dataclasses import replace

from agent.identity import Identity
from agent.reasons import Reason
from agent.scenes.bus import Bus
from agent.scenes.port import Decision, Lists
from offline_store.clock import ClockReading
from offline_store.events.happened import Check
from offline_store.events.seen import Seen


class MetroGate(Bus):
    """As on a bus, but that leaving is decided as well, and that only a purse can pay: what one end
    of a trip costs, nobody knows without the other. No ticket: its entry would use it up."""

    kind = "metro-gate"
    decides_exits = True

    def decide(
        self,
        identity: Identity,
        lists: Lists,
        seen: Seen,
        clock: ClockReading,
        standing: Sequence[Check] = (),
    ) -> Decision:
        decision = super().decide(identity, lists, seen, clock, standing)
        if decision.verdict != "accepted":
            return decision
        ticket = identity.shown is not None and not identity.shown.pays
        if ticket or (seen.price is not None and seen.price.amount):
            return Decision("refused", Reason.NO_PURSE, decision.checks)
        return replace(decision, reason=Reason.ACCEPTED)
