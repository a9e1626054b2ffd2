"""A scanner lent to another program comes back when it is given back, or when the time is up."""

import pytest

from agent.equipment.loans import DeviceUnknown, Loans
from simulators.world import TICK, SimWorld
from world import World


class Eye:
    """Counts what is asked of it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.calls: list[tuple[str, float]] = []

    def release(self) -> None:
        self._world.wait(0.0)  # others may come in between
        self.calls.append(("release", self._world.monotonic()))

    def take_back(self) -> None:
        self._world.wait(0.0)
        self.calls.append(("take back", self._world.monotonic()))


def played(
    story: "list[tuple[float, str, float]]", until: float = 100.0, seed: int = 1
) -> list[tuple[str, float]]:
    """The calls that `story` (at, what, seconds) leads to."""
    world = SimWorld(seed)

    def run() -> list[tuple[str, float]]:
        eye, began = Eye(world), world.monotonic()
        loans = Loans(world, {"eye": eye})  # type: ignore[dict-item]
        for at, what, seconds in story:
            world.wait(began + at - world.monotonic())
            if what == "lend":
                loans.lend("eye", seconds)
            else:
                loans.take_back("eye")
        world.wait(began + until - world.monotonic())
        loans.stop()
        return [(call, round(at - began)) for call, at in eye.calls]

    return world.play(run)


def test_a_loan_ends_when_its_time_is_up() -> None:
    assert played([(0, "lend", 30)]) == [("release", 0), ("take back", 30)]


def test_what_is_given_back_is_taken_once() -> None:
    assert played([(0, "lend", 30), (10, "back", 0), (11, "back", 0)]) == [
        ("release", 0),
        ("take back", 10),
    ]


def test_a_second_loan_replaces_the_first() -> None:
    assert played([(0, "lend", 30), (20, "lend", 30)]) == [
        ("release", 0),
        ("release", 20),
        ("take back", 50),
    ]


@pytest.mark.parametrize("seed", range(96))
def test_a_loan_that_begins_as_another_ends_has_its_whole_time(seed: int) -> None:
    calls = played([(0, "lend", 30), (30 + seed % 12 * TICK, "lend", 30)], seed=seed)
    assert calls[-2:] == [("release", 30), ("take back", 60)]


def test_an_end_takes_nothing_back_that_is_about_to_be_stopped() -> None:
    assert played([(0, "lend", 300)]) == [("release", 0)]


def test_an_unknown_device_is_told_with_those_that_are_known() -> None:
    with pytest.raises(DeviceUnknown) as caught:
        Loans(SimWorld(1), {}).take_back("door")
    assert caught.value.facts == {"device": "door", "known": "–"}
