"""Runs the table: each test with a process or connection of its own, on a stage put in order."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from proving.conformance import basic, discipline, errors, files, pins
from proving.conformance.cases import TABLE, Bench, Case, Mismatch, Need
from proving.conformance.stage import Stage, StageBroken
from proving.conformance.subject import (
    PATIENCE,
    FrameConnection,
    LibraryProcess,
    Subject,
    SubjectFailed,
)
from simulators.site import NotInTime

ROOMS = (basic, discipline, errors, files, pins)  # whoever imports this module has the whole table

Outcome = Literal["passed", "failed", "skipped"]
Through = Literal["daemon", "pcsc"]
OURS = b"ONECARD_SSCARD_SOCKET"  # stands in a library that goes through the daemon


@dataclass(frozen=True)
class Result:
    """What became of one test. `expected` and `got` hold made-up data of the stage only."""

    case: Case
    outcome: Outcome
    seconds: float = 0.0
    expected: str = ""
    got: str = ""


@dataclass(frozen=True)
class Target:
    """What is tested, and what tests may count on."""

    name: str
    make: Callable[[], Subject]
    has: frozenset[Need]


def library(
    path: Path,
    stage: Stage,
    through: Through,
    *,
    environment: Mapping[str, str] | None = None,
    patience: float = PATIENCE,
) -> Target:
    """A shared library on the stage. `environment`: more of its process; `patience`: seconds for
    a call in which nobody types."""
    has: set[Need] = {"library", "cards", "psam"}
    if through == "daemon":
        has |= {"keys", "pad", "settings", "daemon"}
    around = {**stage.environment, **(environment or {})}
    return Target(
        str(path), lambda: LibraryProcess(path.absolute(), around, patience), frozenset(has)
    )


def own_daemon(stage: Stage) -> Target:
    """The stage's daemon, by frames."""
    has: set[Need] = {"cards", "psam", "keys", "pad", "settings"}
    return Target("daemon", lambda: FrameConnection(stage.socket), frozenset(has))


def foreign_daemon(path: str) -> Target:
    """A daemon that is running somewhere; the stage's cards are not in its readers."""
    return Target(path, lambda: FrameConnection(path), frozenset())


def goes_through(path: Path) -> Through:
    """Whether a library asks our daemon or drives the readers itself. Raises `OSError`."""
    return "daemon" if OURS in path.read_bytes() else "pcsc"


def chosen(only: Sequence[str]) -> Sequence[Case]:
    """The tests whose ids begin so (all, when nothing is given), by id. Raises `KeyError`."""
    for wanted in only:
        if not any(id_.startswith(wanted) for id_ in TABLE):
            raise KeyError(wanted)
    cases = sorted(TABLE.values(), key=lambda case: case.id)
    return [case for case in cases if not only or case.id.startswith(tuple(only))]


def run(target: Target, stage: Stage | None, cases: Sequence[Case]) -> Iterator[Result]:
    """One result after the other."""
    for case in cases:
        missing = sorted(case.needs - target.has)
        if missing or (stage is None and case.needs):
            yield Result(case, "skipped", got=f"needs {', '.join(missing)}")
        else:
            yield _run(target, stage, case)


def _run(target: Target, stage: Stage | None, case: Case) -> Result:
    began = time.perf_counter()
    try:
        with ExitStack() as stack:
            if stage is not None:
                stage.reset()
            case.run(_bench(target, stage, stack))
        if stage is not None:
            stage.require_daemon()
    except Mismatch as wrong:
        outcome: tuple[Outcome, str, str] = ("failed", wrong.expected, wrong.got)
    except SubjectFailed as wrong:
        outcome = ("failed", "an answer", str(wrong))
    except (StageBroken, NotInTime) as wrong:
        outcome = ("failed", "a stage that stands", str(wrong))
    else:
        outcome = ("passed", "", "")
    return Result(case, outcome[0], time.perf_counter() - began, *outcome[1:])


def _bench(target: Target, stage: Stage | None, stack: ExitStack) -> Bench:
    def make() -> Subject:
        subject = target.make()
        stack.callback(subject.close)
        return subject

    return Bench(stage, make(), make)  # type: ignore[arg-type]  # tests that need none have none
