"""The box itself: clock and disk."""

from collections.abc import Iterator
from pathlib import Path

from agent.doctor.findings import ExaminedTerminal, Facts, Finding
from offline_store.clock import Clock
from world import cause_of

LEAST_SPACE = 20 * 1024 * 1024  # bytes: some days of taps
ENOUGH_SPACE = 200 * 1024 * 1024  # bytes: a month of taps and a list beside it


def clock(case: ExaminedTerminal) -> Iterator[Finding]:
    """One finding, by the clock's quality; only a clock that was never set is not well."""
    quality = Clock(case.world).read().quality
    # Without a time service people are served, and their records flagged; never set, codes are not.
    well = quality != "unset"
    yield Finding(f"clock-{quality}", well, warning=well and quality != "synchronised")


def space(case: ExaminedTerminal) -> Iterator[Finding]:
    """One finding, by the bytes that are free where the journal lies."""
    data = Path(case.settings.terminal.data)
    try:
        free = case.world.free_space(data)
    except OSError as error:
        cause = cause_of(error)
        yield Finding("data-unusable", False, {"path": str(data), "cause": cause})
    else:
        facts: Facts = {"path": str(data), "megabytes": free // (1024 * 1024)}
        if free >= ENOUGH_SPACE:
            yield Finding("space", True, facts)
        else:
            yield Finding("space-low", free >= LEAST_SPACE, facts, warning=free >= LEAST_SPACE)
