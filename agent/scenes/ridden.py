"""Scenes in which people ride: a purse pays before the scene is asked (`agent.purse`).

What comes to the scene has none: a code that pays by the account behind it, a ticket that is paid
for, and a social security card or an ID card, by which somebody may ride for nothing.
"""

import dataclasses

from msgspec.structs import replace

from agent.fares.announcement import Rides
from agent.fares.memory import JournalMemory, PriceMemory, RowMemory
from agent.fares.ride import Rider
from agent.fares.rules import Rules
from agent.identify.identity import Identity
from agent.messages.reasons import Reason
from agent.messages.results import Announcer
from agent.messages.texts import Texts
from agent.purse.pricing import FareSource, RideNow, no_ride
from agent.scenes.credential import judge_credential, needs_of
from agent.scenes.port import Case, Decision, ListsInTurn, Looked, Payer, Scene, SceneTurn
from agent.scenes.status_rule import StandingRule
from config.model import AgentSettings as Settings
from config.model import SceneSettings as SceneSettings
from offline_store.events.ride import over
from offline_store.events.seen import Price, Seen


class Ridden(Scene):
    """Codes pay; whose fare is nothing rides; everybody else needs a purse. Drivers sign on and
    off."""

    pays = True

    def __init__(
        self,
        settings: SceneSettings,
        region: str,
        fares: FareSource | None = None,
        ride: RideNow = no_ride,
        payer: Payer | None = None,
    ) -> None:
        """Without `fares` only tickets ride. `ride`: what a record says of it."""
        self._fares = fares
        self._ride = ride
        self._rule = StandingRule(settings.offline, region)
        self.asks = self.asks_status(settings)
        self.needs = needs_of(asks=self.asks)
        self.payer = payer

    @classmethod
    def announcer(cls, settings: Settings, texts: Texts) -> Announcer | None:
        below, preset = settings.transit.top_up_below, settings.spoken.preset
        return Rides(texts, settings.classes, top_up_below=below, preset=preset)

    def look(self, turn: SceneTurn, case: Case) -> Looked:
        """What the ride costs this person, and what that went by."""
        seen, memory = self._rule.look(turn, case), JournalMemory(turn)
        looked = self._priced(memory, case)
        return dataclasses.replace(looked, seen=seen.joined(looked.seen).joined(memory.seen))

    def look_again(self, rules: Rules, case: Case, seen: Seen) -> Looked:
        looked = self._priced(RowMemory(seen, rules), case)
        return dataclasses.replace(looked, seen=replace(seen, price=looked.seen.price))

    def _priced(self, memory: PriceMemory, case: Case) -> Looked:
        identity, shown = case.identity, case.identity.shown
        if shown is not None and not shown.pays:
            return Looked(Seen(price=Price(amount=0)), replace(self._ride(), fare=0))
        if self._fares is None:
            return Looked()
        priced = self._fares.price(memory, Rider(identity.person), case.clock)
        if priced.driver:
            return Looked(Seen(price=Price(driver=True)), lists=priced.lists)
        ride = over(self._ride(), priced.ride)
        if priced.refused is not None:
            price = Price(refused=priced.refused.value)
        else:
            passes = priced.passes.value if priced.passes else ""
            price = Price(amount=priced.amount, full=priced.full, passes=passes)
            ride = replace(ride, fare=priced.amount)
        return Looked(replace(priced.seen, price=price), ride, priced.lists)

    def decide(self, lists: ListsInTurn, case: Case, seen: Seen) -> Decision:
        judged = judge_credential(self._rule, lists, case, seen)
        checks, offline = judged.checks, judged.offline
        if judged.reason is not None:
            return Decision("refused", judged.reason, checks)
        price = seen.price or Price()
        if price.driver:
            return Decision("accepted", Reason.DRIVER, checks, offline)
        refusal = _refusal(case.identity, price)
        if refusal is not None:
            return Decision("refused", refusal, checks)
        usual = Reason.PAID if _pays(case.identity) else Reason.ACCEPTED
        return Decision("accepted", Reason(price.passes or usual), checks, offline)


def _pays(identity: Identity) -> bool:
    return identity.shown is not None and identity.shown.pays


def _refusal(identity: Identity, price: Price) -> Reason | None:
    """Why he does not ride; a code pays any price, and what is no purse none."""
    if not _pays(identity):
        return None if price.amount == 0 else Reason.NO_PURSE
    return Reason(price.refused or Reason.NO_FARE) if price.amount is None else None
