"""The product's gate in this process, on a real pcscd: PSAM desk, `Taps` and a store on disk."""

import queue
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from agent.assembly import MakeDesk
from agent.equipment.lane import Lane
from agent.equipment.passage import PassageEnd
from agent.identify.card import CardIdentifier
from agent.tap.tap import TapReport
from drivers.console import ConsoleBarrier, ConsolePrompts
from drivers.contract import CardReader, Code, Document, Presence, Unread
from simulators.people import Cast
from simulators.site import DOOR, DOOR_SLOT, PSAM, READERS
from simulators.terminal import AT, LocalTerminal, Way, reader_tables

ENTRY = "entry"
GATE_READERS = (DOOR, DOOR_SLOT, PSAM)


@dataclass(frozen=True)
class Ended:
    """A tap that came to its end, card powered down, at `time.perf_counter()`."""

    report: TapReport
    at: float


class LocalGate(LocalTerminal):
    """One entry lane at the first contactless and the contact reader, and a PSAM's slot; what lies
    in them is the caller's. The same person may come again at once (window 0).

    `serve` puts the reader threads to work and their taps into `ended`; without it the caller
    calls `taps.handle` himself. `desk` makes another reader of cards than the product's, `door`
    takes another contactless reader than the first of pcscd, `more` goes behind the settings.
    """

    def __init__(
        self,
        cast: Cast,
        folder: Path,
        *,
        serve: bool = True,
        desk: MakeDesk = CardIdentifier,
        door: Way | None = None,
        more: str = "",
    ) -> None:
        super().__init__(cast, folder, _configuration(door or Way()) + more, desk=desk)
        self.ended: queue.Queue[Ended] = queue.Queue()
        self._serve = serve

    def open_gate(self, stack: ExitStack) -> None:
        """See `LocalTerminal`."""
        for device in (self.barrier, *self.lane.prompts):
            assert isinstance(device, ConsoleBarrier | ConsolePrompts)
            device.listen(lambda line: None)
        if self._serve:
            stack.callback(self.service.close)
            self.service.open(self)
        else:
            self.look(stack)

    @property
    def lane(self) -> Lane:
        return self.gate.lanes[ENTRY]

    @property
    def barrier(self) -> ConsoleBarrier:
        assert isinstance(self.lane.barrier, ConsoleBarrier)
        return self.lane.barrier

    @property
    def opened(self) -> int:
        """How often the barrier has let somebody in."""
        return self.barrier.opened.get("entry", 0)

    def handle(self, lane: Lane, reader: CardReader, presence: Presence) -> None:
        self._end(self.taps.handle(lane, reader, presence))

    def handle_code(self, lane: Lane, code: Code) -> None:
        self._end(self.taps.handle_code(lane, code))

    def handle_document(self, lane: Lane, document: Document | Unread) -> None:
        self._end(self.taps.handle_document(lane, document))

    def handle_passage(self, lane: Lane, end: PassageEnd) -> None:
        self.taps.handle_passage(lane, end)

    def _end(self, report: TapReport) -> None:
        self.ended.put(Ended(report, time.perf_counter()))


def _configuration(door: Way) -> str:
    """TOML, as a technician would write it."""
    return f"""
[scene]
kind = "library-gate"
options.repeat_window = 0

{reader_tables(GATE_READERS, {DOOR: door})}
[[lanes]]
name = "{ENTRY}"
direction = "entry"
readers = {[READERS[reader][0] for reader in AT.values()]}
barrier = "gate"
prompts = ["panel"]

[[barriers]]
name = "gate"

[[prompts]]
name = "panel"
"""
