"""`onecard prove money`: no fen is lost, none is invented, whatever is torn, pulled or cut.

Random histories in a seeded World, on the product's payments and its real journal: cards that leave
at any APDU and come back sooner, later or never, other buses in between, a PSAM pulled, the power
cut between any two steps. Every other history is a metro's, where cards enter and leave by
composite purchases. What truly happened is noted in the cards' operating systems.
"""

import argparse
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from agent.clock import Clock, ClockReading
from agent.fares.ride import ENTRY, TRIP
from agent.results import Results
from agent.stages import Stages
from agent.texts import Texts
from agent.transit.fares import FlatFare, Priced
from agent.transit.intents import Intent
from agent.transit.intents import Place as At
from agent.transit.offers import Offer, Offers, SingleRides
from agent.transit.paying import Payments
from agent.transit.psams import Leased, TransitDesk
from agent.transit.purchase import Again, Presentation, Purchases
from agent.transit.records import Holder, intent_draft
from agent.transit.trips import Inside, Stamp
from apdu.transit.files import Layout
from apdu.transit.values import Authorisation, Initialised
from config.model import Metro
from offline_store.event import INTENT_EPOCH, INTENT_SEQ, Draft, Event, Record
from offline_store.reading import ReadOnlyJournal
from offline_store.store import Store, Turn
from simulators.cards.transit_psam import transit_psam
from simulators.lifetime import scratch
from simulators.proofs.writer import TERMINAL, enrol
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
CONTROL_SEEDS: Final = 20
CARDS: Final = 12
TAPS: Final = 30  # in each history
MOST_CUTS: Final = 6
GREY_AFTER: Final = 60.0
CITY_KEY: Final = b"made-up city reference key, 32 B"
ENDLESS: Final = 10_000_000
MOST_ROWS: Final = 100_000
LANES: Final = {"bus": ("door-0", "door-1"), SCENE: (IN, OUT)}
STATE: Final = 14  # offset in the rail record of 001A
STATION: Final = "M11"
DEBIT: Final = 0x54
LONGEST_WAY: Final = 20  # APDUs of a tap that has something to find out first


ZERO: Final = (
    "lost", "twice", "invented", "unended", "unequal", "forgotten", "wrong_tacs", "wrong_trips",
)  # fmt: skip


@dataclass
class Tally:
    """What came of all histories. All but the first block have to be zero."""

    histories: int = 0
    taps: int = 0
    cuts: int = 0
    debits: int = 0
    confirmed: int = 0
    grey: int = 0
    grey_debited: int = 0
    trips: int = 0  # debits at a metro's gate
    recovered: int = 0
    most_open: int = 0

    lost: int = 0  # debits that are neither confirmed nor grey
    twice: int = 0  # debits in more than one record
    invented: int = 0  # confirmed, and no card paid it
    unended: int = 0  # intents without an end, or with several
    unequal: int = 0  # histories whose money equation does not hold
    forgotten: int = 0  # charges begun on a card that had paid for the same, and was not asked
    wrong_tacs: int = 0
    wrong_trips: int = 0  # cards that say otherwise than the journal where their holder is
    seeds: list[int] = field(default_factory=list)  # of histories that broke something

    def broken(self) -> int:
        return (
            self.lost
            + self.twice
            + self.invented
            + self.unended
            + self.unequal
            + self.forgotten
            + self.wrong_tacs
            + self.wrong_trips
        )


def run(arguments: Sequence[str] = ()) -> dict[str, object]:
    """Figures over all histories, and the controls: an agent that records no intent, and one that
    leaves the trip unwritten on its card."""
    parser = argparse.ArgumentParser(prog="onecard prove money")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--first", type=int, default=1)
    options = parser.parse_args(list(arguments))
    seeds = range(options.first, options.first + options.seeds)
    return prove(seeds)


def prove(seeds: Sequence[int]) -> dict[str, object]:
    """The proof over these seeds; the control goes over the first of them."""
    with scratch("onecard-money-") as folder:
        fresh = folder / "fresh"
        _enrolled(fresh)
        tally = attempt(folder, fresh, seeds, Payments)
        control = attempt(folder, fresh, seeds[:CONTROL_SEEDS], Forgetful)
        unwritten = attempt(folder, fresh, seeds[:CONTROL_SEEDS], Unwritten)
    caught = control.lost + control.unequal > 0 and unwritten.wrong_trips > 0
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
        **zero,
        "broken_seeds": tally.seeds[:20],
        "goals": dict.fromkeys(zero, 0),
        "holds": tally.broken() == 0 and tally.debits > 0 and caught,
        "control": {
            "variant": "no intent event; no trip on the card",
            "lost": control.lost,
            "wrong_trips": unwritten.wrong_trips,
            "caught": caught,
        },
    }


def attempt(scratch: Path, fresh: Path, seeds: Sequence[int], payments: type[Payments]) -> Tally:
    """All histories with one kind of agent."""
    tally = Tally()
    for seed in seeds:
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
        Judge(self._city, self._passengers, self._events(), self._tally).judge()

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
            money=self._chance.choice([50, 450, 1000, 10_000]),
            overdraft=self._chance.choice([0, 0, 0, 800]),
            seq=self._chance.randrange(1, 500),
        )
        return Passenger(order, self._city.purse(order))

    def _events(self) -> list[Event]:
        journal = ReadOnlyJournal(RealWorld(), self._folder)
        return [record.event() for record in journal.records(None, 0, MOST_ROWS)]

    # For a session

    @property
    def folder(self) -> Path:
        return self._folder

    def take_turn(self) -> bool:
        """One of the taps that are left."""
        self._left -= 1
        return self._left >= 0

    def payments(self, world: CutWorld, store: Store, desk: TransitDesk) -> Payments:
        return self._make(
            world,
            clock=Clock(world),
            store=store,
            desk=desk,
            offers=self._offers(),
            references=References(CITY_KEY),
            results=Results(Texts("en")),
            ride=lambda: {"line": "18", "vehicle": "0042"},
            scene=self.scene,
            application="",
            grey_after=GREY_AFTER,
        )

    def _offers(self) -> Offers:
        """Every other metro charges whoever has not entered, or not left."""
        if self.scene == "bus":
            return SingleRides(FlatFare(200, "5199"))
        charging = Metro(no_entry="lowest", no_exit="highest")
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


class Session:
    """The agent from one power-on to the next."""

    def __init__(self, history: History, world: CutWorld) -> None:
        self._history = history
        self._world = world
        self._chance = history.chance
        self._slot = history.slot(world)
        self._desk = TransitDesk(world, [self._slot])
        keys = FileKeyStore(world, history.folder / "keys")
        self._store = Store(world, history.folder, terminal=TERMINAL, boot="boot-1", keys=keys)
        self._payments = history.payments(world, self._store, self._desk)
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
            self._tap(lane, passenger, tear)
            self._on_reader.discard(passenger.number)
            again = passenger if tear is not None and self._chance.random() < 0.5 else None
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
    ) -> None:
        face = self._history.city.face(passenger.inside)
        card = Torn(SteppedCard(self._world, passenger, face), tear)
        tally = self._history.tally
        tally.taps += 1
        try:
            stages = Stages(self._world, self._world.monotonic())
            self._payments.take(lane, card, "card-contactless", stages)
        except Fault:
            return  # with nothing begun
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
        priced: Priced,
        again: Again | None,
        leased: Leased,
    ) -> tuple[Intent, Record]:
        clock = self._clock.read()
        draft = intent_draft(tap.place, tap.holder, begun, authorised, priced, clock, {})
        fields = {name: getattr(draft, name) for name in Draft.__struct_fields__}
        self._count += 1
        event = Event(**fields, v=1, terminal=TERMINAL, epoch="", seq=self._count, prev="")
        intent = Intent(At("", self._count), event, leased.session(authorised))
        self._intents.begin(intent)
        return intent, Record(epoch="", seq=self._count, body="", hash="", mac="")


class Forgetful(Payments):
    """The control: no intent is recorded."""

    purchases = InMind


class Unwritten(Payments):
    """The other control: what is paid for at a gate does not come to stand on the card."""

    def _judge(self, turn: Turn, holder: Holder, offer: Offer, clock: ClockReading) -> Priced:
        priced = super()._judge(turn, holder, offer, clock)
        stamp = priced.stamp
        return priced if stamp is None else replace(priced, stamp=RowOnly(**vars(stamp)))


class RowOnly(Stamp):
    """001E without 001A."""

    def records(self, begun: Initialised, moment: str) -> tuple[tuple[Layout, bytes], ...]:
        return super().records(begun, moment)[1:]


class Judge:
    """Compares the journal with what the cards did."""

    def __init__(
        self,
        city: TransitCity,
        passengers: Sequence[Passenger],
        events: Sequence[Event],
        tally: Tally,
    ) -> None:
        self._city = city
        self._passengers = {f"0{one.number}": one for one in passengers}
        self._events = events
        self._tally = tally
        annulled = {(e.epoch, e.refers) for e in events if e.kind == "recovery"}
        valid = [e for e in events if (e.epoch, e.seq) not in annulled]
        self._intents = [e for e in valid if e.kind == "intent"]
        self._ends = [e for e in valid if e.kind == "payment-end"]

    def judge(self) -> None:
        tally = self._tally
        debits = {
            (card, debit.psam_seq): debit
            for card, passenger in self._passengers.items()
            for debit in passenger.debits
        }
        records: dict[tuple[str, str], list[Event]] = {}
        for end in self._ends:
            tally.recovered += end.reason == "torn-recovered"
            if "confirmed" in end.amounts or "grey" in end.amounts:
                records.setdefault(_purchase(end), []).append(end)
        confirmed = grey = 0
        for end in self._ends:
            truly = _purchase(end) in debits
            if "confirmed" in end.amounts:
                tally.confirmed += 1
                tally.invented += not truly
                confirmed += end.amounts["confirmed"]
                tally.wrong_tacs += not self._tac_is_right(end)
            if "grey" in end.amounts:
                tally.grey += 1
                tally.grey_debited += truly
                grey += end.amounts["grey"] if truly else 0
        for key in debits:
            found = records.get(key, [])
            tally.debits += 1
            tally.lost += not found
            tally.twice += len(found) > 1
        for passenger in self._passengers.values():
            self._compare_trip(passenger)
        spent = sum(passenger.spent_here for passenger in self._passengers.values())
        tally.unequal += spent != confirmed + grey
        self._count_unended()

    def _compare_trip(self, passenger: Passenger) -> None:
        """Where he is, by the last purchase that his card truly made here."""
        number = f"0{passenger.number}"
        made = [debit.psam_seq for debit in passenger.debits]
        begun = {intent.evidence["psam_seq"]: intent for intent in self._intents_of(number)}
        trips = [
            begun[seq].detail[TRIP] for seq in made if seq in begun and TRIP in begun[seq].detail
        ]
        if trips:
            told = Inside.IN if trips[-1] == ENTRY else Inside.OUT
            self._tally.trips += len(trips)
            self._tally.wrong_trips += passenger.inside.state.records[0][STATE] != told

    def _intents_of(self, card_number: str) -> Sequence[Event]:
        return [e for e in self._intents if e.evidence["card_number"] == card_number]

    def _tac_is_right(self, end: Event) -> bool:
        if "tac" not in end.evidence:
            return True
        said = end.detail
        tac = self._city.tac(
            self._passengers[end.evidence["card_number"]].order,
            amount=end.amounts["amount"],
            kind=int(said["type"]),
            terminal=bytes.fromhex(end.evidence["terminal"]),
            sequence=int(end.evidence["psam_seq"], 16),
            moment=str(said["moment"]),
        )
        return tac.hex() == end.evidence["tac"]

    def _count_unended(self) -> None:
        ends: dict[tuple[str, int], list[int]] = {}
        order = {(e.epoch, e.seq): at for at, e in enumerate(self._events)}
        for end in self._ends:
            ends.setdefault(_place(end), []).append(order[end.epoch, end.seq])
        before: dict[str, list[Event]] = {}
        for intent in self._intents:
            place = (intent.epoch, intent.seq)
            self._tally.unended += len(ends.get(place, [])) != 1
            earlier = before.setdefault(intent.card, [])
            self._tally.forgotten += any(
                self._charged(one, intent)
                and min(ends.get((one.epoch, one.seq), [ENDLESS])) > order[place]
                for one in earlier
            )
            earlier.append(intent)

    def _charged(self, earlier: Event, intent: Event) -> bool:
        """That card has paid `earlier`, which is for what `intent` is to be paid for again."""
        passenger = self._passengers[earlier.evidence["card_number"]]
        made = {debit.psam_seq for debit in passenger.debits if debit.amount}
        same = earlier.detail.get(TRIP) == intent.detail.get(TRIP)
        return same and earlier.evidence["psam_seq"] in made and intent.amounts["amount"] > 0


def _purchase(event: Event) -> tuple[str, str]:
    """By the PSAM's number, which no two of its purchases share."""
    return event.evidence["card_number"], event.evidence["psam_seq"]


def _place(end: Event) -> tuple[str, int]:
    """Of the intent that it names."""
    if end.refers is not None:
        return end.epoch, end.refers
    return str(end.detail[INTENT_EPOCH]), int(end.detail[INTENT_SEQ])


def _enrolled(folder: Path) -> None:
    """A journal as enrolment leaves it, made once."""
    world = RealWorld()
    folder.mkdir()
    enrol(world, folder)
    keys = FileKeyStore(world, folder / "keys")
    store = Store(world, folder, terminal=TERMINAL, boot="boot-1", keys=keys)
    store.start()
    store.close()
