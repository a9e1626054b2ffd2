"""What a tap takes of the processor, in whichever revision this runs: its `bench tap`, with the
processor's clock beside the one on the wall.

`benchmarks.against` runs it on both sides, so it imports nothing but what every revision has.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks import tap


def run(arguments: Sequence[str] = ()) -> dict[str, Any]:
    """The figures of `bench tap`, and in milliseconds: `cpu_p50`, `bare_cpu_p50`, the processor
    time of all threads of this process in one full and in one bare tap (the simulated cards and
    pcscd are processes of their own); `own_p50`, what a full tap takes longer than a bare one."""
    bench: Any = tap
    worked: dict[str, list[float]] = {}
    alternate = bench.alternate

    def clocked(functions: Mapping[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
        counted = {name: _counted(call, worked, name) for name, call in functions.items()}
        samples: dict[str, list[float]] = alternate(counted, rounds)
        return samples

    bench.alternate = clocked
    told: dict[str, Any] = bench.run(arguments)
    if not worked:  # another mode of it, without a bare tap
        return told
    for name, figure in (("full", "cpu_p50"), ("bare", "bare_cpu_p50")):
        told[figure] = round(median(worked[name][1:]), 3)  # the first one warms up
    told["own_p50"] = round(told["p50"] - told["bare_p50"], 3)
    return told


def _counted(
    call: Callable[[], None], worked: dict[str, list[float]], name: str
) -> Callable[[], None]:
    def counted() -> None:
        began = time.process_time_ns()
        call()
        worked.setdefault(name, []).append((time.process_time_ns() - began) / 1e6)

    return counted


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(sys.argv[1:])) + "\n")
