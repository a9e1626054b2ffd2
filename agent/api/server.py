"""Serves the local API on the agent's Unix socket: a thread that accepts, and one for each line.

The socket belongs to the group `onecard`, where there is one, and to nobody else.
"""

from contextlib import suppress
from pathlib import Path
from typing import Final

from agent.api.app import Api, Daemon
from agent.api.line import ApiLine
from agent.lines import HeldLine, Lines
from world import Caller, Fault, Listener, Task, World, cause_of

GROUP: Final = "onecard"
OWNER_AND_GROUP: Final = 0o660
EACH: Final = 32  # lines of one user
LINES: Final = 64  # of all users
ENDS_WITHIN: Final = 1.0  # seconds that an answer under way gets at the stop


class SocketUnusable(Fault):
    """The API's socket cannot be made: its folder is missing or may not be written."""

    code = "api.socket"


class TooManyLines(Fault):
    """The caller's user, or all users together, have as many lines open as they may. Fact:
    `allowed` for one user."""

    code = "api.too-many"


class AlreadyRuns(Fault):
    """Another agent answers at this socket. Fact: `socket`."""

    code = "daemon.already-runs"


class ApiServer:
    """After `start` callers are served; any thread may call `stop`, once."""

    def __init__(self, world: World, daemon: Daemon, path: Path) -> None:
        self._world = world
        self._path = path
        self._api = Api(daemon)
        self._feeds = (daemon.feed, daemon.traces)
        self._lines = Lines(world, each=EACH, in_all=LINES)
        self._changing = world.lock()
        self._served: dict[ApiLine, Task] = {}
        self._listener: Listener | None = None
        self._task: Task | None = None

    def require_free(self) -> None:
        """Raises `AlreadyRuns` when another agent answers at the socket."""
        try:
            self._world.connect(str(self._path), 1.0).close()
        except OSError:
            return  # none, or what a killed agent left
        raise AlreadyRuns(socket=str(self._path))

    def start(self) -> None:
        """Raises `SocketUnusable`."""
        try:
            self._listener = self._world.callers(self._path, mode=OWNER_AND_GROUP, group=GROUP)
        except OSError as error:
            raise SocketUnusable(path=str(self._path), cause=cause_of(error)) from error
        self._task = self._world.spawn(self._accept, name="local api")

    def stop(self) -> None:
        """End what is being answered within a second, and take the socket away."""
        if self._listener is None or self._task is None:
            return
        self._listener.close()
        self._task.join(ENDS_WITHIN)
        for feed in self._feeds:
            feed.close()
        self._end_lines()
        with suppress(OSError):  # somebody tidied /run, or may do so alone
            self._world.remove_file(self._path)

    def _end_lines(self) -> None:
        with self._changing:
            served = dict(self._served)
        deadline = self._world.monotonic() + ENDS_WITHIN
        for line, task in served.items():
            if not line.answering or not task.join(max(0.0, deadline - self._world.monotonic())):
                line.hang_up()
        for task in served.values():
            task.join(ENDS_WITHIN)

    # The accepting thread

    def _accept(self) -> None:
        while (caller := self._next()) is not None:
            held = self._lines.take(caller.peer.uid)
            if held is None:
                self._turn_away(caller)
            else:
                self._serve(caller, held)

    def _next(self) -> Caller | None:
        """None when the listener is closed."""
        assert self._listener is not None
        try:
            return self._listener.accept()
        except OSError:
            return None

    def _serve(self, caller: Caller, held: HeldLine) -> None:
        line = ApiLine(self._world, caller, self._api.asked, self._api.refused)

        def serve() -> None:
            line.serve()
            held.leave()
            with self._changing:
                del self._served[line]

        with self._changing:
            self._served[line] = self._world.spawn(serve, name="local api line")

    def _turn_away(self, caller: Caller) -> None:
        """The surplus is told why, which takes no waiting: a new line has room for an answer."""
        answer = self._api.refused(TooManyLines(allowed=EACH), 503)
        line = ApiLine(self._world, caller, self._api.asked, self._api.refused)
        line.turn_away(answer)
