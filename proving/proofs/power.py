"""`onecard prove power`: the power goes while rows are written; every acknowledged row is there.

A real process writes on a disk whose cache is lost with the power (powercut.c); it is killed at a
chance moment, and the next one goes on with what was left on the platter. The control is the same
store with synchronous=OFF.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from offline_store.files import generations
from offline_store.reading import ReadOnlyJournal
from proving.proofs.writer import Row, enrol, rows_said
from simulators.lifetime import scratch
from world import Fault
from world.real import RealWorld

CUTS = 25
MOST_ROWS = 80  # acknowledged before a cut
CONTROL_CUTS = 5
STARTING_ONE_IN = 4  # cuts that come while the process starts
STARTING = 0.5  # seconds


@dataclass
class Outcome:
    """What came of some cuts."""

    acknowledged: int = 0
    lost: int = 0
    damaged: int = 0  # journals that had to be given up
    broken: int = 0  # cuts after which the chain did not hold, or a second epoch was there


def run(arguments: Sequence[str] = ()) -> dict[str, Any]:
    """Figures, goals, and the control that must lose rows."""
    parser = argparse.ArgumentParser(prog="onecard prove power")
    parser.add_argument("--cuts", type=int, default=CUTS)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(list(arguments))
    with scratch("onecard-power-") as folder:
        shim = compiled(folder)
        right = cut(folder / "right", shim, "right", options.cuts, options.seed)
        control = cut(
            folder / "control", shim, "unsynced", min(CONTROL_CUTS, options.cuts),
            options.seed,
        )  # fmt: skip
    caught = control.lost > 0
    goals = {"lost": 0, "damaged": 0, "broken": 0}
    held = (right.lost, right.damaged, right.broken) == (0, 0, 0) and right.acknowledged > 0
    return {
        "name": "power",
        "cuts": options.cuts,
        "seed": options.seed,
        "acknowledged": right.acknowledged,
        "lost": right.lost,
        "damaged": right.damaged,
        "broken": right.broken,
        "goals": goals,
        "holds": held and caught,
        "control": {"variant": "synchronous=OFF", "lost": control.lost, "caught": caught},
    }


def compiled(folder: Path) -> Path:
    """The disk that loses power, as a library to preload. Needs gcc."""
    library = folder / "powercut.so"
    with as_file(files("proving.proofs") / "powercut.c") as source:
        command = ["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(library)]
        subprocess.run([*command, str(source), "-ldl", "-pthread"], check=True)
    return library


def cut(folder: Path, shim: Path, variant: str, cuts: int, seed: int) -> Outcome:
    """Write until the power goes, `cuts` times over, always on with what was left."""
    chance = random.Random(seed)
    world = RealWorld()
    live, platter = folder / "live", folder / "platter"
    live.mkdir(parents=True)
    enrol(world, live)
    outcome = Outcome()
    for number in range(cuts):
        shutil.rmtree(platter, ignore_errors=True)
        shutil.copytree(live, platter)
        environment = {
            **os.environ,
            "LD_PRELOAD": str(shim),
            "POWERCUT_LIVE": str(live),
            "POWERCUT_PLATTER": str(platter),
            "POWERCUT_SEED": str(seed + number),
        }
        said = _written(live, variant, chance, environment)
        shutil.rmtree(live)
        shutil.copytree(platter, live)
        _count(outcome, world, live, said)
    return outcome


def _written(
    folder: Path, variant: str, chance: random.Random, environment: dict[str, str]
) -> list[Row]:
    """The rows that a writer acknowledged before it was killed, some while it still started."""
    command = [sys.executable, "-m", "proving.proofs.writer", str(folder), variant]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env=environment, start_new_session=True
    ) as process:
        assert process.stdout is not None
        said = b""
        try:
            if chance.randrange(STARTING_ONE_IN) == 0:
                time.sleep(chance.uniform(0, STARTING))
            else:
                lines = chance.randrange(2, MOST_ROWS)
                said = b"".join(process.stdout.readline() for _ in range(lines))
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # its children too: the power goes for all
        said += process.stdout.read()
    return rows_said(said)


def _count(outcome: Outcome, world: RealWorld, folder: Path, said: list[Row]) -> None:
    outcome.acknowledged += len(said)
    outcome.damaged = max(outcome.damaged, len(generations(world, folder)) - 1)
    try:
        journal = ReadOnlyJournal(world, folder)
        stored = {(r.epoch, r.seq): r.hash for r in journal.records(None, 0, 1_000_000)}
        outcome.broken += not journal.verify()["whole"] or len({e for e, _ in stored}) > 1
    except Fault:
        stored = {}  # not even readable from outside: all of it counts as lost
    outcome.lost += sum(stored.get((epoch, seq)) != digest for epoch, seq, digest in said)
