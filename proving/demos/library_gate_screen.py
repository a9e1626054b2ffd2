"""Shows the morning in the terminal: one line per visit while it goes on, one table at the end."""

from rich import box
from rich.table import Table

from agent.cli.context import Context
from agent.messages.reasons import Reason
from agent.messages.results import Results
from proving.demos.library_gate import Outcome, Row
from proving.demos.screen import SceneScreen, compared

COLUMNS = {"person": 8, "expected": 21, "decided": 21, "took": 6, "at-platform": 8}  # widths


class LibraryGateScreen(SceneScreen):
    """See `proving.demos.library_gate.Audience`."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._results = Results(context.texts)

    def visit(self, row: Row) -> None:
        if not self._silent:
            lamp = "green" if row.verdict == "accepted" else "red"
            verdict = self._texts.word("verdict", row.verdict)
            self._print(
                f"{row.visit.at} [{lamp}]● {verdict}[/] {row.person} "
                f"[dim]{row.card}[/] {self._prompt(row)} [dim]{row.milliseconds:.1f} ms[/]",
                highlight=False,
            )

    def _prompt(self, row: Row) -> str:
        """The words that the person saw."""
        return self._results.prompt(Reason(row.reason)).text

    def outcome(self, outcome: Outcome) -> None:
        """The table and the last line."""
        data = {
            "rows": [_data(outcome, row) for row in outcome.rows],
            "taps": len(outcome.rows),
            **compared(outcome),
        }
        self._context.show(data, lambda: self._tables(outcome))

    def _tables(self, outcome: Outcome) -> None:
        ui = self._texts.ui
        table = Table(box=box.SIMPLE_HEAD)
        for column, width in COLUMNS.items():
            table.add_column(ui(column), no_wrap=True, width=width)
        for row in outcome.rows:
            table.add_row(
                row.person,
                row.visit.reason,
                row.reason if row.agrees else f"[red]{row.reason}[/]",
                f"{row.milliseconds:.1f}",
                "✓" if outcome.at_platform(row.record) else "[red]✗[/]",
            )
        self._print(table)
        self._end(
            outcome,
            "demo-last",
            stack=outcome.reader_stack,
            broker=outcome.broker_pid,
            taps=len(outcome.rows),
        )


def _data(outcome: Outcome, row: Row) -> dict[str, object]:
    return {
        "person": row.person,
        "expected": row.visit.reason,
        "decided": row.reason,
        "milliseconds": round(row.milliseconds, 1),
        "at_platform": outcome.at_platform(row.record),
        "agrees": row.agrees,
    }
