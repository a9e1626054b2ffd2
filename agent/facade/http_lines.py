"""HTTP lines of local programs at uvicorn: counted by user, and none is waited for without end.

The application finds who is at the other end as `scope["state"]["peer"]`, a `world.Peer` or None.
"""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol

from agent.lines import HeldLine, Lines
from world import Peer, World

HEAD_WITHIN = 2.0  # seconds from a request's first byte, or the line's beginning, to its head's end
LARGEST_HEAD = 16 * 1024  # bytes
UNREADABLE = "Invalid HTTP request received."
# Of a WebSocket's handshake (wsproto).
IN_ASCII = (b"connection", b"sec-websocket-extensions", b"sec-websocket-protocol")

Surplus = Callable[[Peer | None], bytes]


def counted(world: World, lines: Lines, surplus: Surplus) -> Any:
    """For `uvicorn.Config(http=…)`. `surplus` notes the caller for which there is no line, and
    gives the whole response to it."""
    return partial(CountedProtocol, world, lines, surplus)


class CountedProtocol(H11Protocol):
    """Hangs up on who says nothing, or says it byte by byte."""

    def __init__(self, world: World, lines: Lines, surplus: Surplus, **given: Any) -> None:
        super().__init__(**given)
        self._world = world
        self._lines = lines
        self._surplus = surplus
        self._line: HeldLine | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the line by the user at its other end; a surplus one gets its answer and is
        closed."""
        super().connection_made(transport)
        peer = self._peer()
        self._line = self._lines.take(peer.uid if peer is not None else None)
        if self._line is None:
            transport.write(self._surplus(peer))
            transport.close()
            return
        self.app_state = {**self.app_state, "peer": peer}
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the line back, unless a WebSocket has taken it over."""
        super().connection_lost(exc)
        self._relax()
        if self._line is not None:
            self._line.leave()

    def data_received(self, data: bytes) -> None:
        """Hand on what came, and begin or end the deadline for the rest of head or body."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request on this line."""
        super().on_response_complete()
        self._watch()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """A handshake in no encoding would come out of wsproto as an exception."""
        self._relax()
        if not _decodable(self.headers):
            return self.send_400_response(UNREADABLE)
        assert self.ws_protocol_class is not None
        self.ws_protocol_class = partial(  # type: ignore[assignment]
            CountedWebSocket, self._line
        )
        self._line = None  # it is the socket's now
        return super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """Once: a request that goes wrong behind its head has an answer coming already."""
        if self._answering():
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

    def _peer(self) -> Peer | None:
        try:
            return self._world.peer_of(self.transport.get_extra_info("socket"))
        except (OSError, LookupError):  # gone already, or the kernel keeps no such tables
            return None

    def _watch(self) -> None:
        """The clock runs while a head is due, or the rest of a body that nobody reads any more; an
        idle line between two requests is uvicorn's own to close."""
        if self.transport.is_closing() or self._answering():
            self._relax()
        elif self.cycle is None or self._unfinished():
            if self._deadline is None:
                self._deadline = self.loop.call_later(HEAD_WITHIN, self.transport.close)
        else:
            self._relax()

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _unfinished(self) -> bool:
        begun, _ = self.conn.trailing_data
        return bool(begun) or self.conn.their_state is h11.SEND_BODY

    def _relax(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _decodable(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether wsproto can read what it looks at in a handshake."""
    try:
        for name, value in headers:
            if name in IN_ASCII:
                value.decode("ascii")
            elif name == b"host":
                value.decode("idna")
    except UnicodeError:
        return False
    return True


class CountedWebSocket(WSProtocol):
    """A line that has become a WebSocket; a client that does not take what is sent is hung up
    on."""

    def __init__(self, line: HeldLine | None, **given: Any) -> None:
        super().__init__(**given)
        self._line = line

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the line back."""
        super().connection_lost(exc)
        if self._line is not None:
            self._line.leave()

    def pause_writing(self) -> None:
        """Pongs are written without asking whether anybody reads them."""
        self.transport.abort()
