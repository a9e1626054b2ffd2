"""Serves the browsers' side of the national interface on a thread of its own (uvicorn)."""

from collections.abc import Sequence

import uvicorn

from agent.facade.errors import answer_for
from agent.facade.faults import FacadePortUnusable, TooManyCallers
from agent.facade.http_lines import LARGEST_HEAD, counted
from agent.facade.refusals import Refusals, Stranger
from agent.facade.web import Connect, Web
from agent.facade.web_envelope import LARGEST, written
from agent.lines import Lines
from config.model import FacadeClient
from world import Peer, Task, World, cause_of

EACH = 32  # lines of one user
LINES = 64  # of all users


class WebServer:
    """Serves `[[facade.clients]]` that have `host` and `origin`."""

    def __init__(
        self,
        world: World,
        port: int,
        clients: Sequence[FacadeClient],
        connect: Connect,
        refusals: Refusals | None = None,
    ) -> None:
        self._world = world
        self._port = port
        self._refusals = refusals or Refusals(world)
        lines = Lines(world, each=EACH, in_all=LINES)
        self._server = uvicorn.Server(
            uvicorn.Config(
                Web(world, clients, connect, self._refusals).application(),
                http=counted(world, lines, self._surplus),
                ws="wsproto",
                ws_max_size=LARGEST,
                # A few bytes could become megabytes before anybody counts them.
                ws_per_message_deflate=False,
                log_config=None,
                log_level="error",  # what strangers send wrongly would fill the log
                access_log=False,
                lifespan="off",
                proxy_headers=False,
                server_header=False,
                h11_max_incomplete_event_size=LARGEST_HEAD,
                timeout_graceful_shutdown=1,
            )
        )
        self._task: Task | None = None

    def start(self) -> int:
        """The port that it listens on. Raises `FacadePortUnusable`."""
        try:
            listener = self._world.listen_local(self._port)
        except OSError as error:
            raise FacadePortUnusable(port=self._port, cause=cause_of(error)) from error
        self._task = self._world.spawn(
            lambda: self._server.run(sockets=[listener]), name="sscard web"
        )
        port: int = listener.getsockname()[1]
        return port

    def stop(self) -> None:
        """End what is being answered within a second."""
        if self._task is not None:
            self._server.should_exit = True
            self._task.join(3)

    def _surplus(self, peer: Peer | None) -> bytes:
        fault = TooManyCallers(allowed=EACH)
        self._refusals.note(fault, Stranger(user=peer.user if peer else ""))
        body = written(answer_for(fault))
        head = (
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + body
