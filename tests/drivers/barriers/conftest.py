"""Barriers on simulated boards, started and stopped around a test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.drivers.barrier import BoardBench
from drivers.contract import Barrier, Options
from simulators.devices.boards import GateBoard
from simulators.devices.pty import PtyPort
from world import World
from world.real import RealWorld

WORLD = RealWorld()
MakeBarrier = Callable[[World, str, Options], Barrier]
MakeBench = Callable[..., BoardBench]


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[MakeBench]:
    """`make_bench(driver, peer, answers=…, **options)`: plugged, started and ready."""
    benches: list[BoardBench] = []

    def make(
        driver: MakeBarrier, peer: GateBoard, *, answers: bool = True, **options: object
    ) -> BoardBench:
        port = PtyPort(tmp_path / "by-id" / "usb-Gate_1-if00", peer)
        port.plug()
        barrier = driver(WORLD, "gate", {"port": f"{port.path.parent}/usb-Gate_*", **options})
        bench = BoardBench(barrier, peer, port, answers)
        benches.append(bench)
        barrier.start()
        bench.ready()
        return bench

    yield make
    for bench in benches:
        bench.barrier.stop()
        bench.port.unplug()
