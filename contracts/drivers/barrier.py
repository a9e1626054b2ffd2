"""What every barrier must do. A driver's tests inherit `BarrierContract`; those of a board that
can be unplugged inherit `BoardContract` and bring the board."""

import logging
import queue
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import pytest

from contracts.drivers.reader import until, until_said
from drivers.contract import (
    Barrier,
    DeviceFault,
    DeviceLost,
    DeviceProtocol,
    DeviceSilent,
    DeviceState,
    Direction,
    Forced,
)
from simulators.devices.boards import GateBoard, RelayBoard
from simulators.devices.lines import BOOT_TEXT, EchoingLine, RestartingBoard
from simulators.devices.pty import Peer, PtyPort, WireFaults
from world.tasks import RealTask

DIRECTIONS: tuple[Direction, ...] = ("entry", "exit", "counter")
PATIENCE = 60.0  # seconds


class BarrierContract:
    """Inherit, and give a fixture `barrier` (named `gate`, in order)."""

    def test_opens_in_each_direction(self, barrier: Barrier) -> None:
        for direction in DIRECTIONS:
            barrier.open(direction)

    def test_ready_under_its_own_name(self, barrier: Barrier) -> None:
        assert barrier.name == "gate"
        assert barrier.status().name == "gate"
        assert barrier.status().state is DeviceState.READY


class Plug(Protocol):
    """What the board hangs on: a `PtyPort`, or what behaves like one."""

    @property
    def faults(self) -> WireFaults: ...

    def plug(self) -> None: ...

    def unplug(self) -> None: ...

    def send(self, data: bytes) -> None:
        """Noise towards the host; nothing where no bytes flow."""
        ...


@dataclass
class BoardBench:
    """A started barrier, its board and the wire between them."""

    barrier: Barrier
    board: GateBoard
    port: Plug
    answers: bool = True  # whether the board says that it took an order
    opens: list[Direction] = field(default_factory=lambda: ["entry", "exit"])
    _lost: int = 0

    def ready(self) -> None:
        self.barrier.look()
        until(lambda: self.barrier.status().state is DeviceState.READY, PATIENCE)
        self._lost = self.barrier.status().lost

    def gone(self) -> None:
        """Returns when it has gone since it was ready; it may be back already."""
        until(lambda: self.barrier.status().lost > self._lost, PATIENCE)

    def opened(self) -> Direction:
        """The board's next opening."""
        return self.board.opened.get(timeout=PATIENCE)

    def closed(self) -> bool:
        """Whether no relay is on; a board without relays closes by itself."""
        return not (isinstance(self.board, RelayBoard) and self.board.is_on())


class BoardContract(BarrierContract):
    """Inherit, and give a fixture `bench`."""

    @pytest.fixture
    def barrier(self, bench: BoardBench) -> Barrier:
        return bench.barrier

    @pytest.fixture
    def in_background(self) -> Iterator[Callable[[Callable[[], None]], None]]:
        """Runs something on a thread of its own; joined at the end."""
        tasks: list[RealTask] = []
        yield lambda work: tasks.append(RealTask(work, "in background"))
        assert all(task.join(PATIENCE) for task in tasks)

    def test_each_direction_opens_its_own_way(self, bench: BoardBench) -> None:
        for direction in bench.opens:
            bench.barrier.open(direction)
            assert bench.opened() == direction

    def test_every_opening_closes_by_itself(self, bench: BoardBench) -> None:
        for direction in bench.opens:
            bench.barrier.open(direction)
            bench.opened()
        until(bench.closed, PATIENCE)

    def test_persons_in_a_row_get_an_opening_each(self, bench: BoardBench) -> None:
        for _ in range(3):
            bench.barrier.open("entry")
        assert [bench.opened() for _ in range(3)] == ["entry"] * 3
        until(bench.closed, PATIENCE)
        assert bench.board.opened.empty()

    def test_absent_board_is_a_fault_at_once(self, bench: BoardBench) -> None:
        bench.port.unplug()
        bench.gone()
        with pytest.raises(DeviceFault) as caught:
            bench.barrier.open("entry")
        assert caught.value.state is DeviceState.ABSENT

    def test_unplugged_in_the_middle_of_a_pulse_it_is_off_after_replug(
        self, bench: BoardBench
    ) -> None:
        bench.barrier.open("entry")
        bench.opened()
        bench.port.unplug()
        bench.gone()
        bench.port.plug()
        bench.ready()
        until(bench.closed, PATIENCE)
        bench.barrier.open("exit")
        assert bench.opened() == "exit"

    def test_lost_is_told_once_and_back_once(
        self, bench: BoardBench, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO, logger="onecard.devices"):
            bench.port.unplug()
            bench.gone()
            for _ in range(3):
                with pytest.raises(DeviceFault):
                    bench.barrier.open("entry")
            bench.port.plug()
            bench.ready()
            until_said(caplog, ["device gate: device.lost", "device gate: back"], PATIENCE)
        assert bench.barrier.status().lost == 1

    def test_stop_closes_and_frees_the_port(self, bench: BoardBench) -> None:
        bench.barrier.open("entry")
        bench.opened()
        bench.barrier.stop()
        until(bench.closed, PATIENCE)
        with pytest.raises(DeviceFault):
            bench.barrier.open("entry")

    def test_deaf_board_opens_nothing(self, bench: BoardBench) -> None:
        """The control of the suite: a fault that is injected is one that arrives."""
        bench.port.faults.deaf = True
        if bench.answers:
            with pytest.raises(DeviceFault):
                bench.barrier.open("entry")
        else:
            bench.barrier.open("entry")
        with pytest.raises(queue.Empty):
            bench.board.opened.get(timeout=0.3)

    @pytest.mark.parametrize("seed", range(3))
    def test_hostile_bytes_neither_open_nor_stop_it(self, bench: BoardBench, seed: int) -> None:
        """Whatever the wire says meanwhile, an order opens once or is a named fault."""
        noise = random.Random(seed)
        for _ in range(20):
            bench.port.send(noise.randbytes(noise.choice((1, 7, 64, 4096))))
        assert bench.board.opened.empty()
        until(lambda: opens(bench, "entry"), PATIENCE)
        until(bench.closed, PATIENCE)
        assert len(bench.barrier.events) <= 256

    def test_unplugged_and_opened_from_many_threads_nothing_hangs(
        self, bench: BoardBench, in_background: Callable[[Callable[[], None]], None]
    ) -> None:
        done: queue.Queue[str] = queue.Queue()

        def tap() -> None:
            try:
                bench.barrier.open("entry")
            except DeviceFault as fault:
                done.put(fault.code)
            else:
                done.put("opened")

        for _ in range(4):
            in_background(tap)
        bench.port.unplug()
        outcomes = {done.get(timeout=PATIENCE) for _ in range(4)}
        assert outcomes <= {"opened", "device.lost", "device.silent", "device.absent"}


P = TypeVar("P", bound=Peer)


def replugged(bench: BoardBench, peer: P) -> P:
    """Another thing hangs on the board's line now, and the line is plugged again."""
    assert isinstance(bench.port, PtyPort)
    bench.port.unplug()
    bench.gone()
    bench.port.peer = peer
    bench.port.plug()
    return peer


def opened_within(bench: BoardBench, seconds: float) -> bool:
    """Whether the board has opened; takes the opening."""
    try:
        bench.board.opened.get(timeout=seconds)
    except queue.Empty:
        return False
    return True


def opens(bench: BoardBench, direction: Direction) -> bool:
    """Whether it opens now; a fault leaves it to the next try, as a person would tap again."""
    try:
        bench.barrier.open(direction)
    except DeviceFault:
        return False
    return True


class LineContract:
    """Inherit beside `BoardContract` for a board on a serial line, the port of `bench` a
    `PtyPort`."""

    @pytest.mark.parametrize("text", [b"", BOOT_TEXT], ids=["silent", "boot text"])
    def test_a_board_that_restarts_when_its_port_is_opened_comes_to_work(
        self, bench: BoardBench, text: bytes
    ) -> None:
        """Opened once and asked until it answers, or left open: each opening is a restart."""
        board = replugged(bench, RestartingBoard(bench.board, text=text))
        bench.ready()
        until(lambda: opens(bench, "entry") and opened_within(bench, 0.3), PATIENCE)
        until(bench.closed, PATIENCE)
        assert board.openings == 1
        assert len(bench.barrier.events) == 0


class AnsweringContract(LineContract):
    """Inherit beside `BoardContract` for a board that says that it took an order."""

    def test_an_echo_is_no_yes(self, bench: BoardBench) -> None:
        """A two-wire line hears itself: what it gives back is not the board's."""
        line = replugged(bench, EchoingLine(bench.board))
        bench.ready()
        bench.barrier.open("entry")
        assert bench.opened() == "entry"
        until(bench.closed, PATIENCE)
        line.powered = False
        for _ in range(3):
            with pytest.raises(DeviceFault):
                bench.barrier.open("entry")
        assert bench.board.opened.empty()

    def test_an_echo_that_lost_its_first_byte_once_is_one_all_the_same(
        self, bench: BoardBench
    ) -> None:
        line = EchoingLine(bench.board)
        line.swallows = 1
        replugged(bench, line)
        bench.ready()
        line.powered = False
        with pytest.raises(DeviceFault):
            bench.barrier.open("entry")

    def test_an_echo_that_takes_its_time_is_no_yes_either(self, bench: BoardBench) -> None:
        line = replugged(bench, EchoingLine(bench.board))
        line.detour = 0.03
        bench.ready()
        line.powered = False
        with pytest.raises(DeviceFault):
            bench.barrier.open("entry")

    def test_silent_board_is_a_fault_and_comes_back(self, bench: BoardBench) -> None:
        bench.port.faults.mute = True
        with pytest.raises((DeviceSilent, DeviceLost)):
            bench.barrier.open("entry")
        bench.gone()
        bench.port.faults.mute = False
        bench.ready()
        until(bench.closed, PATIENCE)

    def test_garbled_answers_are_a_fault(self, bench: BoardBench) -> None:
        bench.port.faults.garble = -1
        with pytest.raises((DeviceProtocol, DeviceSilent, DeviceLost)):
            bench.barrier.open("entry")
        bench.gone()
        bench.port.faults.garble = 0
        bench.ready()
        until(bench.closed, PATIENCE)
        bench.barrier.open("entry")


class SensingContract:
    """Inherit beside `BoardContract` for a board with sensors wired for entry, exit, forced."""

    def test_it_senses(self, bench: BoardBench) -> None:
        assert bench.barrier.senses

    def test_each_crossing_is_one_event_in_its_direction(self, bench: BoardBench) -> None:
        directions: list[Direction] = ["entry", "exit", "entry", "entry"]
        for direction in directions:
            bench.board.cross(direction)
            event = bench.barrier.events.get(PATIENCE)
            assert (event.barrier, getattr(event, "direction", "")) == ("gate", direction)
        assert len(bench.barrier.events) == 0

    def test_force_is_told(self, bench: BoardBench) -> None:
        bench.board.force()
        assert isinstance(bench.barrier.events.get(PATIENCE), Forced)

    def test_senses_again_after_a_replug(self, bench: BoardBench) -> None:
        bench.port.unplug()
        bench.gone()
        bench.port.plug()
        bench.ready()
        bench.barrier.open("entry")  # whoever tells only to a known host knows it now
        bench.board.cross("exit")
        assert bench.barrier.events.get(PATIENCE).barrier == "gate"
