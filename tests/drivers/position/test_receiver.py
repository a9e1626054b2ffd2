"""The receiver on a simulated wire: found, heard, lost, back; and what is no receiver."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.drivers.reader import until
from drivers.contract import DeviceState
from drivers.position.nmea import sentence
from drivers.position.receiver import MOST_WAITING, NmeaReceiver
from simulators.devices.gnss import GnssSimulator
from world.real import RealWorld

WORLD = RealWorld()
PATIENCE = 60.0


class Bench:
    def __init__(self, path: Path, baudrate: int = 9600) -> None:
        self.gnss = GnssSimulator(path, baudrate)
        self.gnss.port.plug()
        self.receiver = NmeaReceiver(WORLD, "gnss", {"port": str(path), "silent": 60.0})
        self.receiver.start()

    def ready(self) -> None:
        until(lambda: self.receiver.status().state is DeviceState.READY)

    def close(self) -> None:
        self.receiver.stop()
        self.gnss.port.unplug()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "gnss")
    yield bench
    bench.close()


def test_each_fix_is_one_place_though_two_sentences_tell_it(bench: Bench) -> None:
    bench.ready()
    for count in range(3):
        bench.gnss.tell(30.0 + count / 100, 120.0)
        position = bench.receiver.events.get(PATIENCE)
        assert position.source == "gnss"
        assert position.lat == pytest.approx(30.0 + count / 100, abs=1e-6)
        assert position.speed == pytest.approx(8.33, abs=0.01)
    until(lambda: bench.receiver.status().counters.get("fixes") == 3)
    assert len(bench.receiver.events) == 0


@pytest.mark.parametrize("order", ["RMC,GGA", "GGA,RMC", "GGA,VTG", "VTG,GGA", "GGA,GSV,RMC"])
def test_each_place_has_its_speed_in_whatever_order_it_is_told(bench: Bench, order: str) -> None:
    bench.ready()
    for second in range(3):
        time, place = f"0800{second:02}.00", "2938.4000,N,09107.8000,E"
        bodies = {
            "RMC": f"GNRMC,{time},A,{place},20.0,090.0,210926,,,A",
            "GGA": f"GNGGA,{time},{place},1,08,1.0,3650.0,M,,M,,",
            "VTG": "GNVTG,090.0,T,,M,20.0,N,37.0,K,A",
            "GSV": "GPGSV,1,1,01,03,45,120,40",
        }
        bench.gnss.talk(b"".join(sentence(bodies[kind]) for kind in order.split(",")))
        assert bench.receiver.events.get(PATIENCE).speed == pytest.approx(10.29, abs=0.01)
    assert len(bench.receiver.events) == 0


def test_a_receiver_that_tells_places_only_is_heard_without_speed(bench: Bench) -> None:
    bench.ready()
    bench.gnss.talk(sentence("GNGGA,080000.00,2938.4000,N,09107.8000,E,1,08,1.0,3650.0,M,,M,,"))
    assert bench.receiver.events.get(PATIENCE).speed is None


def test_unplugged_it_is_away_and_comes_back_by_itself(bench: Bench) -> None:
    bench.ready()
    bench.gnss.port.unplug()
    until(lambda: bench.receiver.status().state is DeviceState.ABSENT)
    bench.gnss.port.plug()
    bench.receiver.look()
    bench.ready()
    bench.gnss.tell(30.0, 120.0)
    assert bench.receiver.events.get(PATIENCE).lat == pytest.approx(30.0, abs=1e-6)


def test_places_that_nobody_takes_are_dropped_and_counted(bench: Bench) -> None:
    bench.ready()
    for _ in range(MOST_WAITING + 3):
        bench.gnss.tell(30.0, 120.0)
    until(lambda: bench.receiver.status().counters.get("unserved") == 3)
    assert len(bench.receiver.events) == MOST_WAITING


def test_a_receiver_that_does_not_know_is_heard_and_tells_nothing(bench: Bench) -> None:
    bench.ready()
    bench.gnss.talk(b"$GNRMC,,V,,,,,,,,,,N*4D\r\n")
    until(lambda: bench.receiver.status().counters.get("others") == 1)
    assert len(bench.receiver.events) == 0


def test_the_wrong_baud_rate_is_a_protocol_error(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "gnss", baudrate=38_400)
    try:
        bench.ready()
        for _ in range(100):
            bench.gnss.tell(30.0, 120.0)
        until(lambda: bench.receiver.status().fault == "gnss.garbled")
    finally:
        bench.close()


def test_a_receiver_that_says_nothing_does_not_answer(tmp_path: Path) -> None:
    path = tmp_path / "gnss"
    with GnssSimulator(path):
        receiver = NmeaReceiver(WORLD, "gnss", {"port": str(path), "silent": 1.0})
        receiver.start()
        try:
            until(lambda: receiver.status().fault == "device.silent")
        finally:
            receiver.stop()
