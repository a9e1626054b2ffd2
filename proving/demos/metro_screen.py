"""Shows a metro's gates in the terminal: a line per passenger, and the money at the end."""

from agent.assembly import results_of
from agent.cli.context import Context
from agent.messages.reasons import Reason
from config.load import load
from proving.demos.metro import Outcome, Passed
from proving.demos.screen import SceneScreen, compared
from simulators.transit.metro_site import MetroSite
from world.real import RealWorld


class MetroScreen(SceneScreen):
    """See `proving.demos.metro.Audience`."""

    def __init__(self, context: Context, site: MetroSite) -> None:
        """`site`: its settings say what people are told."""
        super().__init__(context)
        self._results = results_of(load(RealWorld(), site.config), context.texts)

    def passed(self, row: Passed) -> None:
        if self._silent:
            return
        prompt = self._results.prompt_for(Reason(row.got), row.record)
        wrong = "" if row.agrees else f" [red]≠ {row.passing.expect} {row.passing.paid}[/]"
        way = {"in": "→", "out": "←"}[row.passing.lane]
        self._print(
            f"[{prompt.lamp}]●[/] {way} {row.passing.who:10} {prompt.text}{wrong} "
            f"[dim]{row.milliseconds:.1f} ms {self._remark(row.passing.note)}[/]",
            highlight=False,
        )

    def outcome(self, outcome: Outcome) -> None:
        """The money and the last line."""
        data = {
            "rows": [
                {
                    "who": row.passing.who,
                    "lane": row.passing.lane,
                    "expected": row.passing.expect,
                    "decided": row.got,
                    "paid_fen": row.paid,
                }
                for row in outcome.rows
            ],
            "taps": len(outcome.rows),
            "spent_fen": outcome.spent,
            "confirmed_fen": outcome.confirmed,
            "grey_debited_fen": outcome.grey,
            "money_equal": outcome.equal,
            **compared(outcome),
        }
        self._context.show(data, lambda: self._lines(outcome))

    def _lines(self, outcome: Outcome) -> None:
        facts = {
            "spent": outcome.spent,
            "confirmed": outcome.confirmed,
            "grey": outcome.grey,
        }
        self._print(
            self._texts.ui(
                "demo-trips-money" if outcome.equal else "demo-trips-money-differs", **facts
            )
        )
        self._end(
            outcome,
            "demo-last",
            stack=outcome.reader_stack,
            broker=outcome.broker_pid,
            taps=len(outcome.rows),
        )
