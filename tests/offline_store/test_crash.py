"""SIGKILL in the middle of writing, again and again: what was acknowledged is there."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from offline_store.reading import ReadOnlyJournal
from proving.proofs.writer import READY, Row, enrol, rows_said
from world.real import RealWorld

KILLS = 12


def written(folder: Path, variant: str, lines: int) -> list[Row]:
    """What a writer acknowledged before it was killed at a chance moment after `lines` of them."""
    command = [sys.executable, "-m", "proving.proofs.writer", str(folder), variant]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == READY
        said = b"".join(process.stdout.readline() for _ in range(lines))
        process.send_signal(signal.SIGKILL)
        said += process.stdout.read()
    return rows_said(said)


def prepared(folder: Path) -> RealWorld:
    world = RealWorld()
    enrol(world, folder)
    return world


def test_every_acknowledged_row_survives_sigkill(tmp_path: Path) -> None:
    world = prepared(tmp_path)
    chance = random.Random(20260921)
    acknowledged: list[Row] = []
    for _ in range(KILLS):
        acknowledged += written(tmp_path, "right", chance.randrange(1, 60))
    journal = ReadOnlyJournal(world, tmp_path)
    stored = {(r.epoch, r.seq): r.hash for r in journal.records(None, 0, 1_000_000)}
    assert acknowledged
    for epoch, seq, digest in acknowledged:
        assert stored.get((epoch, seq)) == digest
    assert len({epoch for epoch, _ in stored}) == 1
    assert journal.verify()["whole"]


def test_a_store_that_acknowledges_before_commit_is_caught(tmp_path: Path) -> None:
    """The control."""
    world = prepared(tmp_path)
    for attempt in range(40):
        said = written(tmp_path, "early", 5 + attempt)
        stored = {r.seq for r in ReadOnlyJournal(world, tmp_path).records(None, 0, 1_000_000)}
        if any(seq not in stored for _, seq, _ in said):
            return
    pytest.fail("acknowledged before COMMIT, and yet no row was missed in 40 kills")
