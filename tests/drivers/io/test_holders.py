"""Who holds a device is told by name, and a name is only a name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from drivers.io.holders import holders_of
from drivers.pcsc.users import users_of_pcsc
from tests.drivers.io.descriptors import out_of_descriptors
from world.real import RealWorld

WORLD = RealWorld()
HOLD = """
import sys
open("/proc/self/comm", "w").write(sys.argv[2])
held = open(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_holders_name_moves_no_cursor(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.touch()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file), "a\x1b[2J\x07\u202eb"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        told = holders_of(WORLD, str(file))
        assert holder.stdin is not None
        holder.stdin.close()
    assert told == f"a?[2J??b ({holder.pid})"


def test_without_a_descriptor_to_look_nobody_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WORLD, "list_folder", out_of_descriptors)
    assert holders_of(WORLD, str(tmp_path / "port")) == "?"
    assert users_of_pcsc(WORLD) == "?"


def test_nobody_is_a_question_mark(tmp_path: Path) -> None:
    (tmp_path / "port").touch()
    assert holders_of(WORLD, str(tmp_path / "port")) == "?"
    assert str(os.getpid()) not in holders_of(WORLD, "/nowhere")
