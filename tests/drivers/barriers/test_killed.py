"""An agent that is killed in the middle of a pulse: whose relay goes off, and when."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.drivers.barrier import PATIENCE
from contracts.drivers.reader import until
from drivers.barriers.lcus import LcusRelay
from drivers.barriers.modbus_relay import ModbusRelay
from simulators.devices.boards import LcusBoard, ModbusBoard, RelayBoard
from simulators.devices.pty import PtyPort
from tests.drivers.barriers.conftest import WORLD, MakeBarrier

AGENT = """
import sys, time
from drivers import registry
from world.real import RealWorld

driver, port, timed = sys.argv[1:]
options = {"port": port, "pulse_ms": 1000 if timed else 10_000}
if timed:
    options["timed"] = timed
gate = registry.barrier(driver)(RealWorld(), "gate", options)
gate.start()
while gate.status().state.value != "ready":
    time.sleep(0.01)
gate.open("entry")
time.sleep(60)
"""


def kill_in_a_pulse(driver: str, port: PtyPort, board: RelayBoard, timed: str = "") -> None:
    agent = subprocess.Popen([sys.executable, "-c", AGENT, driver, str(port.path), timed])
    try:
        assert board.opened.get(timeout=3 * PATIENCE) == "entry"
    finally:
        agent.send_signal(signal.SIGKILL)
        agent.wait()


@pytest.mark.parametrize(
    ("name", "driver", "make_board"),
    [
        ("modbus-relay", ModbusRelay, lambda: ModbusBoard({0: "entry"})),
        ("lcus-relay", LcusRelay, lambda: LcusBoard({1: "entry"})),
    ],
)
def test_the_next_agent_switches_off_what_a_killed_one_left_on(
    name: str, driver: MakeBarrier, make_board: Callable[[], RelayBoard], tmp_path: Path
) -> None:
    board = make_board()
    with PtyPort(tmp_path / "gate", board) as port:
        kill_in_a_pulse(name, port, board)
        assert board.is_on()  # the control: nobody else would
        barrier = driver(WORLD, "gate", {"port": str(port.path)})
        barrier.start()
        until(lambda: not board.is_on(), PATIENCE)
        barrier.stop()


def test_a_board_that_times_its_pulse_needs_no_next_agent(tmp_path: Path) -> None:
    board = ModbusBoard({0: "entry"})
    with PtyPort(tmp_path / "gate", board) as port:
        kill_in_a_pulse("modbus-relay", port, board, "waveshare")
        until(lambda: not board.is_on(), PATIENCE)
