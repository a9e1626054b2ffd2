"""A kept device comes back by itself, is told away once, and lets go when it is asked to."""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.contract import DeviceFault, DeviceProtocol, DeviceState
from drivers.io.keeper import Kept
from drivers.io.line import Line, LineOptions, open_line
from simulators.devices.pty import PtyPort
from tests.drivers.contract.reader import until
from world import Queue
from world.real import RealWorld

WORLD = RealWorld()


class EchoPeer:
    """Answers with what it got."""

    baudrate = 9600

    def received(self, data: bytes, send: Callable[[bytes], None]) -> None:
        send(data)


class Listener(Kept[Line]):
    """The thinnest driver: every chunk is one thing that was presented."""

    def __init__(self, options: LineOptions) -> None:
        super().__init__(WORLD, "ear")
        self._options = options
        self.heard: Queue[bytes] = WORLD.queue()

    def _open(self) -> Line:
        return open_line(WORLD, self._options, device=self.name)

    def _serve(self, connection: Line) -> None:
        while True:
            data = connection.read()
            if data == b"?":
                raise DeviceProtocol(device=self.name)
            self._present()
            self.heard.put(data)

    def say(self, data: bytes) -> None:
        with self._held() as line:
            line.write(data)

    def break_it(self) -> None:
        with self._held():
            raise DeviceFault(device=self.name)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[PtyPort]:
    with PtyPort(tmp_path / "by-id" / "usb-Echo_1-if00", EchoPeer()) as port:
        yield port


@pytest.fixture
def listener(port: PtyPort) -> Iterator[Listener]:
    listener = Listener(LineOptions(port=str(port.path.parent / "usb-Echo_*")))
    listener.start()
    until(lambda: listener.status().state is DeviceState.READY)
    yield listener
    listener.stop()


def is_state(listener: Listener, state: DeviceState) -> bool:
    return listener.status().state is state


def test_bytes_go_both_ways(listener: Listener, port: PtyPort) -> None:
    listener.say(b"hello")
    assert listener.heard.get(5.0) == b"hello"
    assert listener.status().presented == 1
    assert listener.status().attached == str(port.path)


def test_unplugged_and_plugged_again_it_is_back_by_itself(
    listener: Listener, port: PtyPort, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="onecard.devices"):
        for turn in range(1, 4):
            port.unplug()
            until(lambda: is_state(listener, DeviceState.ABSENT))
            with pytest.raises(DeviceFault):
                listener.say(b"x")
            port.plug()
            listener.look()
            until(lambda: is_state(listener, DeviceState.READY))
            assert listener.status().lost == turn
    assert [record.getMessage() for record in caplog.records] == [
        "device ear: device.lost",
        "device ear: back",
    ] * 3


def test_absent_from_the_beginning_is_found_later(tmp_path: Path) -> None:
    port = PtyPort(tmp_path / "by-id" / "late", EchoPeer())
    listener = Listener(LineOptions(port=str(port.path)))
    listener.start()
    until(lambda: listener.status().fault == "device.absent")
    port.plug()
    until(lambda: is_state(listener, DeviceState.READY))
    listener.stop()
    port.unplug()


def test_two_that_fit_are_not_guessed_between(tmp_path: Path) -> None:
    folder = tmp_path / "by-id"
    with PtyPort(folder / "usb-A", EchoPeer()), PtyPort(folder / "usb-B", EchoPeer()):
        listener = Listener(LineOptions(port=str(folder / "usb-*")))
        listener.start()
        until(lambda: listener.status().fault == "device.ambiguous")
        listener.stop()


def test_port_that_another_holds_is_busy_and_says_by_whom(port: PtyPort, tmp_path: Path) -> None:
    first = open_line(WORLD, LineOptions(port=str(port.path)), device="first")
    listener = Listener(LineOptions(port=str(port.path)))
    listener.start()
    until(lambda: is_state(listener, DeviceState.BUSY))
    assert f"({os.getpid()})" in listener.status().holder
    first.close()
    until(lambda: is_state(listener, DeviceState.READY))
    listener.stop()


def test_protocol_error_closes_and_tries_again(listener: Listener, port: PtyPort) -> None:
    port.send(b"?")
    until(lambda: listener.status().lost == 1)
    until(lambda: is_state(listener, DeviceState.READY))


def test_write_that_fails_makes_the_thread_open_anew(listener: Listener) -> None:
    with pytest.raises(DeviceFault):
        listener.break_it()
    until(lambda: listener.status().lost == 1)
    until(lambda: is_state(listener, DeviceState.READY))


def test_released_device_is_free_for_others_and_taken_back(
    listener: Listener, port: PtyPort
) -> None:
    listener.release()
    assert listener.status().state is DeviceState.BUSY
    assert listener.status().fault == "device.released"
    other = open_line(WORLD, LineOptions(port=str(port.path)), device="other")
    other.close()
    listener.take_back()
    until(lambda: is_state(listener, DeviceState.READY))
    assert listener.status().lost == 0


def test_wrong_baud_gives_garbage(port: PtyPort) -> None:
    line = open_line(WORLD, LineOptions(port=str(port.path), baudrate=115200), device="fast")
    line.write(b"hello")
    assert line.read(5.0) != b"hello"
    line.close()


def test_stop_ends_the_thread_and_frees_the_port(listener: Listener, port: PtyPort) -> None:
    listener.stop()
    open_line(WORLD, LineOptions(port=str(port.path)), device="other").close()
