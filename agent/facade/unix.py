"""The national interface's Unix socket: frames in, frames out, the kernel says who calls.

Two threads per caller: one hears, so that a caller's end is noticed in the middle of his call; the
other calls the desk and answers. One frame after the other; a caller that is ahead of his answers
is hung up on.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.facade import wire
from agent.facade.call import Answer
from agent.facade.desk import Connection
from agent.facade.errors import told
from agent.facade.faults import ClientUnknown, TooManyCallers
from agent.facade.fields import to_gbk
from config.model import FacadeClient
from world import Caller, Fault, Listener, Queue, Task, World

LOG = logging.getLogger("onecard.facade")

GROUP = "onecard"
OWNER_AND_GROUP = 0o660
CALLERS = 16  # at the same time
FRAME_WITHIN = 2.0  # seconds from a frame's first byte to its last
END = None  # in the queue of frames: the caller is gone

Connect = Callable[[FacadeClient, str], Connection]


class FacadeSocketUnusable(Fault):
    """The socket cannot be made: its folder is missing or may not be written. Facts: `path`,
    `cause`."""

    code = "facade.socket"


class UnixServer:
    """Serves `[[facade.clients]]` that have a `user`."""

    def __init__(
        self, world: World, path: Path, clients: Sequence[FacadeClient], connect: Connect
    ) -> None:
        self._world = world
        self._path = path
        self._clients = {client.user: client for client in clients if client.user is not None}
        self._connect = connect
        self._changing = world.lock()
        self._served: set[Served] = set()
        self._listener: Listener | None = None
        self._task: Task | None = None

    def start(self) -> None:
        """Raises `FacadeSocketUnusable`."""
        try:
            self._listener = self._world.callers(self._path, mode=OWNER_AND_GROUP, group=GROUP)
        except OSError as error:
            raise FacadeSocketUnusable(path=str(self._path), cause=error.strerror or "") from error
        self._task = self._world.spawn(self._accept, name="sscard")

    def stop(self) -> None:
        """Hang up on everybody; returns when their threads have ended."""
        if self._listener is None or self._task is None:
            return
        self._listener.close()
        self._task.join(1.0)
        with self._changing:
            served = list(self._served)
        for caller in served:
            caller.hang_up()
        for caller in served:
            caller.join(1.0)
        try:
            self._world.remove_file(self._path)
        except FileNotFoundError:
            return  # somebody tidied /run

    def gone(self, served: "Served") -> None:
        with self._changing:
            self._served.discard(served)

    def _accept(self) -> None:
        while (caller := self._next()) is not None:
            served = Served(self._world, self, caller, self._admit(caller))
            with self._changing:
                self._served.add(served)
            served.start()

    def _next(self) -> Caller | None:
        """None when the listener is closed."""
        assert self._listener is not None
        try:
            return self._listener.accept()
        except OSError:
            return None

    def _admit(self, caller: Caller) -> Connection | Fault:
        """The caller's connection to the desk, or why there is none; he is told with his answer."""
        peer = caller.peer
        client = self._clients.get(peer.user)
        if client is None:
            LOG.warning("sscard: user %s is no client", peer.user)
            return ClientUnknown(caller=peer.user)
        with self._changing:
            if len(self._served) >= CALLERS:
                return TooManyCallers(allowed=CALLERS)
        return self._connect(client, f"user:{peer.user} uid:{peer.uid} pid:{peer.pid}")


class Served:
    """One caller and his two threads."""

    def __init__(
        self, world: World, server: UnixServer, caller: Caller, admitted: Connection | Fault
    ) -> None:
        self._world = world
        self._server = server
        self._caller = caller
        self._admitted = admitted
        self._frames: Queue[bytes | Fault | None] = world.queue()
        self._tasks: list[Task] = []

    def start(self) -> None:
        pid = self._caller.peer.pid
        self._tasks = [
            self._world.spawn(self._answer, name=f"sscard {pid}"),
            self._world.spawn(self._hear, name=f"sscard {pid} hears"),
        ]

    def hang_up(self) -> None:
        self._caller.hang_up()

    def join(self, timeout: float) -> None:
        for task in self._tasks:
            task.join(timeout)

    # The hearing thread

    def _hear(self) -> None:
        try:
            self._take_frames()
        except wire.FrameFault as fault:
            self._frames.put(fault)
        except OSError:
            self._caller.hang_up()  # too slow, or gone
        if isinstance(self._admitted, Connection):
            self._admitted.close()
        self._frames.put(END)

    def _take_frames(self) -> None:
        """Until the caller's end. Raises `FrameFault`, `OSError`."""
        while (body := self._frame()) is not None:
            if self._frames:
                raise ConnectionAbortedError  # he does not wait for his answers
            self._frames.put(body)
        self._caller.hang_up()

    def _frame(self) -> bytes | None:
        """The next frame's body; None at the end. Raises `FrameFault`, `OSError`."""
        self._caller.settimeout(None)
        first = self._caller.recv(4)
        if not first:
            return None
        deadline = self._world.monotonic() + FRAME_WITHIN
        head = first + self._exactly(4 - len(first), deadline)
        return self._exactly(wire.length_of(head), deadline)

    def _exactly(self, size: int, deadline: float) -> bytes:
        chunks = b""
        while len(chunks) < size:
            self._caller.settimeout(max(0.001, deadline - self._world.monotonic()))
            chunk = self._caller.recv(size - len(chunks))
            if not chunk:
                raise ConnectionResetError
            chunks += chunk
        return chunks

    # The calling thread

    def _answer(self) -> None:
        try:
            while (frame := self._frames.get()) is not END:
                answer = self._called(frame)
                self._caller.sendall(wire.answer(answer.result, to_gbk(answer.output)))
        except OSError:
            self._caller.hang_up()
            while self._frames.get() is not END:
                pass
        self._caller.close()
        self._server.gone(self)

    def _called(self, frame: bytes | Fault) -> Answer:
        if isinstance(frame, Fault):
            return told(frame)
        try:
            function, parameters = wire.read_call(frame)
        except wire.FrameFault as fault:
            return told(fault)
        if isinstance(self._admitted, Fault):
            return told(self._admitted)
        return self._admitted.call(function.decode("ascii", errors="replace"), parameters)
