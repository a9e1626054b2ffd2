"""Whoever has no purse at a metro's gates: decided about both ways, and let out by nothing else."""

from collections.abc import Callable

import pytest

from agent.fares.ride import Journey
from agent.fares.rules import Rules
from agent.messages.reasons import Reason
from agent.purse.pricing import FlatFare, ListedFare
from config.model import SceneSettings
from contracts.scenes.stand import Stand
from simulators.world import SimWorld
from tests.agent.events import tap_of
from tests.agent.fares.city import entitled, lines, tariff

Play = Callable[[Callable[[Stand], None]], None]


class Gates:
    """A stand at M11, where Lin rides for nothing."""

    def __init__(self, world: SimWorld) -> None:
        self.rules = Rules(tariff(), lines=lines())
        fares = ListedFare(
            lambda: self.rules, lambda: Journey("M1", boarded="M11"), FlatFare(200), "metro-gate"
        )
        self.stand = Stand(world, scene=SceneSettings(kind="metro-gate"), fares=fares)
        lin = tap_of(self.stand.tap().record).person
        self.rules = Rules(tariff(), entitled(lin, name="veteran"), lines())
        self.stand.calls.clear()


def before(calls: list[str], first: str, then: str) -> bool:
    """What begins so came before what begins so."""
    heads = [call for call in calls if call.startswith((first, then))]
    return heads[0].startswith(first) and heads[1].startswith(then)


@pytest.fixture
def play() -> Play:
    def run(scenario: Callable[[Stand], None]) -> None:
        world = SimWorld(1)
        world.play(lambda: scenario(Gates(world).stand))

    return run


def test_who_rides_for_nothing_goes_through_both_ways(play: Play) -> None:
    def scenario(stand: Stand) -> None:
        for tap in (stand.tap, stand.leave):
            report = tap()
            assert (report.reason, report.accepted) == (Reason.ACCEPTED, True)
            event = tap_of(report.record)
            assert (event.ride.fare, event.verdict) == (0, "accepted")
            assert not event.opened_first
            assert before(stand.calls, "stored tap", "open")
            stand.calls.clear()

    play(scenario)


def test_everybody_else_needs_a_purse_also_to_leave(play: Play) -> None:
    def scenario(stand: Stand) -> None:
        for report in (stand.tap("wang"), stand.leave("wang")):
            assert (report.reason, report.accepted) == (Reason.NO_PURSE, False)
        assert not any(call.startswith("open") for call in stand.calls)

    play(scenario)


def test_what_cannot_be_stored_opens_no_exit(play: Play) -> None:
    def scenario(stand: Stand) -> None:
        stand.store.broken = True
        assert stand.leave().reason == Reason.NOT_STORED
        assert not any(call.startswith("open") for call in stand.calls)

    play(scenario)


def test_control_other_scenes_let_out_first() -> None:
    world = SimWorld(1)

    def scenario() -> None:
        stand = Stand(world)
        assert stand.leave("wang").reason == Reason.ACCEPTED_EXIT
        assert before(stand.calls, "open", "stored tap")

    world.play(scenario)
