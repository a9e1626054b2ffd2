"""A momentary relay: on, and by the device's own thread off again, whatever happens.

Off is sent when the device is found, at each pulse's end, and when it is left. A pulse that
lost its end to a pulled plug or a killed agent ends as soon as the relay is in our hands again.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from msgspec import Meta

from drivers.barriers.board import BoardBarrier, C, Order
from drivers.contract import DeviceFault, Direction
from world import World

SHORTEST: Final = 0.1  # seconds on, and off before the next: what gates need to notice (devices.md)
OFF_WITHIN: Final = 0.3  # seconds in which switching off is tried, before the device counts as lost

PulseMs = Annotated[int, Meta(ge=100, le=10_000)]
Channel = Annotated[int, Meta(ge=0, le=255)]


@dataclass(frozen=True)
class Pulse:
    """A relay that is on: World.monotonic()."""

    since: float
    until: float


class RelayBarrier(BoardBarrier[C]):
    """A driver says how a relay is switched."""

    def __init__(
        self, world: World, name: str, relays: Mapping[Direction, int], pulse_ms: int
    ) -> None:
        super().__init__(world, name)
        self._relays = relays
        self._pulse = pulse_ms / 1000
        self._pulses: dict[int, Pulse] = {}
        self._off_since: dict[int, float] = {}

    @abstractmethod
    def _switch(self, board: C, relay: int, on: bool, deadline: float) -> None:
        """Switch and, where the board answers, hear that it did. Raises `DeviceFault`."""

    def _all_off(self, board: C) -> None:
        """Before anything else: what was on when we went away goes off. Raises `DeviceFault`."""
        for relay in sorted(set(self._relays.values())):
            self._off(board, relay)

    def _let_through(self, board: C, order: Order) -> None:
        relay = self._relays[order.direction]
        self._make_room(board, relay)
        try:
            self._begin_pulse(board, relay, order.deadline)
        finally:  # when its answer was lost it may be on all the same
            now = self._world.monotonic()
            self._pulses[relay] = Pulse(now, now + self._pulse)

    def _begin_pulse(self, board: C, relay: int, deadline: float) -> None:
        """A board that can end the pulse by itself is told so here. Raises `DeviceFault`."""
        self._switch(board, relay, True, deadline)

    def _close_again(self, board: C, order: Order) -> None:
        self._off(board, self._relays[order.direction])

    def _next_due(self) -> float | None:
        return min((pulse.until for pulse in self._pulses.values()), default=None)

    def _do_due(self, board: C) -> None:
        now = self._world.monotonic()
        for relay in [r for r, pulse in self._pulses.items() if pulse.until <= now]:
            self._off(board, relay)

    def _leave(self, board: C) -> None:
        for relay in list(self._pulses):
            try:
                self._off(board, relay)
            except DeviceFault:  # the port is gone: `_all_off` comes first when it is back
                self._count("left_on")
        self._pulses.clear()

    def _make_room(self, board: C, relay: int) -> None:
        """The next person needs an edge of his own: a pulse that only goes on lets one through."""
        if relay in self._pulses:
            self._wait_until(self._pulses[relay].since + SHORTEST)
            self._off(board, relay)
        self._wait_until(self._off_since.get(relay, 0.0) + SHORTEST)

    def _off(self, board: C, relay: int) -> None:
        self._switch(board, relay, False, self._world.monotonic() + OFF_WITHIN)
        self._pulses.pop(relay, None)
        self._off_since[relay] = self._world.monotonic()

    def _wait_until(self, time: float) -> None:
        self._world.wait(max(0.0, time - self._world.monotonic()))
