"""What a ride costs, as far as paying has to know: asked in the store's turn, told as an amount."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from agent.clock import ClockReading
from offline_store.turn import Turn


@dataclass(frozen=True)
class Rider:
    """Who rides. `person`: reference; of an anonymous card the card's. The rest as file 0017 has
    it; None and empty where there is no transit card."""

    person: str
    card_type: int | None = None
    city: str = ""
    interoperable: bool = True


@dataclass(frozen=True)
class Priced:
    """`refused`: why nobody rides for that, by a reason's code; empty: he rides for `amount` fen.
    `state` is what the decision read, `explained` its steps in one line."""

    amount: int
    full: int = 0
    concession: str = ""
    refused: str = ""
    explained: str = ""
    state: Mapping[str, int | str] = field(default_factory=dict)


class FareSource(Protocol):
    """Pure but for the turn, so that it can be asked again in the turn that records it."""

    def price(self, turn: Turn, rider: Rider, clock: ClockReading) -> Priced: ...


class FlatFare:
    """The same for everybody; a card of another city has to be interoperable."""

    def __init__(self, amount: int, city: str = "") -> None:
        """`amount` in fen; `city`: the terminal's own, four digits of 0017."""
        self._amount = amount
        self._city = city

    def price(self, turn: Turn, rider: Rider, clock: ClockReading) -> Priced:
        if rider.city and rider.city != self._city and not rider.interoperable:
            return Priced(0, refused="wrong-city")
        return Priced(self._amount, full=self._amount, explained=f"flat={self._amount}")
