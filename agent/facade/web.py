"""The same calls for browsers: `POST /sscard/{function}` and WebSocket `/sscard`, on 127.0.0.1.

Off by default. Whatever is refused is a JSON envelope with an error code and a sentence, like an
answer, and is noted for the log and for `doctor`.
"""

from collections.abc import Callable, Mapping, Sequence

import anyio
from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from agent.facade.call import CallAnswer
from agent.facade.desk import CallerConnection
from agent.facade.errors import answer_for
from agent.facade.faults import ClientUnknown, TooManyCallers, UserUnknown
from agent.facade.refusals import Refusals
from agent.facade.web_clients import Page, WebClients, stranger, unknown
from agent.facade.web_envelope import LARGEST, Body, Id, WebCallRefused, id_in, read, written
from agent.facade.web_socket import converse, turn_away
from agent.lines import HeldLine, Lines
from config.model import FacadeClient
from world import Fault, Peer, World

BODY_WITHIN = 2.0  # seconds
EACH = 16  # requests and sockets of one user at the same time
CALLERS = 32  # of all users
# A browser asks before a page may call a machine nearer than its own: by these names, the first
# in Chromium 104 to 141 (Private Network Access), the second in drafts since. From 142 on it asks
# the person, or its policy, and no longer us (docs/sscard.md).
NEARER = ("private-network", "local-network")

Connect = Callable[[FacadeClient, str], CallerConnection]


class Web:
    """The ASGI application's state: who may call, who calls now."""

    def __init__(
        self, world: World, clients: Sequence[FacadeClient], connect: Connect, refusals: Refusals
    ) -> None:
        self._clients = WebClients(clients)
        self._connect = connect
        self._refusals = refusals
        self._posting: dict[
            tuple[str, int], CallerConnection
        ] = {}  # steps of a flow are several POSTs
        self._calling = Lines(world, each=EACH, in_all=CALLERS)

    def application(self) -> Starlette:
        """The routes of POST, preflight and WebSocket; no redirects, which a browser would not
        follow."""
        application = Starlette(
            routes=[
                Route("/sscard/{function}", self._post, methods=["POST"]),
                Route("/sscard/{function}", self._preflight, methods=["OPTIONS"]),
                WebSocketRoute("/sscard", self._socket),
                WebSocketRoute("/{path:path}", self._no_socket),
            ],
            exception_handlers={HTTPException: self._no_route},
        )
        # A browser does not follow what sends it elsewhere, nor tells the page.
        application.router.redirect_slashes = False
        return application

    # HTTP

    async def _post(self, request: Request) -> Response:
        try:
            page = self._clients.page(request.headers, _peer(request))
            place = self._place(page)
        except Fault as fault:
            return self._refused(request, fault)
        raw = b""
        try:
            raw = await _raw(request)
            body = read(raw, Body)
            connection = self._posting.setdefault(page.owner, self._made(page))
            function = request.path_params["function"]
            answer = await _watched(request, connection, function, body.parameters)
            self._refusals.forget(stranger(request.headers, page.peer))
            return _json(answer, 200, self._clients.readable_by(request.headers), body.id)
        except Fault as fault:
            return self._refused(request, fault, id_in(raw))
        finally:
            place.leave()

    async def _preflight(self, request: Request) -> Response:
        """A browser asks first whether that page may call this machine. A page that is listed for
        another name of this machine, or calls another path, is let on, to be told so: its call is
        looked at by itself."""
        readable = self._clients.readable_by(request.headers)
        if not readable:
            return self._refused(request, unknown(request.headers))
        headers = {
            **readable,
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "content-type",
        }
        for kind in NEARER:
            if request.headers.get(f"access-control-request-{kind}") == "true":
                headers[f"Access-Control-Allow-{kind.title()}"] = "true"
        return Response(status_code=204, headers=headers)

    async def _no_route(self, request: Request, error: Exception) -> Response:
        """What the router itself refuses, 404 and 405: told to the call, not to its preflight."""
        if request.method == "OPTIONS":
            return await self._preflight(request)
        assert isinstance(error, HTTPException)
        return self._refused(request, WebCallRefused(error.status_code, "POST /sscard/{function}"))

    def _refused(self, request: Request, fault: Fault, id_: Id = None) -> Response:
        self._refusals.note(fault, stranger(request.headers, _peer(request)))
        headers = {**self._clients.readable_by(request.headers), "CallerConnection": "close"}
        return _json(answer_for(fault), _status(fault), headers, id_)

    # WebSocket

    async def _socket(self, socket: WebSocket) -> None:
        try:
            page = self._clients.page(socket.headers, _peer(socket))
            place = self._place(page)
        except Fault as fault:
            await self._turned_away(socket, fault)
            return
        connection = self._made(page)
        try:
            await socket.accept()
            self._refusals.forget(stranger(socket.headers, page.peer))
            await converse(socket, connection)
        finally:
            connection.close()
            place.leave()

    async def _no_socket(self, socket: WebSocket) -> None:
        await self._turned_away(socket, WebCallRefused(404, "ws://…/sscard"))

    async def _turned_away(self, socket: WebSocket, fault: Fault) -> None:
        self._refusals.note(fault, stranger(socket.headers, _peer(socket)))
        await turn_away(socket, fault)

    # Who it is

    def _place(self, page: Page) -> HeldLine:
        """Raises `TooManyCallers`."""
        place = self._calling.take(page.peer.uid)
        if place is None:
            raise TooManyCallers(allowed=EACH)
        return place

    def _made(self, page: Page) -> CallerConnection:
        return self._connect(page.client, page.caller)


def _peer(connection: HTTPConnection) -> Peer | None:
    """See `agent.facade.http_lines`."""
    peer: Peer | None = connection.scope["state"]["peer"]
    return peer


async def _watched(
    request: Request, connection: CallerConnection, function: str, given: Sequence[str]
) -> CallAnswer:
    """The call's answer; a caller that hangs up meanwhile loses what he leased."""

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        connection.release()  # the same page may come again

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        answer = await to_thread.run_sync(connection.call, function, given)
        tasks.cancel_scope.cancel()
    return answer


async def _raw(request: Request) -> bytes:
    """Raises `WebCallRefused`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind.lower() != "application/json":  # RFC 9110, 8.3.1
        raise WebCallRefused(415, "Content-Type: application/json")
    raw = b""
    try:
        with anyio.fail_after(BODY_WITHIN):
            async for chunk in request.stream():
                raw += chunk
                if len(raw) > LARGEST:
                    raise WebCallRefused(413, f"> {LARGEST} bytes")
    except TimeoutError:
        raise WebCallRefused(408, f"> {BODY_WITHIN:.0f} s") from None
    except ClientDisconnect:
        raise WebCallRefused(400, "disconnect") from None
    return raw


def _status(fault: Fault) -> int:
    match fault:
        case WebCallRefused():
            return fault.status
        case ClientUnknown() | UserUnknown():
            return 403
        case _:
            return 503


def _json(answer: CallAnswer, status: int, headers: Mapping[str, str], id_: Id = None) -> Response:
    return Response(
        written(answer, id_),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store", **headers},
    )
