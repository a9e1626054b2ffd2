"""Several ways of doing one thing, timed turn by turn in one run on one and the same machine."""

import gc
import time
from collections.abc import Callable, Mapping, Sequence

from simulators.parts import Unavailable


class NoMeasurement(Unavailable):
    """What was done is not what is to be measured, or two sides did not do the same. The text says
    what."""


def _at_once() -> None: ...


def alternate(
    functions: Mapping[str, Callable[[], None]],
    rounds: int,
    *,
    between: Callable[[], None] = _at_once,
) -> dict[str, list[float]]:
    """Name → milliseconds of each call, in order.

    Each round calls every function once, starting one further on than the round before; a first
    round that is not counted warms up. The garbage collector stands still meanwhile. `between` is
    called before each, and not timed.
    """
    names = list(functions)
    samples: dict[str, list[float]] = {name: [] for name in names}
    for function in functions.values():
        function()
    collected = gc.isenabled()
    gc.disable()
    try:
        for turn in range(rounds):
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                between()
                started = time.perf_counter_ns()
                functions[name]()
                samples[name].append((time.perf_counter_ns() - started) / 1e6)
    finally:
        if collected:
            gc.enable()
    return samples


def percentile(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that at least `percent` per cent of the samples do not exceed."""
    if not samples or not 0 <= percent <= 100:
        raise ValueError("a percentile is from 0 to 100, of at least one sample")
    rank = -(-len(samples) * percent // 100)  # rounded up: nearest rank
    return sorted(samples)[max(int(rank), 1) - 1]


def median(samples: Sequence[float]) -> float:
    return percentile(samples, 50)
