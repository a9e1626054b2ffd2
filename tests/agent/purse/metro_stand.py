"""A metro of made-up parts: a terminal per station, each with its own journal and PSAM, and cards
that go from one to the other, in one seeded World."""

from collections.abc import Callable, Mapping
from contextlib import closing
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from agent.fares.ride import ENTRY, EXIT
from agent.fares.rules import Rules
from agent.messages.results import Results
from agent.messages.texts import Texts
from agent.psam.transit import TransitPsamPool
from agent.purse.paying import Payments
from agent.purse.tap_result import TapResult
from agent.purse.trips import Inside, RailRecord
from agent.scenes.metro.options import MetroOptions
from agent.stages import Stages
from apdu.channel import Channel
from apdu.transit.files import Layouts, national
from offline_store.clock import CHINA, Clock
from offline_store.events.payment import Intent, PaymentEnd
from offline_store.events.ride import Ride
from offline_store.events.ride import Trip as TripTold
from offline_store.events.row import Event, Stored
from offline_store.events.tap import Tap
from offline_store.store import Store
from offline_store.turn import NoLists
from simulators.cards.transit_psam import transit_psam
from simulators.transit.bus import CutWorld, Passenger, PsamSlot, SteppedCard
from simulators.transit.city import PurseOrder, TransitCity
from simulators.transit.metro import (
    CITY,
    INSTITUTION,
    OPERATOR,
    SCENE,
    STATIONS,
    gates,
    metro_rules,
    record,
)
from simulators.transit.torn import Torn
from simulators.vpcd import TearAtInstruction
from tests.agent.purse.stand import GREY_AFTER, REFERENCES, Barred
from tests.offline_store.support import TERMINAL, MemoryKeys
from world.real import RealWorld

T = TypeVar("T")
MINUTE = 60.0


def metro_settings(**changed: Any) -> MetroOptions:
    return MetroOptions(operator=OPERATOR, institution=INSTITUTION, **changed)


class MetroStand:
    """What outlives the agents: cards, PSAMs, the journals' folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.city = TransitCity()
        self.keys = {stop: deepcopy(_enrolled()[1]) for stop in STATIONS}
        self.psams = {
            stop: self.city.psam(
                f"0123000351{code:02X}",
                serial=f"51990000000000{code:02X}",
                sequence=code << 16,  # so that no two stations' payments have one number
            )
            for stop, code in STATIONS.items()
        }
        self.layouts = Layouts.shipped()
        self._people = 0

    def passenger(self, money: int = 10_000, **order: object) -> Passenger:
        self._people += 1
        number = f"3105199{self._people:012}"
        ordered = PurseOrder(card_number=number, money=money, **order)  # type: ignore[arg-type]
        return Passenger(ordered, self.city.purse(ordered))

    def run(
        self,
        scenario: Callable[["Network"], T],
        settings: MetroOptions | None = None,
        *,
        lists: Barred | NoLists | None = None,
        rules: Rules | None = None,
        seed: int = 1,
    ) -> T:
        """From power on to power off, of all stations that the scenario comes to."""
        world = CutWorld(seed, steps=10_000_000)

        def main() -> T:
            network = Network(
                self,
                world,
                settings or metro_settings(),
                lists or NoLists(),
                rules or metro_rules(),
            )
            with closing(network):
                return scenario(network)

        try:
            return world.play(main)
        finally:
            world.settle()


class Network:
    """All stations, each started when somebody comes to it."""

    def __init__(
        self,
        stand: MetroStand,
        world: CutWorld,
        settings: MetroOptions,
        lists: Barred | NoLists,
        rules: Rules,
    ) -> None:
        self.world = world
        self._stand = stand
        self._settings = settings
        self._lists = lists
        self._rules = rules
        self._open: dict[str, Station] = {}

    def at(self, stop: str) -> "Station":
        if stop not in self._open:
            station = Station(
                self._stand, self.world, stop, self._settings, self._lists, self._rules
            )
            station.start()
            self._open[stop] = station
        return self._open[stop]

    def cut(self, stop: str) -> None:
        """The station's agent ends; who comes next finds a new one."""
        if stop in self._open:
            self._open.pop(stop).stop()

    def close(self) -> None:
        for stop in list(self._open):
            self.cut(stop)

    def minutes(self, minutes: float) -> None:
        self.world.wait(minutes * MINUTE)

    def moment(self) -> str:
        """Now, 14 digits."""
        return f"{datetime.fromtimestamp(self.world.now(), CHINA):%Y%m%d%H%M%S}"


class Station:
    """The agent of one station's gates, of one power-on."""

    def __init__(
        self,
        stand: MetroStand,
        world: CutWorld,
        stop: str,
        settings: MetroOptions,
        lists: Barred | NoLists,
        rules: Rules,
    ) -> None:
        self.world = world
        self._city = stand.city
        folder = stand.folder / stop
        if not folder.exists():
            copytree(_enrolled()[0].name, folder)
        self.slot = PsamSlot(world, transit_psam(stand.psams[stop]))
        self.desk = TransitPsamPool(world, [self.slot])
        self.store = Store(
            world, folder, terminal=TERMINAL, boot="boot-1", keys=stand.keys[stop], lists=lists
        )
        line = "M2" if stop.startswith("M2") else "M1"
        self.offers = gates(stop, settings, line=line, rules=lambda: rules, layouts=stand.layouts)
        self.payments = Payments(
            world,
            clock=Clock(world),
            store=self.store,
            desk=self.desk,
            offers=self.offers,
            references=REFERENCES,
            results=Results(Texts("en")),
            ride=lambda: Ride(line="M1", station=stop),
            scene=SCENE,
            application="",
            grey_after=GREY_AFTER,
        )
        self.sent: list[bytes] = []

    def start(self) -> None:
        self.store.start()
        self.desk.start()
        self.payments.start()

    def stop(self) -> None:
        self.payments.stop()
        self.desk.stop()
        self.store.close()

    def take(
        self,
        lane: str,
        passenger: Passenger,
        tear: TearAtInstruction | None = None,
        around: Callable[[Channel], Channel] = lambda card: card,
    ) -> TapResult:
        """That card is held to the gate's reader until the tap is over. Raises what `take` does."""
        card = Torn(SteppedCard(self.world, passenger, self._city.face(passenger.inside)), tear)
        self.sent = card.sent
        stages = Stages(self.world, self.world.monotonic())
        return self.payments.pay(lane, around(card), "card-contactless", stages)

    def enter(self, passenger: Passenger, tear: TearAtInstruction | None = None) -> str:
        return self.take("in", passenger, tear).reason

    def leave(self, passenger: Passenger, tear: TearAtInstruction | None = None) -> str:
        return self.take("out", passenger, tear).reason

    def made(
        self, passenger: Passenger, state: int, stop: str, minutes: float, *, city: str = CITY
    ) -> None:
        """What others have made of that card: by its record it entered (or left) there, so many
        minutes ago."""
        if not stop:
            return
        at = datetime.fromtimestamp(self.world.now() - minutes * MINUTE, CHINA)
        end = EXIT if state == Inside.OUT else ENTRY
        made = record(state, stop, f"{at:%Y%m%d%H%M%S}", end=end, city=city)
        records = (made, *passenger.inside.state.records[1:])
        passenger.inside.state = replace(passenger.inside.state, records=records)

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


@cache
def _enrolled() -> tuple[TemporaryDirectory[str], MemoryKeys]:
    """A journal as enrolment leaves it, and its keys; made once, because that takes a process."""
    folder, keys = TemporaryDirectory(prefix="onecard-metro-"), MemoryKeys()
    store = Store(RealWorld(), Path(folder.name), terminal=TERMINAL, boot="boot-1", keys=keys)
    store.start()
    store.close()
    return folder, keys


def trip_of(passenger: Passenger) -> RailRecord:
    """What stands in 001A on the card now."""
    layout = Layouts.shipped().find(passenger.order.city, "rail")
    return RailRecord.read(layout, passenger.inside.state.records[0])


def told_of(event: Tap | PaymentEnd) -> TripTold:
    """What the journal says of a trip, which has to be one."""
    assert event.ride.trip is not None
    return event.ride.trip


def rows_of(passenger: Passenger) -> list[Mapping[str, object]]:
    """001E, newest first."""
    return [national().trip.decode(row) for row in passenger.inside.state.trips]


__all__ = [
    "CITY",
    "MetroStand",
    "Network",
    "Station",
    "metro_settings",
    "rows_of",
    "told_of",
    "trip_of",
]
