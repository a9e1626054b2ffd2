"""A kept device comes back by itself, is told away once, and lets go when it is asked to."""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.drivers.reader import until, until_said
from drivers.contract import (
    DeviceAbsent,
    DeviceFault,
    DeviceProtocol,
    DeviceSilent,
    DeviceState,
)
from drivers.io.keeper import BUSY_RETRY, ManagedDevice
from drivers.io.line import LineOptions, OpenLine, open_line
from simulators.devices.pty import PtyPort
from world import Queue
from world.real import RealWorld

WORLD = RealWorld()


class EchoPeer:
    """Answers with what it got."""

    baudrate = 9600

    def received(self, data: bytes, send: Callable[[bytes], None]) -> None:
        send(data)


class Listener(ManagedDevice[OpenLine]):
    """The thinnest driver: every chunk is one thing that was presented."""

    def __init__(self, options: LineOptions) -> None:
        super().__init__(WORLD, "ear")
        self._options = options
        self.heard: Queue[bytes] = WORLD.queue()

    def _open(self) -> OpenLine:
        return open_line(WORLD, self._options, device=self.name)

    def _serve(self, connection: OpenLine) -> None:
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
    assert listener.heard.get(60) == b"hello"
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
        until_said(caplog, ["device ear: device.lost", "device ear: back"] * 3)


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


def test_a_device_that_is_held_for_long_is_tried_again_each_second(
    monkeypatch: pytest.MonkeyPatch, port: PtyPort
) -> None:
    waits: list[float | None] = []
    listener = Listener(LineOptions(port=str(port.path)))
    wait = listener._wanted.wait

    def noted(seconds: float | None = None) -> bool:
        waits.append(seconds)
        return wait(0.001 if seconds else None)

    monkeypatch.setattr(listener._wanted, "wait", noted)
    first = open_line(WORLD, LineOptions(port=str(port.path)), device="first")
    listener.start()
    until(lambda: len(waits) > 6)
    first.close()
    until(lambda: is_state(listener, DeviceState.READY))
    assert waits[:6] == [0.25, 0.5, BUSY_RETRY, BUSY_RETRY, BUSY_RETRY, BUSY_RETRY]
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


def test_calls_while_a_device_is_away_gather_nothing() -> None:
    """One fault raised again and again would keep the frames of every call, and what is in them."""
    listener = Listener(LineOptions(port="/nowhere/at-all"))
    listener.start()
    until(lambda: listener.status().fault == "device.absent")
    depths = set()
    for _ in range(5):
        with pytest.raises(DeviceAbsent) as caught:
            listener.say(b"x")
        depths.add(len(caught.traceback))
    listener.stop()
    assert len(depths) == 1


class Door:
    """An opening that another thread can hold up, and what came of it."""

    attached = "door"

    def __init__(self) -> None:
        self.interrupted = WORLD.event()
        self.closed = WORLD.event()

    def interrupt(self) -> None:
        self.interrupted.set()

    def close(self) -> None:
        self.closed.set()


class Doors(ManagedDevice[Door]):
    """Each opening waits until it is let."""

    def __init__(self) -> None:
        super().__init__(WORLD, "doors")
        self.opening: Queue[Door] = WORLD.queue()
        self.let = WORLD.event()

    def _open(self) -> Door:
        door = Door()
        self.opening.put(door)
        self.let.wait(60)
        return door

    def _serve(self, connection: Door) -> None:
        connection.interrupted.wait(60)

    def hold(self, inside: Callable[[Door], None]) -> None:
        with self._held() as door:
            inside(door)


@pytest.fixture
def doors() -> Iterator[Doors]:
    doors = Doors()
    doors.start()
    yield doors
    doors.let.set()
    doors.stop()


def test_what_is_released_or_stopped_while_it_opens_is_never_used(doors: Doors) -> None:
    door = doors.opening.get(60)
    release = WORLD.spawn(doors.release, name="release")
    until(lambda: doors._is_released())
    doors.let.set()
    assert door.closed.wait(60)
    assert release.join(60)
    assert doors.status().fault == "device.released"
    doors.take_back()
    second = doors.opening.get(60)
    until(lambda: doors.status().state is DeviceState.READY)
    doors.stop()
    assert second.closed.is_set()


def test_a_call_that_fails_late_does_not_end_the_connection_after_its_own(doors: Doors) -> None:
    doors.let.set()
    until(lambda: doors.status().state is DeviceState.READY)

    def meanwhile_opened_anew(door: Door) -> None:
        door.interrupt()
        doors.opening.get(60)
        doors.look()
        doors.opening.get(60)
        until(lambda: doors.status().state is DeviceState.READY)
        raise DeviceFault(device="doors")

    with pytest.raises(DeviceFault):
        doors.hold(meanwhile_opened_anew)
    assert doors.status().state is DeviceState.READY
    assert doors.status().lost == 0


class Starting(ManagedDevice[Door]):
    """A device that answers only at its `answers_at`th question, and then may fall silent."""

    RESTARTS = True

    def __init__(self, answers_at: int) -> None:
        super().__init__(WORLD, "starting")
        self.openings = 0
        self.asked = 0
        self.answers_at = answers_at
        self.silent = WORLD.event()

    def _open(self) -> Door:
        self.openings += 1
        return Door()

    def _greet(self, connection: Door) -> None:
        self.asked += 1
        if self.asked < self.answers_at:
            raise DeviceSilent(device="starting")

    def _serve(self, connection: Door) -> None:
        while not connection.interrupted.is_set():
            if self.silent.wait(0.01):
                self.silent.clear()
                raise DeviceSilent(device="starting")


Start = Callable[[int], Starting]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setattr("drivers.io.keeper.ASK_AGAIN", 0.01)
    monkeypatch.setattr("drivers.io.keeper.FIRST_RETRY", 0.01)
    made: list[Starting] = []

    def make(answers_at: int) -> Starting:
        made.append(Starting(answers_at))
        made[-1].start()
        return made[-1]

    yield make
    for device in made:
        device.stop()


def test_what_does_not_answer_yet_is_asked_again_on_the_same_opening(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="onecard.devices"):
        device = start(20)
        until(lambda: device.status().fault == "device.silent")
        assert device.status().state is DeviceState.NO_ANSWER
        until(lambda: device.status().state is DeviceState.READY)
    assert (device.asked, device.openings) == (20, 1)
    assert caplog.records == []


def test_after_each_opening_in_vain_it_is_given_longer(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a board needs, it gets at last."""
    monkeypatch.setattr("drivers.io.keeper.STARTS_WITHIN", 0.05)
    device = start(1_000_000)
    until(lambda: device._starts_within > 0.3)
    assert device.openings < 8


def test_what_falls_silent_soon_after_its_opening_is_not_opened_anew(start: Start) -> None:
    device = start(1)
    until(lambda: device.status().state is DeviceState.READY)
    device.silent.set()
    until(lambda: device.status().lost == 1)
    until(lambda: device.status().state is DeviceState.READY)
    assert (device.asked, device.openings) == (2, 1)


@pytest.mark.parametrize("how", ["stop", "release"])
def test_what_does_not_answer_yet_can_be_let_go(start: Start, how: str) -> None:
    device = start(1_000_000)
    until(lambda: device.asked > 3)
    getattr(device, how)()
    assert device._closed.is_set()
    assert (how == "stop") == (not device._task.alive)  # type: ignore[union-attr]


def test_a_call_right_after_the_start_waits_for_the_first_look(start: Start) -> None:
    device = start(1)
    with device._held() as door:
        assert not door.closed.is_set()
