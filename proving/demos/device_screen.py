"""Shows the devices in the terminal: one line per device as it goes, one table at the end."""

from collections.abc import Sequence

from rich import box as borders
from rich.table import Table

from agent.cli.context import Context
from proving.demos.devices import Step, Tour
from simulators.device_box.box import DeviceBox
from simulators.devices.virtual_gate import Conduct

COLUMNS = {"device": 10, "driver": 16, "did": 18, "away": 10, "back": 8}  # widths


class DeviceScreen:
    """See `proving.demos.devices.Audience`; with `--json` it keeps silent until the end."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._texts = context.texts
        self._print = context.console.print
        self._silent = context.as_json

    def parts(self, box: DeviceBox) -> None:
        """Which real parts are running."""
        if not self._silent:
            facts = {"pcscd": box.pcscd.pid, "broker": box.broker.pid, "port": box.broker.port}
            self._print(
                self._texts.ui("demo-parts", stack=box.reader_stack, **facts), highlight=False
            )

    def step(self, step: Step) -> None:
        if not self._silent:
            mark = "[green]●[/]" if step.good else "[red]✗[/]"
            self._print(f"{mark} {step.part.name} [dim]{step.part.driver}[/] {self._did(step.did)}")
            if step.away:
                name, did = step.witness
                facts = {"state": self._texts.state(step.away), "name": name, "did": self._did(did)}
                self._print(f"  [yellow]⚡[/] [dim]{self._texts.ui('demo-meanwhile', **facts)}[/]")

    def passage(self, conduct: Conduct, ends: Sequence[str]) -> None:
        if not self._silent:
            person = self._texts.ui(f"walk-{conduct.name.lower().replace('_', '-')}")
            told = " · ".join(self._texts.happened(end) for end in ends)
            self._print(f"[green]●[/] {person} [dim]→ {told}[/]", highlight=False)

    def _did(self, did: str) -> str:
        return self._texts.ui(f"did-{did}")

    def outcome(self, box: DeviceBox, tour: Tour) -> None:
        """The table and the last line."""
        data = {
            "devices": [_data(step) for step in tour.steps],
            "passages": list(tour.passages),
            "journal_rows": tour.journal_rows,
            "platform_rows": tour.platform_rows,
            "equal_hashes": tour.same,
            "chain_whole": tour.whole,
            "reader_stack": box.reader_stack,
            "broker_pid": box.broker.pid,
            "good": tour.good,
        }
        self._context.show(data, lambda: self._table(box, tour))

    def _table(self, box: DeviceBox, tour: Tour) -> None:
        ui = self._texts.ui
        table = Table(box=borders.SIMPLE_HEAD)
        for column, width in COLUMNS.items():
            table.add_column(ui(f"demo-{column}"), no_wrap=True, width=width)
        for step in tour.steps:
            table.add_row(
                step.part.name,
                step.part.driver,
                self._did(step.did),
                self._texts.state(step.away) if step.away else "–",
                "–" if step.back is None else f"{step.back:.2f}",
            )
        self._print(table)
        rows = {"journal": tour.journal_rows, "platform": tour.platform_rows}
        self._print(ui("demo-same" if tour.same else "demo-differs", **rows))
        self._print(
            ui(
                "demo-devices-last",
                devices=len(tour.steps),
                stack=box.reader_stack,
                broker=box.broker.pid,
                verdict=ui("demo-good" if tour.good else "demo-bad"),
            ),
            highlight=False,
        )


def _data(step: Step) -> dict[str, object]:
    return {
        "kind": step.part.kind,
        "name": step.part.name,
        "driver": step.part.driver,
        "did": step.did,
        "away": step.away,
        "witness": step.witness,
        "back_s": None if step.back is None else round(step.back, 2),
        "good": step.good,
    }
