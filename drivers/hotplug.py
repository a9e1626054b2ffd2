"""Something was plugged or unplugged: udev's events, or the kernel's, and folders that change.

Where udev runs, it tells when its links are made; in containers and on small boxes without it the
kernel and the folders themselves do. What it was is not told: drivers look for their own.
"""

import errno
import logging
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from stat import S_ISSOCK
from typing import Final

import pyudev

from drivers.io.inotify import Folders
from drivers.io.wait import Interrupted, Waker, ready
from world import Task, World

LOG = logging.getLogger("onecard.devices")

UDEV_CONTROL: Final = Path("/run/udev/control")  # systemd-udevd's socket: it runs
SUBSYSTEMS: Final = (
    "gpio", "hidraw", "input", "printer", "sound", "tty", "usb", "usbmisc", "video4linux",
)  # fmt: skip
USUAL_FOLDERS: Final = tuple(
    Path(folder)
    for folder in (
        "/dev",
        "/dev/input/by-id",
        "/dev/input/by-path",
        "/dev/serial/by-id",
        "/dev/serial/by-path",
        "/dev/snd",
        "/dev/usb",
        "/dev/v4l/by-id",
        "/dev/v4l/by-path",
    )
)
QUIET: Final = 0.1  # seconds without news: the burst is over
LONGEST_BURST: Final = 1.0  # seconds; a device that comes and goes all the time is told meanwhile
STOP_WITHIN: Final = 2.0  # seconds


class Hotplug:
    """Calls `changed`, on a thread of its own, once after each burst of changes."""

    def __init__(
        self, world: World, changed: Callable[[], None], folders: Sequence[Path] = USUAL_FOLDERS
    ) -> None:
        self._world = world
        self._changed = changed
        self._folders = tuple(dict.fromkeys(folders))
        self._waker = Waker()
        self._task: Task | None = None

    def start(self) -> None:
        """Changes after the return are told."""
        monitor = _monitor(self._world)
        try:
            folders = Folders(self._folders)
        except OSError as error:
            # Drivers look again by themselves every few seconds: slower, and nothing is lost.
            LOG.warning("hotplug: folders cannot be watched (%s)", error.strerror)
            if monitor is None:
                return
            folders = None
        self._task = self._world.spawn(lambda: self._run(monitor, folders), name="hotplug")

    def stop(self) -> None:
        """End the thread; after 2 s without its end it is left as it is, and the log says so."""
        self._waker.wake()
        if self._task is not None and not self._task.join(STOP_WITHIN):
            LOG.warning("hotplug: a device hangs while it is looked for")

    def _run(self, monitor: pyudev.Monitor | None, folders: Folders | None) -> None:
        sources = _Sources(monitor, folders, self._waker)
        try:
            while True:
                if sources.news(None):
                    self._let_it_pass(sources)
                    self._changed()
        except Interrupted:
            pass
        finally:
            if folders is not None:
                folders.close()

    def _let_it_pass(self, sources: "_Sources") -> None:
        """Wait until nothing new comes, but not for ever."""
        end = self._world.monotonic() + LONGEST_BURST
        while sources.news(QUIET) and self._world.monotonic() < end:
            pass


class _Sources:
    """What tells of changes, waited for together."""

    def __init__(
        self, monitor: pyudev.Monitor | None, folders: Folders | None, waker: Waker
    ) -> None:
        self._monitor = monitor
        self._folders = folders
        self._waker = waker

    def news(self, timeout: float | None) -> bool:
        """True when something changed, False when nothing did in time, or nothing of interest.
        Raises `Interrupted`."""
        fds = [source.fileno() for source in (self._monitor, self._folders) if source]
        news = False
        found = ready(fds, self._waker, timeout)
        if self._monitor is not None and self._monitor.fileno() in found:
            news |= self._told_by(self._monitor)
        if self._folders is not None and self._folders.fileno() in found:
            news |= self._changed_in(self._folders)
        return news

    def _told_by(self, monitor: pyudev.Monitor) -> bool:
        news = False
        try:
            while monitor.poll(0) is not None:
                news = True
        except OSError as error:
            # ENOBUFS: more than the kernel keeps for us; some were missed, the next ones come.
            number = error.errno or _socket_error(monitor)
            if number != errno.ENOBUFS:
                LOG.warning("hotplug: no more device events (%s)", os.strerror(number))
                self._monitor = None
            return True
        except ValueError:  # EINVAL, as pyudev has it: a message of a form that libudev refuses
            return True
        return news

    def _changed_in(self, folders: Folders) -> bool:
        try:
            return folders.changed()
        except OSError as error:  # others may use up the user's watches
            LOG.warning("hotplug: folders cannot be watched any more (%s)", error.strerror)
            self._folders = None
            return True


def _monitor(world: World) -> pyudev.Monitor | None:
    """Udev's own events where it runs, the kernel's where it does not; None where neither may be
    heard."""
    try:
        monitor = pyudev.Monitor.from_netlink(
            pyudev.Context(), "udev" if _udev_runs(world) else "kernel"
        )
        for subsystem in SUBSYSTEMS:
            monitor.filter_by(subsystem)
        monitor.start()
    except (ImportError, OSError) as error:  # no libudev; no netlink in this container
        LOG.info("hotplug: no device events (%s); folders are watched", type(error).__name__)
        return None
    return monitor


def _socket_error(monitor: pyudev.Monitor) -> int:
    """Which error the monitor's socket has. pyudev 0.24 finds only by poll(2) that there is one,
    and leaves it there; the kernel tells it once, and is then ready to go on."""
    try:
        line = socket.socket(fileno=monitor.fileno())
    except OSError as error:
        return error.errno or errno.EBADF
    try:
        return line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    finally:
        line.detach()  # the descriptor is the monitor's


def _udev_runs(world: World) -> bool:
    try:
        return S_ISSOCK(world.file_mode(UDEV_CONTROL))
    except OSError:
        return False
