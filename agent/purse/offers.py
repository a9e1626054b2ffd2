"""What a tap of a purse can buy: a scene's offers, one for each card that is held to it.

Asked with the purse selected and its file 0017 read; priced in the store's turn.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Protocol

from agent.fares.memory import PriceMemory
from agent.fares.ride import Rider
from agent.purse.card_memory import CardMemory, CardWord, Operator, RideStamp
from agent.purse.intents import OpenIntent
from agent.purse.pricing import FareSource, PricedRide
from agent.purse.trips import RecordEvidence
from apdu.transit.files import Layouts
from apdu.transit.purse import Purse
from apdu.transit.values import Management
from offline_store.clock import ClockReading
from offline_store.events.seen import NOTHING_SEEN, Seen

NOBODY: Final = Operator()


class Offer(Protocol):
    """One tap's purchase."""

    @property
    def day(self) -> date | None:
        """The day by which the card's own dates are judged; None: today."""
        ...

    @property
    def seen(self) -> Seen:
        """What was read of the card for it, for the event."""
        ...

    def price(self, memory: PriceMemory, rider: Rider, clock: ClockReading) -> PricedRide:
        """What the tap costs, or why the purse cannot buy it. As `FareSource.price`; never
        raises."""
        ...


class Offers(Protocol):
    """All that is sold to purses at a terminal; used by every reader's thread."""

    def offer(self, purse: Purse, management: Management, lane: str) -> Offer:
        """What this purse may buy at the lane. May read more of the card. Raises the faults of
        `Purse` and of its tables."""
        ...

    def offer_again(self, seen: Seen, lane: str) -> Offer:
        """What was for sale to the card of which a row says `seen`; its price is the same, nothing
        can be written by it. Raises `LayoutUnknown`."""
        ...

    def serves(self, purse: Purse, intent: OpenIntent, lane: str) -> bool:
        """Whether the holder of a purse that has paid `intent` after all has what that lane sells.
        Raises as `offer`."""
        ...

    def sight(self, purse: Purse, intent: OpenIntent) -> RecordEvidence:
        """What the card's records say of an intent. Raises as `offer`."""
        ...


class SingleRides:
    """A ride is paid at once, at any lane. Where the tariff goes by what the card tells of other
    rides, that is read before, and this one written beside the debit; else nothing is."""

    def __init__(
        self, fares: FareSource, memory: CardMemory | None = None, operator: Operator = NOBODY
    ) -> None:
        """`operator`: how cards know the operator of this terminal."""
        self._fares = fares
        self._memory = memory or CardMemory(Layouts.shipped())
        self._operator = operator

    def offer(self, purse: Purse, management: Management, lane: str) -> Offer:
        wants = self._fares.wants()
        word = self._memory.read(purse, management.city, wants) if wants else None
        return _SingleRide(self._fares, word, self._operator)

    def offer_again(self, seen: Seen, lane: str) -> Offer:
        return _SingleRide(self._fares, None, self._operator)

    def serves(self, purse: Purse, intent: OpenIntent, lane: str) -> bool:
        return True

    def sight(self, purse: Purse, intent: OpenIntent) -> RecordEvidence:
        return "nothing"


@dataclass(frozen=True)
class _SingleRide:
    fares: FareSource
    word: CardWord | None
    operator: Operator
    day: date | None = None
    seen: Seen = NOTHING_SEEN

    def price(self, memory: PriceMemory, rider: Rider, clock: ClockReading) -> PricedRide:
        if self.word is None:
            return self.fares.price(memory, rider, clock)
        priced = self.fares.price(memory, rider, clock, None, self.word.carried)
        if priced.ridden is None or priced.instead is not None or not self.word.listens:
            return priced
        return replace(priced, stamp=RideStamp(self.word, priced.ridden, self.operator))
