"""A driver's card at the vehicle's own reader: checked like any card, then he signs on or off."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.fares.rules import Rules
from agent.messages.reasons import Reason
from agent.purse.pricing import FlatFare, ListedFare
from config.model import SceneSettings
from contracts.scenes.stand import Stand
from offline_store.events.ride import NO_RIDE
from simulators.world import SimWorld
from tests.agent.events import tap_of
from tests.agent.fares.city import entitled, lines, tariff
from tests.agent.scenes.bus.stand import Bus

Play = Callable[[Callable[[Stand, Bus], None]], None]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """A bus whose driver is Lin."""

    def run(scenario: Callable[[Stand, Bus], None]) -> None:
        world = SimWorld(1)

        def main() -> None:
            bus = Bus(world, tmp_path)
            flat = FlatFare(200)
            fares = ListedFare(
                lambda: bus.rules, lambda: bus.desk.journey(), flat, "bus", aboard=True
            )
            stand = Stand(world, scene=SceneSettings(kind="bus"), fares=fares, journey=bus.desk)
            driver = tap_of(stand.tap().record).person
            bus.rules = Rules(tariff(), entitled(driver), lines())
            scenario(stand, bus)

        world.play(main)

    return run


def test_a_driver_signs_on_and_off_at_the_reader(play: Play) -> None:
    def scenario(stand: Stand, bus: Bus) -> None:
        assert stand.tap().reason == Reason.SHIFT_OPENED
        assert bus.desk.ride().shift
        assert stand.tap().reason == Reason.SHIFT_OPENED  # lay there twice
        stand.world.wait(60)
        assert stand.tap().reason == Reason.SHIFT_CLOSED
        assert not bus.desk.ride().shift
        assert [event.reason for event in bus.ledger.events] == ["shift-opened", "shift-closed"]
        assert stand.prompts.shown[-1][0] == "shift-closed"

    play(scenario)


def test_each_of_his_taps_is_recorded_and_none_is_a_ride(play: Play) -> None:
    def scenario(stand: Stand, bus: Bus) -> None:
        before = len(stand.store.taps())
        stand.tap()
        stand.world.wait(60)
        stand.tap()
        taps = stand.store.taps()[before:]
        assert [(event.reason, event.ride) for event in taps] == [("driver", NO_RIDE)] * 2

    play(scenario)


def test_a_passenger_signs_nobody_on(play: Play) -> None:
    def scenario(stand: Stand, bus: Bus) -> None:
        assert stand.tap("wang").reason == Reason.NO_PURSE
        assert bus.ledger.events == []

    play(scenario)


def test_a_driver_with_a_full_disk_is_told_and_not_signed_on(play: Play) -> None:
    def scenario(stand: Stand, bus: Bus) -> None:
        bus.ledger.broken = True
        report = stand.tap()
        assert (report.reason, report.accepted) == (Reason.NOT_STORED, False)
        assert not bus.desk.ride().shift
        bus.ledger.broken = False
        assert stand.tap().reason == Reason.SHIFT_OPENED

    play(scenario)
