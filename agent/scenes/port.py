"""The port between a place and the terminal: what a scene is given, and what it gives back.

    entry point ─▶ Scene.make(parts)          once, with the options of `[scene.options]`
    a tap       ─▶ look(turn, case) ─▶ decide(lists, case, seen)      in the store's turn

`look` reads what `decide` needs; `decide` is pure and goes by its arguments alone, so any decision
can be made again from its event. docs/developing.md says how to add a scene.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, Self

import msgspec

from agent.equipment.watchdog import Hold
from agent.identify.identity import Identity
from agent.messages.results import Announcer, Results
from agent.messages.texts import Texts
from agent.stages import Stages
from apdu.channel import Channel
from apdu.social_security.needs import BASIC, Need
from config.faults import ConfigFault
from config.model import AgentSettings as Settings
from config.model import SceneSettings as SceneSettings
from offline_store.clock import Clock, ClockReading
from offline_store.events.happened import Check, Verdict
from offline_store.events.payment import Intent
from offline_store.events.ride import NO_RIDE, Ride
from offline_store.events.seen import NOTHING_SEEN, PurseSeen, Seen
from offline_store.events.tap import Offline as Offline
from offline_store.events.tap import Tap
from offline_store.turn import Done, GivenBack, ListView
from trust.references import References
from world import World

if TYPE_CHECKING:  # rooms that a command which only looks at the settings does without
    from agent.fares.ride import Journey
    from agent.fares.rules import Rules
    from agent.psam.transit import TransitPsamPool
    from agent.purse.pricing import PricedRide
    from agent.purse.tap_result import TapResult
    from apdu.transit.files import Layouts
    from offline_store.store import Store

# What dates and lists go by; a name is no part of it.
JUDGED: Final[frozenset[Need]] = BASIC - {"name"}


class ListsInTurn(Protocol):
    """The signed lists as they stand in this turn."""

    def find_blacklisted(
        self, *, card: str = "", number: str = "", person: str = ""
    ) -> object | None:
        """A hit by any of these references (64 hex; empty: not asked for)."""
        ...

    def versions(self) -> Mapping[str, int]:
        """The version of each list that is in force, by its name."""
        ...


class SceneTurn(Protocol):
    """What can be read inside the transaction that will insert the event; newest first."""

    def accepted(self, person: str, *, scene: str) -> Iterator[Done]:
        """The person's (reference, 64 hex) accepted taps of that scene, newest first."""
        ...

    def given_back(self, person: str) -> Iterator[GivenBack]:
        """What was given back to the person, newest first."""
        ...

    def unanswered(self, person: str = "") -> Iterator[Done]:
        """Taps of `person` (64 hex; empty: of all persons) that were accepted without an answer of
        the status service, newest first."""
        ...


@dataclass(frozen=True)
class Case:
    """Somebody stands there. `standing`: how holder, card and business stand (卡鉴权), where the
    scene asks; answered just now, remembered, or unknown."""

    identity: Identity
    clock: ClockReading
    standing: Sequence[Check] = ()


@dataclass(frozen=True)
class Looked:
    """What a scene found out within the turn: all that it decides by, and what the record of a tap
    that it accepts says of the ride, where people ride. `lists`: versions of the lists that this
    went by."""

    seen: Seen = NOTHING_SEEN
    ride: Ride = NO_RIDE
    lists: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """The verdict, its one reason, and what was checked on the way to it. `offline`: accepted
    without an answer of a status service; "foreign": a card of another province."""

    verdict: Verdict
    reason: str  # one of ours (`agent.messages.reasons.Reason`), or of the scene's own
    checks: tuple[Check, ...] = ()
    offline: Offline = ""


class Payer(Protocol):
    """Takes a card's purse before the scene is asked; `agent.purse.paying.Payments` is one."""

    def start(self) -> None:
        """Before the first card: find the payments that the journal has begun and not ended."""
        ...

    def stop(self) -> None:
        """Begin no more payments; those without an end stay so in the journal."""
        ...

    def pay(
        self, lane: str, card: Channel, credential: str, stages: Stages, watch: Hold
    ) -> "TapResult":
        """One tap, to its durable record. Raises `apdu.transit.faults.NotPurse`: the scene is asked
        instead; other faults end the tap."""
        ...

    def recover(
        self,
        lane: str,
        power: Callable[[], Channel],
        credential: str,
        stages: Stages,
        watch: Hold,
    ) -> "TapResult | None":
        """End what is open of a card that no reader saw coming; nothing is bought. Returns the last
        end; None: nothing ended."""
        ...

    def price_again(
        self, lists: ListView, rules: "Rules", row: Intent | Tap, purse: PurseSeen
    ) -> "PricedRide":
        """What that purse was to pay, from its row and the lists of that day. Raises
        `apdu.transit.files.LayoutUnknown`: the settings have no table for the card any more."""
        ...


class VehiclePosition(Protocol):
    """Where the vehicle is, that the terminal is in."""

    def journey(self) -> "Journey":
        """The journey of a passenger who boards now."""
        ...

    def ride(self) -> Ride:
        """What the back office is told of the vehicle for a passenger who boards now: line,
        vehicle, driver, stop."""
        ...


class NoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of a scene that has nothing to set."""


@dataclass(frozen=True)
class Parts:
    """What of the terminal a scene may stand on."""

    world: World
    settings: Settings
    options: msgspec.Struct  # of the scene's own `options` type
    clock: Clock
    store: "Store"
    references: References
    results: Results
    rules: "Callable[[], Rules]"  # by the signed lists of fares, entitlements and lines
    layouts: "Callable[[], Layouts]"  # of the records on transit cards
    transit: "Callable[[], TransitPsamPool]"  # the purse's PSAMs
    journey: VehiclePosition | None  # of the vehicle that the terminal is in


class Scene(ABC):
    """What a terminal is for; the class is what an entry point of `onecard.scenes` names."""

    kind: str  # its name there, and the `scene` of each event
    options: type[msgspec.Struct] = NoOptions  # of `[scene.options]`
    lists: tuple[str, ...] = ()  # signed lists without which it serves nobody
    moves_barrier: bool = False  # people go through something that opens
    pays: bool = False  # purses pay, by a transit company's PSAM
    # Who leaves is decided about before anything opens, as who enters; else he is let out first,
    # and recorded afterwards.
    decides_exits: bool = False

    asks_by_default: bool = False  # how people stand (卡鉴权), where `[scene] check` does not say
    reasons: str = ""  # a table of its own, in the form of `agent/messages/reasons.toml`

    asks: bool = False  # the status check belongs to its taps
    needs: frozenset[Need] = JUDGED  # of a social security card; no more is read (最小必要)
    payer: Payer | None = None

    @classmethod
    @abstractmethod
    def make(cls, parts: Parts) -> Self:
        """The scene of one terminal, from its parts; a reload of the settings makes another. Raises
        a `Fault` where the settings do not fit."""

    @classmethod
    def asks_status(cls, settings: SceneSettings) -> bool:
        """Whether the status check belongs to its taps."""
        return cls.asks_by_default if settings.check is None else settings.check == "ask"

    @classmethod
    def announcer(cls, settings: Settings, texts: Texts) -> Announcer | None:
        """Makes a prompt fuller from the record: the fare, what is left in a purse. None: nothing
        is to be told but the reason's own words."""
        return None

    @classmethod
    def problems(
        cls, settings: Settings, options: msgspec.Struct, file: str
    ) -> Iterator[ConfigFault]:
        """The faults of settings that do not fit the scene, beyond the form of its options; none by
        default. `file` is the name by which each of them calls the settings."""
        return iter(())

    @abstractmethod
    def look(self, turn: SceneTurn, case: Case) -> Looked:
        """Read within the turn what `decide` needs, and no more; the event keeps `seen`. Any
        exception undoes the turn, and the tap is not stored."""

    def look_again(self, rules: "Rules", case: Case, seen: Seen) -> Looked:
        """What `look` found, from a row that says that this was `seen`; what it made by the fare
        lists is made again, by `rules`, as the row names them. Pure."""
        return Looked(seen)

    @abstractmethod
    def decide(self, lists: ListsInTurn, case: Case, seen: Seen) -> Decision:
        """The decision, from these arguments alone: `onecard explain` makes it again from the
        row."""
