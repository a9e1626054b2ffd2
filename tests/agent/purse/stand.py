"""A bus of made-up parts around the agent's own payments, on a real journal, in a seeded World."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from agent.messages.results import Results
from agent.messages.texts import Texts
from agent.psam.transit import TransitPsamPool
from agent.purse.offers import SingleRides
from agent.purse.paying import Payments
from agent.purse.pricing import FareSource, FlatFare
from agent.purse.tap_result import TapResult
from agent.stages import Stages
from apdu.channel import Channel
from apdu.transit.values import Kind
from offline_store.clock import Clock
from offline_store.events.payment import Intent, PaymentEnd
from offline_store.events.ride import Ride
from offline_store.events.row import Event, Stored
from offline_store.events.tap import Tap
from offline_store.lists.on_disk import ListHit
from offline_store.store import Store
from offline_store.turn import ListView, NoLists
from simulators.cards.transit_psam import TransitPsamOs, transit_psam
from simulators.transit.bus import OURS, CutWorld, OtherBus, Passenger, PsamSlot, SteppedCard
from simulators.transit.city import PurseOrder, TransitCity
from simulators.transit.torn import Torn
from simulators.vpcd import Moment, TearAtInstruction
from tests.agent.events import as_kind
from tests.offline_store.support import TERMINAL, MemoryKeys
from trust.references import References
from world.real import RealWorld

T = TypeVar("T")
FARE = 200
GREY_AFTER = 60.0
REFERENCES = References(b"made-up city reference key, 32 B")
LOST = TearAtInstruction(0x54, Moment.DURING)  # paid, and the answer does not come
UNSENT = TearAtInstruction(0x54, Moment.BEFORE)  # not paid, and nobody knows


def payment(rows: Sequence[Stored[Event]]) -> tuple[Intent, PaymentEnd]:
    """The only one that there is: its intent, and the end of that very intent."""
    begun, ended = rows
    end = as_kind(ended.event, PaymentEnd)
    assert end.intent == begun.at
    return as_kind(begun.event, Intent), end


def grey(end: PaymentEnd) -> int | None:
    """Fen of which nobody knows whether the card has paid them."""
    return end.purchase.amount if end.outcome == "grey" else None


class Barred:
    """A blacklist of purses by number, or by the reference of one."""

    def __init__(self, *numbers: str) -> None:
        self._numbers = numbers

    def view(self) -> ListView:
        return self

    def find_blacklisted(
        self, *, card: str = "", number: str = "", person: str = ""
    ) -> ListHit | None:
        listed = {card, number, person} & {*self._numbers}
        return ListHit(7, "number", 0) if listed else None

    def find_transit(self, number: bytes, issuer: bytes) -> ListHit | None:
        return ListHit(7, "transit", 0) if number.hex()[1:] in self._numbers else None

    def issuer_allowed(self, issuer: bytes) -> bool:
        return issuer.hex().upper() not in self._numbers

    def versions(self) -> Mapping[str, int]:
        return {"blacklist": 7}


class BusStand:
    """What outlives the agent: cards, PSAM, the journal's folder, other buses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = MemoryKeys()
        store = Store(RealWorld(), folder, terminal=TERMINAL, boot="boot-1", keys=self.keys)
        store.start()
        store.close()
        self.city = TransitCity()
        self.psam: TransitPsamOs = self.city.psam(OURS)
        self.other = OtherBus(self.city)
        self._people = 0

    def passenger(self, money: int = 10_000, **order: object) -> Passenger:
        self._people += 1
        number = f"3105199{self._people:012}"
        ordered = PurseOrder(card_number=number, money=money, **order)  # type: ignore[arg-type]
        return Passenger(ordered, self.city.purse(ordered))

    def drive(
        self,
        scenario: Callable[["Bus"], T],
        seed: int = 1,
        lists: Barred | NoLists | None = None,
        fares: FareSource | None = None,
        zero: Kind = Kind.COMPOSITE,
    ) -> T:
        """From power on to power off."""
        world = CutWorld(seed, steps=1_000_000)

        def main() -> T:
            with self._bus(world, lists or NoLists(), fares or FlatFare(FARE, "5199"), zero) as bus:
                return scenario(bus)

        try:
            return world.play(main)
        finally:
            world.settle()

    @contextmanager
    def _bus(
        self, world: CutWorld, lists: Barred | NoLists, fares: FareSource, zero: Kind
    ) -> Iterator["Bus"]:
        bus = Bus(self, world, lists, fares, zero)
        bus.store.start()
        bus.desk.start()
        bus.payments.start()
        yield bus
        bus.payments.stop()
        bus.desk.stop()
        bus.store.close()


class Bus:
    """The agent of one power-on."""

    def __init__(
        self,
        stand: BusStand,
        world: CutWorld,
        lists: Barred | NoLists,
        fares: FareSource,
        zero: Kind = Kind.COMPOSITE,
    ) -> None:
        self.world = world
        self.city = stand.city
        self.other = stand.other
        self.slot = PsamSlot(world, transit_psam(stand.psam))
        self.desk = TransitPsamPool(world, [self.slot])
        self.store = Store(
            world,
            stand.folder,
            terminal=TERMINAL,
            boot="boot-1",
            keys=stand.keys,
            lists=lists,
        )
        self.payments = Payments(
            world,
            clock=Clock(world),
            store=self.store,
            desk=self.desk,
            offers=SingleRides(fares),
            references=REFERENCES,
            results=Results(Texts("en")),
            ride=lambda: Ride(line="18"),
            scene="bus",
            application="",
            grey_after=GREY_AFTER,
            zero=zero,
        )
        self.sent: list[bytes] = []

    def tap(
        self,
        passenger: Passenger,
        tear: TearAtInstruction | None = None,
        around: Callable[[Channel], Channel] = lambda card: card,
    ) -> TapResult:
        """That card is held to the reader until the tap is over. Raises what `take` raises."""
        card = Torn(SteppedCard(self.world, passenger, self.city.face(passenger.inside)), tear)
        self.sent = card.sent
        stages = Stages(self.world, self.world.monotonic())
        return self.payments.pay("door", around(card), "card-contactless", stages)

    def reason(self, passenger: Passenger, tear: TearAtInstruction | None = None) -> str:
        return self.tap(passenger, tear).reason

    def instructions(self) -> list[int]:
        """What the last tap's card was asked, in order."""
        return [command[1] for command in self.sent]

    def rows(self, *kinds: str) -> list[Stored[Event]]:
        """Payments' own events of the whole journal."""
        kinds = kinds or ("tap", "intent", "payment-end")
        rows = [record.stored() for record in self.store.records(None, 0, 1000)]
        return [row for row in rows if row.event.kind in kinds]

    def events(self, *kinds: str) -> list[Event]:
        return [row.event for row in self.rows(*kinds)]

    def taps(self) -> list[Tap]:
        return [event for event in self.events() if isinstance(event, Tap)]

    def intents(self) -> list[Intent]:
        return [event for event in self.events() if isinstance(event, Intent)]

    def ends(self) -> list[PaymentEnd]:
        return [event for event in self.events() if isinstance(event, PaymentEnd)]

    def end(self) -> PaymentEnd:
        return self.ends()[-1]
