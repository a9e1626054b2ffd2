"""A purse at a lane: the barrier opens for a card that has proved itself, and for nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.equipment.lane import Lane
from agent.equipment.watchdog import Watchdog
from agent.identify.code import CodeIdentifier, Router
from agent.identify.document import DocumentIdentifier
from agent.messages.reasons import Reason
from agent.messages.results import Results
from agent.messages.texts import Texts
from agent.purse.owed import RidesOwed
from agent.scenes.bus.journey import VehicleState
from agent.status_check.service import Routes, StatusService
from agent.tap.deciding import Decider
from agent.tap.tap import AS_SHIPPED, TapReport, Taps
from apdu.channel import Channel
from config.model import GiveBackSettings, SceneSettings
from contracts.scenes.shipped import scene_of
from contracts.scenes.stand import FakeBarrier, FakePrompts, FakeReader
from drivers.contract import CardHandle, DeviceFault, Interface, Presence
from offline_store.clock import Clock
from offline_store.events.payment import PaymentEnd
from simulators.transit.bus import Passenger, SteppedCard
from simulators.world import SimWorld
from tests.agent.events import as_kind
from tests.agent.fares.city import MADE_UP
from tests.agent.purse.impostor import Impostor
from tests.agent.purse.stand import REFERENCES, Bus, BusStand
from tests.agent.purse.test_hold import Handle
from tests.agent.purse.test_proving import ABOARD
from tests.agent.scenes.bus.stand import Bus as Vehicle


@pytest.fixture
def bus_stand(tmp_path: Path) -> BusStand:
    return BusStand(tmp_path / "bus")


class PurseReader(FakeReader):
    """A reader on which any channel is a card."""

    def __init__(self, world: SimWorld) -> None:
        super().__init__(world)
        self.channel: Channel | None = None

    def open(self, count: int | None = None) -> CardHandle:
        assert self.channel is not None
        return Handle(self.channel)


class Door:
    """A bus's door: its payments, and all else that a tap needs, made up."""

    def __init__(self, bus: Bus, folder: Path, give_back: GiveBackSettings = AS_SHIPPED) -> None:
        self._bus = bus
        world = bus.world
        self.calls: list[str] = []
        self.barrier = FakeBarrier(world, self.calls)
        self.reader = PurseReader(world)
        self.vehicle = Vehicle(world, folder)
        self._count = 0
        self._lane = Lane("door", "entry", self.barrier, [FakePrompts(world, self.calls)])
        self.dog = Watchdog(world, 1.2)
        self.dog.start()
        results = Results(Texts("en"))
        self._taps = Taps(
            world,
            clock=Clock(world),
            store=bus.store,
            decider=Decider(
                scene_of(SceneSettings(kind="bus"), "519900", payer=bus.payments), results.verdict
            ),
            results=results,
            desk=None,  # type: ignore[arg-type]
            codes=CodeIdentifier(Router([]), {}),
            documents=DocumentIdentifier(REFERENCES),
            watchdog=self.dog,
            standing=StatusService(world, Routes({}), application="", within=1),
            application="",
            report=lambda report: None,
            warn=lambda fault: None,
            journey=self.desk,
            give_back=give_back,
        )

    @property
    def desk(self) -> VehicleState:
        return self.vehicle.desk

    def tap(self, card: Channel, *, came: bool = True) -> TapReport:
        self._count += 1
        self.reader.channel = card
        now = self._bus.world.monotonic()
        presence = Presence("door", Interface.CONTACTLESS, b"", self._count, now, came)
        return self._taps.handle(self._lane, self.reader, presence)

    def good(self, passenger: Passenger, *, came: bool = True) -> TapReport:
        world, city = self._bus.world, self._bus.city
        return self.tap(SteppedCard(world, passenger, city.face(passenger.inside)), came=came)


def at_the_door(bus_stand: BusStand, folder: Path, scenario: Callable[[Door, Bus], None]) -> None:
    def run(bus: Bus) -> None:
        door = Door(bus, folder)
        scenario(door, bus)
        door.dog.stop()

    bus_stand.drive(run, fares=ABOARD)


def test_no_barrier_opens_for_a_card_without_a_key(bus_stand: BusStand, tmp_path: Path) -> None:
    """Torn, come back after somebody else, slow, of any type: nothing opens and nobody signs on."""

    def scenario(door: Door, bus: Bus) -> None:
        for card_type in (0x01, 0x02, 0x03, 0x70):
            order = bus_stand.passenger(city=MADE_UP, card_type=card_type).order
            impostor = Impostor(bus.world, order, leaves=True)
            told = [door.tap(impostor)]
            assert door.good(honest).accepted
            impostor.leaves = False
            told += [door.tap(impostor), door.tap(impostor)]
            told.append(door.tap(Impostor(bus.world, order, delay=0.5)))
            assert not any(report.accepted for report in told)
            bus.world.wait(120)
        assert door.barrier.opened == 4  # the honest one's
        assert not door.vehicle.ledger.events

    honest = bus_stand.passenger(city=MADE_UP)
    at_the_door(bus_stand, tmp_path, scenario)


@pytest.mark.parametrize("most", [0, 2])
def test_before_a_gate_that_sticks_nobody_pays_twice_however_often_he_taps(
    bus_stand: BusStand, tmp_path: Path, most: int
) -> None:
    passenger = bus_stand.passenger(city=MADE_UP)
    before = passenger.inside.state.money

    def run(bus: Bus) -> None:
        door = Door(bus, tmp_path, GiveBackSettings(rides_per_day=most))
        door.barrier.fault = DeviceFault(device="gate")
        assert {door.good(passenger).reason for _ in range(5)} == {Reason.OUT_OF_SERVICE}
        paid = before - passenger.inside.state.money
        door.barrier.fault = None
        assert door.good(passenger).reason == Reason.RIDE_AGAIN
        assert 0 < paid == before - passenger.inside.state.money
        assert door.good(passenger).reason == Reason.PAID
        door.dog.stop()

    bus_stand.drive(run, fares=RidesOwed(ABOARD, "bus", GiveBackSettings()))


def test_a_drivers_purse_signs_on_by_the_end_that_proved_it(
    bus_stand: BusStand, tmp_path: Path
) -> None:
    def scenario(door: Door, bus: Bus) -> None:
        report = door.good(driver)
        assert (report.reason, report.accepted) == (Reason.SHIFT_OPENED, True)
        assert report.record is not None
        end = as_kind(report.record.event(), PaymentEnd)
        assert (end.reason, end.confirmed) == ("driver", 0)
        assert [event.reason for event in door.vehicle.ledger.events] == ["shift-opened"]

    driver = bus_stand.passenger(city=MADE_UP, card_type=0x70)
    at_the_door(bus_stand, tmp_path, scenario)
