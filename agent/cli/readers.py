"""`onecard readers`: every slot, bound or not, and how it is."""

from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from agent.cli.client import DaemonAbsent
from agent.cli.context import DEFAULT_CONFIG, Config, Context, Json
from agent.gate import Gate
from agent.status import device_status
from config.model import Agent as Settings

SETTLE = 1.0  # seconds that drivers get at most to find what is attached when no daemon runs
LOOK = 0.02  # seconds between looks at whether they have


def add_to(app: typer.Typer, context: Context) -> None:
    """Add the command."""

    @app.command(help=context.texts.ui("help-readers"))
    def readers(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
        context.as_json = as_json
        found = look(context, context.settings(config))
        context.show(found, lambda console: _table(context, console, found))


def look(context: Context, settings: Settings) -> dict[str, Any]:
    """The daemon's word, or our own look when none runs."""
    try:
        return context.client(settings).get("/v1/readers")
    except DaemonAbsent:
        gate = Gate(context.world, settings)
        gate.look()
        end = context.world.monotonic() + SETTLE
        while not gate.looked() and context.world.monotonic() < end:
            context.world.wait(LOOK)
        seen = {
            "readers": [device_status(placed) for placed in gate.readers()],
            "attached": list(gate.attached()),
        }
        gate.stop()
        return seen


def _table(context: Context, console: Console, found: dict[str, Any]) -> None:
    ui = context.texts.ui
    table = Table(ui("reader"), ui("state"), ui("attached-as"), ui("presented"), ui("lost"))
    for reader in found["readers"]:
        table.add_row(
            reader["name"],
            context.texts.state(reader["state"]),
            reader["attached"] or "–",
            str(reader["presented"]),
            str(reader["lost"]),
        )
    console.print(table)
    bound = {reader["attached"] for reader in found["readers"]}
    for slot in found["attached"]:
        if slot not in bound:
            console.print(ui("unbound-slot", slot=slot), markup=False, highlight=False)
