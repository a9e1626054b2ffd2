"""What became of the tests: a table for people, one JSON document for programs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.messages.texts import Texts
from proving.conformance.cases import Case
from proving.conformance.run import Outcome, Result

MARKS: Mapping[Outcome, tuple[str, str]] = {
    "passed": ("✓", "green"),
    "failed": ("✗", "red"),
    "skipped": ("–", "dim"),
}


def data(subject: str, results: Sequence[Result]) -> dict[str, Any]:
    """`version` 1: subject, holds (nothing failed, something passed), counts, tests."""
    counts = Counter(result.outcome for result in results)
    return {
        "version": 1,
        "subject": subject,
        "holds": not counts["failed"] and bool(counts["passed"]),
        "passed": counts["passed"],
        "failed": counts["failed"],
        "skipped": counts["skipped"],
        "tests": [
            {
                "id": result.case.id,
                "title": result.case.title,
                "标题": result.case.zh,
                "outcome": result.outcome,
                "seconds": round(result.seconds, 3),
                "expected": result.expected,
                "got": result.got,
            }
            for result in results
        ],
    }


def line(console: Console, texts: Texts, result: Result) -> None:
    """One test as it is done."""
    mark, colour = MARKS[result.outcome]
    told = Text.assemble((f"{mark} ", colour), f"{result.case.id} ", title(texts, result.case))
    if result.outcome == "failed":
        said = texts.ui("conform-mismatch", expected=result.expected, got=result.got)
        told.append(f"  {said}", "red")
    if result.outcome == "skipped":
        told.append(f"  {result.got}", "dim")
    console.print(told)


def table(console: Console, texts: Texts, results: Sequence[Result]) -> None:
    """One row per group of ids, and what failed."""
    ui = texts.ui
    summary = Table(ui("conform-group"), *(ui(f"conform-{outcome}") for outcome in MARKS))
    groups = dict.fromkeys(result.case.id[:3] for result in results)
    for group in groups:
        counts = Counter(r.outcome for r in results if r.case.id.startswith(group))
        summary.add_row(group, *(str(counts[outcome] or "") for outcome in MARKS))
    counts = Counter(result.outcome for result in results)
    summary.add_section()
    summary.add_row("", *(str(counts[outcome]) for outcome in MARKS))
    console.print(summary)


def listing(console: Console, texts: Texts, cases: Sequence[Case]) -> None:
    """The table of tests itself."""
    ui = texts.ui
    rows = Table("id", ui("conform-title"), ui("conform-needs"))
    for case in cases:
        rows.add_row(case.id, title(texts, case), ", ".join(sorted(case.needs)))
    console.print(rows)


def title(texts: Texts, case: Case) -> str:
    return case.zh if texts.language == "zh" else case.title
