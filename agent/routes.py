"""A route of the local API as a value: which question or order it takes, and what answers it.

Rooms bring their own routes (a scene, for one); `agent.api` serves all of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

import msgspec

from world import Fault
from world.foreign import Undecodable, decoded

LARGEST_BODY: Final = 4096  # bytes

B = TypeVar("B")
Method = Literal["GET", "POST"]


class BadBody(Fault):
    """The body of a POST is not the JSON object that its route takes. Fact: `problem`."""

    code = "api.bad-body"


class EmptyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of an order that needs no more than its route."""


@dataclass(frozen=True)
class ApiRequest:
    """What a caller asks for. `names`: what stands in the path's braces; `query`: of a parameter
    that comes twice, the last; `media_type`: without its parameters, in small letters."""

    names: Mapping[str, str]
    query: Mapping[str, str]
    media_type: str
    body: bytes


@dataclass(frozen=True)
class Route:
    """`path`: "/v1/devices/{device}/release"; a name in braces is one part of the path, and one
    that ends with `…` whatever stands there, slashes too. `answer` gives the JSON object's fields
    and raises a `Fault`, whose HTTP status `refused` says (else 503)."""

    method: Method
    path: str
    answer: Callable[[ApiRequest], Mapping[str, Any]]
    refused: Mapping[type[Fault], int]


NONE_REFUSED: Final[Mapping[type[Fault], int]] = {}


def question(
    path: str,
    answer: Callable[[ApiRequest], Mapping[str, Any]],
    refused: Mapping[type[Fault], int] = NONE_REFUSED,
) -> Route:
    """A GET, which changes nothing."""
    return Route("GET", path, answer, refused)


def order(
    path: str,
    shape: type[B],
    act: Callable[[ApiRequest, B], Mapping[str, Any] | None],
    refused: Mapping[type[Fault], int] = NONE_REFUSED,
) -> Route:
    """A POST with a body of that shape; `act` may have nothing to tell."""

    def answer(request: ApiRequest) -> Mapping[str, Any]:
        return act(request, _body(request, shape)) or {}

    return Route("POST", path, answer, {BadBody: 400, **refused})


def _body(request: ApiRequest, shape: type[B]) -> B:
    """Raises `BadBody`."""
    if request.media_type != "application/json":  # RFC 9110, 8.3.1
        raise BadBody(problem="Content-Type: application/json")
    try:
        return decoded(request.body, shape)
    except Undecodable as fault:
        raise BadBody(problem=fault.facts["problem"]) from fault
