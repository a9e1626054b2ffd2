"""The commands of README and of the pages that it leads to work as they stand: each is run here, or
is named with who runs it.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from proving.demos.picture import TITLE
from simulators.people import load_cast
from tests.readme import README, commands, sections, texts

BIN = Path(sys.executable).parent
# What a bench or proof is given besides, so that it is over soon.
SOONER = {
    "./run bench tap --json": "--taps 5",
    "./run bench tap --mode hsm --json": "--taps 3",
    "./run bench tap --air 106 --json": "--taps 3",
    "./run bench sm2 --json": "--rounds 3",
    "./run bench facade --json": "--rounds 5",
    "./run bench bus --air 106 --json": "--taps 3",
    "./run bench bus --taps 100000 --json": "--taps 20",
    "./run bench code --json": "--rounds 3",
    "./run prove power --json": "--cuts 2",
    "./run prove fuzz --json": "--inputs 200",
    "./run prove money --seeds 200 --json": "--seeds 1",
    "./run prove devices --json": "--parts wand --faults unplugged --no-control",
}
# Whoever runs the others.
BOOTED = "tests/booted.py, on a booted system"
CONTAINER = "tests/container.py, without an engine"
ELSEWHERE = {
    "./run test": "this suite",
    "./run demo": "tests/journeys/test_morning.py",
    "./run tap": "tests/journeys/test_daemon.py",
    "./run tap --certificates": "tests/journeys/test_certificates.py",
    "./run run": "tests/journeys/test_daemon.py",
    "./run prove tear --json": "tests/proving/proofs/test_tear.py",
    "./run prove explain --rows 10000 --json": "tests/proving/proofs/test_explain.py",
    "./run bench footprint --json": "tests/benchmarks/test_footprint.py",
    "./run bench qr --json": "tests/benchmarks/test_qr.py",
    "./run bench lists --json": "tests/benchmarks/test_lists.py",
    "./run bench busy --air 106 --json": "tests/benchmarks/test_busy.py",
    # By hand, because it fetches the tool that it compares with:
    "./run bench cli --json": "tests/benchmarks/test_cli.py, its parts",
    # By hand, because it makes an environment:
    "./run bench against REV tap --json": "tests/benchmarks/test_against.py, its parts",
    "docker build": CONTAINER,
    "docker run": CONTAINER,
    "./run install": BOOTED,
    "./run config check": BOOTED,
    "./run doctor": BOOTED,
    "install -D": BOOTED,
    "systemctl daemon-reload": BOOTED,
    "export PCSCLITE_CSOCK_NAME": "tests/simulators/test_main.py",
    "opensc-tool": "tests/simulators/test_main.py",
    "pcsc_scan": "tests/simulators/test_vpcd.py",
}
SCREEN = 40  # lines
INLINE = re.compile(r"`(?:\./run|onecard) ([a-z][a-z-]*)([^`]*)`")
OWN = {"test", "exec", "simulators", "libsscard", "install"}  # commands of `run` itself


def every_command() -> list[str]:
    return [command for section in sections() for command in commands(section)]


@pytest.mark.parametrize("command", SOONER)
def test_a_bench_or_proof_of_readme_gives_its_figures(command: str) -> None:
    assert command in every_command()
    words = [*command.removeprefix("./run ").split(), *SOONER[command].split()]
    done = subprocess.run([BIN / "onecard", *words], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr  # so few of them need not hold
    assert "holds" in json.loads(done.stdout)


def test_every_command_of_readme_is_run_by_somebody() -> None:
    of_others = tuple(ELSEWHERE)
    unknown = [c for c in every_command() if c not in SOONER and not c.startswith(of_others)]
    assert unknown == []
    gone = [c for c in (*SOONER, *ELSEWHERE) if not any(e.startswith(c) for e in every_command())]
    assert gone == []


def test_readme_is_short_and_its_first_screen_has_commands_picture_and_what_comes_out() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 90
    first = "\n".join(lines[:SCREEN])
    assert all(seen in first for seen in ("./run demo", "./run test", "docs/demo.svg", "Platform"))


def test_the_picture_is_what_the_demo_prints_and_small() -> None:
    picture = (README.parent / "docs" / "demo.svg").read_text(encoding="utf-8")
    picture = picture.replace("\xa0", " ").replace("&#160;", " ")
    assert len(picture) < 100_000
    assert TITLE in picture
    said = re.sub(r"<[^>]*>", "", picture)
    assert {visit.reason for visit in load_cast().visits} <= set(re.findall(r"[a-z-]+", said))


def printed(page: str) -> list[int]:
    """Lines of each print-out: a fence that names no language."""
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [text.count("\n") for language, text in fences if not language]


def test_no_print_out_of_readme_is_longer_than_half_a_screen() -> None:
    assert max(printed(README.read_text(encoding="utf-8"))) <= SCREEN // 2


def test_control_a_long_print_out_is_noticed() -> None:
    assert printed("```sh\n./run\n```\n```\n" + "line\n" * 30 + "```\n") == [30]


def test_every_command_that_readme_names_is_there() -> None:
    told = subprocess.run(
        [BIN / "onecard", "--help"],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
        check=True,
    ).stdout
    named = {name for name, _ in INLINE.findall(texts())}
    assert len(named) > 10
    assert {name for name in named - OWN if not re.search(rf"\b{name}\b", told)} == set()


def test_every_file_that_readme_installs_is_there() -> None:
    files = {word for c in every_command() for word in re.findall(r"packaging/[\w.-]+", c)}
    assert len(files) >= 5
    assert [file for file in files if not (README.parent / file).is_file()] == []


def test_control_a_command_that_nobody_runs_is_noticed() -> None:
    assert not "./run frobnicate".startswith(tuple(ELSEWHERE))
