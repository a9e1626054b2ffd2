"""Shows a run of the bus in the terminal: a line per boarding, and the money at the end."""

from agent.assembly import results_of
from agent.cli.context import Context
from agent.messages.reasons import Reason
from config.load import load
from proving.demos.bus import Boarded, Outcome
from proving.demos.screen import SceneScreen, compared
from simulators.transit.site import BusSite
from world.real import RealWorld


class BusScreen(SceneScreen):
    """See `proving.demos.bus.Audience`."""

    def __init__(self, context: Context, site: BusSite) -> None:
        """`site`: its settings say what people are told."""
        super().__init__(context)
        self._results = results_of(load(RealWorld(), site.config), context.texts)

    def boarded(self, row: Boarded) -> None:
        if self._silent:
            return
        prompt = self._results.prompt_for(Reason(row.got), row.record)
        wrong = "" if row.agrees else f" [red]≠ {row.boarding.expect} {row.boarding.fare}[/]"
        self._print(
            f"[{prompt.lamp}]●[/] {row.boarding.who:13} {prompt.text}{wrong} "
            f"[dim]{row.milliseconds:.1f} ms {self._remark(row.boarding.note)}[/]",
            highlight=False,
        )

    def outcome(self, outcome: Outcome) -> None:
        """The money and the last line."""
        money = outcome.money
        data = {
            "rows": [
                {
                    "who": r.boarding.who,
                    "shows": r.boarding.shows or "card",
                    "expected": r.boarding.expect,
                    "decided": r.got,
                    "expected_fen": r.boarding.fare,
                    "fen": r.fare,
                }
                for r in outcome.rows
            ],
            "passengers": len({row.boarding.who for row in outcome.rows}),
            "taps": len(outcome.rows),
            "spent_fen": money.spent,
            "confirmed_fen": money.confirmed,
            "grey_debited_fen": money.grey,
            "grey_rows": money.grey_rows,
            "by_code_fen": money.by_code,
            "by_code_due_fen": money.codes_due,
            "trip_summaries_fen": money.shifts,
            "money_equal": money.equal,
            **compared(outcome),
        }
        self._context.show(data, lambda: self._lines(outcome))

    def _lines(self, outcome: Outcome) -> None:
        ui, money = self._texts.ui, outcome.money
        self._print(
            ui(
                "demo-money" if money.equal else "demo-money-differs",
                spent=money.spent,
                confirmed=money.confirmed,
                grey=money.grey,
                codes=money.by_code,
                due=money.codes_due,
                shifts=money.shifts,
            )
        )
        self._end(
            outcome,
            "demo-last",
            stack=outcome.reader_stack,
            broker=outcome.broker_pid,
            taps=len(outcome.rows),
        )
