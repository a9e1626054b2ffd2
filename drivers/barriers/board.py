"""Orders to open go to the device's own thread, which alone talks to the board; what the board's
sensors saw goes out as events.

A driver inherits `BoardBarrier` and says how its board opens, listens and is left.
"""

from abc import abstractmethod
from typing import Final, Literal, Protocol, TypeVar

from drivers.contract import (
    Crossing,
    DeviceFault,
    DeviceLost,
    DeviceSilent,
    Direction,
    Forced,
    Sensed,
)
from drivers.io.echo import NOBODYS
from drivers.io.keeper import DeviceConnection, ManagedDevice
from drivers.io.line import LineOptions, OpenLine, open_line
from drivers.io.wait import Interrupted
from world import Queue, World

TAKE_WITHIN: Final = 0.4  # seconds from the order, in which the device's thread tries
ANSWER_WITHIN: Final = 0.5  # seconds from the order; see `drivers.contract.Barrier.open`
KEPT_EVENTS: Final = 256  # a board that babbles must not fill the memory


Meaning = Direction | Literal["forced"]  # what a sensor can tell


class Order:
    """Somebody has to be let through; settled once, by the device's thread."""

    def __init__(self, world: World, direction: Direction) -> None:
        self.direction = direction
        self.deadline = world.monotonic() + TAKE_WITHIN
        self.settled = world.event()
        self.fault: DeviceFault | None = None
        self.given_up = False  # whoever asked has been told that it did not open


class Board(DeviceConnection, Protocol):
    """An open board. `interrupt` ends the listening, not an exchange that is under way."""

    def nudge(self) -> None:
        """Make the board's thread look for orders. Any thread."""
        ...


C = TypeVar("C", bound=Board)


class BoardBarrier(ManagedDevice[C]):
    """See `drivers.contract.Barrier`."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self._events: Queue[Sensed] = world.queue()
        self._orders: Queue[Order] = world.queue()
        self._settling = world.lock()

    # What a driver says; all of it runs on the device's thread

    @abstractmethod
    def _let_through(self, board: C, order: Order) -> None:
        """Open, by `order.deadline`. Raises `DeviceFault`."""

    @abstractmethod
    def _listen(self, board: C, timeout: float | None) -> None:
        """Take what the board tells by itself, for `timeout` seconds or until nudged.

        Raises `Interrupted`, `DeviceFault`.
        """

    def _close_again(self, board: C, order: Order) -> None:
        """It opened too late, nobody is to go through any more."""

    def _next_due(self) -> float | None:
        """World.monotonic() when `_do_due` has something to do."""
        return None

    def _do_due(self, board: C) -> None:
        """Do what is due."""

    def _leave(self, board: C) -> None:
        """The connection ends, for whatever reason; what is open closes. Never raises."""

    # `drivers.contract.Barrier`

    @property
    def events(self) -> Queue[Sensed]:
        return self._events

    def open(self, direction: Direction) -> None:
        """See `drivers.contract.Barrier`. Raises `DeviceSilent` when the board's thread has not
        taken the order in time, or the fault for which the board did not."""
        order = Order(self._world, direction)
        with self._held() as board:
            self._orders.put(order)
            board.nudge()
            if not order.settled.wait(ANSWER_WITHIN) and self._give_up(order):
                raise DeviceSilent(device=self.name, port=board.attached)
        if order.fault is not None:
            raise order.fault

    # The device's thread

    def _serve(self, connection: C) -> None:
        end: DeviceFault = DeviceLost(device=self.name, port=connection.attached)
        try:
            while True:
                self._listen(connection, self._time_left())
                self._carry_out(connection)
                self._do_due(connection)
        except DeviceFault as fault:
            end = fault
            raise
        finally:
            while len(self._orders):
                self._settle(self._orders.get(), end)
            self._leave(connection)

    def _time_left(self) -> float | None:
        if len(self._orders):  # its nudge may have ended the wait for an answer
            return 0.0
        due = self._next_due()
        return None if due is None else max(0.0, due - self._world.monotonic())

    def _carry_out(self, board: C) -> None:
        while len(self._orders):
            order = self._orders.get()
            if order.given_up or self._world.monotonic() >= order.deadline:
                continue  # whoever asked is told by his own clock
            try:
                self._let_through(board, order)
            except DeviceFault as fault:
                self._settle(order, fault)
                raise
            self._count("opened")
            if not self._settle(order, None):
                self._close_again(board, order)

    def _settle(self, order: Order, fault: DeviceFault | None) -> bool:
        """False when whoever asked did not wait any longer."""
        with self._settling:
            if order.given_up:
                return False
            order.fault = fault
            order.settled.set()
            return True

    def _give_up(self, order: Order) -> bool:
        """False when it was settled in the last moment."""
        with self._settling:
            order.given_up = not order.settled.is_set()
            return order.given_up

    def _sensed(self, what: Meaning) -> None:
        """Somebody went through that way, or used force."""
        now = self._world.monotonic()
        self._count("forced" if what == "forced" else "crossed")
        event = Forced(self.name, now) if what == "forced" else Crossing(self.name, what, now)
        if len(self._events) < KEPT_EVENTS:
            self._events.put(event)
        else:
            self._count("overrun")


class Port:
    """A board's serial line. An interrupt ends the listening only, so that the thread can still
    switch a relay off and hear that it is."""

    def __init__(self, line: OpenLine) -> None:
        self._line = line
        self._ending = False
        self.attached = line.attached

    @property
    def echoes(self) -> bool:
        """See `OpenLine.echoes`."""
        return self._line.echoes

    def silent(self) -> DeviceFault:
        """See `OpenLine.silent`."""
        return self._line.silent()

    def listen(self, timeout: float | None) -> bytes:
        """What the board says by itself, as `OpenLine.read`. Raises `Interrupted`, `DeviceLost`."""
        if self._ending:
            raise Interrupted
        return self._line.read(timeout)

    def read(self, timeout: float) -> bytes:
        """What the board answers; see `OpenLine.read`. Raises `DeviceLost`."""
        return self._line.read(timeout)

    def write(self, data: bytes, *, marks: bool = False) -> None:
        """See `OpenLine.write`. Raises `DeviceSilent`, `DeviceLost`."""
        self._line.write(data, marks=marks)

    def find_echo(self, data: bytes = NOBODYS) -> None:
        """See `OpenLine.find_echo`. Raises `DeviceSilent`, `DeviceLost`."""
        self._line.find_echo(data)

    def discard(self) -> None:
        """See `OpenLine.discard`. Raises `DeviceLost`."""
        self._line.discard()

    def nudge(self) -> None:
        """See `Board`: a wait for bytes ends early, and the line stays open."""
        self._line.nudge()

    def interrupt(self) -> None:
        """See `Board`: no more listening from now on. An exchange that is under way ends by
        itself."""
        self._ending = True
        self._line.nudge()

    def close(self) -> None:
        """Give the line back; only the device's own thread does."""
        self._line.close()


def open_port(world: World, options: LineOptions, *, device: str) -> Port:
    """See `drivers.io.line.open_line`."""
    return Port(open_line(world, options, device=device))
