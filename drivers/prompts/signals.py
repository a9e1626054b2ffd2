"""A lamp board's language as data: bytes to send and pauses between them.

Written as a person reads them in the board's manual: `18 @120 28` is buzzer on, 120 ms, buzzer off.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from msgspec import Meta

from drivers.contract import Beep, Lamp

Signal = Annotated[
    str, Meta(pattern=r"^(([0-9A-Fa-f]{2}|@[0-9]{1,4})( ([0-9A-Fa-f]{2}|@[0-9]{1,4}))*)?\Z")
]

SHORT: Final = 120  # milliseconds of a beep
LONG: Final = 600


@dataclass(frozen=True)
class Step:
    """Send `data`, then wait `pause` seconds."""

    data: bytes
    pause: float


Steps = Sequence[Step]


@dataclass(frozen=True)
class Table:
    """All that a board can show. `quiet` ends a beep that is cut off."""

    quiet: Steps
    lamps: Mapping[Lamp, Steps]
    beeps: Mapping[Beep, Steps]


def steps(signal: str) -> Steps:
    """A `Signal`, step by step: what comes between two pauses is sent at once."""
    found, data = [], b""
    for word in signal.split():
        if word.startswith("@"):
            found.append(Step(data, int(word[1:]) / 1000))
            data = b""
        else:
            data += bytes.fromhex(word)
    return [*found, Step(data, 0.0)] if data else found


def beeps(on: bytes, off: bytes) -> Mapping[Beep, Steps]:
    """The three beeps of a buzzer that is switched on and off; none of them without one."""
    if not on:
        return {"short": (), "double": (), "long": (), "none": ()}
    short = [Step(on, SHORT / 1000), Step(off, 0.0)]
    between = [Step(on, SHORT / 1000), Step(off, SHORT / 1000)]
    long = [Step(on, LONG / 1000), Step(off, 0.0)]
    return {"short": short, "double": [*between, *short], "long": long, "none": ()}
