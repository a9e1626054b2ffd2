"""What a ride costs, as far as paying has to know: asked in the store's turn, told as an amount."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from msgspec import structs

from agent.fares.carried import NOTHING, Carried, CarriedRide, Wants, joined, ridden, wants_of
from agent.fares.classes import TEST_CARD, is_driver
from agent.fares.decide import fare
from agent.fares.history import History, state_of
from agent.fares.memory import PriceMemory
from agent.fares.ride import Journey, Rider, Why
from agent.fares.rules import Rules
from agent.messages.reasons import Reason
from apdu.transit.files import Layout
from apdu.transit.values import Initialised, Kind
from offline_store.clock import ClockReading
from offline_store.events.ride import NO_RIDE, Ride
from offline_store.events.seen import NOTHING_SEEN, RidesBefore, Seen
from offline_store.faults import ListUnreadable

RideNow = Callable[[], Ride]  # line, vehicle, driver, stop, as they are now

REFUSED: Final[Mapping[Why, Reason]] = {
    Why.NOT_INTEROPERABLE: Reason.WRONG_CITY,
    Why.CARD_REFUSED: Reason.CARD_NOT_TAKEN,
}  # all else is the terminal's own trouble


def no_ride() -> Ride:
    """Where nothing is known of it."""
    return NO_RIDE


class Stamp(Protocol):
    """What a composite purchase writes beside its debit."""

    @property
    def less(self) -> "Stamp | None":
        """What is written where the card will not have all of it; the same: all of it has to be."""
        ...

    def records(self, begun: Initialised, moment: str) -> tuple[tuple[Layout, bytes], ...]:
        """Each record to write (001A, new rows of 001E) with its table, whole. `moment`:
        YYYYMMDDhhmmss. Raises `TransitRecordFault`: the city's table has no room for one of these
        values."""
        ...


@dataclass(frozen=True)
class PricedRide:
    """`refused`: why the holder does not ride for that; None: it costs `amount` fen. `seen` is what
    the card told, `ride` how it came about, `lists` the lists that it went by. `driver`:
    the holder signs on or off here, and does not ride. `passes`: why the holder goes through and is
    not charged. Both rest on the card alone: a purse proves it by a purchase of 0 fen. `least`: fen
    that have to be in the purse, whatever is paid now. `stamp`: what is written at the same moment.
    `bought`: the reason that is shown when it is paid. `proof`: it only proves the card. `ridden`:
    what the next terminal is to be told of a ride. `clock`: by which it was judged; None: nothing
    was."""

    amount: int
    refused: Reason | None = None
    ride: Ride = NO_RIDE
    seen: Seen = NOTHING_SEEN
    lists: Mapping[str, int] = field(default_factory=dict)
    driver: bool = False
    passes: Reason | None = None
    least: int = 0
    stamp: Stamp | None = None
    bought: Reason = Reason.PAID
    proof: bool = False
    ridden: CarriedRide | None = (
        None  # what the card is to tell of the ride, where the tariff goes by it
    )
    clock: ClockReading | None = None

    @property
    def full(self) -> int:
        """Fen, before anything was taken off."""
        return self.ride.full or 0

    @property
    def instead(self) -> Reason | None:
        """Why nothing is bought; None: something is, if only for 0 fen."""
        return Reason.DRIVER if self.driver else self.passes or self.refused

    @property
    def free(self) -> Reason | None:
        """The reason that the holder gets for the proof of the card alone; None: a ride is bought,
        if only for 0 fen, or nothing is."""
        return Reason.DRIVER if self.driver else self.passes

    def kind(self, zero: Kind) -> Kind:
        """`zero`: how the city's cards take a purchase of 0 fen that writes nothing."""
        if self.stamp is not None:
            return Kind.COMPOSITE
        return Kind.SIMPLE if self.amount else zero

    def with_less(self) -> "PricedRide":
        """For a card that will not have all of it written."""
        return self if self.stamp is None else replace(self, stamp=self.stamp.less)

    def buys_the_same(self, other: "PricedRide") -> bool:
        """The same amount, and the same written; how it came about may differ."""
        mine, others = ((one.instead, one.amount, one.stamp) for one in (self, other))
        return mine == others


class FareSource(Protocol):
    """Pure but for what it asks of `memory`, so that it can be asked again in the turn that records
    it, and from the row. Must not raise: a journal's turn carries it out."""

    def wants(self) -> Wants:
        """What of the card's own memory the price goes by."""
        ...

    def price(
        self,
        memory: PriceMemory,
        rider: Rider,
        clock: ClockReading,
        journey: Journey | None = None,
        carried: Carried | None = None,
    ) -> PricedRide:
        """What the ride costs the rider, in fen, or why it is refused; within the journal's turn,
        so it never raises. `journey`: the ride, where the tap knows it; else as passengers ride
        from here now. `carried`: what the card told of other rides; None where it was not read."""
        ...


class FlatFare:
    """The same for everybody; a card of another city has to be interoperable."""

    def __init__(self, amount: int, city: str = "") -> None:
        """`amount` in fen; `city`: the terminal's own, four digits of 0017."""
        self._amount = amount
        self._city = city

    def wants(self) -> Wants:
        return NOTHING

    def price(
        self,
        memory: PriceMemory,
        rider: Rider,
        clock: ClockReading,
        journey: Journey | None = None,
        carried: Carried | None = None,
    ) -> PricedRide:
        if rider.card_type == TEST_CARD:
            return PricedRide(0, refused=Reason.CARD_NOT_TAKEN)
        if rider.city and rider.city != self._city and not rider.interoperable:
            return PricedRide(0, refused=Reason.WRONG_CITY)
        ride = Ride(full=self._amount, steps=f"flat={self._amount}")
        return PricedRide(self._amount, ride=ride)


class ListedFare:
    """By the city's signed lists; while there is no fare list, by `flat`."""

    def __init__(
        self,
        rules: Callable[[], Rules],
        journey: Callable[[], Journey],
        flat: FlatFare,
        scene: str,
        *,
        aboard: bool = False,
    ) -> None:
        """`aboard`: in a vehicle, where drivers sign on."""
        self._rules = rules
        self._journey = journey
        self._flat = flat
        self._scene = scene
        self._aboard = aboard

    def wants(self) -> Wants:
        try:
            tariff = self._rules().tariff
        except ListUnreadable:
            return NOTHING
        return wants_of(tariff) if tariff else NOTHING

    def price(
        self,
        memory: PriceMemory,
        rider: Rider,
        clock: ClockReading,
        journey: Journey | None = None,
        carried: Carried | None = None,
    ) -> PricedRide:
        try:
            rules = memory.rules(self._rules)
        except ListUnreadable:
            return PricedRide(0, refused=Reason.NO_FARE)
        day = clock.today if clock.quality != "unset" else None
        if self._aboard and is_driver(rider, rules, day):
            return PricedRide(0, driver=True, lists=rules.versions)
        tariff = rules.tariff
        if tariff is None:
            return self._flat.price(memory, rider, clock, journey)
        ridden_now = journey or memory.journey(self._journey)

        def before(turn: History) -> RidesBefore:
            state = state_of(turn, rider.person, tariff, clock, scene=self._scene)
            if carried is None:
                return state
            return joined(state, carried, tariff, rules.lines, clock, ridden_now.line)

        told = Seen(card=carried.seen()) if carried else NOTHING_SEEN
        return _priced(ridden_now, rider, rules, memory.rides(before), clock, told)


def _priced(
    journey: Journey,
    rider: Rider,
    rules: Rules,
    state: RidesBefore,
    clock: ClockReading,
    told: Seen,
) -> PricedRide:
    """By the tariff. `told`: what the card told of other rides."""
    found = fare(journey, rider, rules, state, clock)
    line, station = rules.lines.codes(journey.line, journey.left or journey.boarded)
    operator = rules.lines.operator_of(journey.line)
    return PricedRide(
        found.amount_fen,
        None if found.accepted else REFUSED.get(found.reason, Reason.NO_FARE),
        structs.replace(found.of_ride(), line=journey.line),
        told,
        rules.versions,
        ridden=ridden(found, state, line, station, operator) if found.accepted else None,
    )
