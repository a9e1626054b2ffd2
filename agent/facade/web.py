"""The same calls for browsers: `POST /sscard/{function}` and WebSocket `/sscard`, on 127.0.0.1.

Off by default. A browser sends no token, so a client is an exact pair of Host and Origin from the
settings: a page of another origin, or a name that was rebound to this machine, is nobody's.
Whatever is refused is a JSON envelope with an error code and a sentence, like an answer.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

import anyio
import msgspec
from anyio import to_thread
from msgspec import Meta
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from agent.facade import fields
from agent.facade.call import Answer
from agent.facade.desk import Connection
from agent.facade.errors import told
from agent.facade.faults import ClientUnknown, FacadeFault, TooManyCallers
from config.model import FacadeClient
from world import Fault
from world.foreign import Undecodable, decoded

LARGEST = 64 * 1024  # bytes of a body or message
BODY_WITHIN = 2.0  # seconds
CALLERS = 16  # requests and sockets at the same time
AHEAD = 4  # messages of one socket that wait for an answer
SHOWN = 64  # characters of a caller's origin that a refusal repeats

Connect = Callable[[FacadeClient, str], Connection]
E = TypeVar("E", "Envelope", "Body")
Text = Annotated[str, Meta(max_length=fields.LONGEST)]


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"given": "in"}):
    """One call over the WebSocket: `{"func": "iReadCardBas", "in": ["3"]}`."""

    func: Annotated[str, Meta(max_length=64)]
    given: Annotated[tuple[Text | int, ...], Meta(max_length=8)] = ()


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"given": "in"}):
    """One call by POST, its function in the path: `{"in": ["3"]}`."""

    given: Annotated[tuple[Text | int, ...], Meta(max_length=8)] = ()


class Refused(FacadeFault):
    """What came is no call. Facts: `problem`; `status` is HTTP's."""

    code = "facade.envelope"

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem=problem)
        self.status = status


class Web:
    """The ASGI application's state: who may call, who calls now."""

    def __init__(self, clients: Sequence[FacadeClient], connect: Connect) -> None:
        self._clients = {(c.host, c.origin): c for c in clients if c.host and c.origin}
        self._connect = connect
        self._posting: dict[str, Connection] = {}  # steps of one flow are several requests
        self._callers = 0

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/sscard/{function}", self._post, methods=["POST"]),
                Route("/sscard/{function}", self._preflight, methods=["OPTIONS"]),
                WebSocketRoute("/sscard", self._socket),
            ],
            exception_handlers={HTTPException: self._no_route},
        )

    # HTTP

    async def _post(self, request: Request) -> Response:
        try:
            client = self._client(request.headers)
        except Fault as fault:
            return _refusal(fault)
        allowed = _allowing(client)
        if self._callers >= CALLERS:
            return _refusal(TooManyCallers(allowed=CALLERS), allowed)
        self._callers += 1
        try:
            given = await _body(request)
            connection = self._posting.setdefault(client.name, self._made(client))
            called = await _watched(request, connection, request.path_params["function"], given)
            return _json(called, headers=allowed)
        except Fault as fault:
            return _refusal(fault, allowed)
        finally:
            self._callers -= 1

    async def _preflight(self, request: Request) -> Response:
        """A browser asks first whether that page may call this machine."""
        try:
            client = self._client(request.headers)
        except Fault as fault:
            return _refusal(fault)
        headers = {
            **_allowing(client),
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "content-type",
        }
        if request.headers.get("access-control-request-private-network") == "true":
            headers["Access-Control-Allow-Private-Network"] = "true"
        return Response(status_code=204, headers=headers)

    async def _no_route(self, request: Request, error: Exception) -> Response:
        """What the router itself refuses: 404 and 405."""
        assert isinstance(error, HTTPException)
        return _refusal(Refused(error.status_code, "POST /sscard/{function}"))

    # WebSocket

    async def _socket(self, socket: WebSocket) -> None:
        try:
            client = self._client(socket.headers)
            if self._callers >= CALLERS:
                raise TooManyCallers(allowed=CALLERS)
        except Fault as fault:
            await socket.send_denial_response(_refusal(fault))
            return
        self._callers += 1
        connection = self._made(client)
        try:
            await socket.accept()
            await _converse(socket, connection)
        finally:
            connection.close()
            self._callers -= 1

    # Who it is

    def _client(self, headers: Headers) -> FacadeClient:
        """Raises `ClientUnknown`."""
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) == len(origins) == 1:
            client = self._clients.get((hosts[0], origins[0]))
            if client is not None:
                return client
        caller = " ".join([*origins, *hosts])[:SHOWN]
        raise ClientUnknown(caller="".join(sign for sign in caller if "!" <= sign <= "~") or "–")

    def _made(self, client: FacadeClient) -> Connection:
        return self._connect(client, f"origin:{client.origin}")


async def _watched(
    request: Request, connection: Connection, function: str, given: Sequence[str]
) -> Answer:
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


async def _converse(socket: WebSocket, connection: Connection) -> None:
    """Call after call until the caller goes; he is heard while a call is under way."""
    waiting = 0

    async def answer(text: str | None) -> None:
        nonlocal waiting
        called = await _called(connection, text)
        waiting -= 1
        try:
            await socket.send_text(_envelope(called).decode())
        except (WebSocketDisconnect, RuntimeError):  # gone, or going: Starlette says either
            connection.close()

    async with anyio.create_task_group() as tasks:
        while (message := await socket.receive())["type"] == "websocket.receive":
            waiting += 1
            if waiting > AHEAD:
                await socket.close(1008)
                break
            tasks.start_soon(answer, message.get("text"))
        connection.close()


async def _called(connection: Connection, text: str | None) -> Answer:
    try:
        if text is None:
            raise Refused(400, "text")
        envelope = _decoded(text.encode(), Envelope)
    except Refused as fault:
        return told(fault)
    return await to_thread.run_sync(connection.call, envelope.func, _texts(envelope.given))


async def _body(request: Request) -> Sequence[str]:
    """The parameters of a POST. Raises `Refused`."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Refused(415, "Content-Type: application/json")
    raw = b""
    try:
        with anyio.fail_after(BODY_WITHIN):
            async for chunk in request.stream():
                raw += chunk
                if len(raw) > LARGEST:
                    raise Refused(413, f"> {LARGEST} bytes")
    except TimeoutError:
        raise Refused(408, f"> {BODY_WITHIN:.0f} s") from None
    except ClientDisconnect:
        raise Refused(400, "disconnect") from None
    return _texts(_decoded(raw, Body).given)


def _decoded(raw: bytes, shape: type[E]) -> E:
    """Raises `Refused`."""
    try:
        return decoded(raw, shape)
    except Undecodable:
        # The cause would show what was sent.
        raise Refused(400, '{"func": "…", "in": ["…"]}') from None


def _texts(given: Sequence[str | int]) -> Sequence[str]:
    return [str(value) for value in given]


def _allowing(client: FacadeClient) -> dict[str, str]:
    """CORS for that page and no other."""
    return {"Access-Control-Allow-Origin": client.origin or "", "Vary": "Origin"}


def _refusal(fault: Fault, headers: Mapping[str, str] | None = None) -> Response:
    match fault:
        case Refused():
            status = fault.status
        case ClientUnknown():
            status = 403
        case _:
            status = 503
    return _json(told(fault), status, headers)


def _json(answer: Answer, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        _envelope(answer),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def _envelope(answer: Answer) -> bytes:
    """`{"result": "0", "out": […]}`: the output's fields, or the error's text."""
    out: Any = fields.split(answer.output) if answer.result == 0 else [answer.output]
    return msgspec.json.encode({"result": str(answer.result), "out": out})
