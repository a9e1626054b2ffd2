"""A simulated port hangs up, distorts and is taken as a real one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.drivers.reader import until
from drivers.contract import DeviceBusy, DeviceLost
from drivers.io.line import LineOptions, OpenLine, open_line
from simulators.devices.pty import PtyPort
from world.real import RealWorld

WORLD = RealWorld()


class Parrot:
    baudrate = 9600

    def received(self, data: bytes, send: Callable[[bytes], None]) -> None:
        send(data)


def heard_until_lost(line: OpenLine) -> bytes:
    heard = b""
    try:
        while True:
            heard += line.read(5.0)
    except DeviceLost:
        return heard


def test_a_plug_is_pulled_in_the_middle_of_an_answer(tmp_path: Path) -> None:
    with PtyPort(tmp_path / "port", Parrot()) as port:
        line = open_line(WORLD, LineOptions(port=str(port.path)), device="ear")
        port.faults.unplug_after = 7
        line.write(b"12345")
        line.write(b"67890")
        assert b"1234567".startswith(heard_until_lost(line))
        until(lambda: not port.plugged)
        line.close()


def test_a_port_is_taken_until_the_other_lets_go(tmp_path: Path) -> None:
    port = PtyPort(tmp_path / "port", Parrot())
    port.plug(taken=True)
    with pytest.raises(DeviceBusy):
        open_line(WORLD, LineOptions(port=str(port.path)), device="ear")
    port.let_go()
    open_line(WORLD, LineOptions(port=str(port.path)), device="ear").close()
    port.unplug()
