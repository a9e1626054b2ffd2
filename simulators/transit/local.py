"""The product's bus in this process, on a real pcscd: validator, transit PSAM, store on disk."""

from contextlib import ExitStack
from pathlib import Path

from agent.equipment.lane import Lane
from drivers.console import ConsolePrompts
from simulators.people import Cast
from simulators.site import DOOR, PSAM, READERS
from simulators.terminal import LocalTerminal, reader_tables

LANE = "door"


class LocalBus(LocalTerminal):
    """One lane at the first contactless reader, the transit PSAM in the SAM slot; what lies in them
    is the caller's, who calls `taps.handle` himself. `fare` in fen."""

    def __init__(self, cast: Cast, folder: Path, fare: int) -> None:
        super().__init__(cast, folder, _configuration(fare))

    def open_gate(self, stack: ExitStack) -> None:
        """See `LocalTerminal`."""
        for prompts in self.lane.prompts:
            assert isinstance(prompts, ConsolePrompts)
            prompts.listen(lambda line: None)
        self.look(stack)

    @property
    def lane(self) -> Lane:
        return self.gate.lanes[LANE]

    @property
    def has_psam(self) -> bool:
        """The product has opened the transit PSAM and knows of nothing wrong with it."""
        return all(not status.fault for status in self.gate.transit.status())


def _configuration(fare: int) -> str:
    """TOML, as a technician would write it."""
    sam = reader_tables([PSAM]).replace("\n\n", '\nsam = "transit"\n\n')
    return f"""
[scene]
kind = "bus"

[transit]
fare = {fare}

{reader_tables([DOOR])}{sam}
[[lanes]]
name = "{LANE}"
direction = "entry"
readers = ["{READERS[DOOR][0]}"]
prompts = ["panel"]

[[prompts]]
name = "panel"
"""
