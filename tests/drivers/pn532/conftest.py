"""A PN532 on a simulated port, its reader, and cards in the test's hand."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts.drivers.echo import CONTACTLESS_ATR, EchoCard
from contracts.drivers.reader import until
from drivers.contract import DeviceState, Interface, SlotBinding
from drivers.pn532.reader import Pn532Reader, Pn532Readers
from simulators.devices.pn532 import ChipFaults, Pn532Chip, Tag
from simulators.devices.pty import PtyPort
from simulators.vpcd import Faults, Moment, TearAtApdu
from world.real import RealWorld

WORLD = RealWorld()
NAME = "air"


@dataclass
class Pn532Bench:
    """See `contracts.drivers.reader.ReaderBench`."""

    reader: Pn532Reader
    chip: Pn532Chip
    port: PtyPort
    interface: Interface = Interface.CONTACTLESS
    atr: bytes = CONTACTLESS_ATR
    tag: Tag | None = None

    def insert(self, *, mute: bool = False, pulled_in_apdu: int | None = None) -> None:
        self.remove()
        faults = Faults(mute_from=0 if mute else None)
        if pulled_in_apdu is not None:
            faults = Faults(tear=TearAtApdu(pulled_in_apdu, Moment.DURING))
        self.card = EchoCard()
        self.tag = self.chip.put(self.card, faults)

    def remove(self) -> None:
        self.chip.take()

    def powered(self) -> bool:
        return self.card.powered

    def await_command(self) -> None:
        assert self.tag is not None
        assert self.tag.muted.wait(60)

    def is_state(self, state: DeviceState) -> bool:
        return self.reader.status().state is state

    def await_ready(self) -> None:
        until(lambda: self.is_state(DeviceState.READY))


MakeBench = Callable[..., Pn532Bench]


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[MakeBench]:
    """A reader with these options, ready unless told otherwise."""
    with ExitStack() as stack:

        def make(
            *, ready: bool = True, faults: ChipFaults | None = None, **options: object
        ) -> Pn532Bench:
            chip = Pn532Chip()
            chip.faults = faults or ChipFaults()
            stack.callback(chip.close)
            port = stack.enter_context(PtyPort(tmp_path / "by-id" / "usb-PN532_1", chip))
            match = str(port.path.parent / "usb-PN532_*")
            binding = SlotBinding(NAME, match, Interface.CONTACTLESS, options)
            driver = Pn532Readers(WORLD, [binding])
            driver.start()
            stack.callback(driver.stop)
            bench = Pn532Bench(driver.readers()[0], chip, port)
            if ready:
                bench.await_ready()
            return bench

        yield make


@pytest.fixture
def bench(make_bench: MakeBench) -> Pn532Bench:
    return make_bench(interval_ms=40)
