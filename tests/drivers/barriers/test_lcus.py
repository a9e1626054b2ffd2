"""LCUS relays: four bytes each way of the relay, none back; and orders that come too late."""

import threading
from pathlib import Path

import pytest

from contracts.drivers.barrier import PATIENCE, BoardBench, BoardContract, LineContract
from contracts.drivers.reader import until
from drivers.barriers.board import Port
from drivers.barriers.lcus import LcusRelay, command
from drivers.contract import DeviceSilent
from drivers.io.line import LineEchoes
from simulators.devices.boards import LcusBoard
from simulators.devices.lines import EchoingLine
from simulators.devices.pty import PtyPort
from tests.drivers.barriers.conftest import WORLD, MakeBench


class TestLcus(BoardContract, LineContract):
    @pytest.fixture
    def bench(self, make_bench: MakeBench) -> BoardBench:
        board = LcusBoard({1: "entry", 2: "exit"})
        return make_bench(LcusRelay, board, answers=False, exit=2, pulse_ms=100)


def test_commands_are_those_of_the_specification() -> None:
    assert command(1, True) == bytes.fromhex("A00101A2")
    assert command(1, False) == bytes.fromhex("A00100A1")


@pytest.mark.parametrize("board", [None, LcusBoard({1: "entry"})])
def test_a_port_that_gives_back_what_it_is_sent_is_no_lcus_boards(
    tmp_path: Path, board: LcusBoard | None
) -> None:
    """The board and its port are one piece, and the board says nothing."""
    with PtyPort(tmp_path / "echo", EchoingLine(board)) as port:
        barrier = LcusRelay(WORLD, "gate", {"port": str(port.path)})
        barrier.start()
        until(lambda: barrier.status().fault == "device.echo", PATIENCE)
        with pytest.raises(LineEchoes):
            barrier.open("entry")
        barrier.stop()


class StuckRelay(LcusRelay):
    """Its port takes an "on" only when the test lets it."""

    may_go = threading.Event()

    def _switch(self, board: Port, relay: int, on: bool, deadline: float) -> None:
        if on:
            assert self.may_go.wait(PATIENCE)
        super()._switch(board, relay, on, deadline)


def test_an_order_that_goes_out_after_its_answer_was_due_is_taken_back(
    make_bench: MakeBench,
) -> None:
    board = LcusBoard({1: "entry"})
    bench = make_bench(StuckRelay, board, answers=False, pulse_ms=10_000)
    with pytest.raises(DeviceSilent):
        bench.barrier.open("entry")
    assert not board.switches
    StuckRelay.may_go.set()
    until(lambda: [switch.on for switch in board.switches] == [True, False], PATIENCE)


def test_an_off_that_got_lost_is_said_again(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drivers.barriers.lcus.AGAIN", 0.2)
    board = LcusBoard({1: "entry"})
    bench = make_bench(LcusRelay, board, answers=False, pulse_ms=2000)  # time to make it deaf
    relay = bench.barrier
    assert isinstance(relay, LcusRelay)
    relay.open("entry")
    until(board.is_on, PATIENCE)
    bench.port.faults.deaf = True
    until(lambda: not relay._pulses, PATIENCE)  # off was said, and not heard
    assert board.is_on()
    bench.port.faults.deaf = False
    until(lambda: not board.is_on(), PATIENCE)
