"""Routes of the vehicle's state: what the driver's screen shows, and what the driver changes by
hand."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agent.scenes.bus.faults import JourneyOff, LineUnknown, NobodyOn, StopUnknown
from agent.scenes.bus.journey import VehicleState
from world import Fault

REFUSED: dict[type[Fault], int] = {
    JourneyOff: 404,
    LineUnknown: 404,
    StopUnknown: 404,
    NobodyOn: 409,
}

Answer = Callable[..., Awaitable[Response]]
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=16)]


class VehicleControl(Protocol):
    """What these routes need of the agent."""

    @property
    def journey(self) -> VehicleState:
        """Raises `JourneyOff`."""
        ...


class LineChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body: which line, which way."""

    line: Id
    direction: Literal["up", "down"] = "up"


class StopChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body: at which stop the vehicle is."""

    stop: Id


class EmptyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a call that needs no more than its route."""


def journey_routes(
    agent: VehicleControl,
    endpoint: Callable[[Callable[[Request], dict[str, Any]]], Answer],
    order: Callable[[Any, Callable[[Request, Any], dict[str, Any] | None]], Answer],
) -> list[Route]:
    """`endpoint` answers a question, `order` carries out a POST; see `agent.api.app`."""

    def show(request: Request) -> dict[str, Any]:
        desk = agent.journey
        summary = desk.summary()
        rows = (
            None
            if summary is None
            else {
                "rides": summary.rides,
                "amount": summary.amount,
                "refused": summary.refused,
                "unknown": summary.unknown,
                "counts": summary.shown(),
            }
        )
        return {**desk.shown(), "summary": rows}

    def line(request: Request, choice: LineChoice) -> dict[str, Any]:
        agent.journey.set_line(choice.line, choice.direction)
        return agent.journey.shown()

    def stop(request: Request, choice: StopChoice) -> dict[str, Any]:
        agent.journey.set_stop(choice.stop)
        return agent.journey.shown()

    def follow(request: Request, body: EmptyBody) -> dict[str, Any]:
        agent.journey.follow()
        return agent.journey.shown()

    def sign_off(request: Request, body: EmptyBody) -> dict[str, Any]:
        agent.journey.sign_off()
        return agent.journey.shown()

    return [
        Route("/v1/journey", endpoint(show)),
        Route("/v1/journey/line", order(LineChoice, line), methods=["POST"]),
        Route("/v1/journey/stop", order(StopChoice, stop), methods=["POST"]),
        Route("/v1/journey/follow", order(EmptyBody, follow), methods=["POST"]),
        Route("/v1/journey/sign-off", order(EmptyBody, sign_off), methods=["POST"]),
    ]
