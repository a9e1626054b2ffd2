"""How long each stage of a tap took: detect, select, authenticate, read, check, decide, commit,
act."""

from collections.abc import Mapping

from offline_store.events.tap import StageTimes
from world import World

STAGES = (
    "detect", "open", "select", "authenticate", "read", "check", "decide", "commit", "debit", "act",
)  # fmt: skip


class Stages:
    """A stopwatch with laps. `begin` ends the lap before."""

    def __init__(self, world: World, presented_at: float) -> None:
        self._world = world
        self._started = presented_at
        self._current = "detect"
        self._since = presented_at
        self._microseconds: dict[str, int] = {}

    def begin(self, stage: str) -> None:
        """End the running stage and start `stage`; a stage that comes twice adds up."""
        now = self._world.monotonic()
        self._add(self._current, now - self._since)
        self._current, self._since = stage, now

    def end(self) -> None:
        """End the running stage; the time until the next `begin` belongs to no stage."""
        self.begin("")

    def so_far(self) -> Mapping[str, int]:
        """Microseconds of the stages that have ended."""
        return dict(self._microseconds)

    def times(self) -> StageTimes:
        """The same, as the event of a tap has them."""
        known = StageTimes.__struct_fields__
        return StageTimes(**{name: us for name, us in self.so_far().items() if name in known})

    def total_us(self) -> int:
        """Microseconds from presence to the end of the last ended stage."""
        return round((self._since - self._started) * 1e6)

    def _add(self, stage: str, seconds: float) -> None:
        if stage:
            self._microseconds[stage] = self._microseconds.get(stage, 0) + round(seconds * 1e6)
