"""Libraries that are wrong on purpose fail the tests that are there for their mistake."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.facade.c import build
from proving.conformance.run import chosen, library, run
from proving.conformance.stage import Stage
from proving.conformance.subject import PATIENCE
from world.real import RealWorld

HANGS = 10.0  # seconds until a call of the library that hangs is given up
# A library that fails everything is not caught by these ids: here all are right.
USUAL = ("EXP-001", "UNS-001")
# The mistake, and the tests that must notice it.
MISTAKES: dict[str, tuple[str, ...]] = {
    "UTF8": ("GBK-001", "GBK-002", "BAS-001", "TXT-001"),
    "NO_PIPE": ("FLD-003", "BAS-003", "HSM-003"),
    "SWAPPED": ("FLD-004", "BAS-002", "HSM-001"),
    "POSITIVE": ("TXT-002", "ERR-002", "BUF-001", "UNS-001"),
    "OVERRUN": ("BUF-001", "BUF-012", "BUF-050", "BUF-051"),
    "NO_NUL": ("BUF-001",),
    "NO_READER": ("ERR-006", "ERR-007", "ERR-019"),
    "ANY_CARD": ("ERR-020", "WRI-002", "PIN-016"),
    "ANY_KEY": ("SEQ-002", "SEQ-004"),
    "NO_EMPTY": ("FLD-001", "HSM-001"),
    "NULL_CRASH": ("NUL-002", "NUL-011"),
    "HANG": ("ERR-002", "ERR-003"),
    "NO_TEXT": ("TXT-001", "BUF-001", "ERR-002"),
    "MISSING": ("EXP-007",),
    "STALE": ("BAS-013",),
    "ALWAYS_AIR": ("BAS-010",),
    "CHANGED_INPUT": ("BUF-051",),
    "CUT_NAME": ("GBK-001", "HSM-007"),
    "SPLIT_BYTES": ("GBK-003",),
    "ONE_CARD_ERROR": ("ERR-015", "SEQ-003", "PIN-018"),
    "ANY_TYPE": ("TYP-001",),
    "TWICE": ("PIN-002",),
    "STEP_1_AGAIN": ("SEQ-001",),
}


def shim(folder: Path, mistake: str) -> Path:
    """Our library behind one mistake."""
    made = folder / f"{mistake.lower()}.so"
    defines = [f"-DWRONG={mistake}", *(["-DWITHOUT_UNBLOCK"] if mistake == "MISSING" else [])]
    source = Path(__file__).with_name("wrong.c")
    arguments = ["-std=c11", "-O1", "-w", "-fPIC", "-shared", *defines, f"-I{build.FOLDER}"]
    build.compile_c(RealWorld(), [*arguments, "-o", str(made), str(source)])
    return made


def failed(
    stage: Stage, ours: Path, wrong: Path, ids: Sequence[str], patience: float = PATIENCE
) -> set[str]:
    target = library(
        wrong,
        stage,
        "daemon",
        environment={"ONECARD_RIGHT_LIBRARY": str(ours)},
        patience=patience,
    )
    results = list(run(target, stage, chosen(ids)))
    assert "skipped" not in {result.outcome for result in results}
    return {result.case.id for result in results if result.outcome == "failed"}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_fails_the_tests_that_are_there_for_it(
    stage: Stage, ours: Path, tmp_path: Path, mistake: str
) -> None:
    expected = MISTAKES[mistake]
    patience = HANGS if mistake == "HANG" else PATIENCE
    wrong = shim(tmp_path, mistake)
    assert failed(stage, ours, wrong, [*expected, *USUAL], patience) == set(expected)


def test_control_the_same_shim_without_a_mistake_passes_them_all(
    stage: Stage, ours: Path, tmp_path: Path
) -> None:
    every = sorted({id_ for ids in MISTAKES.values() for id_ in ids})
    assert failed(stage, ours, shim(tmp_path, "NOTHING"), every) == set()


def test_a_library_that_cannot_be_loaded_fails(stage: Stage, ours: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"no library")
    assert failed(stage, ours, broken, ["EXP-001"]) == {"EXP-001"}
