"""Plugging and unplugging is told, once per burst, also where udev and the folders are missing."""

import errno
import os
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyudev._os.poll import Poll

from drivers import hotplug
from drivers.hotplug import Hotplug
from drivers.io.inotify import Folders
from world.real import RealWorld

WORLD = RealWorld()
# However slow this machine is now.
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
PATIENCE = 60.0
MONITOR = hotplug._monitor


class Bell:
    """Counts the calls; a test waits for the next."""

    def __init__(self) -> None:
        self._rung: queue.Queue[None] = queue.Queue()

    def __call__(self) -> None:
        self._rung.put(None)

    def heard(self) -> None:
        self._rung.get(timeout=PATIENCE)

    def silent(self) -> bool:
        return self._rung.empty()


@pytest.fixture(autouse=True)
def no_monitor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own devices are not this test's."""
    monkeypatch.setattr(hotplug, "_monitor", lambda world: None)


@pytest.fixture
def watch() -> Iterator[Callable[..., Bell]]:
    started: list[Hotplug] = []

    def start(*folders: Path) -> Bell:
        bell = Bell()
        started.append(Hotplug(WORLD, bell, folders))
        started[-1].start()
        return bell

    yield start
    for each in started:
        each.stop()


def test_a_link_that_comes_and_one_that_goes_are_told(
    watch: Callable[..., Bell], tmp_path: Path
) -> None:
    bell = watch(tmp_path)
    link = tmp_path / "usb-Echo_1-if00"
    for _ in range(3):
        link.symlink_to("/dev/null")
        bell.heard()
        link.unlink()
        bell.heard()


def test_a_folder_that_does_not_exist_yet_is_watched_through_its_parents(
    watch: Callable[..., Bell], tmp_path: Path
) -> None:
    """udev makes by-id folders with the first link in them and removes them with the last."""
    by_id = tmp_path / "serial" / "by-id"
    bell = watch(by_id)
    for _ in range(3):
        by_id.mkdir(parents=True)
        bell.heard()
        (by_id / "usb-1").symlink_to("/dev/null")
        bell.heard()
        (by_id / "usb-1").unlink()
        by_id.rmdir()
        by_id.parent.rmdir()
        bell.heard()


def test_folder_and_link_made_at_once_are_not_missed(
    watch: Callable[..., Bell], tmp_path: Path
) -> None:
    by_id = tmp_path / "serial" / "by-id"
    seen: queue.Queue[bool] = queue.Queue()
    tell = Hotplug(WORLD, lambda: seen.put((by_id / "usb-1").is_symlink()), [by_id])
    tell.start()
    by_id.mkdir(parents=True)
    (by_id / "usb-1").symlink_to("/dev/null")
    while not seen.get(timeout=PATIENCE):
        pass
    tell.stop()


def test_a_burst_is_one_call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hotplug, "LONGEST_BURST", 600.0)  # however slow this machine is now
    monkeypatch.setattr(hotplug, "QUIET", 2.0)
    bell = Bell()
    tell = Hotplug(WORLD, bell, [tmp_path])
    tell.start()
    for n in range(200):
        (tmp_path / f"usb-{n}").touch()
    bell.heard()
    tell.stop()
    assert bell.silent()


def test_a_burst_without_end_is_told_meanwhile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(hotplug, "LONGEST_BURST", 0.05)
    monkeypatch.setattr(hotplug, "QUIET", 600.0)
    bell = Bell()
    tell = Hotplug(WORLD, bell, [tmp_path])
    tell.start()
    over = threading.Event()

    def flutter() -> None:
        while not over.wait(0.01):
            (tmp_path / "loose").touch()
            (tmp_path / "loose").unlink()

    thread = threading.Thread(target=flutter)
    thread.start()
    try:
        for _ in range(3):
            bell.heard()
    finally:
        over.set()
        thread.join()
        tell.stop()


class Uevents:
    """A udev monitor: readable when there is an event, which `poll` takes."""

    def __init__(self) -> None:
        self._out, self._in = os.pipe2(os.O_NONBLOCK)

    def fileno(self) -> int:
        return self._out

    def happen(self) -> None:
        os.write(self._in, b"!")

    def poll(self, timeout: float) -> bytes | None:
        try:
            return os.read(self._out, 1)
        except BlockingIOError:
            return None


def test_udev_events_are_told_beside_the_folders(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monitor, bell = Uevents(), Bell()
    monkeypatch.setattr(hotplug, "_monitor", lambda world: monitor)
    tell = Hotplug(WORLD, bell, [tmp_path])
    tell.start()
    monitor.happen()
    bell.heard()
    (tmp_path / "usb-1").touch()
    bell.heard()
    tell.stop()


class Overrun(Uevents):
    """Whose events were more than the kernel keeps, or that ends for another reason."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def poll(self, timeout: float) -> bytes | None:
        if super().poll(timeout) is None:
            return None
        raise OSError(self._number, os.strerror(self._number))


@pytest.mark.parametrize("number", [errno.ENOBUFS, errno.EBADMSG])
def test_events_that_were_lost_mean_look_and_others_are_heard_still(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int
) -> None:
    """A burst that is too much for the netlink socket must not end the agent."""
    monitor, bell = Overrun(number), Bell()
    monkeypatch.setattr(hotplug, "_monitor", lambda world: monitor)
    tell = Hotplug(WORLD, bell, [tmp_path])
    tell.start()
    monitor.happen()
    bell.heard()
    if number == errno.ENOBUFS:
        monitor.happen()
        bell.heard()
    (tmp_path / "usb-1").touch()
    bell.heard()
    tell.stop()


class Polled(Uevents):
    """A socket as pyudev's monitor hears it: of an error that poll(2) finds it tells no number."""

    def __init__(self, line: socket.socket) -> None:
        super().__init__()
        self.line = line
        self.refused: list[int | None] = []

    def fileno(self) -> int:
        return self.line.fileno()

    def poll(self, timeout: float) -> bytes | None:
        try:
            found = Poll.for_events((self.line.fileno(), "r")).poll(0)
        except OSError as error:
            self.refused.append(error.errno)
            raise
        return self.line.recv(4096) if found else None


USERS = 2  # NETLINK_USERSOCK
ALL = 1  # its group


def tell_users(times: int) -> None:
    """Messages to each netlink socket that hears the group."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, USERS) as sender:
        for _ in range(times):
            with suppress(ConnectionRefusedError):  # of the kernel itself, which does not listen
                sender.sendto(bytes(1000), (0, ALL))


def test_an_overflow_of_a_real_netlink_socket_means_look_and_the_next_events_are_heard(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, USERS) as line:
        try:
            line.bind((0, ALL))
        except PermissionError:  # not for every user
            return
        line.setblocking(False)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        monitor, bell = Polled(line), Bell()
        monkeypatch.setattr(hotplug, "_monitor", lambda world: monitor)
        tell = Hotplug(WORLD, bell, [tmp_path])
        tell_users(50)  # more than the kernel keeps for it
        tell.start()
        bell.heard()
        tell_users(1)
        bell.heard()
        tell.stop()
    assert monitor.refused == [None]  # and it was not found again and again
    assert "no more device events" not in caplog.text


def test_another_error_of_the_socket_gives_its_events_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line,
    ):
        nobody.bind(("127.0.0.1", 0))
        line.connect(nobody.getsockname())
        nobody.close()
        line.send(b"?")  # which is refused
        monitor, bell = Polled(line), Bell()
        monkeypatch.setattr(hotplug, "_monitor", lambda world: monitor)
        tell = Hotplug(WORLD, bell, [tmp_path])
        tell.start()
        bell.heard()
        (tmp_path / "usb-1").touch()
        bell.heard()
        tell.stop()
    assert monitor.refused == [None]
    assert "no more device events (Connection refused)" in caplog.text


def test_an_event_that_libudev_refuses_means_look_and_others_are_heard_still(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Refusing(Uevents):
        def poll(self, timeout: float) -> bytes | None:
            if super().poll(timeout) is None:
                return None
            raise ValueError(os.strerror(errno.EINVAL))

    monitor, bell = Refusing(), Bell()
    monkeypatch.setattr(hotplug, "_monitor", lambda world: monitor)
    tell = Hotplug(WORLD, bell, [tmp_path])
    tell.start()
    for _ in range(2):
        monitor.happen()
        bell.heard()
    tell.stop()


def test_folders_that_cannot_be_watched_any_more_end_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(folders: Folders) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device")

    monitor, bell = Uevents(), Bell()
    monkeypatch.setattr(hotplug, "_monitor", lambda world: monitor)
    monkeypatch.setattr(Folders, "changed", refuse)
    tell = Hotplug(WORLD, bell, [tmp_path])
    tell.start()
    (tmp_path / "usb-1").touch()
    bell.heard()
    monitor.happen()
    bell.heard()
    tell.stop()
    assert caplog.text.count("folders cannot be watched any more") == 1


@pytest.mark.parametrize("trouble", [ImportError("libudev"), PermissionError()])
def test_without_libudev_or_netlink_there_is_no_monitor(
    monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    def refuse() -> None:
        raise trouble

    monkeypatch.setattr("pyudev.Context", refuse)
    assert MONITOR(WORLD) is None


def test_this_machines_own_events_are_heard_where_they_may_be() -> None:
    monitor = MONITOR(WORLD)
    assert monitor is None or monitor.fileno() >= 0


def test_what_happens_beside_is_not_told(tmp_path: Path) -> None:
    folders = Folders([tmp_path / "by-id"])
    try:
        (tmp_path / "by-path").mkdir()
        assert not folders.changed()
        (tmp_path / "by-id").mkdir()
        assert folders.changed()
        (tmp_path / "noise").mkdir()
        assert not folders.changed()
        (tmp_path / "by-id" / "usb-1").touch()
        assert folders.changed()
    finally:
        folders.close()


def test_permission_that_is_given_later_is_told(tmp_path: Path) -> None:
    (tmp_path / "ttyUSB0").touch(mode=0o600)
    folders = Folders([tmp_path])
    try:
        (tmp_path / "ttyUSB0").chmod(0o660)
        assert folders.changed()
    finally:
        folders.close()


@relaxed
@given(names=st.lists(st.binary(min_size=1, max_size=255), max_size=20, unique=True))
def test_hostile_names_are_only_names(
    tmp_path_factory: pytest.TempPathFactory, names: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("by-id")
    folders = Folders([folder])
    try:
        for name in names:
            if b"/" in name or b"\0" in name or name in (b".", b".."):
                continue
            (folder / name.decode("utf-8", "surrogateescape")).touch()
            assert folders.changed()
    finally:
        folders.close()


def test_without_inotify_and_without_udev_the_drivers_go_on_by_themselves(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(folders: object) -> Folders:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(hotplug, "Folders", refuse)
    tell = Hotplug(WORLD, Bell(), [tmp_path])
    tell.start()
    tell.stop()
    assert "Too many open files" in caplog.text


def test_stop_before_any_change_and_stop_without_start(tmp_path: Path) -> None:
    tell = Hotplug(WORLD, Bell(), [tmp_path])
    tell.stop()
    tell = Hotplug(WORLD, Bell(), [tmp_path])
    tell.start()
    tell.stop()
    assert tell._task is not None
    assert not tell._task.alive
