"""What a tap of a purse can buy: a scene's offers, one for each card that is held to it.

Asked with the purse selected and its file 0017 read; priced in the store's turn.
"""

from datetime import date
from typing import Protocol

from agent.clock import ClockReading
from agent.fares.history import History
from agent.fares.ride import Rider
from agent.transit.fares import FareSource, Priced
from agent.transit.intents import Intent
from agent.transit.trips import Sight
from apdu.transit.purse import Purse
from apdu.transit.values import Management


class Offer(Protocol):
    """One tap's purchase."""

    @property
    def day(self) -> date | None:
        """By which the card's own dates are judged; None: today."""
        ...

    def price(self, turn: History, rider: Rider, clock: ClockReading) -> Priced:
        """As `FareSource.price`."""
        ...


class Offers(Protocol):
    """All that is sold to purses at a terminal; used by every reader's thread."""

    def offer(self, purse: Purse, management: Management, lane: str) -> Offer:
        """May read more of the card. Raises the faults of `Purse` and of its tables."""
        ...

    def serves(self, purse: Purse, intent: Intent, lane: str) -> bool:
        """Whether who has paid `intent` after all has what people come to that lane for. Raises as
        `offer`."""
        ...

    def sight(self, purse: Purse, intent: Intent) -> Sight:
        """What the card's records say of an intent. Raises as `offer`."""
        ...


class SingleRides:
    """A ride is paid at once, at any lane: nothing else is read or written."""

    def __init__(self, fares: FareSource) -> None:
        self._ride = _SingleRide(fares)

    def offer(self, purse: Purse, management: Management, lane: str) -> Offer:
        return self._ride

    def serves(self, purse: Purse, intent: Intent, lane: str) -> bool:
        return True

    def sight(self, purse: Purse, intent: Intent) -> Sight:
        return "nothing"


class _SingleRide:
    day: date | None = None

    def __init__(self, fares: FareSource) -> None:
        self._fares = fares

    def price(self, turn: History, rider: Rider, clock: ClockReading) -> Priced:
        return self._fares.price(turn, rider, clock)
