"""What `onecard conform` does once its arguments are read: stage, subject, tests, report."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from agent.cli.context import Context
from proving.conformance import report
from proving.conformance.cases import Case
from proving.conformance.run import (
    Result,
    Target,
    Through,
    chosen,
    foreign_daemon,
    goes_through,
    library,
    own_daemon,
    run,
)
from proving.conformance.stage import Stage

OWN = "own"  # in place of a socket: the stage's daemon


def show_list(context: Context, only: Sequence[str]) -> None:
    """Raises `KeyError` for an id that is none."""
    cases = chosen(only)
    tests = [
        {"id": case.id, "title": case.title, "标题": case.zh, "needs": sorted(case.needs)}
        for case in cases
    ]
    context.show(
        {"version": 1, "tests": tests},
        lambda: report.listing(context.console, context.texts, cases),
    )


def on_library(
    context: Context, path: Path, through: Through | None, only: Sequence[str]
) -> tuple[str, Sequence[Result]]:
    """Its name and the results. Raises `KeyError`, `OSError`."""
    cases = chosen(only)
    way = through or goes_through(path)
    with Stage(daemon=way == "daemon") as stage:
        return str(path), _done(context, library(path, stage, way), stage, cases)


def on_daemon(context: Context, socket: str, only: Sequence[str]) -> tuple[str, Sequence[Result]]:
    """The socket and the results. Raises `KeyError`."""
    cases = chosen(only)
    with ExitStack() as stack:
        if socket != OWN:
            return socket, _done(context, foreign_daemon(socket), None, cases)
        stage = stack.enter_context(Stage())
        return OWN, _done(context, own_daemon(stage), stage, cases)


def _done(
    context: Context, target: Target, stage: Stage | None, cases: Sequence[Case]
) -> Sequence[Result]:
    return list(_told(context, run(target, stage, cases)))


def _told(context: Context, results: Iterator[Result]) -> Iterator[Result]:
    for result in results:
        if not context.as_json:
            report.line(context.console, context.texts, result)
        yield result
