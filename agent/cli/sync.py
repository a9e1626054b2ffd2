"""`onecard sync status`: how far the platform has receipted what the journal holds."""

from typing import Any

import typer
from rich.console import Console

from agent.cli.context import DEFAULT_CONFIG, Config, Context, Json


def add_to(app: typer.Typer, context: Context) -> None:
    """Add the command group."""
    group = typer.Typer(help=context.texts.ui("help-sync"), no_args_is_help=True)
    app.add_typer(group, name="sync")

    @group.command(name="status", help=context.texts.ui("help-sync-status"))
    def status(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
        context.as_json = as_json
        whole = context.client(context.settings(config)).get("/v1/status")
        found = {"sync": whole["sync"], "store": whole["store"]}
        context.show(found, lambda console: _lines(context, console, found))


def _lines(context: Context, console: Console, found: dict[str, Any]) -> None:
    for room in ("sync", "store"):
        for key, value in (found[room] or {}).items():
            console.print(f"{context.texts.ui(key)}: {value}", markup=False, highlight=False)
