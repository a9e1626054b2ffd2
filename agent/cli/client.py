"""Asks the running daemon over its Unix socket: HTTP without a network."""

import http.client
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast
from urllib.parse import urlencode

import msgspec

from world import Fault, World
from world.foreign import Undecodable, decoded

NONE: Final[Mapping[str, str | int]] = {}
PATIENCE = 10.0  # seconds; the daemon answers in milliseconds when it is well


class DaemonAbsent(Fault):
    """No process listens at the socket: the daemon does not run, or another configuration is
    meant."""

    code = "daemon.absent"


class DaemonSilent(DaemonAbsent):
    """It listens and does not answer, and has the devices all the same. Facts: `socket`,
    `seconds`."""

    code = "daemon.silent"


class DaemonDenied(Fault):
    """This user may not use the socket."""

    code = "daemon.denied"


class DaemonRefused(Fault):
    """The daemon answered with a fault of its own. Fact: `error`, the sentence in its language,
    for who has no words for `cause`, which is the fault's code with its facts."""

    code = "daemon.refused"

    def __init__(self, error: str, cause: str = "", facts: Mapping[str, str | int] = NONE) -> None:
        super().__init__(error=error)
        self.cause, self.told = cause, facts


class DaemonUnclear(Fault):
    """What came from the socket is no answer of an agent. Fact: `socket`."""

    code = "daemon.unclear"


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a stream that the World connects."""

    def __init__(self, world: World, path: str, patience: float) -> None:
        super().__init__("onecard", timeout=patience)
        self._world = world
        self._path = path
        self._patience = patience

    def connect(self) -> None:
        self.sock = cast(Any, self._world.connect(self._path, self._patience))


class Client:
    """One daemon, named by its socket's path."""

    def __init__(self, world: World, path: str) -> None:
        self._world = world
        self._path = path

    def get(self, route: str, query: Mapping[str, str | int] | None = None) -> dict[str, Any]:
        """The JSON answer of a route. Raises `DaemonAbsent`, `DaemonDenied`, `DaemonRefused`,
        `DaemonUnclear`."""
        return self._answer(f"{route}?{urlencode(query)}" if query else route)

    def post(self, route: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Have the daemon do something. Raises as `get` does."""
        return self._answer(route, msgspec.json.encode(body))

    def _answer(self, route: str, sent: bytes | None = None) -> dict[str, Any]:
        response = self._request(route, PATIENCE, sent)
        try:
            told = response.read()
        except TimeoutError as error:
            raise DaemonSilent(socket=self._path, seconds=int(PATIENCE)) from error
        except (OSError, http.client.HTTPException) as error:
            raise DaemonAbsent(socket=self._path) from error
        body = self._object(told)
        if response.status != 200:
            raise _refused(body)
        return body

    def stream(self, route: str, patience: float) -> Iterator[dict[str, Any]]:
        """JSON lines as they come; ends after `patience` seconds without one.

        The first thing yielded is an empty object: from then on nothing is missed.
        """
        response = self._request(route, patience)
        while True:
            try:
                line = response.readline()
            except TimeoutError:
                return
            except (OSError, http.client.HTTPException) as error:  # the daemon ended meanwhile
                raise DaemonAbsent(socket=self._path) from error
            if not line:
                return
            yield self._object(line) if line.strip() else {}

    def _object(self, raw: bytes) -> dict[str, Any]:
        try:
            return decoded(raw, dict[str, Any])
        except Undecodable as fault:
            raise DaemonUnclear(socket=self._path) from fault

    def _request(
        self, route: str, patience: float, body: bytes | None = None
    ) -> http.client.HTTPResponse:
        connection = _UnixConnection(self._world, self._path, patience)
        try:
            if body is None:
                connection.request("GET", route)
            else:
                connection.request("POST", route, body, {"Content-Type": "application/json"})
            return connection.getresponse()
        except TimeoutError as error:
            raise DaemonSilent(socket=self._path, seconds=int(patience)) from error
        except PermissionError as error:
            raise DaemonDenied(socket=self._path) from error
        except (OSError, http.client.HTTPException) as error:
            raise DaemonAbsent(socket=self._path) from error


def _refused(body: Mapping[str, Any]) -> DaemonRefused:
    cause, facts = str(body.get("error")), body.get("facts")
    known = facts if isinstance(facts, dict) else {}
    told = {name: value for name, value in known.items() if isinstance(value, str | int)}
    return DaemonRefused(str(body.get("sentence") or cause), cause, told)
