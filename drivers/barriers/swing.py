"""Swing-gate board: `02 type length content 04`, handshake type FF (devices.md).

Driver `swing-gate`. The specification names no other types: what opens and what the board reports
are settings. The board closes its leaf by itself.
"""

from typing import Annotated, Final

from msgspec import Meta

from drivers.barriers.board import Port
from drivers.barriers.framed import BoardReports, FramedBarrier, Hex
from drivers.contract import Options
from drivers.io.line import LineOptions
from drivers.options import OptionsFault, typed
from world import World

START, END = 0x02, 0x04
OVERHEAD: Final = 4  # start, type, length, end
HANDSHAKE: Final = b"\xff"  # a body: type, then content
GREET_WITHIN: Final = 0.3  # seconds for a handshake

Body = Annotated[Hex, Meta(min_length=2)]


class SwingGateOptions(LineOptions, frozen=True, kw_only=True):
    """`entry`, `exit`, `counter` are what opens: a type and its content in hex ("10 01"), without
    start, length and end. `handshake`: one is asked for when the board is found, and has to be
    answered. `answered`: the board answers an opening with a frame of the same type. `reports` is
    a table of `entry`, `exit`, `counter`, `forced`: the first bytes, in the same form, of the
    frames by which the board tells it. Such a frame is never an answer, so that the type of an
    opening alone is refused.
    """

    entry: Body
    exit: Body
    counter: Hex = ""  # empty: as `entry`
    handshake: bool = True
    answered: bool = True
    reports: BoardReports = BoardReports()


class SwingGate(FramedBarrier):
    """See `drivers.contract.Barrier`."""

    def __init__(self, world: World, name: str, options: Options) -> None:
        chosen = typed(options, SwingGateOptions, device=name)
        bodies = [chosen.entry, chosen.exit, chosen.counter or chosen.entry]
        entry, exit_, counter = [_framed(body, name) for body in bodies]
        super().__init__(
            world,
            name,
            chosen,
            begins=begins,
            openings={"entry": entry, "exit": exit_, "counter": counter},
            reports=chosen.reports,
            answered=chosen.answered,
        )
        self._handshake = chosen.handshake
        if self._handshake:
            self._tell_apart(frame(HANDSHAKE))

    def _greet(self, connection: Port) -> None:
        super()._greet(connection)
        if self._handshake:
            self._ask(connection, frame(HANDSHAKE), self._world.monotonic() + GREET_WITHIN)

    def _body(self, frame: bytes) -> bytes:
        return frame[1:2] + frame[3:-1]

    def _answer_begins(self, request: bytes) -> bytes:
        return self._body(request)[:1]


def _framed(body: str, device: str) -> bytes:
    raw = bytes.fromhex(body)
    if len(raw) > 256:
        raise OptionsFault(device=device, problem="a body has at most 256 bytes")
    return frame(raw)


def frame(body: bytes) -> bytes:
    """Type and content in their frame."""
    return bytes([START, body[0], len(body) - 1]) + body[1:] + bytes([END])


def begins(heard: bytes, at: int) -> int | None:
    """See `drivers.barriers.frames.Begins`."""
    if heard[at] != START:
        return None
    if len(heard) < at + 3:
        return 0
    size = heard[at + 2] + OVERHEAD
    if len(heard) < at + size:
        return 0
    return size if heard[at + size - 1] == END else None
