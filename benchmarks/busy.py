"""A tap beside two busy loops, against the same tap without them, by turns in one run.

Whatever a card waits for goes before the loops, as the shipped units grant it (LimitRTPRIO=1 of
packaging/onecard.service, packaging/pcscd-ahead.conf): the product's own threads do so by
themselves, pcscd and the simulated cards, which are hardware in the field, are told here.
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from benchmarks import tap
from benchmarks.measure import NoMeasurement, median, percentile
from simulators.card_holder import CardHolders
from simulators.gate import LocalGate
from simulators.lifetime import scratch
from simulators.pcscd import Pcscd
from simulators.people import load_cast
from simulators.terminal import become_client
from simulators.timing import Air, TimeTable
from world.real import RealWorld

LOOPS: Final = 2
TAPS: Final = 40
GOALS: Final = {"busy_ratio_max": 1.05}
ENDLESS: Final = "while True: pass"
LOWEST: Final = os.sched_param(1)


def run(arguments: Sequence[str] = ()) -> dict[str, object]:
    """Milliseconds of full taps, as in `bench tap`. `quiet_p50`, `busy_p50`, `busy_p99`: without
    and beside the loops; `busy_ratio`: of the medians.

    `--air 106|212|424|848`: readers and PSAMs take the time table's time (without it none).
    `--behind`: nothing goes before the loops. `--taps N` of each kind. Raises `NoMeasurement`
    where this process may let nothing go before others.
    """
    parser = argparse.ArgumentParser(prog="onecard bench busy")
    parser.add_argument("--taps", type=int, default=TAPS)
    parser.add_argument("--air", type=int, choices=get_args(Air))
    parser.add_argument("--behind", action="store_true")
    options = parser.parse_args(arguments)
    with Pcscd(tap.READERS) as pcscd:
        become_client(pcscd)
        samples = measure(pcscd, options.taps, options.air, ahead=not options.behind)
    figures = {
        "quiet_p50": median(samples.quiet),
        "busy_p50": median(samples.busy),
        "busy_p99": percentile(samples.busy, 99),
    }
    figures["busy_ratio"] = figures["busy_p50"] / figures["quiet_p50"]
    return {
        "name": "busy",
        "taps": options.taps,
        **{key: round(value, 3) for key, value in figures.items()},
        "goals": GOALS,
        "holds": figures["busy_ratio"] <= GOALS["busy_ratio_max"],
    }


def measure(pcscd: Pcscd, taps: int, air: Air | None, *, ahead: bool) -> "Samples":
    """So many taps of each kind on a running pcscd with `tap.READERS`, of which this process is a
    client."""
    cast, table = load_cast(), TimeTable(air) if air else None
    if ahead:
        _grant()
    with ExitStack() as stack:
        holders = stack.enter_context(CardHolders(pcscd, tap.cards_of(cast), table))
        if ahead:
            for pid in (pcscd.pid, *holders.pids()):
                _before_all(pid)
        folder = stack.enter_context(scratch("onecard-tap-"))
        gate = stack.enter_context(LocalGate(cast, folder, serve=False))
        full = tap.FullTap(gate)
        loops = stack.enter_context(busy_loops())
        samples = _on_its_thread(lambda: _by_turns(full, loops, taps))
        full.require_all_accepted()
    return samples


@dataclass(frozen=True)
class Samples:
    """Milliseconds of each tap."""

    quiet: list[float]
    busy: list[float]


class Loops:
    """The busy processes; they stand still until they are let go."""

    def __init__(self, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        self.processes = processes
        self.halt()

    def go(self) -> None:
        self._signal(signal.SIGCONT)

    def halt(self) -> None:
        self._signal(signal.SIGSTOP)

    def _signal(self, number: signal.Signals) -> None:
        for process in self.processes:
            process.send_signal(number)


@contextmanager
def busy_loops() -> Iterator[Loops]:
    """Ends them on every way out."""
    processes = [subprocess.Popen([sys.executable, "-c", ENDLESS]) for _ in range(LOOPS)]
    try:
        yield Loops(processes)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _by_turns(full: tap.FullTap, loops: Loops, taps: int) -> Samples:
    samples = Samples([], [])
    for _ in range(tap.SETTLED):
        full()
    for turn in range(2 * taps):
        busy = turn % 2 == 1
        loops.go() if busy else loops.halt()
        began = time.perf_counter()
        full()
        (samples.busy if busy else samples.quiet).append((time.perf_counter() - began) * 1000)
    loops.halt()
    return samples


def _on_its_thread(work: Callable[[], Samples]) -> Samples:
    """As the product has it: the thread of a reader goes before others."""
    done: list[Samples] = []
    RealWorld().spawn(lambda: done.append(work()), name="reader", ahead=True).join()
    if not done:
        raise NoMeasurement("a tap failed, see above")
    return done[0]


def _grant() -> None:
    """As LimitRTPRIO=1 does. Raises `NoMeasurement`."""
    if len(os.sched_getaffinity(0)) < 2:
        raise NoMeasurement("one core: nothing may go before all others")
    try:
        resource.setrlimit(resource.RLIMIT_RTPRIO, (1, 1))
        os.sched_setscheduler(0, os.SCHED_FIFO, LOWEST)
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    except (OSError, ValueError) as error:
        raise NoMeasurement(f"real-time priority is not granted here: {error}") from error


def _before_all(pid: int) -> None:
    """All its threads, and those that they begin."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setscheduler(int(task.name), os.SCHED_FIFO, LOWEST)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(sys.argv[1:])) + "\n")
