"""Shows the day at the window in the terminal: a line per visit as it goes, a table at the end."""

from rich import box
from rich.table import Table

from proving.demos.screen import SceneScreen, compared
from proving.demos.service_window import Outcome, Row

COLUMNS = {"person": 8, "shows": 22, "decided": 20, "way": 9, "at-platform": 8}  # widths


class ServiceWindowScreen(SceneScreen):
    """See `proving.demos.service_window.Audience`."""

    def visit(self, row: Row) -> None:
        if self._silent:
            return
        good = row.got in ("accepted", "OK", "CONFIRMED")
        mark = "[green]●[/]" if good else "[red]●[/]"
        age = "" if row.age_s is None else f" {self._texts.ui('demo-remembered', age=row.age_s)}"
        self._print(
            f"{row.visit.at} {mark} {row.person} [dim]{self._shows(row)}[/] {row.got}"
            f"{'' if row.agrees else f' [red]≠ {row.visit.expect}[/]'} "
            f"[dim]{row.way}{age} {self._texts.ui('window-' + row.visit.note)}[/]",
            highlight=False,
        )

    def _shows(self, row: Row) -> str:
        orders = " ".join(row.visit.orders)
        return self._texts.ui(f"shows-{row.visit.shows}") + (f" ({orders})" if orders else "")

    def outcome(self, outcome: Outcome) -> None:
        """The table and the last line."""
        data = {
            "rows": [_data(outcome, row) for row in outcome.rows],
            "visits": len(outcome.rows),
            "disclosures": outcome.disclosures,
            **compared(outcome),
        }
        self._context.show(data, lambda: self._table(outcome))

    def _table(self, outcome: Outcome) -> None:
        ui = self._texts.ui
        table = Table(box=box.SIMPLE_HEAD)
        for column, width in COLUMNS.items():
            table.add_column(ui(column), no_wrap=True, width=width)
        for row in outcome.rows:
            table.add_row(
                row.person,
                self._shows(row),
                row.got if row.agrees else f"[red]{row.got} ≠ {row.visit.expect}[/]",
                row.way,
                "✓" if outcome.at_platform(row) else "–",
            )
        self._print(table)
        self._end(
            outcome,
            "demo-window-last",
            visits=len(outcome.rows),
            disclosures=outcome.disclosures,
            stack=outcome.reader_stack,
            broker=outcome.broker_pid,
        )


def _data(outcome: Outcome, row: Row) -> dict[str, object]:
    return {
        "at": row.visit.at,
        "person": row.person,
        "shows": row.visit.shows,
        "orders": list(row.visit.orders),
        "expected": row.visit.expect,
        "got": row.got,
        "way": row.way,
        "remembered_s": row.age_s,
        "at_platform": outcome.at_platform(row),
        "agrees": row.agrees,
    }
