"""A serial line: a tty, or a serial server's socket. Bytes in, bytes out, and faults by name.

One thread reads; any thread may write or discard. `interrupt` ends a read from another thread.
"""

import errno
import os
import re
import socket
import termios
from collections.abc import Mapping
from typing import Annotated, Final, Literal

import serial
from msgspec import Meta

from drivers.contract import (
    DeviceAbsent,
    DeviceBusy,
    DeviceDenied,
    DeviceFault,
    DeviceLost,
    DeviceProtocol,
    DeviceSilent,
    DeviceUnreachable,
)
from drivers.io.echo import NOBODYS, Echo
from drivers.io.holders import holders_of
from drivers.io.ports import find_port, is_address
from drivers.io.wait import REST, Nudge, Waker, hung_up, ready, rest
from drivers.options import DriverOptions, Place
from world import World

WRITE_WITHIN: Final = 0.5  # seconds; a port that takes no bytes for so long is stuck
ECHO_WITHIN: Final = 0.1  # seconds; one that comes later still is known for one
CHUNK: Final = 4096
MOST_STALE: Final = 64  # chunks that `discard` throws away of a socket; who sends more is babbling
GONE: Final = frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO})
SERVER: Final = re.compile(r"socket://[^/|?#@\s]+:[0-9]{1,5}")
DENIED: Final = frozenset({errno.EACCES, errno.EPERM})
TAKEN: Final = frozenset({errno.EBUSY, errno.EAGAIN})
NO_LINE: Final = frozenset({errno.ENOTTY, errno.EISDIR, errno.EINVAL})
# A serial server that loses power says no farewell: the kernel asks after 10 s, three times.
KEEPALIVE: Final[Mapping[int, int]] = {
    socket.TCP_KEEPIDLE: 10,
    socket.TCP_KEEPINTVL: 3,
    socket.TCP_KEEPCNT: 3,
}


class NoLine(DeviceProtocol):
    """The port is no serial port, but a file, a folder or another device. Facts: `device`,
    `port`."""

    code = "device.no-line"


class LineEchoes(DeviceProtocol):
    """The line gives back what is sent, and nothing else answers. Facts: `device`, `port`."""

    code = "device.echo"


class LineOptions(DriverOptions, frozen=True, kw_only=True):
    """Options of every serial driver. `port`: see `drivers.io.ports.find_port`."""

    port: Place
    baudrate: Annotated[int, Meta(ge=300, le=4_000_000)] = 9600
    bits: Literal[7, 8] = 8
    parity: Literal["none", "even", "odd"] = "none"
    stopbits: Literal[1, 2] = 1

    def __post_init__(self) -> None:
        # Of pyserial's other addresses some have no descriptor that could be waited for, and
        # `spy://` writes all that passes into a file.
        if is_address(self.port) and not SERVER.fullmatch(self.port):
            raise ValueError("port is a path, a pattern, or socket://HOST:PORT")


class OpenLine:
    """An open line; see `open_line`. What the line itself gives back of what was sent is never
    read (`drivers.io.echo`), once it is known to echo."""

    def __init__(self, world: World, port: serial.Serial, device: str, attached: str) -> None:
        self._port = port
        self._sending = world.lock()  # a write and the close never meet: the number may be reused
        self._taking = world.lock()  # a read that comes away with nothing means a line hung up
        self._device = device
        self._waker = Waker()
        self._nudge = Nudge()
        self._echo = Echo(world)
        self._now = world.monotonic
        self.attached = attached

    @property
    def echoes(self) -> bool:
        """The line has given back what was sent."""
        return self._echo.found

    def silent(self) -> DeviceFault:
        """What it means that the device did not answer."""
        kind = LineEchoes if self.echoes else DeviceSilent
        return kind(device=self._device, port=self.attached)

    def read(self, timeout: float | None = None, size: int = CHUNK) -> bytes:
        """What is there, at most `size` bytes; waits up to `timeout` seconds (None: for ever) for
        the first, and gives empty bytes after that, when nudged, or when the line has been found
        to echo.

        Raises `drivers.io.wait.Interrupted`, `DeviceLost`.
        """
        deadline = None if timeout is None else self._now() + timeout
        known = self.echoes
        while True:
            data, nudged = self._read_once(self._patience(deadline), size)
            said = self._echo.without(data)
            if said or not data or nudged or self.echoes != known:
                return said

    def _patience(self, deadline: float | None) -> float | None:
        """Until then, or until what is held back turns out to be the device's."""
        left = None if deadline is None else max(0.0, deadline - self._now())
        waits = [wait for wait in (left, self._echo.patience) if wait is not None]
        return min(waits, default=None)

    def _read_once(self, timeout: float | None, size: int) -> tuple[bytes, bool]:
        """What is there, our own bytes among it, and whether somebody nudged."""
        try:
            readable, nudged = self._ready(timeout)
            if not readable:
                return b"", nudged
            with self._taking:  # another thread may have discarded what was there
                readable, again = self._ready(0)
                return self._taken(size) if readable else b"", nudged or again
        except (OSError, serial.SerialException, DeviceFault) as error:
            raise self._lost() from error

    def _taken(self, size: int) -> bytes:
        """What is there. A tty that is readable and brings nothing, which pyserial takes for one
        that went away, may be there."""
        try:
            return bytes(self._port.read(size))
        except serial.SerialException:
            if is_address(self.attached) or hung_up(self._port.fileno()):
                raise
            rest(self._waker, REST)
            return b""

    def read_into(self, buffer: bytearray, timeout: float | None = None) -> int:
        """Like `read`, into the caller's own buffer, of which this process keeps no other copy:
        for what has to be wiped. How many bytes came."""
        try:
            if not self._ready(timeout)[0]:
                return 0
            with self._taking:
                if not self._ready(0)[0]:  # another thread has discarded what was there
                    return 0
                count = os.readv(self._port.fileno(), [buffer])
        except (OSError, DeviceFault) as error:
            raise self._lost() from error
        if count == 0:
            if is_address(self.attached) or hung_up(self._port.fileno()):
                raise self._lost()
            rest(self._waker, REST)
        return count

    def write(self, data: bytes, *, marks: bool = False) -> None:
        """Send all of it. `marks`: nothing that the device says is equal to it, so a line that
        gives it back echoes. Raises `DeviceSilent` when the port takes nothing, `DeviceLost`."""
        try:
            with self._sending:  # of two threads each is heard in the order in which it is noted
                self._echo.sent(data, marks=marks)
                self._port.write(data)
        except serial.SerialTimeoutException as error:
            raise DeviceSilent(device=self._device, port=self.attached) from error
        except (OSError, serial.SerialException) as error:
            raise self._lost() from error

    def find_echo(self, data: bytes = NOBODYS) -> None:
        """Find out whether the line echoes: by bytes that no device here answers with the same.
        Said once more where nothing came back: an adapter may lose the first byte that it hears.
        What else comes meanwhile is forgotten. Raises `Interrupted`, `DeviceSilent`,
        `DeviceLost`."""
        for _ in range(2):
            self.write(data, marks=True)
            self.await_echo()
            if self.echoes:
                return

    def await_echo(self) -> None:
        """The same for marks that went out just now."""
        deadline = self._now() + ECHO_WITHIN
        while not self.echoes and (left := deadline - self._now()) > 0:
            self.read(left)

    def discard(self) -> None:
        """Forget what came and was not read. Raises `DeviceLost`."""
        if self.echoes:  # what is to come of our own is known by what has come
            self._forget_heard()
            return
        try:
            with self._sending, self._taking:
                self._forget()
        except (OSError, termios.error) as error:  # which is no OSError
            raise self._lost() from error

    def _forget(self) -> None:
        if not is_address(self.attached):
            self._port.reset_input_buffer()
            return
        for _ in range(MOST_STALE):  # pyserial would go on for as long as something comes
            if not self._port.read(CHUNK):
                return

    def _forget_heard(self) -> None:
        for _ in range(MOST_STALE):
            data, _ = self._read_once(0.0, CHUNK)
            self._echo.without(data)
            if not data:
                return

    def idle(self) -> None:
        """Read and forget until interrupted or lost: for devices that only listen."""
        while True:
            self.read()

    def nudge(self) -> None:
        """Make the read that waits, or else the next one, return at once. Any thread."""
        self._nudge.give()

    def interrupt(self) -> None:
        """Make a `read` that waits, and every later one, raise `Interrupted`. Any thread."""
        self._waker.wake()

    def close(self) -> None:
        """Close the port, after a `write` of another thread that is under way."""
        with self._sending:
            self._port.close()

    def _ready(self, timeout: float | None) -> tuple[bool, bool]:
        """Whether there is something to read, and whether somebody nudged."""
        port, nudge = self._port.fileno(), self._nudge.fileno()
        found = ready((port, nudge), self._waker, timeout)
        if nudge in found:
            self._nudge.take()
        return port in found, nudge in found

    def _lost(self) -> DeviceLost:
        return DeviceLost(device=self._device, port=self.attached)


def open_line(world: World, options: LineOptions, *, device: str) -> OpenLine:
    """Open the line for us alone. Raises `DeviceAbsent`, `DeviceAmbiguous`, `DeviceDenied`,
    `DeviceBusy` (fact `holder`), `DeviceUnreachable`, `NoLine`."""
    path = find_port(world, options.port, device=device)
    try:
        port = serial.serial_for_url(
            path,
            baudrate=options.baudrate,
            bytesize=options.bits,
            parity=options.parity[0].upper(),
            stopbits=options.stopbits,
            timeout=0,
            write_timeout=WRITE_WITHIN,
            # Another process must not take bytes away from us; a socket is ours anyway.
            exclusive=None if is_address(path) else True,
        )
    except (OSError, serial.SerialException) as error:
        raise _not_opened(world, error, path, device) from error
    except termios.error as error:  # unplugged in the middle of its opening
        raise DeviceLost(device=device, port=path) from error
    except ValueError as error:  # an address that pyserial does not know
        raise DeviceUnreachable(device=device, port=path) from error
    if is_address(path):
        try:
            _keep_alive(port)
        except OSError as error:  # hung up meanwhile
            port.close()
            raise DeviceLost(device=device, port=path) from error
    try:
        return OpenLine(world, port, device, path)
    except OSError as error:  # no descriptors left
        port.close()
        raise DeviceFault(device=device, port=path) from error


def _not_opened(world: World, error: OSError, path: str, device: str) -> DeviceFault:
    if is_address(path):
        return DeviceUnreachable(device=device, port=path)
    number = error.errno
    if isinstance(error.__context__, termios.error):  # pyserial keeps its number in the text only
        number = error.__context__.args[0]
    if number in DENIED:
        return DeviceDenied(device=device, port=path)
    if number in TAKEN:
        return DeviceBusy(device=device, port=path, holder=holders_of(world, path))
    if number in GONE:
        return DeviceAbsent(device=device, port=path)
    if number in NO_LINE:
        return NoLine(device=device, port=path)
    return DeviceFault(device=device, port=path)


def _keep_alive(port: serial.Serial) -> None:
    with socket.socket(fileno=port.fileno()) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEPALIVE.items():
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
        connection.detach()
