"""The bus: each passenger who gets on pays once, by purse or code, or rides for nothing."""

from typing import Final, Self

from agent.purse.card_memory import CardMemory, Operator
from agent.purse.offers import SingleRides
from agent.purse.owed import RidesOwed
from agent.scenes.paying import city_of, listed_fares, purses, ride_now
from agent.scenes.port import Parts
from agent.scenes.ridden import Ridden

KIND: Final = "bus"


class Bus(Ridden):
    """A ride is paid at once, at any lane."""

    kind = KIND

    @classmethod
    def make(cls, parts: Parts) -> Self:
        settings = parts.settings
        fares = RidesOwed(listed_fares(parts), KIND, settings.give_back)
        transit, ride = settings.transit, ride_now(parts)
        operator = Operator(city_of(settings), transit.operator, transit.institution)
        memory = CardMemory(parts.layouts(), parts.clock.read)
        payer = purses(parts, SingleRides(fares, memory, operator), ride)
        return cls(settings.scene, settings.terminal.city, fares, ride, payer)
