"""Serves the local API on the agent's Unix socket, on a thread of its own.

uvicorn wakes ten times a second by itself: the stated exception to "no polling" (design.md).
The socket belongs to the group `onecard`, where there is one, and to nobody else.
"""

from contextlib import suppress
from pathlib import Path

import uvicorn

from agent.api.app import Daemon, application
from world import Fault, Task, World

GROUP = "onecard"
OWNER_AND_GROUP = 0o660


class SocketUnusable(Fault):
    """The API's socket cannot be made: its folder is missing or may not be written."""

    code = "api.socket"


class AlreadyRuns(Fault):
    """Another agent answers at this socket. Fact: `socket`."""

    code = "daemon.already-runs"


class ApiServer:
    """After `start` callers can connect; they are served as soon as the event loop runs."""

    def __init__(self, world: World, daemon: Daemon, path: Path) -> None:
        self._world = world
        self._path = path
        self._feeds = (daemon.feed, daemon.traces)
        self._server = uvicorn.Server(
            uvicorn.Config(
                application(daemon),
                log_config=None,
                access_log=False,
                lifespan="off",
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
            raise SocketUnusable(path=str(self._path), cause=error.strerror or "") from error
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
