"""Routes of the vehicle's state: what the driver's screen shows, and what the driver changes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Protocol

import msgspec

from agent.routes import ApiRequest, EmptyBody, Route, order, question
from agent.scenes.bus.faults import JourneyOff, LineUnknown, NobodyOn, StopUnknown
from world import Fault

if TYPE_CHECKING:
    from agent.scenes.bus.journey import VehicleState

REFUSED: Final[Mapping[type[Fault], int]] = {
    JourneyOff: 404,
    LineUnknown: 404,
    StopUnknown: 404,
    NobodyOn: 409,
}

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=16)]


class VehicleControl(Protocol):
    """What these routes need of the agent."""

    @property
    def journey(self) -> "VehicleState":
        """The state of the vehicle that the terminal is in. Raises `JourneyOff`."""
        ...


class LineChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body: which line, which way."""

    line: Id
    direction: Literal["up", "down"] = "up"


class StopChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body: at which stop the vehicle is."""

    stop: Id


def journey_routes(agent: VehicleControl) -> Sequence[Route]:
    """What the driver's screen asks and orders."""

    def show(request: ApiRequest) -> Mapping[str, Any]:
        state = agent.journey
        summary = state.summary()
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
        return {**state.shown(), "summary": rows}

    def line(request: ApiRequest, choice: LineChoice) -> Mapping[str, Any]:
        agent.journey.set_line(choice.line, choice.direction)
        return agent.journey.shown()

    def stop(request: ApiRequest, choice: StopChoice) -> Mapping[str, Any]:
        agent.journey.set_stop(choice.stop)
        return agent.journey.shown()

    def follow(request: ApiRequest, body: EmptyBody) -> Mapping[str, Any]:
        agent.journey.follow()
        return agent.journey.shown()

    def sign_off(request: ApiRequest, body: EmptyBody) -> Mapping[str, Any]:
        agent.journey.sign_off()
        return agent.journey.shown()

    return (
        question("/v1/journey", show, REFUSED),
        order("/v1/journey/line", LineChoice, line, REFUSED),
        order("/v1/journey/stop", StopChoice, stop, REFUSED),
        order("/v1/journey/follow", EmptyBody, follow, REFUSED),
        order("/v1/journey/sign-off", EmptyBody, sign_off, REFUSED),
    )
