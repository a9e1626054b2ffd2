"""The demo of devices: every kind of device of a fitted box at work, unplugged and back, and people
at its gate.
"""

from collections.abc import Iterator, Sequence

import pytest

from simulators.box.fitting import fitted_box
from simulators.demo.devices import PEOPLE, Step, Tour, toured
from simulators.devices.virtual_gate import Conduct


class Quiet:
    """Watches without a word."""

    def step(self, step: Step) -> None: ...

    def passage(self, conduct: Conduct, ends: Sequence[str]) -> None: ...


@pytest.fixture(scope="module")
def tour() -> Iterator[Tour]:
    with fitted_box() as box:
        yield toured(box, Quiet())


def test_every_device_works_again_after_it_was_unplugged(tour: Tour) -> None:
    assert [step.part.name for step in tour.steps if not step.good] == []
    assert len({step.part.driver for step in tour.steps}) >= 15


def test_what_people_do_at_the_gate_is_told_of_each(tour: Tour) -> None:
    """Nobody is taken for somebody who was let in earlier and did not go."""
    assert list(tour.passages) == [end for _, ends in PEOPLE for end in ends]


def test_the_platform_has_what_the_devices_brought(tour: Tour) -> None:
    assert tour.journal_rows == tour.platform_rows > 40
    assert tour.same
    assert tour.whole
