"""Routes of the local API. Every answer, errors too, is a JSON object with `version`; GET changes
nothing, and what changes something is a POST with a JSON body.

The journal and the status are read in the store's own thread between taps, so no endpoint opens
the database file. Identities are never handed out here.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Protocol
from urllib.parse import parse_qsl, unquote

import msgspec

from agent.api.line import ApiAnswer, ApiCall
from agent.equipment.loans import DeviceUnknown
from agent.feed import Feed
from agent.routes import ApiRequest, EmptyBody, Route, order, question
from agent.scenes.bus.api import VehicleControl, journey_routes
from agent.staff.session import StaffNeeded
from agent.staff.sign_in import SignInOff, SignInOpen
from offline_store.events.row import Record
from world import Fault
from world.foreign import encoded

VERSION: Final = 1
PAGE: Final = 200  # records in one answer
LONGEST_ROUTE: Final = 64  # characters of a wrong path that an error repeats


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
        """Why a row was decided as it was; see `agent.tap.explain.answer`. Raises as there."""
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


class BadQuery(Fault):
    """A query parameter that is no whole number from 0 on."""

    code = "api.bad-query"


class NoRoute(Fault):
    """Nothing is offered under that path. Fact: `route`."""

    code = "api.no-route"


class WrongMethod(Fault):
    """The route takes another method. Facts: `method`, `route`, `allowed`."""

    code = "api.wrong-method"


LENDING: Final[Mapping[type[Fault], int]] = {StaffNeeded: 403, DeviceUnknown: 404}
SIGNING_IN: Final[Mapping[type[Fault], int]] = {SignInOff: 404, SignInOpen: 409}


class Api:
    """Answers calls for one daemon. Any thread."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._routes = [(_pattern(route.path), route) for route in routes(daemon)]
        self._feeds = {"/v1/taps": daemon.feed, "/v1/traces": daemon.traces}

    def asked(self, call: ApiCall) -> ApiAnswer | Feed:
        """The answer to a request, or the feed that the caller wants to hear."""
        raw_path, _, query = call.target.partition("?")
        path = unquote(raw_path)
        try:
            if path in self._feeds:
                _require(call.method, path, ["GET"])
                return self._feeds[path]
            route, names = self._route(call.method, path)
        except NoRoute as fault:
            return self.refused(fault, 404)
        except WrongMethod as fault:
            return self.refused(fault, 405)
        parameters = dict(parse_qsl(query, keep_blank_values=True))
        try:
            answer = route.answer(ApiRequest(names, parameters, call.media_type, call.body))
        except Fault as fault:
            return self.refused(fault, route.refused.get(type(fault), 503))
        return ApiAnswer(200, _written(answer))

    def refused(self, fault: Fault, status: int = 400) -> ApiAnswer:
        """The JSON object of an answer that is an error."""
        sentence = self._daemon.sentence(fault)
        told = {"error": fault.code, "facts": dict(fault.facts), "sentence": sentence}
        return ApiAnswer(status, _written(told))

    def _route(self, method: str, path: str) -> tuple[Route, Mapping[str, str]]:
        """Raises `NoRoute`, `WrongMethod`."""
        fitting = [
            (route, found.groupdict())
            for pattern, route in self._routes
            if (found := pattern.fullmatch(path))
        ]
        if not fitting:
            raise NoRoute(route=path[:LONGEST_ROUTE])
        _require(method, path, sorted(route.method for route, _ in fitting))
        return next((route, names) for route, names in fitting if route.method == method)


def routes(daemon: Daemon) -> Sequence[Route]:
    """All but the feeds."""

    def status(request: ApiRequest) -> Mapping[str, Any]:
        return daemon.status()

    def settings(request: ApiRequest) -> Mapping[str, Any]:
        return daemon.settings()

    def readers(request: ApiRequest) -> Mapping[str, Any]:
        return {"readers": daemon.readers(), "attached": list(daemon.attached())}

    def devices(request: ApiRequest) -> Mapping[str, Any]:
        attached = list(daemon.attached())
        return {"devices": [*daemon.readers(), *daemon.devices()], "attached": attached}

    def leases(request: ApiRequest) -> Mapping[str, Any]:
        return {"leases": list(daemon.leases())}

    def journal(request: ApiRequest) -> Mapping[str, Any]:
        after = _whole_number(request.query.get("after", "0"))
        limit = min(PAGE, _whole_number(request.query.get("limit", str(PAGE))))
        records = daemon.records(request.query.get("epoch"), after, limit)
        return {"records": [msgspec.to_builtins(record) for record in records]}

    def verify(request: ApiRequest) -> Mapping[str, Any]:
        return daemon.verify()

    def explain(request: ApiRequest) -> Mapping[str, Any]:
        return daemon.explain(request.names["epoch"], _whole_number(request.names["seq"]))

    def release(request: ApiRequest, loan: Loan) -> None:
        daemon.lend(request.names["device"], loan.seconds)

    def take_back(request: ApiRequest, body: EmptyBody) -> None:
        daemon.take_back(request.names["device"])

    def sign_in(request: ApiRequest) -> Mapping[str, Any]:
        return daemon.sign_in()

    def begin_sign_in(request: ApiRequest, body: EmptyBody) -> Mapping[str, Any]:
        return daemon.begin_sign_in()

    def cancel_sign_in(request: ApiRequest, body: EmptyBody) -> None:
        daemon.cancel_sign_in()

    def sign_out(request: ApiRequest, body: EmptyBody) -> None:
        daemon.sign_out()

    return (
        question("/v1/status", status),
        question("/v1/settings", settings),
        question("/v1/readers", readers),
        question("/v1/devices", devices),
        order("/v1/devices/{device…}/release", Loan, release, LENDING),
        order("/v1/devices/{device…}/take-back", EmptyBody, take_back, LENDING),
        question("/v1/leases", leases),
        question("/v1/journal", journal, {BadQuery: 400}),
        question("/v1/journal/verify", verify),
        question("/v1/journal/{epoch}/{seq}/explanation", explain, {BadQuery: 400}),
        question("/v1/sign-in", sign_in),
        order("/v1/sign-in", EmptyBody, begin_sign_in, SIGNING_IN),
        order("/v1/sign-in/cancel", EmptyBody, cancel_sign_in),
        order("/v1/sign-out", EmptyBody, sign_out),
        *journey_routes(daemon),
    )


def _pattern(path: str) -> re.Pattern[str]:
    """See `agent.routes.Route.path`."""
    parts = re.split(r"(\{\w+…?\})", path)
    return re.compile("".join(map(_part, parts)))


def _part(part: str) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    name = part.strip("{}…")
    return rf"(?P<{name}>[\s\S]*)" if "…" in part else rf"(?P<{name}>[^/]+)"


def _require(method: str, path: str, allowed: Sequence[str]) -> None:
    """Raises `WrongMethod`."""
    if method not in allowed:
        route = path[:LONGEST_ROUTE]
        raise WrongMethod(method=method, route=route, allowed=", ".join(allowed))


def _whole_number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise BadQuery(found=text[:20])
    return int(text)


def _written(body: Mapping[str, Any]) -> bytes:
    return encoded({"version": VERSION, **body})
