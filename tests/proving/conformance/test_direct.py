"""A library that talks PC/SC itself meets the stage's readers, and is judged by the same tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.facade.c import build
from proving.conformance.run import chosen, goes_through, library, run
from proving.conformance.stage import Stage
from world.real import RealWorld

GOOD = {"EXP-001", "BAS-001", "BAS-002", "FLD-003", "ERR-002", "ERR-007", "TYP-001"}
# It authenticates nobody, and 3.0 cards tell their holder only then; it takes padding for a date.
BAD = {"EXP-002", "BAS-003", "GBK-002", "ERR-010", "FLD-001"}
NEEDS_OUR_DAEMON = {"ERR-008", "PIN-001", "RLD-002"}


@pytest.fixture(scope="module")
def bare_stage() -> Iterator[Stage]:
    with Stage(daemon=False) as stage:
        yield stage


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("direct") / "direct.so"
    source = Path(__file__).with_name("direct.c")
    flags = ["-std=c11", "-O1", "-w", "-fPIC", "-shared", f"-I{build.FOLDER}"]
    flags += ["-I/usr/include/PCSC", "-o", str(made), str(source), "-lpcsclite"]
    build.compile_c(RealWorld(), flags)
    return made


def test_a_library_of_its_own_is_judged_by_what_it_does(bare_stage: Stage, direct: Path) -> None:
    assert goes_through(direct) == "pcsc"
    cases = chosen(sorted(GOOD | BAD | NEEDS_OUR_DAEMON))
    results = list(run(library(direct, bare_stage, "pcsc"), bare_stage, cases))
    found = {
        outcome: {result.case.id for result in results if result.outcome == outcome}
        for outcome in ("passed", "failed", "skipped")
    }
    told = "\n".join(f"{r.case.id} {r.outcome}: {r.expected} / {r.got}" for r in results)
    assert found == {"passed": GOOD, "failed": BAD, "skipped": NEEDS_OUR_DAEMON}, told
