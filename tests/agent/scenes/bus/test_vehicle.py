"""Desk, receiver and the real journal together: a bus drives along its line by the satellites."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.fares.rules import Rules
from agent.scenes.bus.shift import CLOSED, OPENED, StoreLedger, summarise
from agent.scenes.bus.vehicle import VehicleUnit
from config.model import JourneySettings, Vehicle
from contracts.drivers.reader import until
from drivers.contract import DeviceState
from drivers.options import OptionsFault
from drivers.position.receiver import NmeaReceiver
from offline_store.clock import Clock
from offline_store.events.happened import Authentication
from offline_store.events.payment import PaymentEnd
from offline_store.events.reference import Reference
from offline_store.events.ride import Ride
from offline_store.events.terminal import Shift
from offline_store.store import Entry, Store
from simulators.devices.gnss import GnssSimulator, way
from tests.agent.events import as_kind, purchase
from tests.agent.fares.city import rules
from tests.agent.scenes.bus.stand import ANN, PROOF
from tests.offline_store.support import MemoryKeys
from world.real import RealWorld

WORLD = RealWorld()
PATIENCE = 60.0  # seconds
PASSED = Authentication(mode="psam", result="passed")


@contextmanager
def bus(folder: Path, keys: MemoryKeys, by: Rules) -> Iterator[tuple[VehicleUnit, Store]]:
    clock = Clock(WORLD)
    store = Store(WORLD, folder, terminal="bus-1", boot=clock.read().boot, keys=keys)
    store.start()
    settings = JourneySettings(gnss={"port": str(folder / "gnss")}, sure=2)
    vehicle = Vehicle(id="bus-1", line="9")
    aboard = VehicleUnit(WORLD, clock, vehicle, settings, store, lambda: by, folder)
    aboard.start()
    try:
        yield aboard, store
    finally:
        aboard.stop()
        store.close()


def pay(store: Store, amount: int, concession: str = "") -> None:
    end = PaymentEnd(
        clock=Clock(WORLD).read(),
        scene="bus",
        credential="purse",
        verdict="accepted",
        intent=Reference("e" * 32, 1),
        outcome="confirmed",
        purchase=purchase(amount),
        ride=Ride(concession=concession),
    )
    store.turn(lambda turn: Entry(end))


def test_a_bus_drives_its_line_and_its_shift_survives_a_restart(tmp_path: Path) -> None:
    by, keys = rules(), MemoryKeys()
    course = [(s.lat, s.lon) for s in by.lines.course("9", "up") if s.lat and s.lon]
    with GnssSimulator(tmp_path / "gnss") as gnss:
        with bus(tmp_path, keys, by) as (aboard, store):
            [placed] = aboard.devices()
            until(lambda: aboard.devices()[0].status.state is DeviceState.READY)
            assert placed.status.name == "gnss"
            assert aboard.desk.sign(ANN, "card-contactless", PROOF) == "on"
            for place in way(course[:3], step=20.0):
                before = aboard.devices()[0].status.counters.get("fixes", 0)
                gnss.tell(*place)
                until(lambda n=before: aboard.devices()[0].status.counters.get("fixes", 0) > n)  # type: ignore[misc]
            # Receivers say where they are again and again; what nobody takes in time is dropped.
            until(lambda: drawn_up(gnss, course[2], aboard) == "S3", PATIENCE)
            pay(store, 250)
            pay(store, 0, "senior")
        with bus(tmp_path, keys, by) as (aboard, store):
            assert aboard.desk.journey().boarded == "S3"
            pay(store, 200)
            summary = aboard.desk.summary()
            assert summary is not None
            assert (summary.rides, summary.amount) == (3, 450)
            aboard.desk.sign_off()
            *_, counted, last = rows = list(StoreLedger(store).after(None))
            shifts = [row.event for row in rows if isinstance(row.event, Shift)]
            assert [shift.reason for shift in shifts] == [OPENED, CLOSED]
            closed = as_kind(last.event, Shift)
            assert closed.totals is not None
            assert closed.totals.amount == 450
            assert closed.after == counted.at


def drawn_up(gnss: GnssSimulator, place: tuple[float, float], aboard: VehicleUnit) -> str:
    """Where people board once the bus has told that place, once more."""
    before = aboard.devices()[0].status.counters.get("fixes", 0)
    gnss.tell(*place)
    until(lambda: aboard.devices()[0].status.counters.get("fixes", 0) > before, PATIENCE)
    return aboard.desk.journey().boarded


def test_more_events_than_a_page_are_all_counted(tmp_path: Path) -> None:
    with bus(tmp_path, MemoryKeys(), rules()) as (aboard, store):
        aboard.desk.sign(ANN, "card-contactless", PROOF)
        for _ in range(450):
            pay(store, 1)
        summary = aboard.desk.summary()
        assert summary is not None
        assert summary.rides == 450
        assert summarise(StoreLedger(store).after(None)).amount == 450


@pytest.mark.parametrize("options", [{}, {"port": "/dev/x", "silent": 0.1}])
def test_options_that_do_not_fit_are_told_before_anything_starts(
    options: dict[str, object],
) -> None:
    with pytest.raises(OptionsFault):
        NmeaReceiver(WORLD, "gnss", options)
