"""What `prove devices` lays at a device's door, and what at the machine's."""

from dataclasses import dataclass, field
from typing import cast

import pytest

from proving.proofs.devices import AGAIN, STOOD_STILL, Matrix, trouble_of
from simulators.device_box.box import DeviceBox, NotStored, Part
from simulators.site import NotInTime

NOT_STORED = NotStored("door: no tap that is accepted, but ['not-stored']")


@dataclass
class Told:
    """A part whose work ends, one time after the other, as it was told; and its box's witness."""

    ends: list[Exception | None]
    still: float = 0.0  # seconds
    matrix: Matrix = field(default_factory=Matrix)

    @property
    def witness(self) -> "Told":
        return self

    def stood_still(self, since: float) -> float:
        return self.still

    def works(self, box: DeviceBox) -> str:
        end = self.ends.pop(0)
        if end is not None:
            raise end
        return "done"

    def trouble(self) -> str:
        return trouble_of(cast(DeviceBox, self), self.matrix, cast(Part, self))


def test_a_machine_that_stood_still_is_no_devices_trouble() -> None:
    told = Told([NOT_STORED, NOT_STORED, None], still=STOOD_STILL)
    assert told.trouble() == ""
    assert told.matrix.figures()["stood_still"] == 2


def test_a_device_that_holds_the_journal_up_is_in_trouble_at_once() -> None:
    told = Told([NOT_STORED, None], still=STOOD_STILL / 2)
    assert told.trouble() == str(NOT_STORED)
    assert told.matrix.figures()["stood_still"] == 0


@pytest.mark.parametrize("still", [0.0, STOOD_STILL])
def test_a_device_that_does_not_work_is_in_trouble_at_once(still: float) -> None:
    assert Told([NotInTime("no card was read"), None], still).trouble() == "no card was read"


def test_a_machine_that_stands_still_for_good_is_told() -> None:
    told = Told([NOT_STORED] * AGAIN, still=STOOD_STILL)
    assert told.trouble() == str(NOT_STORED)
