"""What `prove devices` lays at a device's door, and what at the machine's."""

from typing import cast

from proving.proofs.devices import DISK_AGAIN, trouble_of
from simulators.device_box.box import DeviceBox, DiskWaits, Part
from simulators.site import NotInTime

BOX = cast(DeviceBox, None)


class Told:
    """A part whose work ends, one time after the other, as it was told."""

    def __init__(self, *ends: Exception | None) -> None:
        self.ends = list(ends)

    def works(self, box: DeviceBox) -> str:
        end = self.ends.pop(0)
        if end is not None:
            raise end
        return "done"


def trouble(*ends: Exception | None) -> str:
    return trouble_of(BOX, cast(Part, Told(*ends)))


def test_a_disk_that_waits_is_no_devices_trouble() -> None:
    assert trouble(DiskWaits("door"), DiskWaits("door"), None) == ""


def test_a_device_that_does_not_work_is_in_trouble_at_once() -> None:
    assert trouble(NotInTime("no card was read"), None) == "no card was read"


def test_a_disk_that_never_takes_a_tap_is_told() -> None:
    assert trouble(*[DiskWaits("door: not stored")] * DISK_AGAIN, None) == "door: not stored"
