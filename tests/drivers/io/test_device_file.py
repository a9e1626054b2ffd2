"""A device file that answers reads with nothing is there; one that hung up is not."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.contract import DeviceFault, DeviceLost
from drivers.io.device_file import DeviceFile, is_device_file, open_device_file
from drivers.io.wait import REST
from tests.drivers.io.descriptors import descriptors_of, out_of_descriptors
from world.real import RealWorld

WORLD = RealWorld()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[DeviceFile]:
    """Readable always, and each read brings 0 bytes, as from a printer's zero-length packets."""
    (tmp_path / "lp0").touch()
    device = open_device_file(WORLD, str(tmp_path / "lp0"), device="slips")
    yield device
    device.close()


def test_no_bytes_are_no_news(empty: DeviceFile) -> None:
    began = WORLD.monotonic()
    assert [empty.read(), empty.read(5.0), empty.read(0.0)] == [b""] * 3
    assert WORLD.monotonic() - began >= 2 * REST  # it is not asked in a whirl
    empty.write(b"still there")


def test_a_file_for_which_no_descriptors_are_left_is_a_fault_and_closed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lp0").touch()
    monkeypatch.setattr(os, "eventfd", out_of_descriptors)
    with pytest.raises(DeviceFault) as told:
        open_device_file(WORLD, str(tmp_path / "lp0"), device="slips")
    assert descriptors_of(str(tmp_path / "lp0")) == 0
    assert told.value.facts == {"device": "slips", "port": str(tmp_path / "lp0")}


@pytest.mark.parametrize(("kind", "is_one"), [("usbmisc", True), ("tty", False), (None, False)])
def test_a_character_device_is_one_unless_it_is_a_tty_or_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str | None, is_one: bool
) -> None:
    monkeypatch.setattr("drivers.io.device_file.CLASSES", tmp_path / "char")
    number = os.stat("/dev/null").st_rdev
    folder = tmp_path / "char" / f"{os.major(number)}:{os.minor(number)}"
    folder.mkdir(parents=True)
    if kind is not None:
        (folder / "subsystem").symlink_to(tmp_path / "class" / kind)
    (tmp_path / "receipts").symlink_to("/dev/null")
    assert is_device_file(WORLD, str(tmp_path / "receipts")) is is_one


def test_what_leads_to_a_printers_node_is_one_whatever_its_name(tmp_path: Path) -> None:
    for node, link in (("lp0", "receipts"), ("ttyUSB0", "lp1")):
        (tmp_path / node).touch()
        (tmp_path / link).symlink_to(node)
    assert is_device_file(WORLD, str(tmp_path / "lp0"))
    assert is_device_file(WORLD, str(tmp_path / "receipts"))
    assert not is_device_file(WORLD, str(tmp_path / "lp1"))
    assert not is_device_file(WORLD, str(tmp_path / "gone"))


def test_a_file_that_hung_up_is_lost(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lp0")
    device = open_device_file(WORLD, str(tmp_path / "lp0"), device="slips")
    ours, theirs = os.pipe()
    os.dup2(ours, device._descriptor)
    os.close(ours)
    os.write(theirs, b"last")
    assert device.read(5.0) == b"last"
    os.close(theirs)
    with pytest.raises(DeviceLost):
        device.read(5.0)
    device.close()
