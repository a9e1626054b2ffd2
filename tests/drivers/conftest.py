"""PC/SC readers for a test, stopped afterwards."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module

import pytest

from contracts.drivers.reader import until
from drivers.contract import CardReader, DeviceState, Interface, SlotBinding
from drivers.pcsc.readers import PcscReaders
from world.real import RealWorld

WORLD = RealWorld()
GATE = (
    SlotBinding("air-a", "*Contactless A*", Interface.CONTACTLESS),
    SlotBinding("air-b", "*Contactless B*", Interface.CONTACTLESS),
    SlotBinding("contact", "Onecard Contact 0*", Interface.CONTACT),
    SlotBinding("sam", "*SAM*", Interface.SAM),
)
# Of the drivers: how long a device may take, and an echo.
LIMITS = (
    "drivers.barriers.board.TAKE_WITHIN",
    "drivers.barriers.board.ANSWER_WITHIN",
    "drivers.barriers.modbus_relay.REPLY_WITHIN",
    "drivers.barriers.relay.OFF_WITHIN",
    "drivers.barriers.swing.GREET_WITHIN",
    "drivers.counter.printer.ANSWER_WITHIN",
    "drivers.io.device_file.WRITE_WITHIN",
    "drivers.io.echo.KEEP",
    "drivers.io.keeper.FIRST_LOOK_WITHIN",
    "drivers.io.keeper.STARTS_WITHIN",
    "drivers.io.keeper.STARTS_AT_MOST",
    "drivers.io.line.WRITE_WITHIN",
    "drivers.io.usb.CONTROL_WITHIN",
    "drivers.io.usb.WRITE_WITHIN",
    "drivers.pn532.chip.ACK_WITHIN",
    "drivers.pn532.chip.ANSWER_WITHIN",
    "drivers.pn532.chip.GIVEN_UP_WITHIN",
    "drivers.prompts.voice.PULLED_WITHIN",
    "drivers.scanners.serial.ANSWER_WITHIN",
)
MakeReaders = Callable[..., Mapping[str, CardReader]]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five times as long as in the field, or a busy machine would be taken for a silent device."""
    for limit in LIMITS:
        module, _, name = limit.rpartition(".")
        monkeypatch.setattr(limit, 5 * getattr(import_module(module), name))


@pytest.fixture
def make_readers() -> Iterator[MakeReaders]:
    """Starts a driver with bindings (default: the gate's four); its readers by name."""
    drivers: list[PcscReaders] = []

    def make(*bindings: SlotBinding, bound: bool = True) -> Mapping[str, CardReader]:
        driver = PcscReaders(WORLD, bindings or GATE)
        drivers.append(driver)
        driver.start()
        readers = driver.readers()
        if bound:
            until(lambda: all(r.status().state is DeviceState.READY for r in readers))
        return {reader.name: reader for reader in readers}

    yield make
    for driver in drivers:
        driver.stop()
