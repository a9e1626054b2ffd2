"""LCUS relays: four bytes each way of the relay, none back."""

import pytest

from drivers.barriers.lcus import LcusRelay, command
from simulators.devices.boards import LcusBoard
from tests.drivers.barriers.conftest import MakeBench
from tests.drivers.contract.barrier import BoardBench, BoardContract


class TestLcus(BoardContract):
    @pytest.fixture
    def bench(self, make_bench: MakeBench) -> BoardBench:
        board = LcusBoard({1: "entry", 2: "exit"})
        return make_bench(LcusRelay, board, answers=False, exit=2, pulse_ms=100)


def test_commands_are_those_of_the_specification() -> None:
    assert command(1, True) == bytes.fromhex("A00101A2")
    assert command(1, False) == bytes.fromhex("A00100A1")
