"""Commands that simulate say what options each bench and each proof has."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from agent.cli.app import build
from agent.cli.context import Context
from agent.cli.proving import BENCHES, PROOFS, SimulatorsMissing
from agent.messages.texts import LANGUAGES, Language, Texts

ONECARD = str(Path(sys.executable).parent / "onecard")


def told(*words: str, check: bool = True) -> str:
    done = subprocess.run([ONECARD, *words], capture_output=True, text=True, check=check)
    return done.stdout


@pytest.mark.parametrize("asked", [("--help",), ("-h",), ()])
def test_help_reaches_the_options_of_each_bench_and_proof(asked: tuple[str, ...]) -> None:
    benches, proofs = told("bench", *asked), told("prove", *asked)
    assert [name for name in BENCHES if f"usage: onecard bench {name}" not in benches] == []
    assert [name for name in PROOFS if f"usage: onecard prove {name}" not in proofs] == []
    assert "--air {106,212,424,848}" in benches
    assert "--inputs INPUTS" in proofs


def test_the_version_is_that_of_the_distribution() -> None:
    assert told("--version") == f"onecard {version('onecard-agent')}\n"


def test_figures_are_one_line_for_programs() -> None:
    command = [ONECARD, "bench", "sm2", "--rounds", "3", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    figures = json.loads(done.stdout)
    assert figures["name"] == "sm2"
    assert done.returncode == (0 if figures["holds"] else 1)  # three rounds tell nothing of speed


def test_help_of_one_is_of_that_one() -> None:
    for words in (("bench", "tap", "--help"), ("bench", "--help", "tap"), ("bench", "tap", "-h")):
        said = told(*words)
        assert "--taps TAPS" in said
    said = told("prove", "power", "--help")
    assert "--cuts CUTS" in said
    assert "--inputs" not in said


def test_figures_are_one_line_of_json_where_it_is_asked_for() -> None:
    """Also when the bench does not hold, on a machine that is busy."""
    (line,) = told("bench", "facade", "--rounds", "2", "--json", check=False).splitlines()
    assert "holds" in json.loads(line)


WITHOUT_THEM = [
    ("demo",), ("prove",), ("prove", "tear"), ("prove", "fuzz", "--help"), ("bench",),
    ("bench", "sm2"), ("conform", "--list"), ("conform", "--library", "x.so"),
]  # fmt: skip


@pytest.mark.parametrize("words", WITHOUT_THEM, ids=" ".join)
def test_a_terminal_without_the_simulators_says_in_a_sentence_what_to_install(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    for package in ("simulators", "proving", "benchmarks"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SimulatorsMissing):
        build(Context(texts=Texts("en")))(list(words), standalone_mode=False)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sentence_names_the_distribution_and_the_python_that_lacks_it(
    language: Language,
) -> None:
    sentence = Texts(language).fault(SimulatorsMissing(python="/opt/onecard/bin/python3"))
    assert "onecard-simulators" in sentence
    assert "/opt/onecard/bin/python3 -m pip install ./packaging/simulators" in sentence
