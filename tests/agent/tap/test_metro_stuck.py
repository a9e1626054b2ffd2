"""A metro's gate that sticks: taps and payments together, as a terminal has them."""

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
from agent.status_check.service import Routes, StatusService
from agent.tap.deciding import Decider
from agent.tap.tap import TapReport, Taps
from config.model import SceneSettings
from contracts.scenes.shipped import scene_of
from contracts.scenes.stand import FakeBarrier, FakePrompts
from drivers.contract import DeviceSilent, Interface, Presence
from offline_store.clock import Clock
from offline_store.events.about import Alarm, GiveBack
from simulators.transit.bus import Passenger, SteppedCard
from simulators.transit.metro import IN, SCENE
from tests.agent.purse.metro_stand import MetroStand, Network, Station, metro_settings
from tests.agent.purse.stand import REFERENCES
from tests.agent.tap.test_purse import PurseReader

STUCK = DeviceSilent(device="gate", port="")


@pytest.fixture
def metro_stand(tmp_path: Path) -> MetroStand:
    return MetroStand(tmp_path)


class EntryGate:
    """The lane that leads in at a station."""

    def __init__(self, stand: MetroStand, network: Network, stop: str) -> None:
        world = network.world
        self.station: Station = network.at(stop)
        self._city, self._world = stand.city, world
        calls: list[str] = []
        self.barrier = FakeBarrier(world, calls)
        self._lane = Lane(IN, "entry", self.barrier, [FakePrompts(world, calls)])
        self._reader = PurseReader(world)
        self.dog = Watchdog(world, 60.0)
        self.dog.start()
        results = Results(Texts("en"))
        scene = scene_of(SceneSettings(kind=SCENE), "519900", payer=self.station.payments)
        self._taps = Taps(
            world,
            clock=Clock(world),
            store=self.station.store,
            decider=Decider(scene, results.verdict),
            results=results,
            desk=None,  # type: ignore[arg-type]
            codes=CodeIdentifier(Router([]), {}),
            documents=DocumentIdentifier(REFERENCES),
            watchdog=self.dog,
            standing=StatusService(world, Routes({}), application="", within=1),
            application="",
            report=lambda report: None,
            warn=lambda fault: None,
        )
        self._count = 0

    def tap(self, passenger: Passenger) -> TapReport:
        self._count += 1
        face = self._city.face(passenger.inside)
        self._reader.channel = SteppedCard(self._world, passenger, face)
        now = self._world.monotonic()
        presence = Presence("entry", Interface.CONTACTLESS, b"", self._count, now, came=True)
        return self._taps.handle(self._lane, self._reader, presence)


def at_the_gate(stand: MetroStand, scenario: Callable[[EntryGate], None], minutes: int) -> None:
    """`minutes`: how long the settings let somebody in once more without sensors."""

    def run(network: Network) -> None:
        gate = EntryGate(stand, network, "M11")
        scenario(gate)
        gate.dog.stop()

    stand.run(run, metro_settings(reentry_minutes=minutes))


@pytest.mark.parametrize("minutes", [0, 5])
@pytest.mark.parametrize("tries", [1, 2, 5])
def test_a_passage_at_a_stuck_gate_is_never_lost(
    metro_stand: MetroStand, tries: int, minutes: int
) -> None:
    """The trip is begun once, nothing opens, and the passenger is let in when the gate works."""
    passenger = metro_stand.passenger()

    def scenario(gate: EntryGate) -> None:
        gate.barrier.fault = STUCK
        for _ in range(tries):
            report = gate.tap(passenger)
            assert (report.reason, report.accepted) == (Reason.OUT_OF_SERVICE, False)
        assert gate.barrier.opened == 0
        gate.barrier.fault = None
        report = gate.tap(passenger)
        assert (report.reason, report.accepted) == (Reason.TRIP_AGAIN, True)
        assert gate.barrier.opened == 1

    at_the_gate(metro_stand, scenario, minutes)


def test_each_try_at_a_stuck_gate_is_given_back_and_told_to_the_operator(
    metro_stand: MetroStand,
) -> None:
    passenger = metro_stand.passenger()

    def scenario(gate: EntryGate) -> None:
        gate.barrier.fault = STUCK
        for _ in range(3):
            gate.tap(passenger)
        events = gate.station.events("payment-end", "give-back", "alarm")
        ends = [event.reason for event in events if event.kind == "payment-end"]
        assert ends == [Reason.TRIP_BEGUN, Reason.TRIP_AGAIN, Reason.TRIP_AGAIN]
        assert [event.reason for event in events if isinstance(event, GiveBack)] == [
            "gate-stuck"
        ] * 3
        assert [event.reason for event in events if isinstance(event, Alarm)] == [STUCK.code] * 3

    at_the_gate(metro_stand, scenario, 0)


def test_control_a_gate_that_opens_lets_nobody_in_twice(metro_stand: MetroStand) -> None:
    passenger = metro_stand.passenger()

    def scenario(gate: EntryGate) -> None:
        assert gate.tap(passenger).accepted
        report = gate.tap(passenger)
        assert (report.reason, report.accepted) == (Reason.TRIP_OPEN, False)
        assert gate.barrier.opened == 1

    at_the_gate(metro_stand, scenario, 0)
