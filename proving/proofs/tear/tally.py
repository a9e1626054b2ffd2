"""What is counted over all trials, and what must come of it."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Final

READY_WITHIN: Final = 2.0  # seconds after the card has left
# How often a PSAM was asked less than in the tap that was measured: its overlap is a matter of
# time, so its last APDU may be one that this tap did not need.
UNREACHED: Final = 2
TIMELY: Final = frozenset({"unreached_max", "slowest_ready_ms_max"})


@dataclass
class Tally:
    """Counts, all of which but the first three must stay at nothing (`goals`).

    `stuck`: taps or calls that did not end, and good cards that were not served afterwards.
    `accepted_without_authentication`: the barrier opened, and the card or who holds the keys had
    not given the right answers. `false_success`: 0, and the card had not done it all or had not
    said so. `misnamed`: what the card did and could not say was told as anything but "card gone"
    or "no answer"; or the PIN was called wrong, and the card had not said so.
    `tries_spent_twice`: a key or the PIN was shown twice by one call. `tries_unexplained`: tries
    left are not what the card's own book says. `half_written`: a record, or what one command
    writes, is neither old nor new. `strayed`: commands of a call that went to the card which came
    after. `unreleased`: the reader was still held, or its card powered. `pins_shown`: a PIN in an
    answer, the log or the journal.
    """

    boundaries: int = 0
    taps: int = 0
    calls: int = 0
    stuck: int = 0
    accepted_without_authentication: int = 0
    missing_events: int = 0
    extra_events: int = 0
    unreached: int = 0
    false_success: int = 0
    misnamed: int = 0
    tries_spent_twice: int = 0
    tries_unexplained: int = 0
    half_written: int = 0
    strayed: int = 0
    unreleased: int = 0
    pins_shown: int = 0
    slowest_ready_ms: float = 0.0

    def ready(self, seconds: float) -> None:
        """A good card was served so long after the one before had left."""
        self.slowest_ready_ms = max(self.slowest_ready_ms, round(seconds * 1000, 1))

    def holds(self) -> bool:
        return self.loses_nothing() and self._within(TIMELY)

    def loses_nothing(self) -> bool:
        """All goals but those that a busy machine may miss."""
        return self.boundaries > 0 and self._within(GOALS.keys() - TIMELY)

    def _within(self, goals: Iterable[str]) -> bool:
        return all(getattr(self, goal.removesuffix("_max")) <= GOALS[goal] for goal in goals)

    def figures(self) -> dict[str, object]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


GOALS: Final[dict[str, float]] = {
    f"{field.name}_max": 0
    for field in fields(Tally)
    if field.name not in ("boundaries", "taps", "calls")
} | {"unreached_max": UNREACHED, "slowest_ready_ms_max": READY_WITHIN * 1000}
