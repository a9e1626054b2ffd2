"""The machine as a World: what the ports promise."""

import grp
import os
import socket
import stat
import subprocess
import sys
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from world import Queue, QueueEmpty, cause_of
from world.real import RealWorld


def test_queue_serves_priority_then_arrival() -> None:
    queue: Queue[str] = RealWorld().queue()
    queue.put("slice", 9)
    queue.put("tap 1")
    queue.put("tap 2")
    assert [queue.get(0) for _ in range(3)] == ["tap 1", "tap 2", "slice"]
    with pytest.raises(QueueEmpty):
        queue.get(0)


def test_queue_wakes_a_waiting_task() -> None:
    world = RealWorld()
    queue: Queue[int] = world.queue()
    got: Queue[int] = world.queue()
    task = world.spawn(lambda: got.put(queue.get()), name="waiter")
    queue.put(42)
    assert got.get(60) == 42
    assert task.join(60)
    assert not task.alive


def test_queue_loses_and_repeats_nothing_between_many_tasks() -> None:
    world = RealWorld()
    queue: Queue[int] = world.queue()
    got: Queue[int] = world.queue()

    def take() -> None:
        while (item := queue.get()) >= 0:
            got.put(item)

    takers = [world.spawn(take, name=f"taker {n}") for n in range(4)]
    for item in range(1000):
        queue.put(item)
    for _ in takers:
        queue.put(-1, priority=9)
    assert all(taker.join(60) for taker in takers)
    assert sorted(got.get(0) for _ in range(1000)) == list(range(1000))
    assert len(queue) == len(got) == 0


def test_event_lets_all_waiting_tasks_through_until_it_is_cleared() -> None:
    world = RealWorld()
    event = world.event()
    passed: Queue[bool] = world.queue()
    waiters = [
        world.spawn(lambda: passed.put(event.wait(60)), name=f"waiter {n}") for n in range(4)
    ]
    assert not event.is_set()
    event.set()
    event.set()
    assert [passed.get(60) for _ in waiters] == [True] * 4
    assert event.is_set()
    assert event.wait(0)
    event.clear()
    event.clear()
    assert not event.is_set()
    assert not event.wait(0)
    assert not event.wait(0.001)


def test_no_set_is_lost_on_a_task_that_clears_and_then_looks() -> None:
    world = RealWorld()
    event, done = world.event(), world.event()
    told = seen = 0

    def follow() -> None:
        nonlocal seen
        while seen < 1000 and event.wait(60):
            event.clear()
            seen = told
        done.set()

    world.spawn(follow, name="follower")
    for told in range(1, 1001):  # noqa: B007 - the follower reads it
        event.set()
    assert done.wait(60)
    assert seen == 1000


def test_lock_times_out_while_another_holds_it() -> None:
    lock = RealWorld().lock()
    with lock:
        assert not lock.acquire(0.01)
    assert lock.acquire(0.01)


@pytest.mark.parametrize("forever", [None, inf])
def test_no_limit_and_an_infinite_one_both_wait_for_ever(forever: float | None) -> None:
    world = RealWorld()
    queue: Queue[str] = world.queue()
    flag, lock, waiting = world.event(), world.lock(), world.event()

    def wait_for_all() -> None:
        waiting.set()
        assert queue.get(forever) == "came"
        assert flag.wait(forever)
        assert lock.acquire(forever)

    lock.acquire()
    task = world.spawn(wait_for_all, name="waiter")
    assert waiting.wait(forever)
    queue.put("came")
    flag.set()
    lock.release()
    assert task.join(forever)
    assert not lock.acquire(0)  # it came to the end


def test_a_limit_below_zero_does_not_wait() -> None:
    world = RealWorld()
    lock = world.lock()
    with lock:
        assert not lock.acquire(-1.0)
    assert not world.event().wait(-1.0)
    with pytest.raises(QueueEmpty):
        world.queue().get(-1.0)


def test_files_are_bytes_only(tmp_path: Path) -> None:
    world = RealWorld()
    with pytest.raises(ValueError, match="bytes"):
        world.open(tmp_path / "x", "w")
    with world.open(tmp_path / "x", "wb") as file:
        file.write(b"\x00\xff")
    with world.open(tmp_path / "x", "rb") as file:
        assert file.read() == b"\x00\xff"


def test_a_replaced_file_is_whole_private_and_leaves_nothing_beside(tmp_path: Path) -> None:
    world, path = RealWorld(), tmp_path / "secret"
    (tmp_path / ".secret.new").write_bytes(b"of a write that a power cut ended")
    world.replace_file(path, b"one")
    world.replace_file(path, b"two", 0o640)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(world.file_mode(path)) == 0o640
    assert world.list_folder(tmp_path) == ["secret"]
    world.remove_file(path)
    assert world.list_folder(tmp_path) == []
    with pytest.raises(FileNotFoundError):
        world.remove_file(path)


def test_a_file_is_replaced_only_after_its_bytes_are_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(file: int) -> None:
        done.append("fsync")
        fsync(file)

    def noted_replace(old: Path, new: Path) -> None:
        done.append("replace")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    RealWorld().replace_file(tmp_path / "x", b"data")
    assert done == ["fsync", "replace", "fsync"]


def test_a_folder_gets_its_permissions_once_and_links_are_not_followed(tmp_path: Path) -> None:
    world, folder = RealWorld(), tmp_path / "keys"
    world.make_folder(folder)
    assert stat.S_IMODE(world.file_mode(folder)) == 0o700
    folder.chmod(0o750)
    world.make_folder(folder)
    assert stat.S_IMODE(world.file_mode(folder)) == 0o750
    (tmp_path / "link").symlink_to(folder)
    assert stat.S_ISLNK(world.file_mode(tmp_path / "link"))
    with pytest.raises(FileNotFoundError):
        world.make_folder(tmp_path / "no" / "parent")


def test_a_child_that_does_not_end_is_killed() -> None:
    assert RealWorld().run(["sleep", "60"], timeout=0.05) < 0
    assert RealWorld().run(["false"]) == 1
    assert RealWorld().run(["true"], nice=5) == 0


def test_a_defect_in_a_task_ends_the_process_without_its_words() -> None:
    script = (
        "from world.real import RealWorld\n"
        "world = RealWorld()\n"
        "world.end_on_defect()\n"
        "def fall(): raise ValueError('519900199203149007')\n"
        "world.spawn(fall, name='lane')\n"
        "world.wait(30)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert ended.returncode == 70
    assert b"thread lane: ValueError" in ended.stderr
    assert b"519900199203149007" not in ended.stderr


@pytest.mark.parametrize("returned", [True, False])
def test_large_blocks_go_back_to_the_system(returned: bool) -> None:
    """The control, without it: glibc keeps the room from the second one on."""
    script = (
        "from world.real import RealWorld\n"
        "from pathlib import Path\n"
        "def pages(): return int(Path('/proc/self/statm').read_text().split()[1])\n"
        f"if {returned}: RealWorld().return_large_blocks()\n"
        "before = pages()\n"
        "for _ in range(3):\n"
        "    block = bytes([1]) * (8 << 20)\n"
        "    del block\n"
        "print((pages() - before) * 4 // 1024)\n"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert (int(told.stdout) < 4) == returned


def test_what_is_synced_is_in_the_file(tmp_path: Path) -> None:
    world = RealWorld()
    with world.open(tmp_path / "file", "wb") as file:
        file.write(b"written")
        world.sync_file(file)
        assert (tmp_path / "file").read_bytes() == b"written"


def test_the_group_of_a_file_has_its_name_or_its_number(tmp_path: Path) -> None:
    world, path, link = RealWorld(), tmp_path / "node", tmp_path / "link"
    path.touch()
    link.symlink_to(path)
    assert world.file_group(link) == grp.getgrgid(path.stat().st_gid).gr_name
    if os.geteuid() == 0:
        os.chown(path, -1, 54321)
        assert world.file_group(link) == "54321"
    with pytest.raises(FileNotFoundError):
        world.file_group(tmp_path / "gone")


def test_a_link_that_goes_while_it_is_followed_is_followed_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = tmp_path / "scanner"
    port.symlink_to("/dev/ttyUSB0")
    read_link = os.readlink

    def pulled_out(path: str) -> str:
        port.unlink()
        return read_link(path)

    monkeypatch.setattr(os, "readlink", pulled_out)
    assert RealWorld().real_path(port) == port


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b"])
def test_what_no_file_can_be_called_leads_nowhere_else(name: str) -> None:
    assert RealWorld().real_path(Path(name)) == Path(name)


def test_small_pieces_on_a_loopback_line_do_not_wait_for_each_other() -> None:
    with (
        RealWorld().listen_local(0) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as served,
    ):
        assert served.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_where_a_file_is_wanted_all_else_is_refused_at_once(tmp_path: Path) -> None:
    world = RealWorld()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    (tmp_path / "file").write_bytes(b"one")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    for name in ("pipe", "link", "socket", "/dev/null"):
        with pytest.raises(OSError, match="not a file"):
            world.open(tmp_path / name, "rb", regular=True)
    with pytest.raises(IsADirectoryError):
        world.open(tmp_path, "rb", regular=True)
    for path in (tmp_path / "file", Path("/proc/self/stat")):
        with world.open(path, "rb", regular=True) as file:
            assert file.read()


def test_a_file_that_becomes_a_pipe_before_it_is_opened_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    was = os.stat(__file__)
    monkeypatch.setattr(os, "stat", lambda *_, **__: was)
    with pytest.raises(OSError, match="not a file"):
        RealWorld().open(tmp_path / "pipe", "rb", regular=True)


@pytest.mark.parametrize("name", ["s", "socket-of-a-long-name"])
def test_every_path_that_an_address_has_room_for_is_listened_at(name: str) -> None:
    """The name that it is bound under at first is longer."""
    with TemporaryDirectory() as made:
        folder = Path(made) / ("f" * (107 - len(made) - len(name) - 2))
        path = folder / name
        assert len(str(path)) == 107
        with RealWorld().listen(path, mode=0o660, group="no-such-group"):
            assert os.listdir(folder) == [name]
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            RealWorld().connect(str(path), 5).close()


def test_a_cause_is_the_systems_words_else_pythons() -> None:
    assert cause_of(OSError(2, "No such file or directory")) == "No such file or directory"
    assert cause_of(OSError("AF_UNIX path too long")) == "AF_UNIX path too long"
    assert cause_of(TimeoutError()) == "TimeoutError"


def test_what_is_there_when_a_process_has_started_is_not_collected_again() -> None:
    program = (
        "import gc\nfrom world.real import RealWorld\n"
        "RealWorld().keep_what_is_there()\n"
        "print(gc.get_freeze_count() > 1000, len(gc.get_objects()) < 100)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.decode().split() == ["True", "True"]


AHEAD = """
import os, resource
from world.real import RealWorld
{before}
resource.getrlimit = lambda which: (granted, granted)
policies = []
for ahead in (True, False):
    look = lambda: policies.append(os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK)
    RealWorld().spawn(look, name="x", ahead=ahead).join()
print(policies[0] == os.SCHED_FIFO, policies[1] == os.SCHED_OTHER)
"""
ONE_CORE = "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
# Whether this user may do it at all: what a terminal's limit grants is not ours to set everywhere.
MAY = subprocess.run(["chrt", "-f", "1", "true"], stderr=subprocess.DEVNULL).returncode == 0


def _ahead(*before: str) -> list[str]:
    program = AHEAD.format(before="\n".join(before))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    return done.stdout.decode().split()


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core")
def test_what_a_card_waits_for_goes_ahead_where_that_is_granted() -> None:
    assert _ahead("granted = 1") == [str(MAY), "True"]


def test_nothing_goes_ahead_that_nobody_has_granted() -> None:
    assert _ahead("granted = 0") == ["False", "True"]


def test_on_one_core_nothing_goes_ahead() -> None:
    assert _ahead("granted = 1", ONE_CORE) == ["False", "True"]
