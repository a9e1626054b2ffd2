"""Tripod turnstile board: `EB address command data XOR`, open left 40, open right 41 (devices.md).

Driver `tripod`. The arm locks by itself behind each person, so nothing has to be switched off. The
specification names neither answers nor reports: both are settings.
"""

from functools import reduce
from operator import xor
from typing import Annotated, Final, Literal

from msgspec import Meta

from drivers.barriers.framed import BoardReports, FramedBarrier
from drivers.contract import Options
from drivers.io.line import LineOptions
from drivers.options import typed
from world import World

START: Final = 0xEB
SIZE: Final = 5
OPEN: Final = {"left": 0x40, "right": 0x41}

Side = Literal["left", "right"]


class TripodOptions(LineOptions, frozen=True, kw_only=True):
    """`answer` "echo": the board sends back what it took; with "none" a board that is off goes
    unnoticed. `reports` is a table of `entry`, `exit`, `counter`, `forced`: the first bytes in hex
    (command, then data) of the frames by which the board tells it; with "echo" not those of an
    opening.
    """

    address: Annotated[int, Meta(ge=0, le=255)] = 1
    entry: Side = "left"
    exit: Side = "right"
    counter: Side = "left"
    answer: Literal["none", "echo"] = "none"
    reports: BoardReports = BoardReports()


class Tripod(FramedBarrier):
    """See `drivers.contract.Barrier`."""

    def __init__(self, world: World, name: str, options: Options) -> None:
        chosen = typed(options, TripodOptions, device=name)
        self._address = chosen.address
        super().__init__(
            world,
            name,
            chosen,
            begins=begins,
            openings={
                "entry": frame(chosen.address, OPEN[chosen.entry]),
                "exit": frame(chosen.address, OPEN[chosen.exit]),
                "counter": frame(chosen.address, OPEN[chosen.counter]),
            },
            reports=chosen.reports,
            answered=chosen.answer == "echo",
        )

    def _body(self, frame: bytes) -> bytes:
        return frame[2:-1] if frame[1] == self._address else b""

    def _answer_begins(self, request: bytes) -> bytes:
        return self._body(request)


def frame(address: int, command: int, data: int = 0) -> bytes:
    """5 bytes: START, address, command, data, and the XOR of these four."""
    body = bytes([START, address, command, data])
    return body + bytes([reduce(xor, body)])


def begins(heard: bytes, at: int) -> int | None:
    """See `drivers.barriers.frames.Begins`."""
    if heard[at] != START:
        return None
    if len(heard) < at + SIZE:
        return 0
    return SIZE if reduce(xor, heard[at : at + SIZE]) == 0 else None
