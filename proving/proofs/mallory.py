"""Cards without a key among the passengers of `onecard prove money`, and what they came to.

They show numbers of their own or of honest people, most of all of those whose payment is open, at
any lane and at any time: 0 of them may be let through, and no intent that was open may end by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Final

from agent.messages.reasons import Reason
from agent.messages.results import Results
from agent.messages.texts import Texts
from agent.purse.paying import Payments
from agent.purse.purchase import Presentation
from agent.purse.settling import Proved
from agent.purse.tap_result import TapResult
from agent.stages import Stages
from apdu.transit.transit_psam import Verified
from apdu.transit.values import Authorisation
from offline_store.clock import CHINA
from offline_store.events.payment import PaymentEnd
from offline_store.events.row import Event, Stored
from offline_store.store import Store
from proving.malice.purse import Gang, Keyless
from proving.proofs.money_judge import Tally
from simulators.transit.bus import CutWorld, Passenger
from simulators.transit.city import PurseOrder
from trust.references import References
from world import Fault

MOST_TAPS: Final = 3  # in a row
PAGE: Final = 200
RESULTS: Final = Results(Texts("en"))


@dataclass
class Mallory:
    """The gang at one agent, from a power-on to the next."""

    world: CutWorld
    store: Store
    payments: Payments
    references: References
    chance: Random
    gang: Gang
    tally: Tally

    def come(self, lane: str, passengers: Sequence[Passenger]) -> None:
        """One of them, some times in a row."""
        order = self._somebody(passengers)
        for _ in range(self.chance.randrange(1, MOST_TAPS + 1)):
            self.tap(lane, order)
            self.world.wait(self.chance.random() * 2)

    def tap(self, lane: str, order: PurseOrder) -> None:
        card = Keyless(self.chance, order, self.gang, self.world.wait, self._now)
        before = self._head()
        self.tally.forged += 1
        took: TapResult | None = None
        try:
            stages = Stages(self.world, self.world.monotonic())
            took = self.payments.pay(lane, card, "card-contactless", stages)
        except Fault:
            pass  # with nothing begun
        if took is not None:
            self.tally.let_in += took.proof is not None or RESULTS.accepted(took.reason)
        self.tally.robbed += sum(robs(row, lane, before) for row in self._since(before))

    def _somebody(self, passengers: Sequence[Passenger]) -> PurseOrder:
        """Rather somebody whose payment is open: his number is what there is to be had."""
        chance = self.chance
        if chance.random() < 0.3:
            return PurseOrder(card_number=f"3105199{chance.randrange(10**11):012}")
        waiting = [one for one in passengers if self._open(one)]
        return chance.choice(waiting or passengers).order

    def _open(self, passenger: Passenger) -> bool:
        card = self.references.number(passenger.number)
        return self.payments.open.of_card(card) != []

    def _now(self) -> str:
        return f"{datetime.fromtimestamp(self.world.now(), CHINA):%Y%m%d%H%M%S}"

    def _head(self) -> tuple[str, int]:
        """The last row, once whoever wrote it has heard of it."""
        status = self.store.status()
        return status.epoch, status.seq

    def _since(self, head: tuple[str, int]) -> list[Stored[Event]]:
        return [record.stored() for record in self.store.records(*head, PAGE)]


def robs(row: Stored[Event], lane: str, before: tuple[str, int]) -> bool:
    """Whether somebody who came to `lane` when `before` was the journal's last row has ended there
    what had been open already. Time's own grey ends know nothing of a card, and rob nobody."""
    end = row.event
    if not isinstance(end, PaymentEnd) or end.lane != lane:
        return False
    timed_out = end.reason == Reason.PAYMENT_GREY and end.balance_after is None
    earlier = end.intent.epoch != row.at.epoch or end.intent.seq <= before[1]
    return earlier and not timed_out


class Trusting(Payments):
    """The control: takes what a card says of itself for proved."""

    def _prove(self, tap: Presentation) -> Proved | TapResult:
        return Proved(Verified(Authorisation(0, b"", "")), 0x1_0000)
