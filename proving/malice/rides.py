"""Purses without a key at the product's own payments, by the thousand: a bus's door or a metro's
gate whose journal is in memory, one short history for each input of `onecard prove fuzz`.

Somebody honest is torn, or pays, or is not there; then cards without a key come, with his number or
another one; then he comes back. What every card truly did is known.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Final, TypeVar, cast

import msgspec

from agent.fares.lines import parse_lines
from agent.fares.ride import Journey
from agent.fares.rules import Rules
from agent.fares.tariff import parse_tariff
from agent.messages.reasons import Reason
from agent.messages.results import Results
from agent.messages.texts import Texts
from agent.psam.transit import TransitPsamPool
from agent.purse.offers import Offers, SingleRides
from agent.purse.paying import Payments
from agent.purse.pricing import FlatFare, ListedFare
from agent.purse.tap_result import TapResult
from agent.scenes.metro.options import MetroOptions
from agent.stages import Stages
from apdu.channel import Channel
from offline_store.clock import CHINA, Clock
from offline_store.columns import verdict_of, whose
from offline_store.events.payment import PaymentEnd
from offline_store.events.reference import Reference
from offline_store.events.ride import Ride
from offline_store.events.row import ROW_VERSION, Event, Record, Row, Stored, stored
from offline_store.store import Entry, Store
from offline_store.turn import Done, GivenBack, NoLists
from proving.malice.purse import Gang, Keyless
from simulators.cards.transit_psam import transit_psam
from simulators.transit import lists
from simulators.transit.bus import OURS, Passenger, PsamSlot, SteppedCard
from simulators.transit.city import PurseOrder, TransitCity
from simulators.transit.metro import IN, OUT, SCENE, gates
from simulators.transit.torn import Torn
from simulators.vpcd import Moment, TearAtInstruction
from simulators.world import SimWorld
from trust.references import References
from world import Fault

T = TypeVar("T")
EPOCH: Final = "0123456789abcdef" * 2
CITY_KEY: Final = b"made-up city reference key, 32 B"
STATION: Final = "M11"
DEBIT: Final = 0x54
MOST_TAPS: Final = 4  # of cards without a key, in one input
STEPS: Final = 200_000  # of the World, in one input; more is a hang
LANES: Final = {"bus": ("door", "door"), SCENE: (IN, OUT)}
RESULTS: Final = Results(Texts("en"))
RULES: Final = Rules(parse_tariff(lists.fares()), lines=parse_lines(lists.lines()))


class Books:
    """A journal in memory: what payments need of `offline_store.store.Store`, and its own turn."""

    def __init__(self) -> None:
        self.rows: list[Stored[Event]] = []
        self.lists = NoLists().view()

    def turn(self, decide: "Callable[[Books], Entry]") -> Record:
        event = decide(self).event
        seq = len(self.rows) + 1
        row = Row(v=ROW_VERSION, terminal="bus-1", epoch=EPOCH, seq=seq, prev="", event=event)
        self.rows.append(stored(row, ""))
        return Record(epoch=EPOCH, seq=seq, body=msgspec.json.encode(row).decode(), hash="", mac="")

    def look(self, read: "Callable[[Books], T]") -> T:
        return read(self)

    def open_intents(self) -> Sequence[Stored[Event]]:
        return []

    def event(self, about: Reference) -> Stored[Event]:
        return self.rows[about.seq - 1]

    def accepted(self, person: str, *, scene: str) -> Iterator[Done]:
        for row in reversed(self.rows):
            known = whose(row.event)[1], row.event.scene, verdict_of(row.event)
            if known == (person, scene, "accepted"):
                yield Done(row)

    def given_back(self, person: str) -> Iterator[GivenBack]:
        return iter(())


@dataclass
class Came:
    """What one input came to. `through`: cards without a key that got through; `ended`: what was
    open before them and is not any more; `confirmed`: debits in the books that no card made;
    `kept_out`: the honest card was called forged."""

    taps: int = 0
    through: int = 0
    ended: int = 0
    confirmed: int = 0
    kept_out: int = 0

    @property
    def wrong(self) -> str:
        named = ("through", "ended", "confirmed", "kept_out")
        return ", ".join(name for name in named if getattr(self, name))


def ride(chance: Random, payments: type[Payments] = Payments) -> Came:
    """One input. Raises what the product lets out, and `TooManySteps` for a history without end."""
    world = SimWorld(chance.getrandbits(32), steps=STEPS)
    try:
        return world.play(lambda: _Ride(world, chance, payments).play())
    finally:
        world.join_all()


class _Ride:
    def __init__(self, world: SimWorld, chance: Random, payments: type[Payments]) -> None:
        self._world = world
        self._chance = chance
        self._scene = chance.choice(["bus", SCENE])
        self._city = TransitCity()
        self._slot = PsamSlot(world, transit_psam(self._city.psam(OURS)))
        self._desk = TransitPsamPool(world, [self._slot])
        self._books = Books()
        self._came = Came()
        self._payments = payments(
            world,
            clock=Clock(world),
            store=cast(Store, self._books),
            desk=self._desk,
            offers=self._offers(),
            references=References(CITY_KEY),
            results=RESULTS,
            ride=lambda: Ride(line="42"),
            scene=self._scene,
            application="",
            grey_after=10_000.0,
        )
        self._victim = self._passenger(1)
        self._other = self._passenger(2)

    def play(self) -> Came:
        chance = self._chance
        self._desk.start()
        self._payments.start()
        lanes = LANES[self._scene]
        lane = chance.choice(lanes)
        tear = chance.choice([None, *(TearAtInstruction(DEBIT, one) for one in Moment)])
        if chance.random() < 0.9:
            self._honest(lane, self._victim, tear)
        self._between()
        gang = Gang(numbers=[self._victim.inside.state.seq])
        for _ in range(chance.randrange(1, MOST_TAPS + 1)):
            order = self._victim.order
            if chance.random() < 0.3:
                order = PurseOrder(card_number=f"3105199{chance.randrange(10**11):012}")
            self._keyless(chance.choice(lanes), order, gang)
            self._between()
        self._honest(lane, self._victim, None)
        self._judge()
        self._payments.stop()
        self._desk.stop()
        return self._came

    def _offers(self) -> Offers:
        chance = self._chance
        if self._scene == SCENE:
            charging = MetroOptions(no_entry="lowest", no_exit="highest", reexit_minutes=3)
            return gates(
                STATION, chance.choice([None, charging, MetroOptions(turn_back_minutes=5)])
            )
        flat = FlatFare(chance.choice([0, 200]), "5199")
        listed = ListedFare(lambda: RULES, lambda: Journey("42"), flat, "bus", aboard=True)
        return SingleRides(flat if chance.random() < 0.5 else listed)

    def _passenger(self, number: int) -> Passenger:
        seq, card_type = self._chance.randrange(1, 500), self._chance.choice([1, 1, 3, 0x70])
        order = PurseOrder(card_number=f"3105199{number:012}", seq=seq, card_type=card_type)
        return Passenger(order, self._city.purse(order))

    def _between(self) -> None:
        happens = self._chance.random()
        if happens < 0.3:
            self._honest(self._chance.choice(LANES[self._scene]), self._other, None)
        elif happens < 0.5:
            self._slot.pull()
        self._world.wait(self._chance.random() * 3)

    def _honest(self, lane: str, passenger: Passenger, tear: TearAtInstruction | None) -> None:
        face = self._city.face(passenger.inside)
        took = self._tap(lane, Torn(SteppedCard(self._world, passenger, face), tear))
        forged = (Reason.PAYMENT_FORGED, Reason.CARD_UNPROVED)
        self._came.kept_out += took is not None and took.reason in forged

    def _keyless(self, lane: str, order: PurseOrder, gang: Gang) -> None:
        self._came.taps += 1
        before = len(self._books.rows)
        card = Keyless(self._chance, order, gang, self._world.wait, self._now)
        took = self._tap(lane, card)
        if took is not None:
            self._came.through += took.proof is not None or RESULTS.accepted(took.reason)
        self._came.ended += sum(
            isinstance(row.event, PaymentEnd) and row.event.intent.seq <= before
            for row in self._books.rows[before:]
        )

    def _tap(self, lane: str, card: Channel) -> TapResult | None:
        """None: a fault, which is a refusal."""
        stages = Stages(self._world, self._world.monotonic())
        with suppress(Fault):
            return self._payments.pay(lane, card, "card-contactless", stages)
        return None

    def _now(self) -> str:
        return f"{datetime.fromtimestamp(self._world.now(), CHINA):%Y%m%d%H%M%S}"

    def _judge(self) -> None:
        made = {
            (f"0{one.number}", debit.psam_seq)
            for one in (self._victim, self._other)
            for debit in one.debits
        }
        self._came.confirmed += sum(
            isinstance(row.event, PaymentEnd)
            and row.event.outcome == "confirmed"
            and (row.event.purchase.card_number, row.event.purchase.psam_seq) not in made
            for row in self._books.rows
        )
