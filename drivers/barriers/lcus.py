"""LCUS relays on a USB serial port: four bytes switch, nothing is answered and nothing sensed.

Driver `lcus-relay`. Whether a board is there can only be told by its port.
"""

from collections.abc import Mapping
from typing import Annotated, Final

from msgspec import Meta

from drivers.barriers.board import Port, open_port
from drivers.barriers.relay import PulseMs, RelayBarrier
from drivers.contract import Direction, Options
from drivers.io.line import LineOptions
from drivers.options import typed
from world import World

START: Final = 0xA0

Relay = Annotated[int, Meta(ge=1, le=16)]


class LcusOptions(LineOptions, frozen=True, kw_only=True):
    """Relays count from 1, as the board's print does."""

    entry: Relay = 1
    exit: Relay = 1
    counter: Relay = 1
    pulse_ms: PulseMs = 500


class LcusRelay(RelayBarrier[Port]):
    """See `drivers.contract.Barrier`."""

    def __init__(self, world: World, name: str, options: Options) -> None:
        chosen = typed(options, LcusOptions, device=name)
        relays: Mapping[Direction, int] = {
            "entry": chosen.entry,
            "exit": chosen.exit,
            "counter": chosen.counter,
        }
        super().__init__(world, name, relays, chosen.pulse_ms)
        self._options = chosen

    @property
    def senses(self) -> bool:
        return False

    def _open(self) -> Port:
        board = open_port(self._world, self._options, device=self.name)
        try:
            self._all_off(board)
        except BaseException:
            board.close()
            raise
        return board

    def _listen(self, board: Port, timeout: float | None) -> None:
        if board.listen(timeout):
            self._count("unexpected")

    def _switch(self, board: Port, relay: int, on: bool, deadline: float) -> None:
        board.write(command(relay, on))


def command(relay: int, on: bool) -> bytes:
    """`A0 relay state`, and their sum's last byte (devices.md)."""
    body = bytes([START, relay, on])
    return body + bytes([sum(body) & 0xFF])
