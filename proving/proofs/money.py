"""`onecard prove money`: no fen is lost, none is invented, whatever is torn, pulled or cut.

Random histories in a seeded World, on the product's payments and its real journal: cards that leave
at any APDU and come back sooner, later or never, other buses in between, a PSAM pulled, the power
cut between any two steps. Every other history is a metro's, where cards enter and leave by
composite purchases. Some who have paid turn back and are owed a boarding
(`proving.proofs.turning_back`). Among the passengers are cards that know no key and may do
anything else (`proving.proofs.mallory`). What truly happened is noted in the cards' operating
systems.
"""

import argparse
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from agent.fares.lines import parse_lines
from agent.fares.ride import Journey
from agent.fares.rules import Rules
from agent.fares.tariff import parse_tariff
from agent.messages.reasons import Reason
from agent.messages.results import Results
from agent.messages.texts import Texts
from agent.psam.transit import Leased, TransitPsamPool
from agent.purse.intents import OpenIntent
from agent.purse.offers import Offer, Offers, SingleRides
from agent.purse.owed import RidesOwed
from agent.purse.paying import Payments
from agent.purse.pricing import FlatFare, ListedFare, PricedRide
from agent.purse.purchase import Again, Presentation, Purchases
from agent.purse.records import PurseHolder, intent_of
from agent.purse.trips import TripStamp
from agent.scenes.metro.options import MetroOptions
from agent.stages import Stages
from apdu.transit.files import Layout
from apdu.transit.values import Authorisation, Initialised
from offline_store.clock import Clock, ClockReading
from offline_store.events.reference import Reference
from offline_store.events.ride import Ride
from offline_store.events.row import Event, Record, Stored
from offline_store.reading import ReadOnlyJournal
from offline_store.store import Store, Turn
from proving.malice.purse import Gang
from proving.proofs import turning_back
from proving.proofs.mallory import Mallory, Trusting
from proving.proofs.money_judge import ENDLESS, ZERO, Judge, Tally
from proving.proofs.turning_back import Gate, Unforgotten
from proving.proofs.writer import TERMINAL, enrol
from simulators.cards.transit_psam import transit_psam
from simulators.lifetime import scratch
from simulators.transit import lists
from simulators.transit.bus import OURS, CutWorld, OtherBus, Passenger, PsamSlot, SteppedCard
from simulators.transit.city import PurseOrder, TransitCity
from simulators.transit.metro import IN, OUT, SCENE, gates
from simulators.transit.torn import Torn
from simulators.vpcd import Moment, TearAtApdu, TearAtInstruction
from simulators.world import TooManySteps
from trust.keystore import FileKeyStore
from trust.references import References
from world import Fault
from world.real import RealWorld

SEEDS: Final = 200
CONTROL_SEEDS: Final = range(1, 101)  # at most
CARDS: Final = 12
TAPS: Final = 30  # in each history
MOST_CUTS: Final = 6
GREY_AFTER: Final = 60.0
CITY_KEY: Final = b"made-up city reference key, 32 B"
MOST_ROWS: Final = 100_000
LANES: Final = {"bus": ("door-0", "door-1"), SCENE: (IN, OUT)}
STATION: Final = "M11"
DEBIT: Final = 0x54
LONGEST_WAY: Final = 20  # APDUs of a tap that has something to find out first
FORGED: Final = 0.4  # so many taps are followed by one of a card without a key, or by some
FORGERS: Final = frozenset({Reason.PAYMENT_FORGED, Reason.CARD_UNPROVED})


def run(arguments: Sequence[str] = ()) -> dict[str, object]:
    """Figures over all histories, and the controls: an agent that records no intent, one that
    leaves the trip unwritten on its card, one that takes `unverified` for paid, and one that lets
    a ride that was given back be ridden for ever."""
    parser = argparse.ArgumentParser(prog="onecard prove money")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--first", type=int, default=1)
    options = parser.parse_args(list(arguments))
    seeds = range(options.first, options.first + options.seeds)
    return prove(seeds)


def prove(seeds: Sequence[int]) -> dict[str, object]:
    """The proof over these seeds. Each control has seeds of its own, until it is caught."""
    with scratch("onecard-money-") as folder:
        fresh = folder / "fresh"
        _enrolled(fresh)
        tally = attempt(folder, fresh, seeds, Payments)
        tallies = {
            kind: attempt(folder, fresh, CONTROL_SEEDS, kind, until=shows)
            for kind, shows in CONTROLS.items()
        }
    caught = all(shows(tallies[kind]) for kind, shows in CONTROLS.items())
    control, unwritten, trusting, generous = tallies.values()
    zero = {name: getattr(tally, name) for name in ZERO}
    return {
        "name": "money",
        "histories": tally.histories,
        "taps": tally.taps,
        "power_cuts": tally.cuts,
        "debits": tally.debits,
        "confirmed": tally.confirmed,
        "grey": tally.grey,
        "grey_debited": tally.grey_debited,
        "trips": tally.trips,
        "recovered": tally.recovered,
        "most_open": tally.most_open,
        "forged": tally.forged,
        "given_back": tally.given_back,
        "boarded": tally.boarded,
        **zero,
        "broken_seeds": tally.seeds[:20],
        "goals": dict.fromkeys(zero, 0),
        "holds": tally.broken() == 0
        and min(tally.debits, tally.forged, tally.boarded) > 0
        and caught,
        "control": {
            "variant": "no intent event; no trip on the card; what a card says taken for proved;"
            " a ride given back that is owed for ever",
            "lost": control.lost,
            "wrong_trips": unwritten.wrong_trips,
            "let_in": trusting.let_in,
            "robbed": trusting.robbed,
            "invented": trusting.invented,
            "ridden_twice": generous.ridden_twice,
            "caught": caught,
        },
    }


def attempt(
    scratch: Path,
    fresh: Path,
    seeds: Sequence[int],
    payments: type[Payments],
    until: Callable[[Tally], bool] = lambda tally: False,
) -> Tally:
    """All histories with one kind of agent, or so many that it shows."""
    tally = Tally()
    for seed in seeds:
        if until(tally):
            break
        folder = scratch / "journal"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(fresh, folder)
        before = tally.broken()
        History(seed, folder, payments, tally).play()
        if tally.broken() > before:
            tally.seeds.append(seed)
    return tally


class History:
    """One bus or metro station, its passengers, and everything that goes wrong, by one seed."""

    def __init__(self, seed: int, folder: Path, payments: type[Payments], tally: Tally) -> None:
        self._seed = seed
        self.scene = SCENE if seed % 2 else "bus"
        self._chance = random.Random(seed)
        self._folder = folder
        self._make = payments
        self._tally = tally
        self._city = TransitCity()
        self._psam = self._city.psam(OURS)
        self._other = OtherBus(self._city)
        self._passengers = [self._passenger(number) for number in range(CARDS)]
        self._left = TAPS
        self._gang = Gang()

    def play(self) -> None:
        """Sessions until all taps are done; all but the last end by a power cut."""
        for number in range(MOST_CUTS):
            steps = self._chance.randrange(60, 900)
            if self._session(number, steps):
                break
            self._tally.cuts += 1
        else:
            self._session(MOST_CUTS, ENDLESS)
        self._tally.histories += 1
        events = self._events()
        Judge(self._city, self._passengers, events, self._tally, self._gang.told).judge()
        turning_back.judge(events, self._tally)

    def _session(self, number: int, steps: int) -> bool:
        """From power on to power off; False when it was cut."""
        world = CutWorld(self._seed * 31 + number, steps=steps)
        try:
            world.play(lambda: Session(self, world).run())
        except TooManySteps:
            return False
        finally:
            world.settle()
        return True

    def _passenger(self, number: int) -> Passenger:
        order = PurseOrder(
            card_number=f"3105199{number:012}",
            card_type=self._chance.choice([1, 1, 1, 3, 0x70]),
            money=self._chance.choice([50, 450, 1000, 10_000]),
            overdraft=self._chance.choice([0, 0, 0, 800]),
            seq=self._chance.randrange(1, 500),
        )
        return Passenger(order, self._city.purse(order))

    def _events(self) -> list[Stored[Event]]:
        journal = ReadOnlyJournal(RealWorld(), self._folder)
        return [record.stored() for record in journal.records(None, 0, MOST_ROWS)]

    # For a session

    @property
    def folder(self) -> Path:
        return self._folder

    def take_turn(self) -> bool:
        """One of the taps that are left."""
        self._left -= 1
        return self._left >= 0

    def payments(self, world: CutWorld, store: Store, desk: TransitPsamPool) -> Payments:
        return self._make(
            world,
            clock=Clock(world),
            store=store,
            desk=desk,
            offers=self._offers(),
            references=References(CITY_KEY),
            results=Results(Texts("en")),
            ride=lambda: Ride(line="18", vehicle="0042"),
            scene=self.scene,
            application="",
            grey_after=GREY_AFTER,
        )

    def _offers(self) -> Offers:
        """Every other metro charges whoever has not entered, or not left, and lets out once more;
        on every other bus drivers sign on, and some ride for nothing."""
        if self.scene == "bus":
            flat = FlatFare(200, "5199")
            owed = self._make.owed if issubclass(self._make, Generous) else RidesOwed
            if self._seed % 4 == 2:
                return SingleRides(owed(flat, "bus", turning_back.LIMITS))
            listed = ListedFare(_city_lists, lambda: Journey("42"), flat, "bus", aboard=True)
            return SingleRides(owed(listed, "bus", turning_back.LIMITS))
        charging = MetroOptions(no_entry="lowest", no_exit="highest", reexit_minutes=3)
        return gates(STATION, charging if self._seed % 4 == 1 else None)

    @property
    def chance(self) -> random.Random:
        return self._chance

    @property
    def passengers(self) -> Sequence[Passenger]:
        return self._passengers

    @property
    def city(self) -> TransitCity:
        return self._city

    @property
    def other(self) -> OtherBus:
        return self._other

    @property
    def tally(self) -> Tally:
        return self._tally

    def slot(self, world: CutWorld) -> PsamSlot:
        return PsamSlot(world, transit_psam(self._psam))

    def mallory(self, world: CutWorld, store: Store, payments: Payments) -> Mallory:
        references = References(CITY_KEY)
        return Mallory(world, store, payments, references, self._chance, self._gang, self._tally)


class Session:
    """The agent from one power-on to the next."""

    def __init__(self, history: History, world: CutWorld) -> None:
        self._history = history
        self._world = world
        self._chance = history.chance
        self._slot = history.slot(world)
        self._desk = TransitPsamPool(world, [self._slot])
        keys = FileKeyStore(world, history.folder / "keys")
        self._store = Store(world, history.folder, terminal=TERMINAL, boot="boot-1", keys=keys)
        self._payments = history.payments(world, self._store, self._desk)
        self._mallory = history.mallory(world, self._store, self._payments)
        self._gate = Gate(world, self._store, history.scene, history.chance)
        self._on_reader: set[str] = set()

    def run(self) -> None:
        self._store.start()
        self._desk.start()
        self._payments.start()
        lanes = [
            self._world.spawn(lambda lane=lane: self._lane(lane), name=f"lane {lane}")  # type: ignore[misc]
            for lane in LANES[self._history.scene]
        ]
        for lane in lanes:
            lane.join()
        self._world.wait(GREY_AFTER + 1)  # who has not come back by now is grey
        self._payments.stop()
        self._desk.stop()
        self._store.close()

    def _lane(self, lane: str) -> None:
        again: Passenger | None = None
        while self._history.take_turn():
            passenger = again or self._somebody()
            self._on_reader.add(passenger.number)
            tear = self._tear()
            turned_back = self._tap(lane, passenger, tear)
            self._on_reader.discard(passenger.number)
            comes_again = tear is not None or turned_back
            again = passenger if comes_again and self._chance.random() < 0.5 else None
            if self._chance.random() < FORGED:
                self._mallory.come(lane, self._history.passengers)
            self._between(passenger)

    def _somebody(self) -> Passenger:
        free = [p for p in self._history.passengers if p.number not in self._on_reader]
        return self._chance.choice(free)

    def _tear(self) -> TearAtApdu | TearAtInstruction | None:
        """One card in three is held still; of the others half go at the debit itself."""
        if self._chance.random() < 0.35:
            return None
        moment = self._chance.choice(list(Moment))
        if self._chance.random() < 0.5:
            return TearAtInstruction(DEBIT, moment)
        return TearAtApdu(self._chance.randrange(LONGEST_WAY), moment)

    def _tap(
        self, lane: str, passenger: Passenger, tear: TearAtApdu | TearAtInstruction | None
    ) -> bool:
        """Whether he was let through and did not go."""
        face = self._history.city.face(passenger.inside)
        card = Torn(SteppedCard(self._world, passenger, face), tear)
        tally = self._history.tally
        tally.taps += 1
        try:
            stages = Stages(self._world, self._world.monotonic())
            took = self._payments.pay(lane, card, "card-contactless", stages)
            tally.slandered += took.reason in FORGERS
            return self._gate.turned_back(lane, took)
        except Fault:
            return False  # with nothing begun
        finally:
            tally.most_open = max(tally.most_open, len(self._payments.open))

    def _between(self, passenger: Passenger) -> None:
        """What happens until the next tap at this door."""
        happens = self._chance.random()
        if happens < 0.15:
            self._slot.pull()
        elif happens < 0.35 and passenger.number not in self._on_reader:
            moment = f"2026092{self._chance.randrange(9)}080000"
            self._history.other.charge(passenger, self._chance.choice([200, 300]), moment)
        elif happens < 0.40:
            self._world.wait(GREY_AFTER * 1.5)
        self._world.wait(self._chance.random())


class InMind(Purchases):
    """What is about to be paid is kept in mind and nowhere else."""

    _count = 0

    def _begin(
        self,
        tap: Presentation,
        begun: Initialised,
        authorised: Authorisation,
        priced: PricedRide,
        again: Again | None,
        leased: Leased,
    ) -> tuple[OpenIntent, Record]:
        clock = self._clock.read()
        event = intent_of(tap.place, tap.holder, begun, authorised, priced, clock, {})
        self._count += 1
        intent = OpenIntent(Reference("", self._count), event, leased.session(authorised))
        self._intents.begin(intent)
        return intent, Record(epoch="", seq=self._count, body="", hash="", mac="")


class Forgetful(Payments):
    """The control: no intent is recorded."""

    purchases = InMind


class Unwritten(Payments):
    """The other control: what is paid for at a gate does not come to stand on the card."""

    def _judge(
        self, turn: Turn, holder: PurseHolder, offer: Offer, clock: ClockReading
    ) -> PricedRide:
        priced = super()._judge(turn, holder, offer, clock)
        stamp = priced.stamp
        if not isinstance(stamp, TripStamp):
            return priced
        return replace(priced, stamp=RowOnly(**vars(stamp)))


class Generous(Payments):
    """The last control: whoever is owed a ride may ride for it as often as he likes."""

    owed = Unforgotten


class RowOnly(TripStamp):
    """001E without 001A."""

    def records(self, begun: Initialised, moment: str) -> tuple[tuple[Layout, bytes], ...]:
        return super().records(begun, moment)[1:]


CONTROLS: Final[Mapping[type[Payments], Callable[[Tally], bool]]] = {
    Forgetful: lambda tally: tally.lost + tally.unequal > 0,
    Unwritten: lambda tally: tally.wrong_trips > 0,
    Trusting: lambda tally: tally.let_in > 0 and tally.robbed > 0,
    Generous: lambda tally: tally.ridden_twice > 0,
}


def _city_lists() -> Rules:
    return Rules(parse_tariff(lists.fares()), lines=parse_lines(lists.lines()))


def _enrolled(folder: Path) -> None:
    """A journal as enrolment leaves it, made once."""
    world = RealWorld()
    folder.mkdir()
    enrol(world, folder)
    keys = FileKeyStore(world, folder / "keys")
    store = Store(world, folder, terminal=TERMINAL, boot="boot-1", keys=keys)
    store.start()
    store.close()
