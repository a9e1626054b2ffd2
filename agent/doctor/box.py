"""The box itself: clock and disk."""

from collections.abc import Iterator
from pathlib import Path

from agent.clock import Clock
from agent.doctor.findings import Case, Facts, Finding

ENOUGH_SPACE = 200 * 1024 * 1024  # bytes: a month of taps and a list beside it


def clock(case: Case) -> Iterator[Finding]:
    quality = Clock(case.world).read().quality
    yield Finding(f"clock-{quality}", quality == "synchronised")


def space(case: Case) -> Iterator[Finding]:
    data = Path(case.settings.terminal.data)
    try:
        free = case.world.free_space(data)
    except OSError as error:
        cause = error.strerror or ""
        yield Finding("data-unusable", False, {"path": str(data), "cause": cause})
    else:
        facts: Facts = {"path": str(data), "megabytes": free // (1024 * 1024)}
        yield Finding("space" if free >= ENOUGH_SPACE else "space-low", free >= ENOUGH_SPACE, facts)
