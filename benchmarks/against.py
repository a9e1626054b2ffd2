"""Another revision of this code against this one: the same bench of both, by turns in one run.

The revision is unpacked into a folder of this environment, with an environment of its own, and is
called by its command line only, so that it need not know of this. Both stay for the next time.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.measure import NoMeasurement
from simulators import parts

HERE: Final = Path(__file__).parents[1]
KEPT: Final = Path(sys.prefix) / "against"
TURNS: Final = 7
MOST: Final = 1.05  # of a judged figure by what it was
# Benches that another revision has no figures of, or other ones: a script of here runs on both.
SAME_SCRIPT: Final = {"footprint": "footprint.py", "tap": "tap_work.py"}
JUDGED: Final = {
    "tap": ("p50",),
    "bus": ("p50",),
    "code": ("first", "known"),
    "facade": ("socket_p50",),
    "footprint": ("rss_mb", "ready_s"),
}
NONE_WANTED: Final[Mapping[str, float]] = {}

# Revisions that know no parts look for them where Debian's packages have them.
_OVER_USR = 'mount -t overlay overlay -o "lowerdir=$1:/usr" /usr && shift && exec "$@"'


@dataclass(frozen=True)
class Side:
    """One of the two: how its command line is begun, and where; `within`: what all its commands
    are begun with."""

    command: Sequence[str]
    folder: Path
    python: Path
    within: Sequence[str] = ()

    def bench(self, name: str, options: Sequence[str]) -> Mapping[str, float]:
        """Its flat figures. Raises `NoMeasurement` when it gives none."""
        # Whatever ends us ends it: a killed bench tidies up after itself.
        bound = ["setpriv", "--pdeathsig", "TERM", "--", *self.within]
        command = [*self.command, "bench", name, *options, "--json"]
        if name in SAME_SCRIPT:
            script = HERE / "benchmarks" / SAME_SCRIPT[name]
            command = [str(self.python), "-P", str(script), *options]
        done = subprocess.run(
            [*bound, *command],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(self.folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout.strip().rpartition("\n")[2]
        told = json.loads(said) if said.startswith("{") and said.endswith("}") else {}
        if "holds" not in told:
            raise NoMeasurement(f"{self.folder}: {said}{done.stderr[-2000:]}")
        return {
            key: float(value)
            for key, value in told.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }


def run(arguments: Sequence[str] = ()) -> dict[str, object]:
    """`REV NAME [--turns N] [--goal FIGURE=TIMES …] [options of the bench]`. Each figure that both
    have: the median of its turns here, `…_before`: there, and `…_times`: the one by the other,
    apart from the ratios that a bench has itself. `holds`: no judged figure (`JUDGED`; of other
    benches each `…p50`) is more than `MOST` of what it was; with `--goal` these figures are judged
    instead.
    """
    parser = argparse.ArgumentParser(prog="onecard bench against")
    parser.add_argument("revision", metavar="REV")
    parser.add_argument("bench", metavar="NAME")
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--goal", action="append", default=[], metavar="FIGURE=TIMES", type=_goal)
    options, of_bench = parser.parse_known_args(arguments)
    commit = _git("rev-parse", "--short", f"{options.revision}^{{commit}}").decode().strip()
    sides = {
        "": Side([f"{sys.prefix}/bin/onecard"], HERE, Path(sys.executable)),
        "_before": _unpacked(commit),
    }
    samples: dict[str, list[Mapping[str, float]]] = {name: [] for name in sides}
    for turn in range(options.turns):
        for name in sorted(sides, reverse=bool(turn % 2)):
            samples[name].append(sides[name].bench(options.bench, of_bench))
    return {
        "name": "against",
        "bench": options.bench,
        "revision": commit,
        "turns": options.turns,
        **compared(options.bench, samples[""], samples["_before"], dict(options.goal)),
    }


def _goal(text: str) -> tuple[str, float]:
    figure, _, times = text.partition("=")
    return figure, float(times)


def compared(
    bench: str,
    now: Sequence[Mapping[str, float]],
    before: Sequence[Mapping[str, float]],
    wanted: Mapping[str, float] = NONE_WANTED,
) -> dict[str, object]:
    """The figures of `run`, from those of each turn. Raises `NoMeasurement` when a judged figure
    is not everywhere."""
    names = [name for name in now[0] if all(name in one for one in [*now, *before])]
    usual = JUDGED.get(bench) or [name for name in names if name.endswith("p50")]
    judged = wanted or dict.fromkeys(usual, MOST)
    if missing := set(judged) - set(names):
        raise NoMeasurement(f"not every run has {', '.join(sorted(missing))}")
    figures: dict[str, float] = {}
    for name in names:
        here, there = (median(one[name] for one in runs) for runs in (now, before))
        figures |= {name: here, f"{name}_before": there}
        if there:
            figures[f"{name}_times"] = here / there
    goals = {f"{name}_times_max": most for name, most in judged.items()}
    rounded = {key: round(value, 4) for key, value in figures.items()}
    holds = all(rounded[goal.removesuffix("_max")] <= most for goal, most in goals.items())
    return {**rounded, "goals": goals, "holds": holds}


def _unpacked(commit: str) -> Side:
    """The revision with its environment, made at the first time."""
    folder = KEPT / commit
    tree, made = folder / "tree", folder / "made"
    python = folder / "env/bin/python"
    if not made.exists():
        _say(f"making the environment of {commit} in {folder}")
        shutil.rmtree(folder, ignore_errors=True)
        tree.mkdir(parents=True)
        archive = _git("archive", "--format=tar", commit)
        subprocess.run(["tar", "--extract"], cwd=tree, input=archive, check=True)
        _do([_system_python(), "-m", "venv", str(folder / "env")], tree)
        constraints = str(tree / "constraints.txt")
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        environment = os.environ | {"PIP_CONSTRAINT": constraints}
        _do([*install, "-c", constraints, "--editable", ".[dev]"], tree, environment)
        _do([str(python), "-m", "agent.voices.build", "--out", "agent/voices/pack"], tree)
        _do([str(python), "-m", "compileall", "-q", "."], tree)  # as ./run does with this one
        (folder / "env/parts").symlink_to(parts.PARTS)
        made.touch()
    within: list[str] = []
    if not (tree / "simulators/parts.py").exists() and not _installed():
        unshare = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() else [])]
        within = [*unshare, "sh", "-c", _OVER_USR, "sh", str(parts.PARTS / "usr")]
    return Side([str(folder / "env/bin/onecard")], tree, python, within)


def _installed() -> bool:
    """Whether the parts are on the machine as packages too."""
    usual = (parts.mosquitto(), parts.mosquitto_passwd(), parts.vpcd())
    return all(Path("/", path.relative_to(parts.PARTS)).exists() for path in usual)


def _system_python() -> str:
    """The one that `./run` makes environments of."""
    return next(path for path in ("/usr/bin/python3", sys.executable) if Path(path).exists())


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", "-C", str(HERE), *arguments], capture_output=True, check=False)
    if done.returncode:
        raise NoMeasurement(done.stderr.decode(errors="replace").strip())
    return done.stdout


def _do(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        raise NoMeasurement(f"{' '.join(command)}: status {done.returncode}")


def _say(text: str) -> None:
    sys.stderr.write(f"bench against: {text}\n")
    sys.stderr.flush()
