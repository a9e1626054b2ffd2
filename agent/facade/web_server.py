"""Serves the browsers' side of the national interface on a thread of its own (uvicorn)."""

import asyncio
from collections.abc import Sequence

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from agent.facade.web import LARGEST, Connect, Web
from config.model import FacadeClient
from world import Fault, Task, World

HEADERS_WITHIN = 2.0  # seconds from the connection to the end of its first request's head
CONNECTIONS = 64  # beyond it uvicorn says 503 without asking us
LARGEST_HEAD = 16 * 1024  # bytes


class FacadePortUnusable(Fault):
    """The loopback port is taken. Facts: `port`, `cause`."""

    code = "facade.port"


class TimelyProtocol(H11Protocol):
    """Hangs up on who connects and then says nothing, or says it byte by byte."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(HEADERS_WITHIN, self._too_slow)

    def handle_websocket_upgrade(self, event: object) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        super().handle_websocket_upgrade(event)  # type: ignore[arg-type]

    def _too_slow(self) -> None:
        if getattr(self, "cycle", None) is None:  # typed as if there always were one
            self.transport.close()


class WebServer:
    """Serves `[[facade.clients]]` that have `host` and `origin`."""

    def __init__(
        self, world: World, port: int, clients: Sequence[FacadeClient], connect: Connect
    ) -> None:
        self._world = world
        self._port = port
        self._server = uvicorn.Server(
            uvicorn.Config(
                Web(clients, connect).application(),
                http=TimelyProtocol,
                ws="wsproto",
                ws_max_size=LARGEST,
                log_config=None,
                access_log=False,
                lifespan="off",
                proxy_headers=False,
                server_header=False,
                limit_concurrency=CONNECTIONS,
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
            raise FacadePortUnusable(port=self._port, cause=error.strerror or "") from error
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
