"""What a `World` offers. Every method that can wait is a place where a simulation may switch; a
limit of None or of infinitely many seconds waits for ever, one below zero does not wait."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Generic, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:  # every command imports this module, and most of them no database or network
    from socket import socket
    from sqlite3 import Connection
    from ssl import SSLContext

T = TypeVar("T")

Database: TypeAlias = "Connection"


class QueueEmpty(Exception):
    """`Queue.get` waited as long as it was told to and nothing came."""


class Task(Protocol):
    """A running thread of work."""

    @property
    def name(self) -> str:
        """What `spawn` was given; it stands in logs."""
        ...

    @property
    def alive(self) -> bool:
        """False once `target` has returned or raised."""
        ...

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the task's end, at most `timeout` seconds. True when it has ended."""
        ...


class Queue(Protocol, Generic[T]):
    """Unbounded, any number of writers and readers; lower priority numbers first, then arrival."""

    def put(self, item: T, priority: int = 0) -> None:
        """Add an item; never waits. Any thread."""
        ...

    def get(self, timeout: float | None = None) -> T:
        """The next item. Raises `QueueEmpty` after `timeout` seconds; None waits for ever."""
        ...

    def __len__(self) -> int: ...


class Event(Protocol):
    """A flag that tasks can wait for."""

    def set(self) -> None:
        """Set the flag and let each task that waits go on."""
        ...

    def clear(self) -> None:
        """Take the flag back: the next `wait` waits."""
        ...

    def is_set(self) -> bool:
        """The flag now, without waiting."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """True when the flag is set, False when `timeout` seconds went by first."""
        ...


class Lock(Protocol):
    """Mutual exclusion; not re-entrant."""

    def acquire(self, timeout: float | None = None) -> bool:
        """Take the lock. False when `timeout` seconds went by first; None waits for ever."""
        ...

    def release(self) -> None:
        """Give the lock back; the thread that took it calls this."""
        ...

    def __enter__(self) -> bool: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Stream(Protocol):
    """A connected byte stream (TCP or Unix socket)."""

    def recv(self, size: int) -> bytes:
        """At most `size` bytes; empty at the end. Raises `TimeoutError`, `ConnectionError`."""
        ...

    def sendall(self, data: bytes) -> None:
        """Send every byte. Raises `TimeoutError`, `ConnectionError`."""
        ...

    def settimeout(self, seconds: float | None) -> None:
        """Seconds that each later call may wait; None: for ever."""
        ...

    def close(self) -> None:
        """End the connection in both directions. A second call does nothing."""
        ...


@dataclass(frozen=True)
class Peer:
    """Who is at the other end of a connection on this machine, as the kernel knows it."""

    pid: int  # 0 for TCP, of which only the user is known
    uid: int
    user: str  # the user's name; the number when it has none


class Connected(Protocol):
    """A connected socket, or asyncio's view of one."""

    @property
    def family(self) -> int:
        """The socket's address family, as `socket.AF_UNIX`."""
        ...

    def getsockopt(self, level: int, name: int, size: int, /) -> bytes:
        """An option of the socket as raw bytes (getsockopt(2)). Raises `OSError`."""
        ...

    def getsockname(self) -> object:
        """This end's address."""
        ...

    def getpeername(self) -> object:
        """The other end's address. Raises `OSError` once the connection has ended."""
        ...


class Caller(Stream, Protocol):
    """A connection that another process made to us."""

    @property
    def peer(self) -> Peer:
        """The process and user at the other end."""
        ...

    def finish(self) -> None:
        """Say no more; what the other side still says may come. Raises `OSError`."""
        ...

    def hang_up(self) -> None:
        """End it from any thread: a `recv` that waits returns empty."""
        ...


class Listener(Protocol):
    """A Unix socket that takes connections."""

    def accept(self) -> Caller:
        """The next connection; waits while the process has no descriptor for it. Raises `OSError`
        once it is closed."""
        ...

    def close(self) -> None:
        """Take no more, from any thread: an `accept` that waits raises."""
        ...


class World(Protocol):
    """Time, chance, threads, files, network. Seconds are floats; sizes are bytes."""

    def now(self) -> float:
        """Wall clock, unix seconds. May jump: never use it to measure."""
        ...

    def clock_synchronised(self) -> bool:
        """True while the kernel says that a time source disciplines the wall clock."""
        ...

    def monotonic(self) -> float:
        """Seconds since the machine was switched on, never set, sub-microsecond resolution:
        deadlines, stage times, and how long ago an event of this boot was (CLOCK_MONOTONIC)."""
        ...

    def random(self, size: int) -> bytes:
        """`size` bytes fit for keys and nonces (in a simulation: seeded)."""
        ...

    def wait(self, seconds: float) -> None:
        """Let `seconds` pass."""
        ...

    def spawn(self, target: Callable[[], None], *, name: str, ahead: bool = False) -> Task:
        """Run `target` on a thread of its own that does not keep the process alive.

        `ahead`: a card waits for this thread, so it goes before whatever else the machine has to
        do, where the system grants that: for threads that wait most of the time.

        An exception that `target` lets out is a defect: it is reported by
        `threading.excepthook`, in a simulation it ends the run.
        """
        ...

    def queue(self) -> "Queue[T]":
        """A new, empty queue."""
        ...

    def event(self) -> Event:
        """A new flag, not set."""
        ...

    def lock(self) -> Lock:
        """A new lock, free."""
        ...

    def open(self, path: Path, mode: str, *, regular: bool = False) -> IO[bytes]:
        """A binary file: mode `rb`, `wb`, `xb`, `ab` or `r+b`. Raises `OSError`.

        `regular`: what the path leads to must be a file on a disk. A pipe without a writer, which
        would be waited for without end, a device or a socket is refused at once.
        """
        ...

    def make_folder(self, path: Path, permissions: int = 0o700) -> None:
        """Make the folder with exactly these permissions; one that exists is left as it is.

        Raises `OSError`, also when its parent is missing.
        """
        ...

    def list_folder(self, path: Path) -> Sequence[str]:
        """The names in the folder, sorted. Raises `OSError`."""
        ...

    def file_mode(self, path: Path) -> int:
        """Type and permission bits (`st_mode`) of the path itself; a link is not followed.

        Raises `OSError`.
        """
        ...

    def may_read(self, path: Path, user: str) -> bool:
        """Whether the system lets that user read what the path leads to, by the permission bits of
        it and of the folders above. True for a user that the system does not know, and for a path
        of which that cannot be found out.
        """
        ...

    def file_group(self, path: Path) -> str:
        """The group that owns what the path leads to; its number when it has no name.

        Raises `OSError`.
        """
        ...

    def real_path(self, path: Path) -> Path:
        """The path with every link in it followed, as far as they can be (realpath(3))."""
        ...

    def create_file(self, path: Path) -> IO[bytes]:
        """A new file to write into, readable by its owner alone where the file system knows owners
        (a USB stick's does not). Raises `OSError`, `FileExistsError` among them."""
        ...

    def replace_file(self, path: Path, data: bytes, permissions: int = 0o600) -> None:
        """Put `data` in place of the file, all of it or nothing, and durable on return.

        Written beside as `.<name>.new`, synced, renamed, folder synced; one writer per path at a
        time. After an error the old file stands (only when the last sync fails, maybe the new), and
        nothing lies beside. Raises `OSError`.
        """
        ...

    def sync_file(self, file: IO[bytes]) -> None:
        """Make durable what was written to the open file so far. Raises `OSError`."""
        ...

    def rename_file(self, path: Path, to: Path) -> None:
        """Give the file another name in its folder, in place of what has that name; durable on
        return. What is in the file must be synced before. Raises `OSError`."""
        ...

    def remove_file(self, path: Path) -> None:
        """Take the file away, durably. Raises `OSError`, `FileNotFoundError` among them."""
        ...

    def free_space(self, path: Path) -> int:
        """Bytes that an ordinary user may still write where `path` lies. Raises `OSError`."""
        ...

    def database(self, path: Path) -> Database:
        """An SQLite connection in autocommit mode (`isolation_level=None`), usable by one thread
        at a time. Raises `sqlite3.Error`."""
        ...

    def connect(self, address: tuple[str, int] | str, timeout: float) -> Stream:
        """Connect to `(host, port)` or to a Unix socket's path. Raises `OSError`."""
        ...

    def connect_tls(
        self, address: tuple[str, int], context: "SSLContext", timeout: float
    ) -> Stream:
        """`connect`, and a TLS handshake in which the other side must be `address`'s host by
        `context`; `timeout` holds for each of the two. Raises `OSError`, among them `SSLError`."""
        ...

    def listen(self, path: Path, *, mode: int, group: str) -> "socket":
        """A listening Unix socket at `path` with `mode`, owned by `group` if there is such a group
        and we may give it away; no process can connect before the mode is set.

        Raises `OSError`.
        """
        ...

    def callers(self, path: Path, *, mode: int, group: str) -> Listener:
        """As `listen`, for a server that accepts each connection itself. Raises `OSError`."""
        ...

    def listen_local(self, port: int) -> "socket":
        """A listening TCP socket on 127.0.0.1; port 0 is any free one. Raises `OSError`."""
        ...

    def peer_of(self, connection: Connected) -> Peer:
        """The process and the user of this machine that made that connection to us, by Unix socket
        or over loopback.

        Raises `OSError`, `LookupError` when the kernel does not say (any more).
        """
        ...

    def run(self, argv: Sequence[str], *, nice: int = 0, timeout: float | None = None) -> int:
        """Run a child process to its end, `nice` steps politer than this one; its exit status.

        It is killed after `timeout` seconds, which gives a negative status. Raises `OSError`.
        """
        ...
