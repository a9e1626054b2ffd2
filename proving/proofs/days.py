"""A random day at one terminal for `onecard prove explain`: people with cards, codes and purses,
lists that change, and a clock that nobody can rely on.

The product's own parts between card and journal; how somebody is known, and what a status service
answers, chance says.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Final, cast

from msgspec import structs

from agent.equipment.lane import Lane
from agent.equipment.passage import PassageEnd
from agent.equipment.watchdog import Watchdog
from agent.fares.ride import ENTRY, EXIT, Journey
from agent.fares.rules import RuleBook, Rules
from agent.identify.card import CardIdentifier
from agent.identify.code import CodeIdentifier
from agent.identify.document import DocumentIdentifier
from agent.identify.identity import Identity, Presented, VerifiedCode
from agent.messages.reasons import Reason
from agent.messages.results import Results
from agent.messages.texts import Texts
from agent.psam.transit import TransitPsamPool
from agent.purse.trips import Inside
from agent.scenes import registry as scenes
from agent.scenes.code_uses import CodeMemory
from agent.scenes.metro.layouts import load_layouts
from agent.scenes.port import Parts, Scene
from agent.stages import Stages
from agent.status_check.service import Findings, StatusService
from agent.tap.deciding import Decider
from agent.tap.explain import HeldLists, KeptLists
from agent.tap.tap import TapReport, Taps
from apdu.channel import Channel, Transport
from config.load import parse
from config.model import AgentSettings as Settings
from drivers.contract import (
    CardHandle,
    CardReader,
    Code,
    DeviceState,
    DeviceStatus,
    Direction,
    Interface,
    Presence,
    Sensed,
)
from offline_store.clock import CHINA, Clock
from offline_store.events.happened import Authentication, Check, Subject
from offline_store.events.ride import Ride
from offline_store.events.row import Record
from offline_store.lists.every import EveryList
from offline_store.lists.on_disk import Lists
from offline_store.store import Store
from offline_store.turn import ListView
from proving.proofs.day_lists import Publisher
from proving.proofs.writer import TERMINAL
from simulators.cards.transit_psam import transit_psam
from simulators.transit import lists as bus
from simulators.transit import metro
from simulators.transit.bus import OURS, CutWorld, Passenger, PsamSlot, SteppedCard
from simulators.transit.city import PurseOrder, TransitCity
from simulators.transit.torn import Torn
from simulators.vpcd import Moment, TearAtInstruction
from trust.keystore import FileKeyStore
from trust.references import References
from world import Queue, World

SCENES: Final = ("library-gate", "service-window", "bus", "metro-gate")
PEOPLE: Final = 8
TAPS: Final = 40  # of a day
ENDLESS: Final = 1 << 40  # steps
HOUR: Final = 3600.0
NOW: Final = 1_790_049_600.0  # unix seconds, to which a clock is set
DEBIT: Final = 0x54
PAGE: Final = 500
CITY_KEY: Final = b"made-up city reference key, 32 B"
NO_PURSE: Final = bytes.fromhex("6A82")
SUBJECTS: Final[Sequence[Subject]] = ("holder", "card", "business")
OPTIONS: Final[Mapping[str, Sequence[str]]] = {
    "library-gate": ("repeat_window = 8.0", "repeat_window = 600.0"),
    "service-window": ("",),
    "bus": ("",),
    "metro-gate": (
        'no_entry = "lowest"\nno_exit = "highest"\nreexit_minutes = 3',
        'turn_back_minutes = 10\nlongest_minutes = 120\noverstay = "surcharge"\n'
        "overstay_fare = 300",
        'longest_minutes = 120\nleast_balance = 300\nno_entry = "highest"',
    ),
}


# Journal, decider, the lists as they stood once, the lists as they stand now, all rows.
Judge = Callable[[Store, Decider, KeptLists, HeldLists, Sequence[Record]], None]


class PlayedDay:
    """A terminal of one scene, from power on to power off; `folder` has an enrolled journal."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.scene_kind = SCENES[seed % len(SCENES)]
        self._chance = random.Random(seed)
        self._folder = folder
        self._world = CutWorld(seed, steps=ENDLESS)
        self.published = 0

    def play(self, judge: Judge) -> None:
        """The day, and then `judge` of all its rows while the terminal still runs."""
        try:
            self._world.play(lambda: self._run(judge))
        finally:
            self._world.settle()

    def _run(self, judge: Judge) -> None:
        self._world.jump_clock(self._chance.uniform(0, 14 * 24 * HOUR))
        if self._chance.random() < 0.2:  # it was never set, or will be after a while
            self._world.jump_clock(-self._world.now())
        with self._terminal() as terminal:
            for _ in range(TAPS):
                terminal.happens()
            self.published = terminal.publisher.published
            judge(terminal.store, terminal.decider, terminal.kept, terminal.newest, terminal.rows())

    @contextmanager
    def _terminal(self) -> Iterator["DayTerminal"]:
        terminal = DayTerminal(self._world, self._folder, self.scene_kind, self._chance)
        terminal.store.start()
        terminal.pool.start()
        terminal.dog.start()
        payer = terminal.decider.scene.payer
        if payer is not None:
            payer.start()
        yield terminal
        if payer is not None:
            payer.stop()
        terminal.dog.stop()
        terminal.pool.stop()
        terminal.store.close()


class DayTerminal:
    """Its parts, put together as `agent.assembly` does, and the people that come."""

    def __init__(
        self, world: CutWorld, folder: Path, scene_kind: str, chance: random.Random
    ) -> None:
        self._world = world
        self._chance = chance
        self._kind = scene_kind
        self._settings = _settings(scene_kind, folder, chance)
        self._city = TransitCity()
        self._references = References(CITY_KEY)
        clock = Clock(world)
        long_lists, rules = Lists(world, folder), RuleBook(world, folder)
        self.kept, self.newest = KeptLists(long_lists, rules), NewestLists(long_lists, rules)
        self.store = Store(
            world,
            folder,
            terminal=TERMINAL,
            boot=clock.read().boot,
            keys=FileKeyStore(world, folder / "keys"),
            lists=long_lists,
        )
        self.pool = TransitPsamPool(world, [PsamSlot(world, transit_psam(self._city.psam(OURS)))])
        self.dog = Watchdog(world, 60.0)
        self._vehicle = Wandering(chance)
        results = Results(Texts("en"))
        self.decider = Decider(
            self._make(clock, rules, results), results.verdict, CodeMemory(chance.choice([0, 60]))
        )
        self._purses = [self._passenger(number) for number in range(PEOPLE)]
        self._known = ChanceIdentities(chance)
        references = [
            self._references.number(purse.number) for purse in self._purses
        ] + self._known.references
        every = EveryList(long_lists, rules.lists)
        numbers = [purse.number for purse in self._purses]
        self.publisher = Publisher(every, chance, references, numbers)
        self._taps = Taps(
            world,
            clock=clock,
            store=self.store,
            decider=self.decider,
            results=results,
            desk=cast(CardIdentifier, self._known),
            codes=cast(CodeIdentifier, self._known),
            documents=DocumentIdentifier(self._references),
            watchdog=self.dog,
            standing=cast(StatusService, ChanceAnswers(chance)),
            application="",
            report=lambda report: None,
            warn=lambda fault: None,
        )

    def rows(self) -> list[Record]:
        """All of the journal."""
        found: list[Record] = []
        while page := self.store.records(
            found[-1].epoch if found else None, found[-1].seq if found else 0, PAGE
        ):
            found += page
        return found

    # What happens

    def happens(self) -> None:
        """A tap, now and then after new lists, or with another clock."""
        if self._chance.random() < 0.1:
            self.publisher.publish(self._kind)
        if self._chance.random() < 0.1:
            now = self._world.now()
            self._world.jump_clock(
                self._chance.choice([-HOUR, -60.0, 30.0, 6 * HOUR, 20 * HOUR, NOW - now])
            )
        self._vehicle.move()
        report = self._tap(self._lane())
        self._back(report)
        self._world.wait(self._chance.choice([1.0, 20.0, 300.0, 1800.0]))

    def _tap(self, lane: Lane) -> TapReport:
        pays = self._kind in ("bus", "metro-gate")
        if pays and self._chance.random() < 0.75:
            return self._purse(lane)
        if self._chance.random() < 0.3:
            now = self._world.monotonic()
            return self._taps.handle_code(lane, Code("eye", b"code", now, now))
        return self._held(lane, Speechless())

    def _purse(self, lane: Lane) -> TapReport:
        passenger = self._chance.choice(self._purses)
        if self._kind == "metro-gate" and self._chance.random() < 0.5:
            self._was_elsewhere(passenger)
        tear = None
        if self._chance.random() < 0.15:
            tear = TearAtInstruction(DEBIT, self._chance.choice(list(Moment)))
        face = self._city.face(passenger.inside)
        return self._held(lane, Torn(SteppedCard(self._world, passenger, face), tear))

    def _was_elsewhere(self, passenger: Passenger) -> None:
        """At another station, where it went in or came out some time ago."""
        ago = self._chance.choice([1.0, 5.0, 30.0, 200.0]) * 60
        at = datetime.fromtimestamp(self._world.now() - ago, CHINA)
        stop = self._chance.choice([*metro.STATIONS, "M99"])
        inside = self._chance.choice([Inside.IN, Inside.IN, Inside.OUT])
        end = ENTRY if inside == Inside.IN else EXIT
        made = metro.record(inside, stop, f"{at:%Y%m%d%H%M%S}", end=end)
        state = passenger.inside.state
        passenger.inside.state = replace(state, records=(made, *state.records[1:]))

    def _held(self, lane: Lane, card: Channel) -> TapReport:
        reader = DayReader(self._world, card)
        presence = Presence(
            "door", Interface.CONTACTLESS, b"", 1, self._world.monotonic(), came=True
        )
        return self._taps.handle(lane, cast(CardReader, reader), presence)

    def _back(self, report: TapReport) -> None:
        """Some do not go through, as the sensors tell."""
        if report.record is None or not report.accepted or self._chance.random() > 0.25:
            return
        end = PassageEnd("timed-out", report.record.reference, "entry", self._world.monotonic())
        self._taps.handle_passage(self._lane(), end)

    def _lane(self) -> Lane:
        both: Sequence[tuple[str, Direction]] = (("in", "entry"), ("out", "exit"))
        name, direction = self._chance.choice(both if self._kind == "metro-gate" else both[:1])
        return Lane(name, direction, None, [])

    # Parts

    def _make(self, clock: Clock, rules: RuleBook, results: Results) -> Scene:
        settings = self._settings
        aboard = self._kind == "bus" and self._chance.random() < 0.7
        return scenes.make(
            Parts(
                world=self._world,
                settings=settings,
                options=scenes.options_of(scenes.find(self._kind), settings),
                clock=clock,
                store=self.store,
                references=self._references,
                results=results,
                rules=rules.rules,
                layouts=lambda: load_layouts(self._world, ()),
                transit=lambda: self.pool,
                journey=self._vehicle if aboard else None,
            )
        )

    def _passenger(self, number: int) -> Passenger:
        chance = self._chance
        order = PurseOrder(
            card_number=f"3105199{number:012}",
            card_type=chance.choice([1, 1, 1, 2, 2, 3, 0x70, 0x70, chance.choice([0x04, 0x33])]),
            city=chance.choice([*6 * ["5199"], "9902"]),
            interoperable=chance.random() < 0.7,
            money=chance.choice([450, *4 * [20_000]]),
            expires=chance.choice([*8 * ["20991231"], "20260601"]),
        )
        return Passenger(order, self._city.purse(order))


class NewestLists:
    """The control, see `HeldLists`: whichever version a row names, the newest is taken."""

    def __init__(self, lists: Lists, rules: RuleBook) -> None:
        self._lists = lists
        self._rules = rules

    def missing(self, versions: Mapping[str, int]) -> str:
        return ""

    def view_of(self, versions: Mapping[str, int]) -> ListView | None:
        return self._lists.view()

    def rules_of(self, versions: Mapping[str, int]) -> Rules | None:
        return self._rules.rules()


class Wandering:
    """See `agent.scenes.port.VehiclePosition`: a bus that is somewhere else for each tap."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._line, self._stop = bus.LINE, "S1"

    def move(self) -> None:
        self._line = self._chance.choice([bus.LINE, bus.OTHER_LINE])
        self._stop = self._chance.choice(["S1", "S2"])

    def journey(self) -> Journey:
        return Journey(self._line, "up", self._stop)

    def ride(self) -> Ride:
        return Ride(vehicle="0042", line=self._line, direction="up", station=self._stop)


class ChanceIdentities:
    """In the place of whatever reads cards and codes: somebody of a few people."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.references = [f"{number:02x}" * 32 for number in range(1, PEOPLE + 1)]

    def read(
        self,
        card: object,
        credential: str = "code:ticket",
        stages: Stages | None = None,
        **more: object,
    ) -> Presented:
        """As `CardIdentifier.read` and `CodeIdentifier.read` are called."""
        chance, person = self._chance, self._chance.choice(self.references)
        by_code = isinstance(card, bytes)
        return Identity(
            credential=credential,
            card="" if by_code else person,
            number="" if by_code else person,
            person=person,
            issued=None if by_code else date(2020, 1, 1),
            expires=None if by_code else chance.choice([*6 * [date(2099, 1, 1)], date(2026, 6, 1)]),
            authentication=Authentication(mode="code" if by_code else "psam", result="passed"),
            region=chance.choice(["519900", "519900", "110000", ""]),
            shown=self._shown(person) if by_code else None,
        )

    def apart(self, content: bytes) -> Sequence[bytes]:
        return (content,)

    def _shown(self, person: str) -> VerifiedCode:
        chance = self._chance
        counted = chance.random() < 0.4
        number = chance.randrange(3)
        return VerifiedCode(
            code=f"{number:02x}{person[2:]}",
            uses=chance.choice([1, 3]) if counted else 1,
            too_often=Reason.TICKET_USED if counted else Reason.CODE_SEEN,
            limit=chance.choice([None, None, 150]) if not counted else None,
            content="c0de" if not counted else "",
            pays=not counted,
            counted=counted,
        )


class ChanceAnswers:
    """In the place of the status service: it knows, it does not, or nobody answers."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def ask(self, presented: object) -> Findings:
        if self._chance.random() < 0.4:
            silent = tuple(
                Check(subject=one, status="unknown", source="platform") for one in SUBJECTS
            )
            return Findings(silent, "request.timeout")
        states = ("normal", "normal", "normal", "normal", "lost", "deceased", "unknown")
        return Findings(
            tuple(
                Check(subject=one, status=self._chance.choice(states), source="platform")
                for one in SUBJECTS
            )
        )


class Speechless:
    """A card that has no purse."""

    transport = Transport.T1
    atr = b""

    def transmit(self, command: bytes) -> bytes:
        return NO_PURSE


class DayReader:
    """See `drivers.contract.CardReader`: with one card on it."""

    name = "door"
    interface = Interface.CONTACTLESS

    def __init__(self, world: World, card: Channel) -> None:
        self._card = card
        self.events: Queue[Sensed] = world.queue()

    def open(self, count: int | None = None) -> CardHandle:
        return cast(CardHandle, DayHandle(self._card))

    def status(self) -> DeviceStatus:
        return DeviceStatus(self.name, DeviceState.READY)

    def give_up(self) -> None: ...


class DayHandle:
    """See `drivers.contract.CardHandle`."""

    def __init__(self, card: Channel) -> None:
        self._card = card
        self.transport, self.atr = card.transport, card.atr

    def transmit(self, command: bytes) -> bytes:
        return self._card.transmit(command)

    def present(self) -> bool:
        return True

    def close(self) -> None: ...


def _settings(scene_kind: str, folder: Path, chance: random.Random) -> Settings:
    text = f"""
[terminal]
id = "{TERMINAL}"
city = "519900"
data = "{folder}"
language = "en"

[keys]
path = "{folder / "keys"}"

[scene]
kind = "{scene_kind}"
check = "lists"

[scene.offline]
max_count = {chance.choice([1, 3])}
unknown = "{chance.choice(["accept", "refuse"])}"

[scene.options]
{chance.choice(OPTIONS[scene_kind])}
"""
    if scene_kind == "bus":
        text += f'\n[transit]\nline = "{bus.LINE}"\nstation = "S1"\nfare = 200\n'
    if scene_kind == "metro-gate":
        station = chance.choice(["M11", "M13"])
        text += f'\n[transit]\nline = "M1"\nstation = "{station}"\ncity = "{metro.CITY}"\n'
    for name, direction in (("in", "entry"), ("out", "exit")):
        text += f"""
[[readers]]
name = "reader-{name}"
match = "{name}*"
interface = "contactless"

[[lanes]]
name = "{name}"
direction = "{direction}"
readers = ["reader-{name}"]
"""
    settings = parse(text.encode(), "a day's terminal")
    if chance.random() < 0.5:  # `ChanceAnswers` needs no service that the settings name
        asking = structs.replace(settings.scene, check="ask")
        settings = structs.replace(settings, scene=asking)
    return settings
