"""Cards that were seen coming on a PN532, and cards that lay there when it was opened anew."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from apdu.channel import CardMute
from contracts.drivers.coming import ComingContract
from contracts.drivers.echo import EchoCard
from contracts.drivers.reader import READY_WITHIN, expect, until
from drivers.contract import Absence, DeviceState, Interface, Presence, SlotBinding
from drivers.pn532.reader import CALLS_AGAIN, FIRST_LOOKS, Pn532Reader, Pn532Readers
from simulators.devices.pn532 import Pn532Chip
from simulators.devices.pty import PtyPort
from simulators.vpcd import Faults
from tests.drivers.pn532.conftest import MakeBench
from world.real import RealWorld

WORLD = RealWorld()


class Pn532Coming:
    """See `contracts.drivers.coming.ComingBench`."""

    ways = ("replug", "power", "take back", "reload")

    def __init__(self, port: PtyPort, chip: Pn532Chip, several: str) -> None:
        self._port = port
        self._chip = chip
        options = {"interval_ms": 40, "several": several}
        self._binding = SlotBinding("air", str(port.path), Interface.CONTACTLESS, options)
        self._driver = self._started()

    @property
    def reader(self) -> Pn532Reader:
        return self._driver.readers()[0]

    def insert(self, card: EchoCard) -> None:
        self.remove()
        self._chip.put(card)

    def remove(self) -> None:
        self._chip.take()

    def go(self, way: str) -> None:
        match way:
            case "replug":
                self._port.unplug()
            case "power":
                self._chip.lose_power()
            case "take back":
                self.reader.release()
            case "reload":
                self._driver.stop()
                return
        until(lambda: self.reader.status().state is not DeviceState.READY, READY_WITHIN)

    def come_back(self, way: str) -> None:
        match way:
            case "replug":
                self._port.plug()
            case "power":
                self._chip.restore_power()
            case "take back":
                self.reader.take_back()
            case "reload":
                self._driver = self._started()
        self.reader.look()
        until(lambda: self.reader.status().state is DeviceState.READY, READY_WITHIN)

    def stop(self) -> None:
        self._driver.stop()

    def _started(self) -> Pn532Readers:
        driver = Pn532Readers(WORLD, [self._binding])
        driver.start()
        return driver


class TestPn532(ComingContract):
    WAYS = Pn532Coming.ways

    @pytest.fixture(params=["refuse", "each"])
    def bench(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pn532Coming]:
        chip = Pn532Chip()
        with PtyPort(tmp_path / "usb-PN532_1", chip) as port:
            bench = Pn532Coming(port, chip, request.param)
            yield bench
            bench.stop()
        chip.close()


def test_a_card_beside_one_that_was_left_lying_did_not_come_alone(make_bench: MakeBench) -> None:
    bench = make_bench(ready=False, interval_ms=40)
    bench.port.unplug()
    bench.chip.put(EchoCard())
    bench.port.plug()
    bench.reader.look()
    assert not expect(bench.reader, Presence).came
    bench.chip.put(EchoCard())
    expect(bench.reader, Absence)
    assert not expect(bench.reader, Presence).came  # and nobody can open the two
    bench.chip.take()
    expect(bench.reader, Absence)
    bench.insert()
    assert expect(bench.reader, Presence).came


def test_each_serves_who_comes_beside_a_card_that_was_left_lying(make_bench: MakeBench) -> None:
    bench = make_bench(ready=False, several="each", interval_ms=40)
    bench.port.unplug()
    bench.chip.put(EchoCard())
    bench.port.plug()
    bench.reader.look()
    assert not expect(bench.reader, Presence).came
    bench.chip.put(EchoCard())
    expect(bench.reader, Absence)
    second = expect(bench.reader, Presence)
    assert second.came
    bench.reader.open(second.count).close()


@pytest.mark.parametrize("random", [False, True], ids=["card", "phone"])
def test_card_that_misses_a_call_or_two_has_not_left(make_bench: MakeBench, random: bool) -> None:
    bench = make_bench(interval_ms=40)
    bench.chip.put(EchoCard(), random_identifier=random)
    presence = expect(bench.reader, Presence)
    for unheard in (1, CALLS_AGAIN, 1):
        bench.chip.faults.unheard = unheard
        until(lambda: bench.chip.faults.unheard == 0)
        bench.reader.open(presence.count).close()
    assert len(bench.reader.events) == 0


def test_card_at_the_edge_that_misses_the_first_calls_lay_there(make_bench: MakeBench) -> None:
    bench = make_bench(ready=False, interval_ms=40)
    bench.port.unplug()
    bench.chip.put(EchoCard())
    bench.chip.faults.unheard = FIRST_LOOKS - 1
    bench.port.plug()
    bench.reader.look()
    assert not expect(bench.reader, Presence).came


def test_card_that_failed_and_is_powered_again_is_no_new_presence(make_bench: MakeBench) -> None:
    bench = make_bench(interval_ms=40)
    bench.chip.put(EchoCard(), Faults(timeout_from=0))
    presence = expect(bench.reader, Presence)
    for _ in range(2):
        card = bench.reader.open(presence.count)
        with pytest.raises(CardMute):
            card.transmit(b"\x00\xa4\x04\x00\x00")
    WORLD.wait(0.3)
    assert len(bench.reader.events) == 0
