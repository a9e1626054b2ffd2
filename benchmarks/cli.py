"""What a command of people's takes: processor time and memory, beside ykman (yubikey-manager), a
well-kept command line of the same field, by turns in one run.

A real daemon runs at a site of its own, with its readers on a real pcscd and a TLS link.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.measure import NoMeasurement, median
from simulators.site import PSAM, Site

YKMAN: Final = "5.9.2"
KEPT: Final = Path(sys.prefix) / "peers" / f"ykman-{YKMAN}"
TURNS: Final = 11
# A process begins with the memory of whoever starts it, which stays the least that it is told to
# have had: so a small one starts it.
LAUNCHER: Final = """
import os, sys
quiet = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (1, 2)]
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
_, status, used = os.wait4(child, 0)
print(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss)
"""
GOALS: Final = {
    "help_times_max": 0.5,  # of `ykman --help`
    "help_mb_max": 25.0,
    "readers_times_max": 0.7,  # `readers --json`, of `ykman list`
    "config_check_times_max": 0.8,  # of `ykman --help`
}


def run(arguments: Sequence[str] = ()) -> dict[str, object]:
    """`…_ms`: processor time (user and system) of one call, the median; `…_mb`: the most memory
    that it had (MiB, the least of all calls); `…_times`: the time by ykman's. The first round is
    not counted: it compiles what has no bytecode yet.

    `--turns N` changes how often.
    """
    parser = argparse.ArgumentParser(prog="onecard bench cli")
    parser.add_argument("--turns", type=int, default=TURNS)
    options = parser.parse_args(arguments)
    ykman = _ykman()
    with Site() as site:
        site.slots[PSAM].insert(site.cast.psam())
        site.agent.start()
        onecard, config = f"{sys.prefix}/bin/onecard", ["--config", str(site.config)]
        calls = {
            "help": [onecard, "--help"],
            "readers": [onecard, "readers", "--json", *config],
            "config_check": [onecard, "config", "check", *config],
            "ykman_help": [ykman, "--help"],
            "ykman_list": [ykman, "list"],
        }
        environment = os.environ | site.pcscd.environment()
        used = measured(calls, options.turns, environment)
    figures = judged(used)
    holds = all(figures[goal.removesuffix("_max")] <= most for goal, most in GOALS.items())
    return {"name": "cli", **figures, "goals": GOALS, "holds": holds}


def measured(
    calls: Mapping[str, Sequence[str]], turns: int, environment: Mapping[str, str]
) -> dict[str, list[tuple[float, float]]]:
    """Each call's (milliseconds of processor time, MiB), by turns."""
    used: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for turn in range(turns + 1):
        for name in sorted(calls, reverse=bool(turn % 2)):
            one = used_by(calls[name], environment)
            if turn:
                used[name].append(one)
    return used


def used_by(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """What one call used. Raises `NoMeasurement` when it fails."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", LAUNCHER, *command],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    status, seconds, kilobytes = done.stdout.split()
    if int(status):
        raise NoMeasurement(f"{' '.join(command)}: status {int(status)}")
    return float(seconds) * 1000, int(kilobytes) / 1024


def judged(used: Mapping[str, Sequence[tuple[float, float]]]) -> dict[str, float]:
    """The figures of `run`."""
    times = {name: median([one for one, _ in calls]) for name, calls in used.items()}
    figures = {f"{name}_ms": round(one, 1) for name, one in times.items()}
    for name, calls in used.items():
        figures[f"{name}_mb"] = round(min(most for _, most in calls), 1)
    peers = {"help": "ykman_help", "readers": "ykman_list", "config_check": "ykman_help"}
    for name, peer in peers.items():
        figures[f"{name}_times"] = round(times[name] / times[peer], 3)
    return figures


def _ykman() -> str:
    """In an environment of its own, made at the first time."""
    program = KEPT / "bin/ykman"
    if not program.exists():
        sys.stderr.write(f"bench cli: making the environment of ykman in {KEPT}\n")
        python = next(path for path in ("/usr/bin/python3", sys.executable) if Path(path).exists())
        _do([python, "-m", "venv", "--clear", str(KEPT)])
        _do([f"{KEPT}/bin/pip", "install", "--quiet", f"yubikey-manager=={YKMAN}"])
    return str(program)


def _do(command: Sequence[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise NoMeasurement(f"{' '.join(command)}: status {done.returncode}")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(sys.argv[1:])) + "\n")
