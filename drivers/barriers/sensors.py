"""Which input of a board tells what: somebody went through, or the leaf was moved by force."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from drivers.barriers.board import Meaning
from drivers.options import DriverOptions

Input = Annotated[int, Meta(ge=0, le=255)]


@dataclass(frozen=True)
class Sensor:
    """One input and what it tells when it comes on."""

    input: int
    tells: Meaning


class Sensors(DriverOptions, frozen=True, kw_only=True):
    """Option `sensors`: inputs by what they tell; none when nothing is wired."""

    entry: Input | None = None
    exit: Input | None = None
    counter: Input | None = None
    forced: Input | None = None

    def __post_init__(self) -> None:
        inputs = [sensor.input for sensor in self.wired()]
        if len(inputs) != len(set(inputs)):
            raise ValueError("sensors: one input tells one thing")

    def wired(self) -> Sequence[Sensor]:
        """The inputs that are set, each with what it tells."""
        meanings: Sequence[tuple[int | None, Meaning]] = (
            (self.entry, "entry"),
            (self.exit, "exit"),
            (self.counter, "counter"),
            (self.forced, "forced"),
        )
        return [Sensor(line, tells) for line, tells in meanings if line is not None]
