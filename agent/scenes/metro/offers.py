"""A metro's gates: what the card tells of its trip, and which end this lane is → what is bought.

    state on the card   entry lane                        exit lane
    initial, out        enters: 0 fen, row 03             never entered: `no_entry` (row 07)
    in                  never left: `no_exit` (row 08)    leaves: the fare, row 04

The purchase is composite: 001A, 001E and the debit come to stand on the card together or not at
all. Every case is in docs/metro-gate.md.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import islice
from typing import Final

from msgspec import structs

from agent.fares.history import MOST, History
from agent.fares.memory import PriceMemory
from agent.fares.ride import ENTRY, EXIT, Guess, Journey, Rider, ride_of
from agent.fares.rules import Rules
from agent.messages.reasons import Reason
from agent.purse.card_memory import CardMemory, CardWord, Operator, RideStamp
from agent.purse.intents import OpenIntent
from agent.purse.offers import Offer
from agent.purse.pricing import FareSource, PricedRide
from agent.purse.returned import owed
from agent.purse.trips import (
    Inside,
    RailRecord,
    RailStop,
    RecordEvidence,
    TripStamp,
    TripType,
    moment_ms,
    moment_of,
    stop_of,
)
from agent.scenes.metro.options import MetroOptions
from apdu.transit.faults import PurseStatus
from apdu.transit.files import Layout, Layouts
from apdu.transit.purse import END_OF_FILE, Purse
from apdu.transit.values import Management
from config.model import GiveBackSettings
from drivers.contract import Direction
from offline_store.clock import ClockReading
from offline_store.events.ride import NO_RIDE, Ride, TripEnd
from offline_store.events.ride import Trip as TripBought
from offline_store.events.seen import NOTHING_SEEN, Boarding, Seen, TripPoint
from offline_store.faults import ListUnreadable

MINUTE_MS: Final = 60_000
GUESS: Final[Mapping[str, Guess]] = {"highest": "dearest", "lowest": "cheapest"}
BOUGHT: Final[Mapping[TripType, Reason]] = {
    TripType.ENTRY: Reason.TRIP_BEGUN,
    TripType.NO_EXIT: Reason.TRIP_BEGUN,
    TripType.EXIT: Reason.TRIP_ENDED,
    TripType.NO_ENTRY: Reason.TRIP_ENDED,
}


@dataclass(frozen=True)
class Gates:
    """What all lanes of a terminal have in common. `city`: four digits, as cards have it."""

    settings: MetroOptions
    city: str
    line: str
    stop: str
    scene: str
    rules: Callable[[], Rules]
    fares: FareSource
    give_back: GiveBackSettings = field(default_factory=GiveBackSettings)

    @property
    def operator(self) -> Operator:
        """How cards know them."""
        return Operator(self.city, self.settings.operator, self.settings.institution)


class Trips:
    """See `agent.purse.offers.Offers`."""

    def __init__(
        self,
        gates: Gates,
        layouts: Layouts,
        directions: Mapping[str, Direction],
        memory: CardMemory | None = None,
    ) -> None:
        """`directions`: of the lanes, by name; who taps at one that is no exit comes to enter."""
        self.gates = gates
        self._layouts = layouts
        self._memory = memory or CardMemory(layouts)
        self._directions = directions

    def offer(self, purse: Purse, management: Management, lane: str) -> Offer:
        """Raises the faults of `Purse`, `LayoutUnknown`, `TransitRecordFault`."""
        layout = self._layouts.find(management.city, "rail")
        try:
            raw = purse.read_record(layout)
        except PurseStatus as fault:
            if fault.sw in END_OF_FILE:
                return NoTripRecord()
            raise
        if not raw:
            return NoTripRecord()
        trip = RailRecord.read(layout, raw)
        if self._directions.get(lane) != "exit":
            return EnteringCard(self.gates, layout, raw, trip)
        wants = self.gates.fares.wants()
        word = self._memory.read(purse, management.city, wants) if wants else None
        return LeavingCard(self.gates, layout, raw, trip, word)

    def offer_again(self, seen: Seen, lane: str) -> Offer:
        """At the gate of the station that the row names, whichever this one is now."""
        if seen.trip is None:
            return NoTripRecord()
        layout = self._layouts.find(seen.purse.city if seen.purse else self.gates.city, "rail")
        trip = RailRecord(seen.trip.inside, seen.trip.entry, seen.trip.exit)
        gates, at = self.gates, seen.boarding
        if at is not None:
            gates = replace(gates, line=at.line, stop=at.stop)
        leaves = self._directions.get(lane) == "exit"
        return (LeavingCard if leaves else EnteringCard)(gates, layout, b"", trip)

    def serves(self, purse: Purse, intent: OpenIntent, lane: str) -> bool:
        """An exit that was paid lets no passenger in, nor does an entry whose trip is over by
        now."""
        end = intent.event.ride.trip_end
        if end is None or end != self._directions.get(lane):
            return False
        trip = self._trip(purse, intent)
        inside = Inside.IN if end == ENTRY else Inside.OUT
        return trip.inside == inside and trip.ends_with(intent.event)

    def sight(self, purse: Purse, intent: OpenIntent) -> RecordEvidence:
        return self._trip(purse, intent).sight(intent.event)

    def _trip(self, purse: Purse, intent: OpenIntent) -> RailRecord:
        layout = self._layouts.find(intent.event.purchase.city, "rail")
        return RailRecord.read(layout, purse.read_record(layout))


class NoTripRecord:
    """A purse without a record for trips by rail."""

    day: date | None = None
    seen: Seen = NOTHING_SEEN

    def price(self, memory: PriceMemory, rider: Rider, clock: ClockReading) -> PricedRide:
        """Refuses: without a record the terminal cannot know where a trip began."""
        return PricedRide(0, refused=Reason.CARD_NOT_TAKEN)


@dataclass(frozen=True)
class _Case:
    """One decision: who, when, by which lists."""

    memory: PriceMemory
    rider: Rider
    clock: ClockReading
    rules: Rules
    here: RailStop

    def minutes_since(self, point: TripPoint) -> float | None:
        """None: not known. Below zero where the other gate's clock is ahead of this one."""
        time_ms = moment_ms(point.time)
        if self.clock.quality == "unset" or not time_ms:
            return None
        return (self.clock.time_ms - time_ms) / MINUTE_MS


@dataclass(frozen=True)
class _Card(ABC):
    """What both ends of a trip have in common."""

    gates: Gates
    layout: Layout
    raw: bytes = field(repr=False)
    trip: RailRecord
    word: CardWord | None = None  # what the card tells of other rides; of who leaves

    @property
    def day(self) -> date | None:
        """See `agent.purse.offers.Offer`."""
        return None

    @property
    def seen(self) -> Seen:
        """What the card tells of its trip, and where its holder stands with it."""
        return Seen(trip=self.trip.seen(), boarding=Boarding(self.gates.line, stop=self.gates.stop))

    def price(self, memory: PriceMemory, rider: Rider, clock: ClockReading) -> PricedRide:
        """Never raises: see `FareSource`."""
        try:
            rules = memory.rules(self.gates.rules)
        except ListUnreadable:
            return PricedRide(0, refused=Reason.NO_FARE)
        here = RailStop.find(self.gates.line, self.gates.stop, rules.lines)
        if here is None:  # nobody could say on the card where this is
            return PricedRide(0, refused=Reason.NO_FARE)
        priced = self._decided(_Case(memory, rider, clock, rules, here))
        return replace(
            priced,
            ride=self._told(priced.ride, rules),
            lists=priced.lists or rules.versions,
        )

    def _decided(self, case: _Case) -> PricedRide:
        match self.trip.inside:
            case Inside.IN:
                return self._inside(case)
            case Inside.INITIAL | Inside.OUT:
                return self._outside(case)
        return PricedRide(0, refused=Reason.ENTRY_UNKNOWN)

    @abstractmethod
    def _inside(self, case: _Case) -> PricedRide: ...

    @abstractmethod
    def _outside(self, case: _Case) -> PricedRide: ...

    def _told(self, ride: Ride, rules: Rules) -> Ride:
        """With where and when who is inside came in."""
        if self.trip.inside != Inside.IN:
            return ride
        entry = self.trip.entry
        station = self._stop(rules, entry) or entry.station
        trip = ride.trip or TripBought()
        told = structs.replace(trip, entry_station=station, entry_moment=entry.time)
        return structs.replace(ride, trip=told)

    def _fare(self, case: _Case, journey: Journey) -> PricedRide:
        carried = self.word.carried if self.word else None
        return self.gates.fares.price(case.memory, case.rider, case.clock, journey, carried)

    def _missing(self, case: _Case, stop: str, how: str) -> PricedRide:
        """For a trip of which only this stop is known."""
        found = self._fare(case, self._open_ended(stop, GUESS[how]))
        trip = TripBought(missing=found.amount)
        return replace(found, ride=structs.replace(found.ride, trip=trip))

    def _open_ended(self, stop: str, guess: Guess) -> Journey:
        return Journey(self.gates.line, boarded=stop, guess=guess, network=True)

    def _stop(self, rules: Rules, point: TripPoint) -> str:
        """Its id; empty: none that this city's lists know."""
        return stop_of(point.station, rules.lines) if point.city == self.gates.city else ""

    def _just_now(self, case: _Case, end: TripEnd, minutes: int) -> bool:
        """At this station less than `minutes` ago, and not let through for that already."""
        point = self.trip.at(end)
        since = case.minutes_since(point)
        if since is None or abs(since) >= minutes:
            return False
        if self._stop(case.rules, point) != case.here.stop:
            return False
        return not case.memory.let_through(
            lambda turn: _let_through(turn, case.rider.person, self.gates.scene, point.time)
        )

    def _once_more(self, case: _Case, end: TripEnd, minutes: int) -> PricedRide | None:
        """For the proof of the card alone, because the sensors have seen nobody go through, or
        because it was here just now. None: neither."""
        time = self.trip.at(end).time
        given = case.memory.owed(
            lambda turn: owed(
                turn,
                case.rider.person,
                scene=self.gates.scene,
                clock=case.clock,
                minutes=self.gates.give_back.ride_minutes,
            )
        )
        ride = Ride(again_of=time)
        if given is not None and given.again_of == time:
            ride = Ride(again_of=time, again=given.about)
        elif not self._just_now(case, end, minutes):
            return None
        return PricedRide(0, passes=Reason.TRIP_AGAIN, ride=ride)

    def _told_of(self, priced: PricedRide) -> RideStamp | None:
        """What the city's record is told of a trip that ends."""
        if self.word is None or self.word.day is None or priced.ridden is None:
            return None
        return RideStamp(self.word, priced.ridden, self.gates.operator)

    def _stamped(
        self, case: _Case, priced: PricedRide, kind: TripType, dearest: int = 0
    ) -> PricedRide:
        settings = self.gates.settings
        stamp = TripStamp(
            kind,
            self.layout,
            self.raw,
            case.here,
            self.gates.city,
            settings.operator,
            settings.institution,
            dearest,
            self._told_of(priced) if kind.end == EXIT else None,
        )
        trip = priced.ride.trip or TripBought()
        bought = structs.replace(trip, end=kind.end, type=int(kind))
        ride = case.here.of_ride(structs.replace(priced.ride, trip=bought))
        return replace(priced, stamp=stamp, bought=BOUGHT[kind], ride=ride)


class EnteringCard(_Card):
    """At a lane that leads in."""

    def _outside(self, case: _Case) -> PricedRide:
        return self._entering(case)

    def _inside(self, case: _Case) -> PricedRide:
        """He never left; or he was here just now, and did not go through."""
        again = self._once_more(case, ENTRY, self.gates.settings.reentry_minutes)
        if again is not None:
            return again
        how = self.gates.settings.no_exit
        stop = self._stop(case.rules, self.trip.entry)
        if how == "refuse" or not stop:
            return PricedRide(0, refused=Reason.TRIP_OPEN)
        missing = self._missing(case, stop, how)
        if missing.refused is not None:
            return replace(missing, refused=Reason.TRIP_OPEN)
        return self._entering(case, missing)

    def _entering(self, case: _Case, missing: PricedRide | None = None) -> PricedRide:
        """For nothing but what is missing; who could not pay the way out does not get in."""
        here = case.here.stop
        cheapest = self._fare(case, self._open_ended(here, "cheapest"))
        if cheapest.instead is not None:
            return cheapest
        dearest = self._fare(case, self._open_ended(here, "dearest")).full
        wanted = self.gates.settings.least_balance
        least = cheapest.amount if wanted is None else wanted
        kind = TripType.NO_EXIT if missing else TripType.ENTRY
        owed = missing or replace(cheapest, amount=0, ride=NO_RIDE)
        return self._stamped(case, replace(owed, least=owed.amount + least), kind, dearest)


class LeavingCard(_Card):
    """At a lane that leads out."""

    @property
    def day(self) -> date | None:
        return self.trip.day

    def _inside(self, case: _Case) -> PricedRide:
        entry = self.trip.entry
        stop = self._stop(case.rules, entry) if moment_of(entry) else ""
        return self._leaving(case, stop) if stop else PricedRide(0, refused=Reason.ENTRY_UNKNOWN)

    def _outside(self, case: _Case) -> PricedRide:
        """He never entered; or he was here just now, and did not go through."""
        again = self._once_more(case, EXIT, self.gates.settings.reexit_minutes)
        if again is not None:
            return again
        how = self.gates.settings.no_entry
        if how == "refuse":
            return PricedRide(0, refused=Reason.NOT_ENTERED)
        missing = self._missing(case, case.here.stop, how)
        return self._sold(case, missing, TripType.NO_ENTRY)

    def _leaving(self, case: _Case, stop: str) -> PricedRide:
        settings, minutes = self.gates.settings, case.minutes_since(self.trip.entry)
        late = (
            settings.longest_minutes and minutes is not None and minutes > settings.longest_minutes
        )
        if late and settings.overstay == "refuse":
            return PricedRide(0, refused=Reason.OVERSTAYED)
        turned_back = minutes is not None and abs(minutes) < settings.turn_back_minutes
        if stop == case.here.stop and turned_back:
            return self._sold(case, PricedRide(0, ride=Ride(steps="turn-back=0")), TripType.EXIT)
        priced = self._ride(case, stop)
        if late and priced.instead is None:
            priced = _surcharged(priced, settings.overstay_fare)
        return self._sold(case, priced, TripType.EXIT)

    def _ride(self, case: _Case, stop: str) -> PricedRide:
        """By the table. Who went nowhere pays the least where it does not say what."""
        entered = moment_ms(self.trip.entry.time)
        there = Journey(
            self.gates.line, boarded=stop, left=case.here.stop, boarded_ms=entered, network=True
        )
        priced = self._fare(case, there)
        if priced.refused == Reason.NO_FARE and stop == case.here.stop:
            return self._fare(case, replace(there, left="", guess="cheapest"))
        return priced

    def _sold(self, case: _Case, priced: PricedRide, kind: TripType) -> PricedRide:
        return priced if priced.instead is not None else self._stamped(case, priced, kind)


def _let_through(turn: History, person: str, scene: str, time: str) -> bool:
    """Once more already, for the end of a trip that the card has with that time."""
    done = islice(turn.accepted(person, scene=scene), MOST)
    return any(
        one.event.reason == Reason.TRIP_AGAIN and ride_of(one.event).again_of == time
        for one in done
    )


def _surcharged(priced: PricedRide, fen: int) -> PricedRide:
    amount = priced.amount + fen
    ride = structs.replace(
        priced.ride,
        full=priced.full + fen,
        steps=f"{priced.ride.steps}; overstay={amount}",
        trip=structs.replace(priced.ride.trip or TripBought(), overstay=fen),
    )
    return replace(priced, amount=amount, ride=ride)
