"""`bench busy`: taps beside busy loops and without them, by turns."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.busy import Loops, busy_loops
from simulators.site import until


def bench(*arguments: str) -> dict[str, object]:
    """In a process of its own, as its cards are forked from one without threads."""
    command = [sys.executable, "-m", "benchmarks.busy", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    report: dict[str, object] = json.loads(done.stdout)
    return report


def test_the_ratio_is_of_the_two_medians_of_one_run() -> None:
    report = bench("--taps", "3", "--behind")
    quiet, busy, ratio = (report[name] for name in ("quiet_p50", "busy_p50", "busy_ratio"))
    assert isinstance(quiet, float)
    assert isinstance(busy, float)
    assert ratio == pytest.approx(busy / quiet, abs=0.01)
    assert report["holds"] == (busy / quiet <= 1.05)


def test_control_the_loops_work_when_they_are_let_go_and_only_then() -> None:
    with busy_loops() as loops:
        until(lambda: states(loops) == "TT", "they do not stand still")
        loops.go()
        until(lambda: states(loops) == "RR", "they do not work")
        loops.halt()
        until(lambda: states(loops) == "TT", "they do not stand still again")
        pids = [process.pid for process in loops.processes]
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def states(loops: Loops) -> str:
    """One letter for each (proc(5))."""
    stats = [Path(f"/proc/{process.pid}/stat").read_text() for process in loops.processes]
    return "".join(stat.rpartition(")")[2].split()[0] for stat in stats)
