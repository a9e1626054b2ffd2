"""A gate of made-up parts around the agent's own, to carry taps in a seeded World.

Cards and PSAMs are the simulated ones; readers, barrier, prompts and store are small fakes that
write what they were asked to do into one list, `calls`, so that a test can see the order.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar, cast

import msgspec

from agent.equipment.lane import Lane
from agent.equipment.watchdog import Watchdog
from agent.identify.card import CardIdentifier, refused_doubts
from agent.identify.code import CodeIdentifier, Resolve, Resolver, Router
from agent.identify.document import DocumentIdentifier
from agent.messages.reasons import rows_of
from agent.messages.results import Results
from agent.messages.texts import Texts
from agent.psam.social_security import PsamPool
from agent.purse.pricing import FareSource, RideNow, no_ride
from agent.scenes.bus.journey import VehicleState
from agent.scenes.code_uses import CodeMemory
from agent.scenes.port import Scene as PlaceScene
from agent.status_check import StatusService
from agent.status_check.platform import PlatformSource
from agent.status_check.service import Routes
from agent.tap.deciding import Decider
from agent.tap.explain import outcome_of, replayed, was_decided
from agent.tap.tap import TapReport, Taps
from apdu.channel import CardGone, CardMute, Transport
from apdu.social_security.city_keys import CityKeys
from config.model import CodeRule, SceneSettings
from config.model import GiveBackSettings as GiveBackSettings
from contracts.scenes.shipped import scene_of
from drivers.contract import (
    Absence,
    CardHandle,
    Code,
    DeviceFault,
    DeviceState,
    DeviceStatus,
    Direction,
    Interface,
    Presence,
    Prompt,
    Sensed,
)
from offline_store.chain import body_hash
from offline_store.clock import Clock
from offline_store.columns import verdict_of, whose
from offline_store.events.about import Alarm, GiveBack
from offline_store.events.happened import UNKNOWN, Checked
from offline_store.events.reference import Reference
from offline_store.events.row import ROW_VERSION, Event, Record, Row, Stored, of_kind
from offline_store.events.tap import Tap
from offline_store.faults import DiskFull
from offline_store.in_force import in_force
from offline_store.store import Entry, Store
from offline_store.turn import Done, GivenBack, RememberedStatus, Uses
from simulators.cards import Card
from simulators.cards import Interface as CardInterface
from simulators.ceremony import CITY_KEYS
from simulators.city.status import StatusDesk, desk_of
from simulators.people import Cast, Wallet, load_cast
from simulators.world import SimWorld
from sync.contract.services import Service
from sync.contract.topics import Place
from sync.requests import RequestOffline, RequestTimeout
from trust.references import References
from world import Fault, Queue, QueueEmpty, World

T = TypeVar("T")

CITY_KEY = b"made-up city reference key, 32 B"
EPOCH = "0123456789abcdef" * 2
WINDOW = 8.0
KEYS = CityKeys.from_toml(CITY_KEYS)
WITHIN = 0.8  # seconds for the status check
APPLICATION = "9901"
GATE = SceneSettings(kind="library-gate", options={"repeat_window": WINDOW})


class FakeReader:
    """See `drivers.contract.CardReader`. `steps[n]` is called before APDU n goes to the card."""

    def __init__(
        self,
        world: World,
        name: str = "door",
        interface: Interface = Interface.CONTACTLESS,
        *,
        pace: float = 0.0,
    ) -> None:
        self._world = world
        self._name = name
        self._interface = interface
        self.pace = pace  # seconds that every answer takes
        self._events: Queue[Presence | Absence] = world.queue()
        self.card: Card | None = None
        self.count = 0
        self.steps: dict[int, Callable[[], None]] = {}
        self.on_open: Callable[[], None] | None = None
        self.sent: list[bytes] = []
        self.log: list[str] = []  # may be shared between readers
        self.opened = 0
        self.closed = 0
        self.powered = False
        self.given_up = 0

    @property
    def name(self) -> str:
        return self._name

    @property
    def interface(self) -> Interface:
        return self._interface

    @property
    def events(self) -> Queue[Presence | Absence]:
        return self._events

    def insert(self, card: Card, *, came: bool = True) -> Presence:
        self.card = card
        self.count += 1
        presence = Presence(
            self._name, self._interface, card.atr, self.count, self._world.monotonic(), came
        )
        self._events.put(presence)
        return presence

    def remove(self) -> None:
        self.card = None
        self._events.put(Absence(self._name, self.count, self._world.monotonic()))

    def open(self, count: int | None = None) -> CardHandle:
        assert not self.powered, "one handle at a time"
        if self.on_open is not None:
            self.on_open()
        if self.card is None or count not in (None, self.count):
            raise CardGone(reader=self._name)
        self.opened += 1
        self.powered = True
        self.card.power_on()
        return FakeHandle(self._world, self, self.card)

    def status(self) -> DeviceStatus:
        return DeviceStatus(self._name, DeviceState.READY, attached=f"Fake {self._name}")

    def give_up(self) -> None:
        self.given_up += 1


class FakeHandle:
    """An open card of a `FakeReader`."""

    def __init__(self, world: World, reader: FakeReader, card: Card) -> None:
        self._world = world
        self._reader = reader
        self._card = card
        self._count = reader.count
        self._open = True

    @property
    def transport(self) -> Transport:
        contact = self._reader.interface is not Interface.CONTACTLESS
        return Transport.T0 if contact else Transport.T1

    @property
    def atr(self) -> bytes:
        return self._card.atr

    def transmit(self, command: bytes) -> bytes:
        reader = self._reader
        assert self._open, "a closed card is not used"
        number = len(reader.sent)
        reader.sent.append(command)
        reader.log.append(f"{reader.name} {command[:2].hex()}")
        if number in reader.steps:
            reader.steps[number]()
        if reader.pace:
            self._world.wait(reader.pace)
        if not self._lies_there():
            raise CardGone(reader=reader.name)
        answer = self._card.transmit(command)
        if not answer:
            raise CardMute(reader=reader.name)
        reader.log.append(f"{reader.name} answers")
        return answer

    def present(self) -> bool:
        return self._open and self._lies_there()

    def _lies_there(self) -> bool:
        """Never removed since it was opened."""
        return self._reader.count == self._count and self._reader.card is self._card

    def close(self) -> None:
        if self._open:
            self._open = False
            self._reader.closed += 1
            self._reader.powered = False
            self._card.power_off()


class FakeDevice:
    """What barriers and prompts share: they are always there."""

    name = ""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def look(self) -> None: ...

    def status(self) -> DeviceStatus:
        return DeviceStatus(self.name, DeviceState.READY)


class FakeBarrier(FakeDevice):
    """Opens into `calls`; with `fault` it does not."""

    def __init__(self, world: World, calls: list[str]) -> None:
        self._calls = calls
        self.name = "gate"
        self.senses = False
        self.events: Queue[Sensed] = world.queue()
        self.fault: DeviceFault | None = None
        self.opened = 0

    def open(self, direction: Direction) -> None:
        if self.fault is not None:
            raise self.fault
        self.opened += 1
        self._calls.append(f"open {direction}")


class FakePrompts(FakeDevice):
    """Shows into `calls`, and remembers when."""

    def __init__(self, world: World, calls: list[str]) -> None:
        self._world = world
        self._calls = calls
        self.name = "panel"
        self.shown: list[tuple[str, float]] = []

    def show(self, prompt: Prompt) -> None:
        self._calls.append(f"show {prompt.code}")
        self.shown.append((prompt.code, self._world.monotonic()))


E_CARD = CodeRule(
    name="e-card", resolve="platform", prefix="SI-", characters="base64", shortest=43, longest=43
)
CODES = (
    CodeRule(name="ticket", resolve="platform", prefix="LIB-", characters="digits"),
    CodeRule(name="ministry-three-level", resolve="offline"),
    CodeRule(name="ministry-two-level", resolve="offline"),
    CodeRule(name="onecard-ticket", resolve="offline"),
    E_CARD,
)


@dataclass(frozen=True)
class Hit:
    """A row of the fake blacklist."""

    version: int = 7


class FakeLists:
    """A blacklist by the references of cards, card numbers and persons."""

    def __init__(
        self,
        cards: Iterable[str] = (),
        numbers: Iterable[str] = (),
        persons: Iterable[str] = (),
    ) -> None:
        self._cards = set(cards)
        self._numbers = set(numbers)
        self._persons = set(persons)

    def find_blacklisted(self, *, card: str = "", number: str = "", person: str = "") -> Hit | None:
        listed = card in self._cards or number in self._numbers or person in self._persons
        return Hit() if listed else None

    def versions(self) -> Mapping[str, int]:
        return {"blacklist": Hit().version}


class FakeTurn:
    """See `offline_store.turn.Turn`."""

    def __init__(self, rows: list[Stored[Event]], lists: FakeLists) -> None:
        self._rows = rows
        self.lists = lists

    def last_accepted(self, person: str, *, scene: str) -> Stored[Event] | None:
        done = self.accepted(person, scene=scene)
        return next((one.stored for one in done if not one.given_back), None)

    def accepted(self, person: str, *, scene: str) -> Iterator[Done]:
        for row in self._newest_first():
            known = whose(row.event)[1], row.event.scene, verdict_of(row.event)
            if person and known == (person, scene, "accepted"):
                yield self._done(row)

    def unanswered(self, person: str = "") -> Iterator[Done]:
        for row in self._newest_first():
            event = row.event
            if not isinstance(event, Tap) or not event.offline:
                continue
            if event.person == person if person else event.offline == "foreign":
                yield self._done(row)

    def code_uses(self, code: str) -> Uses:
        used = [
            self._done(row)
            for row in self._newest_first()
            if isinstance(row.event, Tap) and row.event.used_code == code != ""
        ]
        times = [done.clock.time_ms for done in used if not done.given_back]
        return Uses(len(times), max(times, default=0), len(used) - len(times))

    def given_back(self, person: str) -> Iterator[GivenBack]:
        for row in self._give_backs():
            if row.event.person == person != "":
                yield GivenBack(row, self._stands(row))

    def give_back_of(self, about: Reference) -> GivenBack | None:
        found = (row for row in self._give_backs() if row.event.about.place == about.place)
        row = next(found, None)
        return None if row is None else GivenBack(row, self._stands(row))

    def last_standing(
        self, *, card: str, person: str, application: str = ""
    ) -> list[RememberedStatus]:
        found: dict[str, RememberedStatus] = {}
        for row in self._rows:
            event = row.event
            if not isinstance(event, Checked) or not event.asked:
                continue
            about = {
                "holder": event.person == person,
                "card": event.card == card,
                "business": event.person == person and event.application == application,
            }
            for check in event.checks:
                better = check.known or check.subject not in found
                told = check.answered and check.status != UNKNOWN
                if told and about[check.subject] and better:
                    found[check.subject] = RememberedStatus(check, event.clock)
        return list(found.values())

    def event(self, about: Reference) -> Stored[Event] | None:
        return next((row for row in self._rows if row.at.place == about.place), None)

    def _newest_first(self) -> Iterator[Stored[Event]]:
        return reversed(in_force(self._rows))

    def _give_backs(self) -> Iterator[Stored[GiveBack]]:
        for row in reversed(self._rows):
            if (found := of_kind(row, GiveBack)) is not None:
                yield found

    def _stands(self, row: Stored[GiveBack]) -> bool:
        return any(one.at == row.at for one in in_force(self._rows))

    def _done(self, row: Stored[Event]) -> Done:
        back = self.give_back_of(row.at)
        return Done(row, back is not None and back.stands)


class FakeRequests:
    """The way to the made-up city's services, on a task of its own as it is in the product: see
    `sync.requests.Requests`. `online`: whether there is a connection; `waited`: every wait for an
    answer, in seconds."""

    def __init__(self, world: World, desk: StatusDesk) -> None:
        self._world = world
        self.desk = desk
        self.online = True
        self.waited: list[float] = []

    def ask(self, service: Service, payload: bytes, *, within: float) -> "FakeAsked":
        answers: Queue[bytes] = self._world.queue()
        if self.online:
            place = Place("onecard/v1", "519900", "gate-1")
            self._world.spawn(lambda: answers.put(self.desk.handle(place, payload)), name="city")
        return FakeAsked(self._world, self, service, answers, within)


class FakeAsked:
    """See `sync.requests.PendingRequest`."""

    def __init__(
        self,
        world: World,
        requests: FakeRequests,
        service: Service,
        answers: Queue[bytes],
        within: float,
    ) -> None:
        self._world = world
        self._requests = requests
        self._service = service
        self._answers = answers
        self._within = within

    def result(self) -> bytes:
        if not self._requests.online:
            raise RequestOffline(service=self._service)
        began = self._world.monotonic()
        try:
            return self._answers.get(self._within)
        except QueueEmpty:
            milliseconds = round(self._within * 1000)
            raise RequestTimeout(service=self._service, milliseconds=milliseconds) from None
        finally:
            self._requests.waited.append(self._world.monotonic() - began)


class FakeStore:
    """One turn at a time, in memory. `broken`: nothing can be stored. `pace`: of a COMMIT.
    `decider`: every tap that it has decided is decided again from its row."""

    def __init__(self, world: World, calls: list[str]) -> None:
        self._world = world
        self._writing = world.lock()
        self._calls = calls
        self.lists = FakeLists()
        self.rows: list[Stored[Event]] = []
        self.records: list[Record] = []
        self.broken = False
        self.pace = 0.001
        self.decider: Decider | None = None

    def turn(self, decide: Callable[[FakeTurn], Entry]) -> Record:
        with self._writing:
            self._world.wait(self.pace)
            if self.broken:
                self._calls.append("not stored")
                raise DiskFull(cause="SQLITE_FULL")
            event = decide(FakeTurn(self.rows, self.lists)).event
            row = Row(
                v=ROW_VERSION,
                terminal="gate-1",
                epoch=EPOCH,
                seq=len(self.rows) + 1,
                prev="0" * 64,
                event=event,
            )
            body = msgspec.json.encode(row).decode()
            self._calls.append(f"stored {event.kind} {event.reason}")
            record = Record(epoch=EPOCH, seq=row.seq, body=body, hash=body_hash(body), mac="0" * 64)
            self.rows.append(record.stored())
            self.records.append(record)
            self._decide_again(record)
            return record

    def _decide_again(self, record: Record) -> None:
        event = record.event()
        if self.decider is not None and isinstance(event, Tap) and was_decided(event):
            again = replayed(event, self.decider, self.lists)
            assert outcome_of(again) == outcome_of(event), record.body

    @property
    def events(self) -> list[Event]:
        return [row.event for row in self.rows]

    def taps(self) -> list[Tap]:
        return [event for event in self.events if isinstance(event, Tap)]

    def alarms(self) -> list[Alarm]:
        return [event for event in self.events if isinstance(event, Alarm)]


class Stand:
    """Readers "door", "door-2" and "door-slot" in lane entry, "door-out" in lane exit, and PSAM
    slots "psam" and "psam-2", of which the second one is empty."""

    def __init__(
        self,
        world: SimWorld,
        *,
        cast: Cast | None = None,
        store: Store | None = None,
        psam: bool = True,
        pace: float = 0.002,
        scene: SceneSettings = GATE,
        interval: float = 0.0,
        fares: FareSource | None = None,
        ride: RideNow = no_ride,
        journey: VehicleState | None = None,
        give_back: GiveBackSettings | None = None,
        made: PlaceScene | None = None,
    ) -> None:
        """`made`: a scene in place of the one that `scene` names."""
        self.world = world
        self.cast = cast or load_cast()
        self.wallet = Wallet(self.cast)
        self.calls: list[str] = []
        self.door = FakeReader(world, "door", pace=pace)
        self.second = FakeReader(world, "door-2", pace=pace)
        self.slot = FakeReader(world, "door-slot", Interface.CONTACT, pace=pace)
        self.door_out = FakeReader(world, "door-out", pace=pace)
        self.psam = FakeReader(world, "psam", Interface.SAM, pace=pace)
        self.barrier = FakeBarrier(world, self.calls)
        self.prompts = FakePrompts(world, self.calls)
        self.entry = Lane("entry", "entry", self.barrier, [self.prompts])
        self.exit = Lane("exit", "exit", self.barrier, [self.prompts])
        self.store = FakeStore(world, self.calls)
        self.reports: list[TapReport] = []
        self.warned: list[Fault] = []
        self.references = References(CITY_KEY)
        self.watchdog = Watchdog(world, 1.2)
        self.spare = FakeReader(world, "psam-2", Interface.SAM, pace=pace)
        self.sams = PsamPool(world, [self.psam, self.spare], home=self.cast.region, keys=KEYS)
        self.desk = self.card_desk()
        self.resolvers: dict[Resolve, Resolver] = {}
        self.city = desk_of(self.cast, wait=world.wait, now=world.now)
        self.link = FakeRequests(world, self.city)
        platform = PlatformSource(self.link)
        self.standing = StatusService(
            world, Routes({}, platform), application=APPLICATION, within=WITHIN
        )
        self.scene = made or scene_of(scene, self.cast.region, fares, ride)
        results = Results(Texts("en"), more=rows_of(self.scene.reasons))
        self.decider = self.store.decider = Decider(
            self.scene,
            results.verdict,
            CodeMemory(interval),
            refused_doubts(scene),
        )
        self.taps = Taps(
            world,
            clock=Clock(world),
            store=store or cast_store(self.store),
            decider=self.decider,
            results=results,
            desk=self.desk,
            codes=CodeIdentifier(Router(CODES), self.resolvers),
            documents=DocumentIdentifier(self.references),
            watchdog=self.watchdog,
            standing=self.standing,
            application=APPLICATION,
            report=self.reports.append,
            warn=self.warned.append,
            journey=journey,
            give_back=give_back or GiveBackSettings(),
        )
        self.watchdog.start()
        self.sams.start()
        if psam:
            self.psam.insert(self.cast.psam())

    def card_desk(self) -> CardIdentifier:
        """With the PSAMs alone."""
        return CardIdentifier(self.world, self.sams, self.references)

    def card(self, key: str = "lin", interface: Interface = Interface.CONTACTLESS) -> Card:
        return self.wallet.at(key, CardInterface(interface.value))

    def tap(
        self, key: str = "lin", *, reader: FakeReader | None = None, lane: Lane | None = None
    ) -> TapReport:
        """That card is held to the reader until the tap is over."""
        reader = reader or self.door
        presence = reader.insert(self.card(key, reader.interface))
        report = self.taps.handle(lane or self.entry, reader, presence)
        reader.remove()
        reader.sent.clear()
        return report

    def show(self, content: bytes, lane: Lane | None = None) -> TapReport:
        """A code is held before the lane's scanner."""
        seen = self.world.monotonic()
        return self.taps.handle_code(lane or self.entry, Code("eye", content, seen, seen))

    def leave(self, key: str = "lin") -> TapReport:
        return self.tap(key, reader=self.door_out, lane=self.exit)


def tap(stand: Stand, key: str, reader: FakeReader) -> None:
    """`Stand.tap` for a task of its own."""
    stand.tap(key, reader=reader)


def cast_store(store: FakeStore) -> Store:
    return cast(Store, store)


def play(
    scenario: Callable[[Stand], T],
    seed: int = 1,
    *,
    psam: bool = True,
    cast: Cast | None = None,
    scene: SceneSettings = GATE,
) -> T:
    """One history of a stand."""
    world = SimWorld(seed)
    return world.play(lambda: scenario(Stand(world, psam=psam, cast=cast, scene=scene)))
