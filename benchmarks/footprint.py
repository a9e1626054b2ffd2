"""What an idle agent takes: memory, time to be ready, processor, wake-ups.

The real daemon (`python -m agent`) at a site of its own: four readers on a real pcscd with a PSAM
in one of them, a TLS link to a real mosquitto with the platform behind it, the local socket. No
camera, and nobody taps.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from simulators.site import PSAM, Site, until

SETTLE: Final = 25.0  # seconds from ready to the look at the memory
WINDOW: Final = 20.0  # seconds before that look, in which processor and wake-ups are counted
GOALS: Final = {"rss_mb_max": 64.0, "ready_s_max": 1.0, "idle_cpu_percent_max": 0.5}
SWITCHES: Final = ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches")


def run(arguments: Sequence[str] = ()) -> dict[str, object]:
    """`ready_s`: from the process's start to `/v1/status` saying ready, with a journal that exists;
    `ready_cpu_s`: processor time by then, of all threads; `first_ready_s`: as `ready_s` on a new
    terminal, whose journal has to be made first. `rss_mb` (MiB):
    VmRSS 25 s after ready. `idle_cpu_percent` (of one core), `switches_per_s` (context switches of
    all threads, of either kind): over the last 20 s before that.

    `--settle SECONDS`, `--window SECONDS` change the two times.
    """
    parser = argparse.ArgumentParser(prog="onecard bench footprint")
    parser.add_argument("--settle", type=float, default=SETTLE)
    parser.add_argument("--window", type=float, default=WINDOW)
    options = parser.parse_args(arguments)
    with Site() as site:
        site.slots[PSAM].insert(site.cast.psam())
        first_ready = site.agent.start()
        until(lambda: _settled(site), "the first start does not come to rest")
        site.agent.stop()
        ready = site.agent.start()
        ready_cpu = Usage.of(site.agent.pid).cpu
        until(lambda: _settled(site), "the agent does not come to rest")
        time.sleep(max(0.0, options.settle - options.window))
        before = Usage.of(site.agent.pid)
        time.sleep(options.window)
        after = Usage.of(site.agent.pid)
        figures = {
            "rss_mb": round(_status(Path(f"/proc/{after.pid}/status"), "VmRSS") / 1024, 1),
            "ready_s": round(ready, 3),
            "ready_cpu_s": round(ready_cpu, 3),
            "first_ready_s": round(first_ready, 3),
            **after.since(before),
            "threads": len(after.switches),
        }
    holds = all(figures[goal.removesuffix("_max")] <= most for goal, most in GOALS.items())
    return {"name": "footprint", **figures, "goals": GOALS, "holds": holds}


@dataclass(frozen=True)
class Usage:
    """What a process has used since its start."""

    pid: int
    at: float  # time.monotonic()
    cpu: float  # seconds, user and system
    switches: Mapping[str, int]  # by thread

    @classmethod
    def of(cls, pid: int) -> "Usage":
        proc = Path(f"/proc/{pid}")
        # The name in parentheses may hold blanks; utime and stime are fields 14 and 15 (proc(5)).
        fields = (proc / "stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        threads = list((proc / "task").iterdir())
        return cls(
            pid,
            time.monotonic(),
            ticks / os.sysconf("SC_CLK_TCK"),
            {t.name: sum(_status(t / "status", key) for key in SWITCHES) for t in threads},
        )

    def since(self, before: "Usage") -> dict[str, float]:
        seconds = self.at - before.at
        switches = sum(n - before.switches.get(thread, 0) for thread, n in self.switches.items())
        return {
            "idle_cpu_percent": round((self.cpu - before.cpu) / seconds * 100, 2),
            "switches_per_s": round(switches / seconds, 1),
        }


def _settled(site: Site) -> bool:
    """The link is up, and the PSAM was read."""
    status = site.agent.status()
    return status["sync"]["state"] == "online" and not status["sams"][0]["fault"]


def _status(path: Path, key: str) -> int:
    """A number of a /proc status file (kB where it is memory)."""
    for line in path.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == key:
            return int(value.split()[0])
    raise KeyError(key)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(sys.argv[1:])) + "\n")
