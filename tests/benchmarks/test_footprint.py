"""`bench footprint` on an agent of its own, and that its counters see who is not idle."""

import os
import subprocess
import sys
from dataclasses import replace

from benchmarks import footprint
from benchmarks.footprint import Usage

SPIN = "import sys; print(flush=True); x = 0\nwhile True: x += 1"


def test_figures_are_of_a_running_agent() -> None:
    report = footprint.run(["--settle", "0.3", "--window", "0.3"])
    rss, ready = report["rss_mb"], report["ready_s"]
    assert isinstance(rss, float)
    assert isinstance(ready, float)
    assert 10 < rss < 500
    assert ready > 0
    assert isinstance(report["holds"], bool)
    for goal in footprint.GOALS:
        assert isinstance(report[goal.removesuffix("_max")], float)


def test_control_a_process_that_spins_is_not_idle() -> None:
    with subprocess.Popen([sys.executable, "-c", SPIN], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        before = Usage.of(process.pid)
        while Usage.of(process.pid).cpu - before.cpu < 0.05:
            pass
        used = Usage.of(process.pid).since(before)
        process.kill()
    assert used["idle_cpu_percent"] > footprint.GOALS["idle_cpu_percent_max"]


def test_switches_are_summed_over_threads_and_new_ones_count_from_their_start() -> None:
    before = replace(Usage.of(os.getpid()), at=0.0, cpu=1.0, switches={"1": 10, "2": 5})
    after = replace(before, at=10.0, cpu=1.05, switches={"1": 40, "3": 20})
    assert after.since(before) == {"idle_cpu_percent": 0.5, "switches_per_s": 5.0}
