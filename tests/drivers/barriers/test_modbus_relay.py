"""Modbus relay boards: byte-exact questions, pulses that always end, inputs that tell once."""

import pytest

from drivers.barriers.modbus_relay import ModbusRelay
from simulators.devices.boards import ModbusBoard
from tests.drivers.barriers.conftest import MakeBench
from tests.drivers.contract.barrier import BoardBench, BoardContract, SensingContract

RELAYS = {"entry": 0, "exit": 1, "counter": 0}
SENSORS = {"entry": 0, "exit": 1, "forced": 7}


def board(**more: bool) -> ModbusBoard:
    return ModbusBoard({0: "entry", 1: "exit"}, SENSORS, **more)


class TestModbusRelay(BoardContract, SensingContract):
    @pytest.fixture
    def bench(self, make_bench: MakeBench) -> BoardBench:
        return make_bench(ModbusRelay, board(), **RELAYS, sensors=SENSORS, pulse_ms=100)
