"""How far a moment of the wall clock can be trusted: what every event says of its time."""

from offline_store.event import ClockQuality
from world import World

# 2026-01-01 in China: no terminal of this software can have been switched on before it was written.
EARLIEST = 1_767_196_800


def clock_quality(world: World, now: float) -> ClockQuality:
    """`now` in unix seconds. unset: never set since power-up; holdover: no time source keeps it."""
    if now < EARLIEST:
        return "unset"
    return "synchronised" if world.clock_synchronised() else "holdover"
