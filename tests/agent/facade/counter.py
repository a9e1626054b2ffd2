"""A counter in a seeded World: two readers with their threads, a PSAM, the desk, and callers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from agent.equipment.lane import InputThread, Lane
from agent.equipment.reader_queue import ReaderQueue
from agent.facade.call import CallAnswer
from agent.facade.desk import CallDispatcher, CallerConnection
from agent.facade.disclosure import DisclosureBook
from agent.facade.means import CardServices
from agent.facade.standing import Policy, StatusReader
from agent.identify.card import refused_doubts
from agent.messages.results import Results
from agent.messages.texts import Texts
from agent.staff.session import Staff
from apdu.social_security.city_keys import CityKeys
from apdu.social_security.quirks import NO_KINDS, CardKinds
from config.model import Capability, FacadeClient, Kept, SceneSettings, SignInSettings
from contracts.scenes.stand import APPLICATION, GATE, KEYS, FakeReader, FakeStore, Stand, cast_store
from drivers.contract import Interface
from offline_store.clock import Clock
from offline_store.events.terminal import Disclosure
from simulators.cards.ciphers import Algorithm
from simulators.ceremony import KeyAuthority
from simulators.people import Cast
from simulators.world import SimWorld
from tests.agent.facade.pad import FakePad
from world import Task

T = TypeVar("T")

LEASE = 60.0
EVERYTHING: tuple[Capability, ...] = ("identity", "files", "write", "pin", "pin-clear")


def client(
    name: str = "clinic", capabilities: Sequence[Capability] = EVERYTHING, **more: object
) -> FacadeClient:
    return FacadeClient(
        name=name,
        user=name,
        purpose=f"made-up work of {name}",
        capabilities=tuple(capabilities),
        **more,  # type: ignore[arg-type]
    )


@dataclass
class Fields:
    """An answer that must be good, field by field."""

    answer: CallAnswer

    @property
    def all(self) -> list[str]:
        assert self.answer.result == 0, self.answer.output
        assert self.answer.output.endswith("|")
        return self.answer.output.split("|")[:-1]


class Counter:
    """`slot` is the contact reader, `pad` the contactless one. Cards are the cast's."""

    def __init__(
        self,
        world: SimWorld,
        *,
        psam: bool = True,
        pinpad: bool = True,
        taps: bool = False,
        cast: Cast | None = None,
        pace: float = 0.002,
        keys: CityKeys = KEYS,
        standing: Policy | None = None,
        scene: SceneSettings = GATE,
        cards: CardKinds = NO_KINDS,
    ) -> None:
        """`standing`: a status service is asked, and what its answers mean."""
        self.world = world
        self.stand = Stand(world, psam=psam, cast=cast, pace=pace)
        self.slot = FakeReader(world, "slot", Interface.CONTACT, pace=pace)
        self.pad = FakeReader(world, "pad", pace=pace)
        self.pins = FakePad(world)
        self.lane = Lane(
            "window", "counter", None, [self.stand.prompts], pinpad=self.pins if pinpad else None
        )
        self.tapped: list[object] = []
        self.seats = [
            ReaderQueue(self.lane, reader, self.tapped.append if taps else None)
            for reader in (self.slot, self.pad)
        ]
        self.threads = [
            InputThread(world, f"reader {seat.reader.name}", seat.reader.events, seat.take)
            for seat in self.seats
        ]
        for thread in self.threads:
            thread.start()
        references = self.stand.references
        asked = StatusReader(
            self.stand.standing if standing else None,
            references,
            APPLICATION,
            standing or "record",
            refused_doubts(scene),
        )
        clock, store = Clock(world), cast_store(self.stand.store)
        book = DisclosureBook(clock, store, references, asked)
        self.staff = Staff(world, clock, store, references, SignInSettings())
        self.desk = CallDispatcher(
            seats=self.seats,
            means=CardServices(
                world, self.stand.desk.authenticator, keys, "WINDOW-7", asked, cards
            ),
            watchdog=self.stand.watchdog,
            results=Results(Texts("en")),
            book=book,
            lease=LEASE,
            pin_timeout=30.0,
            require=self.staff.require,
        )
        self.me = self.caller()

    def caller(self, who: FacadeClient | None = None) -> CallerConnection:
        return CallerConnection(self.desk, who or client(), "user:clinic uid:1000 pid:7")

    def keep_for_staff(self, *capabilities: Kept) -> None:
        self.staff.settings = SignInSettings(enabled=True, required_for=capabilities)

    def insert(self, key: str = "lin", reader: FakeReader | None = None) -> None:
        """That card lies there, and the reader's thread has heard of it."""
        reader = reader or self.slot
        reader.insert(self.stand.card(key, reader.interface))
        self.settle()

    def settle(self) -> None:
        """Everybody who can go on does."""
        self.world.wait(0.01)

    def call(self, function: str, *parameters: str | bytes) -> CallAnswer:
        return self.me.call(function, parameters)

    def good(self, function: str, *parameters: str | bytes) -> list[str]:
        """The fields of a call that must be good."""
        return Fields(self.call(function, *parameters)).all

    def info(self, key: str = "lin") -> str:
        """pCardInfo of that card."""
        card = self.stand.cast.card(key)
        return f"{self.stand.cast.card_id(card)}|{card.card_number}|"

    def hsm(self, question: Sequence[str]) -> str:
        """What the caller's own HSM answers to the 8 fields of iReadCardBas_HSM_Step1."""
        historical, algorithm = bytes.fromhex(question[1]), Algorithm(int(question[2]))
        city = KeyAuthority(question[0], self.stand.cast.seed.encode())
        pairs = {"IRK": question[4:6], "RKSSSE": question[6:8]}
        return "".join(
            self.proof(city, algorithm, key, historical, *asked) + "|" if asked[0] else "|"
            for key, asked in pairs.items()
        )

    def hsm_key(self, key: str, question: Sequence[str], card: str = "lin") -> str:
        """To the 4 fields of a step that asks for one key's proof."""
        issuer = self.stand.cast.issuer_of(self.stand.cast.card(card))
        historical = issuer.historical(self.stand.cast.card(card).serial)
        return self.proof(issuer, Algorithm(int(question[0])), key, historical, *question[2:4])

    def hsm_command(self, question: Sequence[str], card: str = "lin") -> str:
        """To the 5 fields of a step that asks for a PIN command."""
        issuer = self.stand.cast.issuer_of(self.stand.cast.card(card))
        command = issuer.secured_command(
            Algorithm(int(question[0])),
            issuer.historical(self.stand.cast.card(card).serial),
            factor=bytes.fromhex(question[2]),
            header=bytes.fromhex(question[3]),
            new_pin=question[4],
        )
        return command.hex().upper()

    def proof(
        self, city: KeyAuthority, algorithm: Algorithm, key: str, historical: bytes, *asked: str
    ) -> str:
        factor, original = map(bytes.fromhex, asked)
        told = city.authentication_data(
            algorithm, key, historical, factor=factor, original=original
        )
        return (told + original).hex().upper()

    def beside(self, work: Callable[[], object]) -> Task:
        return self.world.spawn(lambda: _drop(work()), name="beside")

    def powered_down(self) -> bool:
        self.settle()
        return not self.slot.powered and not self.pad.powered

    def disclosures(self) -> list[Disclosure]:
        return disclosures_in(self.stand.store)


def disclosures_in(store: FakeStore) -> list[Disclosure]:
    return [event for event in store.events if isinstance(event, Disclosure)]


def _drop(value: object) -> None:
    """A task has no result."""


def play(scenario: Callable[[Counter], T], seed: int = 1, **kind: object) -> T:
    """One history at a counter."""
    world = SimWorld(seed)
    return world.play(lambda: scenario(Counter(world, **kind)))  # type: ignore[arg-type]
