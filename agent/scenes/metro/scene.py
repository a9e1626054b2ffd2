"""The metro's gates: who enters and leaves pays by what the card tells of the trip. What comes to
the scene has no purse: whose fare is nothing goes through, both ways."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Self

from msgspec import Struct

from agent.messages.reasons import Reason
from agent.purse.card_memory import CardMemory
from agent.scenes.metro.offers import Gates, Trips
from agent.scenes.metro.options import MetroOptions
from agent.scenes.paying import city_of, listed_fares, purses, ride_now
from agent.scenes.port import Case, Decision, ListsInTurn, Parts
from agent.scenes.ridden import Ridden
from config.faults import ConfigFault, MissingKey, WrongValue
from config.model import AgentSettings as Settings
from offline_store.events.seen import Seen

KIND: Final = "metro-gate"


class MetroGate(Ridden):
    """Leaving is decided as well, and only a purse can pay: what one end of a trip costs is not
    known without the other. No ticket: its entry would use it up."""

    kind = KIND
    options = MetroOptions
    lists = ("fares", "lines")
    moves_barrier = True
    decides_exits = True

    @classmethod
    def make(cls, parts: Parts) -> Self:
        """A gate knows by the card what is owed, and asks for fares of trips that are not made."""
        assert isinstance(parts.options, MetroOptions)
        settings, fares, ride = parts.settings, listed_fares(parts), ride_now(parts)
        gates = Gates(
            settings=parts.options,
            city=city_of(settings),
            line=settings.transit.line,
            stop=settings.transit.station,
            scene=KIND,
            rules=parts.rules,
            fares=fares,
            give_back=settings.give_back,
        )
        directions = {lane.name: lane.direction for lane in settings.lanes}
        memory = CardMemory(parts.layouts(), parts.clock.read)
        payer = purses(parts, Trips(gates, parts.layouts(), directions, memory), ride)
        return cls(settings.scene, settings.terminal.city, fares, ride, payer)

    @classmethod
    def problems(cls, settings: Settings, options: Struct, file: str) -> Iterator[ConfigFault]:
        """A gate stands still, at a station, and each tap is an entry or an exit."""
        for name in ("line", "station"):
            if not getattr(settings.transit, name):
                yield MissingKey(file=file, key=f"transit.{name}", allowed='"…"')
        taps = [lane for lane in settings.lanes if lane.taps]
        for lane in taps:
            if lane.direction == "counter":
                key, allowed = f"lanes[{lane.name}].direction", '"entry" | "exit" · taps = false'
                yield WrongValue(file=file, key=key, found='"counter"', allowed=allowed)
        if not taps:
            allowed = 'direction = "entry" · "exit"'
            yield MissingKey(file=file, key="lanes[…].direction", allowed=allowed)
        if settings.vehicle is not None:
            yield WrongValue(file=file, key="scene.kind", found='"metro-gate"', allowed='"bus"')
        assert isinstance(options, MetroOptions)
        if options.overstay == "surcharge":
            for name in ("longest_minutes", "overstay_fare"):
                if not getattr(options, name):
                    key, allowed = f"scene.options.{name}", "integer ≥ 1"
                    yield WrongValue(file=file, key=key, found="0", allowed=allowed)

    def decide(self, lists: ListsInTurn, case: Case, seen: Seen) -> Decision:
        decision = super().decide(lists, case, seen)
        if decision.verdict != "accepted":
            return decision
        shown = case.identity.shown
        ticket = shown is not None and not shown.pays
        if ticket or (seen.price is not None and seen.price.amount):
            return Decision("refused", Reason.NO_PURSE, decision.checks)
        return replace(decision, reason=Reason.ACCEPTED)
