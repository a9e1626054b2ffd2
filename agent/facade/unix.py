"""The national interface's Unix socket: frames in, frames out, the kernel says who calls.

Two threads per caller: one hears, so that a caller's end is noticed in the middle of its call; the
other calls the desk and answers. One frame after the other; a caller that is ahead of its answers
is hung up on. A caller that is not served gets the reason from the thread that accepts, and costs
no thread.
"""

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.facade import wire
from agent.facade.call import CallAnswer
from agent.facade.desk import CallerConnection
from agent.facade.errors import answer_for
from agent.facade.faults import (
    ClientUnknown,
    FacadeSocketUnusable,
    SilentCaller,
    TooManyCallers,
)
from agent.facade.fields import to_gbk
from agent.facade.refusals import Refusals, Stranger
from agent.lines import HeldLine, Lines
from config.model import FacadeClient
from world import Caller, Fault, Listener, Queue, Task, World, cause_of

GROUP = "onecard"
OWNER_AND_GROUP = 0o660
EACH = 16  # callers of one user at the same time
CALLERS = 32  # of all users
FIRST_WITHIN = 2.0  # seconds from the connection to its first frame's first byte
FRAME_WITHIN = 2.0  # seconds from a frame's first byte to its last
LINGERING = 16  # callers who were told that they are not served, and may still be reading it
END = None  # in the queue of frames: the caller is gone

Connect = Callable[[FacadeClient, str], CallerConnection]


class UnixServer:
    """Serves `[[facade.clients]]` that have a `user`."""

    def __init__(
        self,
        world: World,
        path: Path,
        clients: Sequence[FacadeClient],
        connect: Connect,
        refusals: Refusals | None = None,
    ) -> None:
        self._world = world
        self._path = path
        self._clients = {client.user: client for client in clients if client.user is not None}
        self._connect = connect
        self._refusals = refusals or Refusals(world)
        self._lines = Lines(world, each=EACH, in_all=CALLERS)
        self._changing = world.lock()
        self._served: set[Served] = set()
        self._lingering: deque[Caller] = deque()
        self._listener: Listener | None = None
        self._task: Task | None = None

    def start(self) -> None:
        """Raises `FacadeSocketUnusable`."""
        try:
            self._listener = self._world.callers(self._path, mode=OWNER_AND_GROUP, group=GROUP)
        except OSError as error:
            raise FacadeSocketUnusable(path=str(self._path), cause=cause_of(error)) from error
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
        """The caller hung up: its place is free for another. Called by one of its threads."""
        with self._changing:
            self._served.discard(served)

    def _accept(self) -> None:
        while (caller := self._next()) is not None:
            try:
                client, line = self._admit(caller)
            except Fault as fault:
                self._turn_away(caller, fault)
                continue
            peer = caller.peer
            connection = self._connect(client, f"user:{peer.user} uid:{peer.uid} pid:{peer.pid}")
            served = Served(self._world, self, caller, line, connection)
            with self._changing:
                self._served.add(served)
            served.start()
        while self._lingering:
            self._lingering.popleft().close()

    def _next(self) -> Caller | None:
        """None when the listener is closed."""
        assert self._listener is not None
        try:
            return self._listener.accept()
        except OSError:
            return None

    def _admit(self, caller: Caller) -> tuple[FacadeClient, HeldLine]:
        """Raises `ClientUnknown`, `TooManyCallers`."""
        client = self._clients.get(caller.peer.user)
        if client is None:
            raise ClientUnknown(caller=caller.peer.user)
        line = self._lines.take(caller.peer.uid)
        if line is None:
            raise TooManyCallers(allowed=EACH)
        self._refusals.forget(Stranger(user=caller.peer.user))
        return client, line

    def _turn_away(self, caller: Caller, fault: Fault) -> None:
        """He is told before he asks, which takes no waiting: a new line has room for an answer. His
        half stays open until others follow, else his call would fail before he reads why."""
        self._refusals.note(fault, Stranger(user=caller.peer.user))
        answer = answer_for(fault)
        try:
            caller.settimeout(FRAME_WITHIN)
            caller.sendall(wire.answer(answer.result, to_gbk(answer.output)))
            caller.finish()
        except OSError:  # gone already
            caller.close()
            return
        self._lingering.append(caller)
        if len(self._lingering) > LINGERING:
            self._lingering.popleft().close()


class Served:
    """One caller and its two threads."""

    def __init__(
        self,
        world: World,
        server: UnixServer,
        caller: Caller,
        line: HeldLine,
        connection: CallerConnection,
    ) -> None:
        self._world = world
        self._server = server
        self._caller = caller
        self._line = line
        self._connection = connection
        self._frames: Queue[bytes | Fault | None] = world.queue()
        self._tasks: list[Task] = []

    def start(self) -> None:
        """Begin its two threads: one hears its frames, one answers them."""
        pid = self._caller.peer.pid
        self._tasks = [
            self._world.spawn(self._answer, name=f"sscard {pid}"),
            self._world.spawn(self._hear, name=f"sscard {pid} hears"),
        ]

    def hang_up(self) -> None:
        """End the connection from any thread; its two threads end by that."""
        self._caller.hang_up()

    def join(self, timeout: float) -> None:
        """Wait for the two threads, at most `timeout` seconds for each."""
        for task in self._tasks:
            task.join(timeout)

    # The hearing thread

    def _hear(self) -> None:
        try:
            self._take_frames()
        except (wire.FrameFault, SilentCaller) as fault:
            self._frames.put(fault)
        except OSError:
            self._caller.hang_up()  # too slow, or gone
        self._connection.close()
        self._frames.put(END)

    def _take_frames(self) -> None:
        """Until the caller's end. Raises `FrameFault`, `SilentCaller`, `OSError`."""
        body = self._first_frame()
        while body is not None:
            if self._frames:
                raise ConnectionAbortedError  # he does not wait for his answers
            self._frames.put(body)
            self._caller.settimeout(None)
            body = self._frame(self._caller.recv(4))
        self._caller.hang_up()

    def _first_frame(self) -> bytes | None:
        """Who has called once may think as long as he likes; who never calls takes a place for
        nothing. Raises as `_frame` does, and `SilentCaller`."""
        self._caller.settimeout(FIRST_WITHIN)
        try:
            begun = self._caller.recv(4)
        except TimeoutError:
            raise SilentCaller(seconds=int(FIRST_WITHIN)) from None
        return self._frame(begun)

    def _frame(self, begun: bytes) -> bytes | None:
        """The body of the frame that begins so; None at the end. Raises `FrameFault`, `OSError`."""
        if not begun:
            return None
        deadline = self._world.monotonic() + FRAME_WITHIN
        head = begun + self._exactly(4 - len(begun), deadline)
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
        self._line.leave()
        self._server.gone(self)

    def _called(self, frame: bytes | Fault) -> CallAnswer:
        if isinstance(frame, Fault):
            return answer_for(frame)
        try:
            function, parameters = wire.read_call(frame)
        except wire.FrameFault as fault:
            return answer_for(fault)
        return self._connection.call(function.decode("ascii", errors="replace"), parameters)
