"""Serves the local API on the agent's Unix socket, on a thread of its own.

uvicorn wakes ten times a second by itself: the stated exception to "no polling" (design.md). The
socket belongs to the group `onecard`, where there is one, and to no other.
"""

from contextlib import suppress
from pathlib import Path

import uvicorn

from agent.api.app import Daemon, answer_for, application
from agent.http_lines import LARGEST_HEAD, counted
from agent.lines import Lines
from world import Fault, Peer, Task, World, cause_of

GROUP = "onecard"
OWNER_AND_GROUP = 0o660
EACH = 32  # lines of one user
LINES = 64  # of all users


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
    """After `start` callers can connect; they are served as soon as the event loop runs."""

    def __init__(self, world: World, daemon: Daemon, path: Path) -> None:
        self._world = world
        self._path = path
        self._feeds = (daemon.feed, daemon.traces)
        self._daemon = daemon
        lines = Lines(world, each=EACH, in_all=LINES)
        self._server = uvicorn.Server(
            uvicorn.Config(
                application(daemon),
                http=counted(world, lines, self._surplus),
                ws="none",
                log_config=None,
                log_level="error",  # what programs send wrongly would fill the log
                access_log=False,
                lifespan="off",
                h11_max_incomplete_event_size=LARGEST_HEAD,
                timeout_graceful_shutdown=1,
            )
        )
        self._task: Task | None = None

    def require_free(self) -> None:
        """Raises `AlreadyRuns` when somebody answers at the socket."""
        try:
            self._world.connect(str(self._path), 1.0).close()
        except OSError:
            return  # nobody, or what a killed agent left
        raise AlreadyRuns(socket=str(self._path))

    def start(self) -> None:
        """Raises `SocketUnusable`."""
        try:
            listener = self._world.listen(self._path, mode=OWNER_AND_GROUP, group=GROUP)
        except OSError as error:
            raise SocketUnusable(path=str(self._path), cause=cause_of(error)) from error
        self._task = self._world.spawn(
            lambda: self._server.run(sockets=[listener]), name="local api"
        )

    def stop(self) -> None:
        """End what is being answered within a second, and take the socket away."""
        if self._task is None:
            return
        for feed in self._feeds:
            feed.close()  # else each listener would be cut off with a traceback in the log
        self._server.should_exit = True
        self._task.join(3)
        with suppress(OSError):  # somebody tidied /run, or may do so alone
            self._world.remove_file(self._path)

    def _surplus(self, peer: Peer | None) -> bytes:
        body = answer_for(self._daemon, TooManyLines(allowed=EACH))
        head = (
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + body
