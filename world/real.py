"""The machine as a `World`: the only product module that imports threads, clocks and chance."""

import ctypes
import errno
import gc
import grp
import heapq
import itertools
import os
import pwd
import queue
import socket
import sqlite3
import ssl
import stat
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Generic, TypeVar, cast

from world.databases import Connection
from world.peers import peer_of
from world.ports import (
    Caller,
    Connected,
    Database,
    Event,
    Listener,
    Lock,
    Peer,
    Queue,
    QueueEmpty,
    Stream,
    Task,
)
from world.tasks import RealTask, limited

T = TypeVar("T")

_TIMEX_SIZE = 512  # struct timex is 208 bytes on 64-bit Linux; room to spare
_TIME_ERROR = 5
_EX_SOFTWARE = 70
# accept(2): the caller went, or there is no room for him now.
_PASSES = (errno.ECONNABORTED, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_ACCEPT_AGAIN = 0.1  # seconds
_LONGEST_ADDRESS = 107  # bytes of a Unix socket's path: unix(7), less the zero at its end
_M_MMAP_THRESHOLD = -3  # malloc.h
_LARGE_BLOCK = 1024 * 1024


def _acquired(lock: threading.Lock, timeout: float | None) -> bool:
    limit = limited(timeout)
    return lock.acquire(timeout=-1 if limit is None else max(0.0, limit))


class RealQueue(Generic[T]):
    """A heap, and as many tokens as it has items; `queue.SimpleQueue` waits for a token in C, which
    takes a third off a hop between threads. (`queue.PriorityQueue` would compare the items.)"""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, T]] = []
        self._arrival = itertools.count()
        self._changing = threading.Lock()
        self._tokens: queue.SimpleQueue[None] = queue.SimpleQueue()

    def put(self, item: T, priority: int = 0) -> None:
        with self._changing:
            heapq.heappush(self._heap, (priority, next(self._arrival), item))
        self._tokens.put(None)

    def get(self, timeout: float | None = None) -> T:
        wait = timeout is None or timeout > 0
        try:
            self._tokens.get(wait, limited(timeout) if wait else None)
        except queue.Empty:
            raise QueueEmpty from None
        with self._changing:
            return heapq.heappop(self._heap)[2]

    def __len__(self) -> int:
        return len(self._heap)


class RealEvent:
    """A lock that is free while the flag is set: who waits takes it and gives it back, in C.
    `threading.Event` makes a lock and a list entry for each wait."""

    def __init__(self) -> None:
        self._is_set = False
        self._changing = threading.Lock()
        self._free = threading.Lock()
        self._free.acquire()

    def set(self) -> None:
        with self._changing:
            if not self._is_set:
                self._is_set = True
                self._free.release()

    def clear(self) -> None:
        with self._changing:
            if self._is_set:
                self._is_set = False
                self._free.acquire()  # at most for as long as a waiter passes through

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, timeout: float | None = None) -> bool:
        if self._is_set:
            return True
        passed = _acquired(self._free, timeout)
        if passed:
            self._free.release()
        return passed


class RealLock:
    """`threading.Lock` with an optional time limit in the World's terms."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def acquire(self, timeout: float | None = None) -> bool:
        return _acquired(self._lock, timeout)

    def release(self) -> None:
        self._lock.release()

    def __enter__(self) -> bool:
        return self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()


class RealCaller:
    """A connection that was accepted from a Unix socket."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self.recv = stream.recv
        self.sendall = stream.sendall
        self.settimeout = stream.settimeout
        self.close = stream.close
        self.peer = peer_of(stream)

    def finish(self) -> None:
        """See `world.ports.Caller`: the end of what we send (`SHUT_WR`). Raises `OSError`."""
        self._stream.shutdown(socket.SHUT_WR)

    def hang_up(self) -> None:
        """See `world.ports.Caller`; never raises, also where the connection has ended."""
        with suppress(OSError):  # the other side was faster, or it is closed
            self._stream.shutdown(socket.SHUT_RDWR)


class RealListener:
    """A listening Unix socket."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener

    def accept(self) -> Caller:
        while True:
            try:
                stream, _ = self._listener.accept()
            except OSError as error:
                if error.errno not in _PASSES:
                    raise
                time.sleep(_ACCEPT_AGAIN)
            else:
                return RealCaller(stream)

    def close(self) -> None:
        with suppress(OSError):  # closed before
            self._listener.shutdown(socket.SHUT_RDWR)  # close alone would not end an accept
        self._listener.close()


class RealWorld:
    """See `world.ports.World`."""

    def __init__(self) -> None:
        self._adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex

    def end_on_defect(self, spares: Callable[[str], bool] = lambda file: False) -> None:
        """From now on an exception that a task or the process itself lets out ends it
        (EX_SOFTWARE), for its supervisor to start it anew: a lane without its thread would be dead
        without a word. What the exception says is kept to itself, it may be somebody's data.

        `spares`: whether a thread whose code is in that file is somebody else's, and told only.
        """

        def of_a_thread(defect: threading.ExceptHookArgs) -> None:
            name = defect.thread.name if defect.thread else "?"
            _tell(name, defect.exc_type, defect.exc_traceback)
            if not _is_spared(defect.exc_traceback, spares):
                os._exit(_EX_SOFTWARE)

        def of_the_process(
            kind: type[BaseException], error: BaseException, trace: TracebackType | None
        ) -> None:
            _tell("main", kind, trace)
            os._exit(_EX_SOFTWARE)

        threading.excepthook = of_a_thread
        sys.excepthook = of_the_process

    def return_large_blocks(self) -> None:
        """From now on memory of a megabyte or more goes back to the system when it is freed. glibc
        would stop that after the first such block (mallopt(3), M_MMAP_THRESHOLD), and a terminal
        would keep the room of the longest list that ever came."""
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)

    def keep_what_is_there(self) -> None:
        """What has been made by now stays for as long as the process: free memory around it goes
        back to the system, and no garbage collection walks over it any more, in a tap of all
        moments."""
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        gc.freeze()

    def now(self) -> float:
        return time.time()

    def clock_synchronised(self) -> bool:
        # adjtimex(2) with modes = 0 only reads; TIME_ERROR means "clock not synchronised".
        timex = ctypes.create_string_buffer(_TIMEX_SIZE)
        return self._adjtimex(timex) not in (-1, _TIME_ERROR)

    def monotonic(self) -> float:
        return time.perf_counter()

    def random(self, size: int) -> bytes:
        return os.urandom(size)

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def spawn(self, target: Callable[[], None], *, name: str, ahead: bool = False) -> Task:
        return RealTask(target, name, ahead=ahead)

    def queue(self) -> Queue[T]:
        return RealQueue()

    def event(self) -> Event:
        return RealEvent()

    def lock(self) -> Lock:
        return RealLock()

    def open(self, path: Path, mode: str, *, regular: bool = False) -> IO[bytes]:
        if "b" not in mode:
            raise ValueError(f"World.open is for bytes, not mode {mode!r}")
        opener = _regular_only if regular else None
        return cast(IO[bytes], open(_nameable(path), mode, opener=opener))

    def make_folder(self, path: Path, permissions: int = 0o700) -> None:
        try:
            os.mkdir(_nameable(path), permissions)
        except FileExistsError:
            return
        os.chmod(path, permissions)  # mkdir's mode has passed through the umask

    def list_folder(self, path: Path) -> Sequence[str]:
        return sorted(os.listdir(_nameable(path)))

    def file_mode(self, path: Path) -> int:
        return os.lstat(_nameable(path)).st_mode

    def may_read(self, path: Path, user: str) -> bool:
        try:
            known = pwd.getpwnam(user)
            groups = os.getgrouplist(user, known.pw_gid)
            file = Path(os.path.realpath(_nameable(path)))
            within = all(_permits(folder, known.pw_uid, groups, 0o1) for folder in file.parents)
            return within and _permits(file, known.pw_uid, groups, 0o4)
        except (KeyError, OSError):
            return True

    def file_group(self, path: Path) -> str:
        number = os.stat(_nameable(path)).st_gid
        try:
            return grp.getgrgid(number).gr_name
        except KeyError:
            return str(number)

    def real_path(self, path: Path) -> Path:
        try:
            return Path(os.path.realpath(_nameable(path)))
        except OSError:  # a link that goes while Python 3.11 follows it: a device is pulled out
            return path

    def create_file(self, path: Path) -> IO[bytes]:
        return open(_nameable(path), "xb", opener=_for_its_owner)

    def replace_file(self, path: Path, data: bytes, permissions: int = 0o600) -> None:
        beside = _nameable(path).with_name(f".{path.name}.new")
        beside.unlink(missing_ok=True)  # of a write that a power cut ended
        try:
            with self.create_file(beside) as file:
                os.fchmod(file.fileno(), permissions)
                file.write(data)
                self.sync_file(file)
            os.replace(beside, path)
        except OSError:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    def sync_file(self, file: IO[bytes]) -> None:
        file.flush()
        os.fsync(file.fileno())

    def rename_file(self, path: Path, to: Path) -> None:
        os.replace(path, to)
        _sync_folder(to.parent)

    def remove_file(self, path: Path) -> None:
        os.unlink(path)
        _sync_folder(path.parent)

    def free_space(self, path: Path) -> int:
        found = os.statvfs(_nameable(path))
        return found.f_bavail * found.f_frsize

    def database(self, path: Path) -> Database:
        return sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, factory=Connection
        )

    def connect(self, address: tuple[str, int] | str, timeout: float) -> Stream:
        if isinstance(address, str):
            stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            stream.settimeout(timeout)
            stream.connect(address)
            return stream
        return socket.create_connection(address, timeout)

    def connect_tls(
        self, address: tuple[str, int], context: ssl.SSLContext, timeout: float
    ) -> Stream:
        plain = socket.create_connection(address, timeout)
        try:
            return context.wrap_socket(plain, server_hostname=address[0])
        except BaseException:
            plain.close()
            raise

    def listen(self, path: Path, *, mode: int, group: str) -> socket.socket:
        path.parent.mkdir(parents=True, exist_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Bound under another name first: under its own name it never has wider permissions.
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        _bind(listener, fresh)
        os.chmod(fresh, mode)
        if os.geteuid() == 0 and group in {entry.gr_name for entry in grp.getgrall()}:
            os.chown(fresh, -1, grp.getgrnam(group).gr_gid)
        listener.listen()
        os.replace(fresh, path)
        return listener

    def callers(self, path: Path, *, mode: int, group: str) -> Listener:
        return RealListener(self.listen(path, mode=mode, group=group))

    def listen_local(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port))
        # Handed on to each connection. asyncio does it only where the socket names TCP (`proto`),
        # which this one does not: an answer in two pieces would wait 40 ms for an acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener

    def peer_of(self, connection: Connected) -> Peer:
        return peer_of(connection)

    def run(self, argv: Sequence[str], *, nice: int = 0, timeout: float | None = None) -> int:
        # `nice` as a command, because preexec_fn is not safe in a process with threads.
        command = ["nice", "-n", str(nice), *argv] if nice else list(argv)
        try:
            return subprocess.run(command, timeout=timeout, check=False).returncode
        except subprocess.TimeoutExpired:
            return -9


def _bind(listener: socket.socket, path: Path) -> None:
    """Also where the name at first is longer than an address, and the one in the end is not: by way
    of the open folder."""
    if len(os.fsencode(path)) <= _LONGEST_ADDRESS:
        listener.bind(str(path))
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def _regular_only(name: str, flags: int) -> int:
    """Looked at before, because to open a device may start it, and again after: the path may lead
    elsewhere by then. O_NONBLOCK, which a regular file does not know, waits for no writer."""
    _require_regular(os.stat(name), name)
    descriptor = os.open(name, flags | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        _require_regular(os.fstat(descriptor), name)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _require_regular(found: os.stat_result, name: str) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(name))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a file", str(name))


def _for_its_owner(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def _nameable(path: Path) -> Path:
    """`path`, where the system can have a file of that name. Raises `OSError`, as for any other
    file that cannot be opened, for a zero in it and for signs that the locale's file names lack."""
    try:
        raw = os.fsencode(path)
    except UnicodeEncodeError:
        raise OSError(errno.EILSEQ, os.strerror(errno.EILSEQ), str(path)) from None
    if b"\0" in raw:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(path))
    return path


def _permits(path: Path, uid: int, groups: Sequence[int], right: int) -> bool:
    """Whether the bit `right` (4 read, 1 search) is set in the triple that counts for this user:
    the owner's, else the group's, else the others' (path_resolution(7)). Raises `OSError`."""
    found = os.stat(path)
    if uid in (0, found.st_uid):
        return uid == 0 or bool(found.st_mode & (right << 6))
    return bool(found.st_mode & (right << 3 if found.st_gid in groups else right))


def _tell(thread: str, kind: type[BaseException], trace: TracebackType | None) -> None:
    frames = "".join(traceback.format_tb(trace))
    sys.stderr.write(f"defect in thread {thread}: {kind.__name__}\n{frames}")
    sys.stderr.flush()


def _is_spared(trace: TracebackType | None, spares: Callable[[str], bool]) -> bool:
    """By the outermost code that is not the thread's own machinery."""
    files = [frame.filename for frame in traceback.extract_tb(trace)]
    began = next((file for file in files if file != threading.__file__), "")
    return bool(began) and spares(began)


def _sync_folder(path: Path) -> None:
    """A rename or unlink is durable only once its folder is."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
