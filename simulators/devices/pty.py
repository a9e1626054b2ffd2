"""A serial port whose far end is ours: a pty under a link, as udev puts links under by-id.

`PtyPort` is the plug and the wire; a `Peer` is the device on it. Unplugging closes the master, so
the product's own open descriptor hangs up as a real one does. The wire can drop, garble, delay and
keep silent; a host that set another baud rate than the device's gets garbage, as on a real line.
"""

import ctypes
import fcntl
import os
import pty
import select
import termios
import threading
import time
import tty
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

IN_OPEN = 0x20  # inotify(7)

SPEEDS = {
    getattr(termios, name): int(name[1:])
    for name in dir(termios)
    if name.startswith("B") and name[1:].isdigit()
}


class Peer(Protocol):
    """A simulated device on a wire. Called on the wire's thread, one call at a time."""

    baudrate: int

    def received(self, data: bytes, send: Callable[[bytes], None]) -> None:
        """Bytes came from the host; `send` answers. `send` may be kept and used later, by any
        thread; after an unplug it does nothing."""
        ...


@runtime_checkable
class NoticesOpenings(Protocol):
    """A peer that is told of each opening of its port, before anything that is sent after it."""

    def port_opened(self, send: Callable[[bytes], None]) -> None: ...


@dataclass
class WireFaults:
    """What is wrong with the wire now. Counts go down as they are used up; -1 means for ever."""

    drop: int = 0  # bytes towards the host that get lost
    garble: int = 0  # bytes towards the host that are turned over
    delay: float = 0.0  # seconds before each answer
    mute: bool = False  # nothing towards the host
    deaf: bool = False  # nothing towards the device
    unplug_after: int = -1  # bytes towards the host until the plug is pulled in the middle


class PtyPort:
    """One port at `path`. `plug` and `unplug` as often as you like; a context manager."""

    def __init__(self, path: Path, peer: Peer) -> None:
        self.path = path
        self.peer = peer
        self.faults = WireFaults()
        self._guard = threading.RLock()
        self._sending = threading.Lock()
        self._master = -1
        self._slave = -1
        self._holder = -1  # another program that has the port
        self._thread: threading.Thread | None = None
        self._stop = -1

    def __enter__(self) -> "PtyPort":
        self.plug()
        return self

    def __exit__(self, *exception: object) -> None:
        self.unplug()

    @property
    def plugged(self) -> bool:
        with self._guard:
            return self._master >= 0

    def plug(self, *, taken: bool = False) -> None:
        """Make the port appear; `taken`: another program has it before anybody else."""
        with self._guard:
            if self._master >= 0:
                return
            self._master, self._slave = pty.openpty()
            tty.setraw(self._slave)
            os.set_blocking(self._master, False)
            if taken:
                self._holder = os.open(os.ttyname(self._slave), os.O_RDWR | os.O_NOCTTY)
                fcntl.flock(self._holder, fcntl.LOCK_EX)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            beside = self.path.with_name(f".{self.path.name}.new")
            beside.symlink_to(os.ttyname(self._slave))
            beside.rename(self.path)
            self._stop = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            # Only for a peer that wants them: a machine has few such watches.
            noticed = isinstance(self.peer, NoticesOpenings)
            openings = _openings_of(self._slave) if noticed else None
            watched = (self._master, self._stop, openings)
            self._thread = threading.Thread(
                target=self._serve, args=watched, name=f"wire {self.path.name}"
            )
            self._thread.daemon = True
            self._thread.start()

    def let_go(self) -> None:
        """The other program is done with the port."""
        with self._guard:
            if self._holder >= 0:
                os.close(self._holder)
                self._holder = -1

    def unplug(self) -> None:
        """Make the port vanish; whoever has it open is hung up."""
        self.let_go()
        with self._guard:
            if self._master < 0:
                return
            self.path.unlink(missing_ok=True)
            thread, master, slave, stop = self._thread, self._master, self._slave, self._stop
            self._master = self._slave = -1
            os.eventfd_write(stop, 1)
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        with self._sending:
            os.close(slave)
            os.close(master)
            os.close(stop)

    def send(self, data: bytes) -> None:
        """Bytes towards the host, through what is wrong with the wire."""
        if self.faults.delay:
            time.sleep(self.faults.delay)
        with self._sending:  # so that two answers never mix, and unplug waits for none
            with self._guard:
                data = b"" if self.faults.mute else self._distorted(data)
                master, stop = self._master, self._stop
                pulled = self._pulled(len(data))
            if master >= 0:
                _write(master, stop, data[:pulled])
        if pulled is not None:
            # Not on the wire's own thread, which `unplug` waits for.
            threading.Thread(target=self.unplug, name=f"pull {self.path.name}").start()

    def _pulled(self, size: int) -> int | None:
        """How many of `size` bytes still get through when the plug is pulled meanwhile."""
        left = self.faults.unplug_after
        if left < 0:
            return None
        self.faults.unplug_after = -1 if size > left else left - size
        return left if size > left else None

    def host_baudrate(self) -> int:
        """What the host set last; 0 when nothing is plugged."""
        with self._guard:
            if self._master < 0:
                return 0
            return SPEEDS.get(termios.tcgetattr(self._master)[5], 0)

    def _serve(self, master: int, stop: int, openings: int | None) -> None:
        poll = select.poll()
        poll.register(master, select.POLLIN)
        poll.register(stop, select.POLLIN)
        if openings is not None:
            poll.register(openings, select.POLLIN)
        while True:
            ready = dict(poll.poll())
            if stop in ready:
                if openings is not None:
                    os.close(openings)
                return
            if openings is not None and openings in ready:
                self._notice_openings(openings)
            if master not in ready:
                continue
            try:
                data = os.read(master, 4096)
            except BlockingIOError:
                continue
            if self.host_baudrate() != self.peer.baudrate:
                data = _turned(data)
            if not self.faults.deaf:
                self.peer.received(data, self.send)

    def _notice_openings(self, descriptor: int) -> None:
        for _ in range(0, len(os.read(descriptor, 4096)), 16):  # one event without a name
            if isinstance(self.peer, NoticesOpenings):
                self.peer.port_opened(self.send)

    def _distorted(self, data: bytes) -> bytes:
        faults = self.faults
        if self._master >= 0 and self.host_baudrate() != self.peer.baudrate:
            data = _turned(data)
        if faults.drop:
            lost = len(data) if faults.drop < 0 else min(faults.drop, len(data))
            data = data[lost:]
            faults.drop -= lost if faults.drop > 0 else 0
        if faults.garble:
            turned = len(data) if faults.garble < 0 else min(faults.garble, len(data))
            data = _turned(data[:turned]) + data[turned:]
            faults.garble -= turned if faults.garble > 0 else 0
        return data


def _openings_of(slave: int) -> int:
    """An inotify descriptor that is readable when somebody has opened this terminal."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = int(libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
    if libc.inotify_add_watch(descriptor, os.fsencode(os.ttyname(slave)), IN_OPEN) < 0:
        raise OSError(ctypes.get_errno(), "inotify")
    return descriptor


def _write(master: int, stop: int, data: bytes) -> None:
    """All of it, as fast as the host reads; given up when the port is unplugged."""
    poll = select.poll()
    poll.register(master, select.POLLOUT)
    poll.register(stop, select.POLLIN)
    while data:
        ready = dict(poll.poll())
        if stop in ready:
            return
        try:
            data = data[os.write(master, data) :]
        except BlockingIOError:
            continue


def _turned(data: bytes) -> bytes:
    """What a receiver at the wrong speed makes of it: never the same, never plain ASCII."""
    return bytes(byte ^ 0x55 | 0x80 for byte in data)
