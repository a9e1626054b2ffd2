"""A vehicle for tests: the desk with an in-memory journal that outlives it, as a disk does."""

from collections.abc import Iterator
from pathlib import Path

from offline_store.events.happened import EventKind, Verdict
from offline_store.events.row import Event

from agent.fares.ride import CONCESSION, CONFIRMED, FARE
from agent.fares.rules import Rules
from agent.journey.desk import JourneyDesk
from agent.journey.shift import At
from agent.proof import Proof
from config.model import Journey as Settings
from config.model import Vehicle
from drivers.contract.position import Position
from offline_store.clock import Clock
from offline_store.faults import DiskFull
from simulators.world import SimWorld
from tests.agent.fares.city import person, rules

EPOCH = "e" * 32
PROOF = Proof("card")
ANN, BEN = person("driver"), person("ben")


class PowerCut(Exception):
    """The terminal is dead from here on."""


class FakeLedger:
    """See `agent.journey.shift.Ledger`. `cut_after_write`: the power goes when a row is durable and
    nobody has heard of it yet."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.broken = False
        self.cut_after_write = False

    def head(self) -> At | None:
        return (EPOCH, len(self.events)) if self.events else None

    def write(self, draft: Draft) -> At:
        if self.broken:
            raise DiskFull(cause="SQLITE_FULL")
        fields = {name: getattr(draft, name) for name in Draft.__struct_fields__}
        seq = len(self.events) + 1
        event = Event(**fields, v=1, terminal="bus-1", epoch=EPOCH, seq=seq, prev="0" * 64)
        self.events.append(event)
        if self.cut_after_write:
            self.cut_after_write = False
            raise PowerCut
        return EPOCH, seq

    def after(self, at: At | None) -> Iterator[tuple[At, Event]]:
        for event in self.events[at[1] if at else 0 :]:
            yield (event.epoch, event.seq), event


class Bus:
    """One vehicle; `restart` is a new process over the same folder and journal."""

    def __init__(self, world: SimWorld, folder: Path, **settings: object) -> None:
        self.world = world
        self.folder = folder
        self.ledger = FakeLedger()
        self.rules: Rules = rules()
        self.settings = Settings(**{"sure": 2, **settings})  # type: ignore[arg-type]
        self.desk = self.restart()

    def restart(self) -> JourneyDesk:
        self.desk = JourneyDesk(
            self.world,
            Clock(self.world),
            Vehicle(id="bus-1", line="9"),
            self.settings,
            self.ledger,
            lambda: self.rules,
            self.folder,
        )
        self.desk.start()
        return self.desk

    def sign(self, who: str = ANN) -> str:
        return self.desk.sign(who, "card-contactless", PROOF)

    def ride(
        self,
        amount: int,
        concession: str = "",
        credential: str = "purse",
        kind: EventKind = "payment-end",
        verdict: Verdict = "accepted",
    ) -> None:
        """Somebody pays, as the scene records it."""
        self.ledger.write(
            Draft(
                time_ms=1,
                clock="synchronised",
                boot="b",
                kind=kind,
                scene="bus",
                credential=credential,
                verdict=verdict,
                amounts={CONFIRMED if kind == "payment-end" else FARE: amount},
                detail={CONCESSION: concession} if concession else {},
            )
        )

    def at(self, stop: str, times: int = 3) -> None:
        """The receiver says so often that the vehicle is there."""
        found = self.rules.lines.stops[stop]
        assert found.lat is not None
        assert found.lon is not None
        for _ in range(times):
            self.drive(found.lat, found.lon)

    def drive(self, lat: float, lon: float) -> None:
        self.world.wait(1.0)
        self.desk.moved(Position("gnss", lat, lon, self.world.monotonic()))
