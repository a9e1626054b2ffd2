"""Relays and contacts on the box's own GPIO lines, by libgpiod 2; the kernel tells of each edge.

Driver `gpio`. When a process dies, the kernel leaves a line as it is: a pulse that was under way
ends when the agent is started again. Where that is too late, put a timer relay behind the line.
"""

import errno
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

from msgspec import Meta

from drivers.barriers.relay import PulseMs, RelayBarrier
from drivers.barriers.sensors import Sensors
from drivers.contract import (
    DeviceAbsent,
    DeviceBusy,
    DeviceDenied,
    DeviceFault,
    DeviceLost,
    DeviceProtocol,
    Direction,
    Options,
)
from drivers.io.ports import find_port
from drivers.io.wait import Nudge, Waker, ready
from drivers.options import DriverOptions, OptionsFault, Place, typed
from world import World

if TYPE_CHECKING:
    from gpiod import LineRequest, LineSettings

CONSUMER: Final = "onecard"  # what gpioinfo shows as the lines' user

GpioLine = Annotated[int, Meta(ge=0, le=1023)]


class GpioOptions(DriverOptions, frozen=True, kw_only=True):
    """`chip` is a path or a pattern. Lines are offsets within it, as gpioinfo shows them; `exit`
    and `counter` are as `entry` where they are none. `active_low`: a relay is on while its line is
    low. `sensors` is a table of `entry`, `exit`, `counter`, `forced`: the lines that tell it when
    they come on.
    """

    chip: Place = "/dev/gpiochip0"
    entry: GpioLine
    exit: GpioLine | None = None
    counter: GpioLine | None = None
    active_low: bool = False
    pulse_ms: PulseMs = 500
    sensors: Sensors = Sensors()
    sensors_active_low: bool = False
    debounce_ms: Annotated[int, Meta(ge=0, le=1000)] = 20


class GpioLines:
    """The requested lines, ours alone. `interrupt` ends the listening only."""

    def __init__(self, request: "LineRequest", device: str, attached: str) -> None:
        self._request = request
        self._device = device
        self._waker = Waker()
        self._nudge = Nudge()
        self.attached = attached

    def listen(self, timeout: float | None) -> Sequence[int]:
        """The inputs that came on, in order; none after `timeout` seconds or when nudged.

        Raises `Interrupted`, `DeviceLost`.
        """
        try:
            edges, nudge = self._request.fd, self._nudge.fileno()
            found = ready((edges, nudge), self._waker, timeout)
            if nudge in found:
                self._nudge.take()
            if edges not in found:
                return ()
            return [event.line_offset for event in self._request.read_edge_events()]
        except (OSError, DeviceFault) as error:
            raise DeviceLost(device=self._device, port=self.attached) from error

    def is_on(self, line: int) -> bool:
        """Raises `DeviceLost`."""
        try:
            return bool(self._request.get_value(line))
        except OSError as error:
            raise DeviceLost(device=self._device, port=self.attached) from error

    def switch(self, line: int, on: bool) -> None:
        """Raises `DeviceLost`."""
        from gpiod.line import Value

        try:
            self._request.set_value(line, Value.ACTIVE if on else Value.INACTIVE)
        except OSError as error:
            raise DeviceLost(device=self._device, port=self.attached) from error

    def nudge(self) -> None:
        """See `drivers.barriers.board.Board`: the wait for edges ends early."""
        self._nudge.give()

    def interrupt(self) -> None:
        """See `drivers.barriers.board.Board`: every wait for edges ends from now on."""
        self._waker.wake()

    def close(self) -> None:
        """Give the lines back to the kernel."""
        self._request.release()


class GpioRelay(RelayBarrier[GpioLines]):
    """See `drivers.contract.Barrier`."""

    def __init__(self, world: World, name: str, options: Options) -> None:
        chosen = typed(options, GpioOptions, device=name)
        relays: Mapping[Direction, int] = {
            "entry": chosen.entry,
            "exit": chosen.entry if chosen.exit is None else chosen.exit,
            "counter": chosen.entry if chosen.counter is None else chosen.counter,
        }
        self._sensors = chosen.sensors.wired()
        both = {sensor.input for sensor in self._sensors} & set(relays.values())
        if both:
            raise OptionsFault(device=name, problem=f"lines {sorted(both)}: relay and sensor")
        super().__init__(world, name, relays, chosen.pulse_ms)
        self._options = chosen

    @property
    def senses(self) -> bool:
        """See `drivers.contract.Barrier`: whether option `sensors` names any line."""
        return bool(self._sensors)

    def _open(self) -> GpioLines:
        path = find_port(self._world, self._options.chip, device=self.name)
        try:
            import gpiod
        except ImportError as error:  # this machine has no libgpiod, so it has no such device
            raise DeviceAbsent(device=self.name, port=path) from error
        try:  # the relays are off from the moment on that they are ours
            request = gpiod.request_lines(path, consumer=CONSUMER, config=self._config())
        except (OSError, ValueError) as error:
            raise _not_opened(error, self.name, path) from error
        try:
            lines = GpioLines(request, self.name, path)
        except OSError as error:
            request.release()
            raise _not_opened(error, self.name, path) from error
        try:
            self._look_at_leaf(lines)
        except BaseException:
            lines.close()
            raise
        return lines

    def _config(self) -> "dict[Iterable[int | str] | int | str, LineSettings | None]":
        from gpiod import LineSettings
        from gpiod.line import Direction as Way
        from gpiod.line import Edge, Value

        relay = LineSettings(
            direction=Way.OUTPUT,
            output_value=Value.INACTIVE,
            active_low=self._options.active_low,
        )
        sensor = LineSettings(
            direction=Way.INPUT,
            edge_detection=Edge.RISING,  # of the logical value
            active_low=self._options.sensors_active_low,
            debounce_period=timedelta(milliseconds=self._options.debounce_ms),
        )
        return {
            **dict.fromkeys(self._relays.values(), relay),
            **{wired.input: sensor for wired in self._sensors},
        }

    def _look_at_leaf(self, lines: GpioLines) -> None:
        """A leaf that stands open by force has no edge any more."""
        for sensor in self._sensors:
            if sensor.tells == "forced" and lines.is_on(sensor.input):
                self._sensed(sensor.tells)

    def _switch(self, board: GpioLines, relay: int, on: bool, deadline: float) -> None:
        board.switch(relay, on)

    def _listen(self, board: GpioLines, timeout: float | None) -> None:
        for line in board.listen(timeout):
            for sensor in self._sensors:
                if sensor.input == line:
                    self._sensed(sensor.tells)


def _not_opened(error: OSError | ValueError, device: str, path: str) -> DeviceFault:
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return DeviceAbsent(device=device, port=path)
    if number in (errno.EACCES, errno.EPERM):
        return DeviceDenied(device=device, port=path)
    if number == errno.EBUSY:  # a line is in use: gpioinfo tells by whom, the kernel does not
        return DeviceBusy(device=device, port=path, holder="?")
    if number in (errno.EMFILE, errno.ENFILE):  # no descriptors left
        return DeviceFault(device=device, port=path)
    return DeviceProtocol(device=device, port=path, problem="no such lines")
