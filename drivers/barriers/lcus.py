"""LCUS relays on a USB serial port: four bytes switch, nothing is answered and nothing sensed.

Driver `lcus-relay`. Whether a board is there can only be told by its port, and a port that gives
back what it is sent is not such a board's. As nothing is answered, an off that got lost would leave
a gate open: so it is said again, for as long as no person goes in.
"""

from collections.abc import Mapping
from math import inf
from typing import Annotated, Final

from msgspec import Meta

from drivers.barriers.board import Port, open_port
from drivers.barriers.relay import PulseMs, RelayBarrier
from drivers.contract import Direction, Options
from drivers.io.line import LineEchoes, LineOptions
from drivers.options import typed
from world import World

START: Final = 0xA0
AGAIN: Final = 5.0  # seconds between two offs while the relay should be off

Relay = Annotated[int, Meta(ge=1, le=16)]


class LcusOptions(LineOptions, frozen=True, kw_only=True):
    """Relays count from 1, as the board's print does."""

    entry: Relay = 1
    exit: Relay = 1
    counter: Relay = 1
    pulse_ms: PulseMs = 500


class LcusRelay(RelayBarrier[Port]):
    """See `drivers.contract.Barrier`."""

    RESTARTS = True

    def __init__(self, world: World, name: str, options: Options) -> None:
        chosen = typed(options, LcusOptions, device=name)
        relays: Mapping[Direction, int] = {
            "entry": chosen.entry,
            "exit": chosen.exit,
            "counter": chosen.counter,
        }
        super().__init__(world, name, relays, chosen.pulse_ms)
        self._options = chosen
        self._said_off = world.monotonic()

    @property
    def senses(self) -> bool:
        """False: the driver reads no inputs of these boards."""
        return False

    def _open(self) -> Port:
        return open_port(self._world, self._options, device=self.name)

    def _greet(self, connection: Port) -> None:
        self._all_off(connection)
        connection.find_echo(command(self._relays["entry"], False))
        self._refuse_echo(connection)

    def _listen(self, board: Port, timeout: float | None) -> None:
        if board.listen(timeout):
            self._count("unexpected")
        self._refuse_echo(board)

    def _refuse_echo(self, board: Port) -> None:
        """The board and its port are one piece, and the board says nothing. Raises
        `LineEchoes`."""
        if board.echoes:
            raise LineEchoes(device=self.name, port=board.attached)

    def _next_due(self) -> float | None:
        return min(super()._next_due() or inf, self._said_off + AGAIN)

    def _do_due(self, board: Port) -> None:
        super()._do_due(board)
        now = self._world.monotonic()
        if now >= self._said_off + AGAIN:
            self._said_off = now
            for relay in set(self._relays.values()) - self._pulses.keys():
                board.write(command(relay, False), marks=True)

    def _switch(self, board: Port, relay: int, on: bool, deadline: float) -> None:
        board.write(command(relay, on), marks=True)


def command(relay: int, on: bool) -> bytes:
    """`A0 relay state`, and their sum's last byte (devices.md)."""
    body = bytes([START, relay, on])
    return body + bytes([sum(body) & 0xFF])
