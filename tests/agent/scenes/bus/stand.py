"""A vehicle for tests: the desk with an in-memory journal that outlives it, as a disk does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from agent.fares.rules import Rules
from agent.identify.proof import Proof
from agent.scenes.bus.journey import VehicleState
from config.model import JourneySettings as Settings
from config.model import Vehicle
from drivers.contract.position import Position
from offline_store.clock import Clock, ClockReading
from offline_store.events.happened import Verdict
from offline_store.events.payment import Intent, PaymentEnd
from offline_store.events.reference import Reference
from offline_store.events.ride import Outcome, Ride
from offline_store.events.row import Event, Stored
from offline_store.events.tap import Tap
from offline_store.faults import DiskFull
from simulators.world import SimWorld
from tests.agent.events import purchase
from tests.agent.fares.city import person, rules

EPOCH = "e" * 32
PROOF = Proof("card")
ANN, BEN = person("driver"), person("ben")


class PowerCut(Exception):
    """The terminal is dead from here on."""


class FakeLedger:
    """See `agent.scenes.bus.shift.ShiftJournal`. `cut_after_write`: the power goes when a row is
    durable and nobody has heard of it yet."""

    def __init__(self) -> None:
        self.rows: list[Stored[Event]] = []
        self.broken = False
        self.cut_after_write = False

    @property
    def events(self) -> list[Event]:
        return [row.event for row in self.rows]

    def write(self, event: Event, was: Reference | None = None) -> Stored[Event]:
        if self.broken:
            raise DiskFull(cause="SQLITE_FULL")
        row = Stored(Reference(EPOCH, len(self.rows) + 1, "0" * 64), "bus-1", event, was)
        self.rows.append(row)
        if self.cut_after_write:
            self.cut_after_write = False
            raise PowerCut
        return row

    def after(self, at: Reference | None) -> Iterator[Stored[Event]]:
        yield from self.rows[at.seq if at else 0 :]


class Bus:
    """One vehicle; `restart` is a new process over the same folder and journal."""

    def __init__(self, world: SimWorld, folder: Path, **settings: object) -> None:
        self.world = world
        self.folder = folder
        self.ledger = FakeLedger()
        self.rules: Rules = rules()
        self.settings = Settings(**{"sure": 2, **settings})  # type: ignore[arg-type]
        self.desk = self.restart()

    def restart(self) -> VehicleState:
        self.desk = VehicleState(
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
        kind: Literal["tap", "intent", "payment-end"] = "payment-end",
        verdict: Verdict = "accepted",
    ) -> None:
        """Somebody pays, as the scene records it."""
        clock = ClockReading(1, "synchronised", "b")
        ride = Ride(concession=concession, fare=amount if kind == "tap" else None)
        known: dict[str, Any] = {"clock": clock, "scene": "bus", "credential": credential}
        if kind == "tap":
            self.ledger.write(Tap(verdict=verdict, ride=ride, **known))
            return
        if kind == "intent":
            self.ledger.write(Intent(purchase=purchase(amount), ride=ride, **known))
            return
        outcome: Outcome = "grey" if verdict == "unknown" else "confirmed"
        self.ledger.write(
            PaymentEnd(
                verdict=verdict,
                outcome=outcome if verdict != "refused" else "not-made",
                intent=Reference(EPOCH, 0),
                purchase=purchase(amount),
                ride=ride,
                **known,
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
