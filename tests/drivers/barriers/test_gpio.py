"""GPIO relays over a stand-in for libgpiod: what our side does; no chip was tried here."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.drivers.barrier import PATIENCE, BoardBench, BoardContract, SensingContract
from contracts.drivers.reader import until
from drivers.barriers import gpio as gpio_module
from drivers.barriers.gpio import GpioRelay
from drivers.contract import DeviceFault, DeviceState, Forced
from drivers.options import OptionsFault
from simulators.devices.gpio import GpioBoard, GpioChip
from tests.drivers.barriers.conftest import WORLD
from tests.drivers.io.descriptors import out_of_descriptors

SENSORS = {"entry": 22, "exit": 23, "forced": 24}


@pytest.fixture
def chip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GpioChip:
    chip = GpioChip(tmp_path / "dev" / "gpiochip0", GpioBoard({17: "entry", 18: "exit"}, SENSORS))
    monkeypatch.setattr("gpiod.request_lines", chip.request_lines)
    chip.plug()
    return chip


@pytest.fixture
def relay(chip: GpioChip) -> Iterator[GpioRelay]:
    options = {"chip": f"{chip.path.parent}/gpiochip*", "entry": 17, "exit": 18, "pulse_ms": 100}
    relay = GpioRelay(WORLD, "gate", {**options, "sensors": SENSORS})
    yield relay
    relay.stop()


class TestGpio(BoardContract, SensingContract):
    @pytest.fixture
    def bench(self, chip: GpioChip, relay: GpioRelay) -> BoardBench:
        bench = BoardBench(relay, chip.board, chip, answers=False)
        relay.start()
        bench.ready()
        return bench


def test_no_chip_is_absent() -> None:
    """With the real library, on this machine."""
    barrier = GpioRelay(WORLD, "gate", {"chip": "/dev/gpiochip*", "entry": 17})
    barrier.start()
    until(lambda: barrier.status().fault == "device.absent", PATIENCE)
    with pytest.raises(DeviceFault):
        barrier.open("entry")
    barrier.stop()


def test_a_file_that_is_no_chip_is_a_fault_with_the_real_library(tmp_path: Path) -> None:
    path = tmp_path / "gpiochip0"
    path.touch()
    barrier = GpioRelay(WORLD, "gate", {"chip": str(path), "entry": 17})
    barrier.start()
    until(lambda: barrier.status().fault != "", PATIENCE)
    assert barrier.status().state in (DeviceState.ABSENT, DeviceState.PROTOCOL_ERROR)
    barrier.stop()


def test_without_the_library_there_is_no_device(
    chip: GpioChip, relay: GpioRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gpiod", None)
    relay.start()
    until(lambda: relay.status().fault == "device.absent", PATIENCE)


def test_a_line_that_another_holds_is_busy(chip: GpioChip, relay: GpioRelay) -> None:
    chip.taken = {17}
    relay.start()
    until(lambda: relay.status().state is DeviceState.BUSY, PATIENCE)
    chip.taken = set()
    until(lambda: relay.status().state is DeviceState.READY, PATIENCE)


@pytest.mark.parametrize("missing", ["Waker", "Nudge"])
def test_lines_for_which_no_descriptors_are_left_are_a_fault_and_released(
    chip: GpioChip, relay: GpioRelay, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(gpio_module, missing, out_of_descriptors)
        relay.start()
        until(lambda: relay.status().fault == "device.fault", PATIENCE)
    # The chip gives its lines once only.
    until(lambda: relay.status().state is DeviceState.READY, PATIENCE)


def test_a_leaf_that_stands_open_at_the_start_is_told(chip: GpioChip, relay: GpioRelay) -> None:
    chip.high = {24}
    relay.start()
    assert isinstance(relay.events.get(PATIENCE), Forced)


def test_a_relay_that_was_left_on_is_off_from_the_start(chip: GpioChip, relay: GpioRelay) -> None:
    chip.board.switch(17, True)
    relay.start()
    until(lambda: not chip.board.is_on(), PATIENCE)


def test_a_line_is_a_relay_or_a_sensor() -> None:
    with pytest.raises(OptionsFault):
        GpioRelay(WORLD, "gate", {"entry": 17, "sensors": {"forced": 17}})
