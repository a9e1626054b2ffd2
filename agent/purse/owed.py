"""A ride that was paid for and did not happen is ridden now: the fare, but for what is owed."""

from dataclasses import replace
from typing import Final

from msgspec import structs

from agent.fares.carried import Carried, Wants
from agent.fares.memory import PriceMemory
from agent.fares.ride import Journey, Rider
from agent.messages.reasons import Reason
from agent.purse.pricing import FareSource, PricedRide
from agent.purse.returned import owed
from config.model import GiveBackSettings
from offline_store.clock import ClockReading

STEP: Final = "given-back=0"


class RidesOwed:
    """See `FareSource`. A holder who is owed a boarding here boards for the proof of the card, or
    of the code, alone. A holder who rides for nothing anyway keeps one that was paid for; one that
    only the card tells of is used now, or the card would tell of two."""

    def __init__(self, fares: FareSource, scene: str, settings: GiveBackSettings) -> None:
        self._fares = fares
        self._scene = scene
        self._settings = settings

    def wants(self) -> Wants:
        return self._fares.wants()

    def price(
        self,
        memory: PriceMemory,
        rider: Rider,
        clock: ClockReading,
        journey: Journey | None = None,
        carried: Carried | None = None,
    ) -> PricedRide:
        priced = self._fares.price(memory, rider, clock, journey, carried)
        if priced.instead is not None:
            return priced
        given = memory.owed(
            lambda turn: owed(
                turn,
                rider.person,
                scene=self._scene,
                clock=clock,
                minutes=self._settings.ride_minutes,
            )
        )
        if given is None or (not priced.amount and given.amount):
            return priced
        steps = f"{priced.ride.steps}; {STEP}"
        ride = structs.replace(priced.ride, steps=steps, again=given.about)
        return replace(priced, amount=0, passes=Reason.RIDE_AGAIN, ride=ride, ridden=None)
