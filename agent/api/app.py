"""Routes of the local API. Every answer, errors too, is a JSON object with `version`; GET changes
nothing, and what changes something is a POST with a JSON body.

The journal and the status are read in the store's own thread between taps, so no endpoint opens
the database file. Identities are never handed out here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, Protocol, TypeVar

import anyio
import msgspec
from anyio import to_thread
from starlette.applications import Starlette
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from agent.equipment.loans import DeviceUnknown
from agent.feed import END, Feed
from agent.scenes.bus.api import REFUSED as JOURNEY_REFUSED
from agent.scenes.bus.api import EmptyBody, VehicleControl, journey_routes
from agent.staff.session import StaffNeeded
from agent.staff.sign_in import SignInOff, SignInOpen
from offline_store.events.row import Record
from world import Fault
from world.foreign import Undecodable, decoded, encoded

VERSION = 1
PAGE = 200  # records in one answer
LARGEST_BODY = 4096  # bytes
BODY_WITHIN = 2.0  # seconds
LONGEST_ROUTE = 64  # characters of a wrong path that an error repeats

B = TypeVar("B")


class Daemon(VehicleControl, Protocol):
    """What the API needs of the agent. All of these may wait some milliseconds for the store."""

    feed: Feed

    @property
    def traces(self) -> Feed:
        """The stages of each tap, as they are measured; no data of a person."""
        ...

    def status(self) -> dict[str, Any]:
        """What `GET /v1/status` answers."""
        ...

    def readers(self) -> list[dict[str, Any]]:
        """Each card reader with its state, in the order of the settings."""
        ...

    def devices(self) -> list[dict[str, Any]]:
        """Each other device with its state, in the order of the settings."""
        ...

    def attached(self) -> Sequence[str]:
        """The system's names of all card slots that are there, bound or not."""
        ...

    def leases(self) -> Sequence[dict[str, Any]]:
        """Which business program holds which reader now."""
        ...

    def records(self, epoch: str | None, after: int, limit: int) -> Sequence[Record]:
        """At most `limit` rows of `epoch` (None: of all) behind row `after`, oldest first. Raises
        a Fault of the store."""
        ...

    def verify(self) -> dict[str, Any]:
        """How far the chain of hashes and MACs holds. Raises a Fault of the store."""
        ...

    def explain(self, epoch: str, seq: int) -> dict[str, Any]:
        """Why a row was decided as it was; `seq` counts from 1. See `agent.tap.explain.answer`,
        also for what it raises."""
        ...

    def lend(self, device: str, seconds: float) -> None:
        """Let another program have the device for some seconds. Raises `DeviceUnknown` of
        `agent.equipment.loans`, `agent.staff.session.StaffNeeded`."""
        ...

    def take_back(self, device: str) -> None:
        """Take a device back that was lent. Raises `agent.equipment.loans.DeviceUnknown`."""
        ...

    def sign_in(self) -> dict[str, Any]:
        """How the last sign-in stands, and which member of the staff is signed in."""
        ...

    def begin_sign_in(self) -> dict[str, Any]:
        """Ask the platform for a code that a phone confirms. Returns what `sign_in` does. Raises
        faults of `agent.staff.sign_in` and of `sync.requests`."""
        ...

    def cancel_sign_in(self) -> None:
        """End a sign-in that is under way; nothing happens when there is none."""
        ...

    def sign_out(self) -> None:
        """End the session of the member of the staff who is signed in, if one is."""
        ...

    def settings(self) -> dict[str, Any]:
        """The settings in force, without any secret."""
        ...

    def sentence(self, fault: Fault) -> str:
        """The fault in words, in the language of the settings."""
        ...


class Loan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a release: for how long another program wants the device, in seconds."""

    seconds: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 600.0


def application(daemon: Daemon) -> Starlette:
    """The ASGI application for one daemon."""

    def respond_with(fault: Fault, status: int) -> Response:
        body = answer_for(daemon, fault)
        return Response(body, status_code=status, media_type="application/json")

    def endpoint(answer: Callable[[Request], dict[str, Any]]) -> Callable[..., Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            try:
                return _json(await to_thread.run_sync(answer, request))
            except BadQuery as fault:
                return respond_with(fault, 400)
            except Fault as fault:
                return respond_with(fault, JOURNEY_REFUSED.get(type(fault), 503))

        return respond

    def order(
        shape: type[B], act: Callable[[Request, B], dict[str, Any] | None]
    ) -> Callable[..., Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            try:
                body = await _body(request, shape)
                answer = await to_thread.run_sync(act, request, body)
                return _json(answer or {})
            except Fault as fault:
                return respond_with(fault, REFUSED.get(type(fault), 503))

        return respond

    async def refused(request: Request, error: Exception) -> Response:
        """What the router itself refuses: 404 and 405."""
        assert isinstance(error, HTTPException)
        route = request.url.path[:LONGEST_ROUTE]
        if error.status_code == 405:
            allowed = ", ".join(sorted((error.headers or {})["Allow"].split(", ")))
            return respond_with(
                WrongMethod(method=request.method, route=route, allowed=allowed), 405
            )
        return respond_with(NoRoute(route=route), error.status_code)

    def status(request: Request) -> dict[str, Any]:
        return daemon.status()

    def settings(request: Request) -> dict[str, Any]:
        return daemon.settings()

    def readers(request: Request) -> dict[str, Any]:
        return {"readers": daemon.readers(), "attached": list(daemon.attached())}

    def devices(request: Request) -> dict[str, Any]:
        attached = list(daemon.attached())
        return {"devices": [*daemon.readers(), *daemon.devices()], "attached": attached}

    def leases(request: Request) -> dict[str, Any]:
        return {"leases": list(daemon.leases())}

    def journal(request: Request) -> dict[str, Any]:
        query = request.query_params
        after = _whole_number(query.get("after", "0"))
        limit = min(PAGE, _whole_number(query.get("limit", str(PAGE))))
        records = daemon.records(query.get("epoch"), after, limit)
        return {"records": [msgspec.to_builtins(record) for record in records]}

    def verify(request: Request) -> dict[str, Any]:
        return daemon.verify()

    def explain(request: Request) -> dict[str, Any]:
        seq = _whole_number(request.path_params["seq"])
        return daemon.explain(request.path_params["epoch"], seq)

    def release(request: Request, loan: Loan) -> None:
        daemon.lend(request.path_params["device"], loan.seconds)

    def take_back(request: Request, body: EmptyBody) -> None:
        daemon.take_back(request.path_params["device"])

    def sign_in(request: Request) -> dict[str, Any]:
        return daemon.sign_in()

    def begin_sign_in(request: Request, body: EmptyBody) -> dict[str, Any]:
        return daemon.begin_sign_in()

    def cancel_sign_in(request: Request, body: EmptyBody) -> None:
        daemon.cancel_sign_in()

    def sign_out(request: Request, body: EmptyBody) -> None:
        daemon.sign_out()

    async def taps(request: Request) -> Response:
        return StreamingResponse(_lines(daemon.feed), media_type="application/x-ndjson")

    async def traces(request: Request) -> Response:
        return StreamingResponse(_lines(daemon.traces), media_type="application/x-ndjson")

    application = Starlette(
        routes=[
            Route("/v1/status", endpoint(status)),
            Route("/v1/settings", endpoint(settings)),
            Route("/v1/readers", endpoint(readers)),
            Route("/v1/devices", endpoint(devices)),
            Route("/v1/devices/{device:typed}/release", order(Loan, release), methods=["POST"]),
            Route(
                "/v1/devices/{device:typed}/take-back",
                order(EmptyBody, take_back),
                methods=["POST"],
            ),
            Route("/v1/leases", endpoint(leases)),
            Route("/v1/journal", endpoint(journal)),
            Route("/v1/journal/verify", endpoint(verify)),
            Route("/v1/journal/{epoch}/{seq}/explanation", endpoint(explain)),
            Route("/v1/taps", taps),
            Route("/v1/sign-in", endpoint(sign_in)),
            Route("/v1/sign-in", order(EmptyBody, begin_sign_in), methods=["POST"]),
            Route("/v1/sign-in/cancel", order(EmptyBody, cancel_sign_in), methods=["POST"]),
            Route("/v1/sign-out", order(EmptyBody, sign_out), methods=["POST"]),
            Route("/v1/traces", traces),
            *journey_routes(daemon, endpoint, order),
        ],
        exception_handlers={HTTPException: refused},
    )
    application.router.redirect_slashes = False  # an answer without JSON
    return application


class BadQuery(Fault):
    """A query parameter that is no whole number from 0 on."""

    code = "api.bad-query"


class NoRoute(Fault):
    """Nothing is offered under that path. Fact: `route`."""

    code = "api.no-route"


class WrongMethod(Fault):
    """The route takes another method. Facts: `method`, `route`, `allowed`."""

    code = "api.wrong-method"


class BadBody(Fault):
    """The body of a POST is not the JSON object that its route takes. Fact: `problem`."""

    code = "api.bad-body"


class Typed(PathConvertor):
    """Whatever somebody typed as a name: also nothing, slashes and ends of lines."""

    regex = r"[\s\S]*"


register_url_convertor("typed", Typed())

# How an order that is not carried out is answered; whatever else fails is the terminal's (503).
REFUSED: Mapping[type[Fault], int] = {
    BadBody: 400,
    StaffNeeded: 403,
    DeviceUnknown: 404,
    SignInOff: 404,
    SignInOpen: 409,
    **JOURNEY_REFUSED,
}


def _whole_number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise BadQuery(found=text[:20])
    return int(text)


async def _body(request: Request, shape: type[B]) -> B:
    """Raises `BadBody`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind.lower() != "application/json":  # RFC 9110, 8.3.1
        raise BadBody(problem="Content-Type: application/json")
    raw = b""
    try:
        with anyio.fail_after(BODY_WITHIN):
            async for chunk in request.stream():
                raw += chunk
                if len(raw) > LARGEST_BODY:
                    raise BadBody(problem=f"> {LARGEST_BODY} bytes")
    except TimeoutError:
        raise BadBody(problem=f"> {BODY_WITHIN:.0f} s") from None
    except ClientDisconnect:
        raise BadBody(problem="disconnect") from None
    try:
        return decoded(raw, shape)
    except Undecodable as fault:
        raise BadBody(problem=fault.facts["problem"]) from fault


def answer_for(daemon: Daemon, fault: Fault) -> bytes:
    """The JSON object of an answer that is an error."""
    return _written(
        {"error": fault.code, "facts": dict(fault.facts), "sentence": daemon.sentence(fault)}
    )


def _json(body: dict[str, Any]) -> Response:
    return Response(_written(body), media_type="application/json")


def _written(body: dict[str, Any]) -> bytes:
    return encoded({"version": VERSION, **body})


async def _lines(feed: Feed) -> AsyncIterator[bytes]:
    """One line per tap or trace from now on, until the caller hangs up or the agent ends."""
    with feed.listen() as reports:
        yield b"\n"  # the headers go out at once, so that the caller knows that we listen
        while (report := await reports.get()) != END:
            yield report + b"\n"
