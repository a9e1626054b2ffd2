"""`onecard readers`: every slot, bound or not, and how it is."""

from collections.abc import Callable
from typing import Any

import typer

from agent.cli.columns import Column
from agent.cli.context import DEFAULT_CONFIG, Config, Context, Json
from agent.cli.looking import look
from agent.cli.looking import readers as of_kind


def add_to(app: typer.Typer, context: Context) -> None:
    """Add the command."""

    @app.command(help=context.texts.ui("help-readers"))
    def readers(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
        context.as_json = as_json
        seen = look(context, context.settings_in_force(config), only_readers=True)
        found = {"version": 1, "readers": of_kind(seen), "attached": seen["attached"]}
        context.show(found, lambda: _table(context, found))


def _table(context: Context, found: dict[str, Any]) -> None:
    ui = context.texts.ui
    columns = (
        Column(ui("reader")),
        Column(ui("state")),
        Column(ui("attached-as"), "cut"),
        Column(ui("presented"), right=True),
        Column(ui("lost"), right=True),
        Column(ui("leased-to"), "cut"),
    )
    rows = [
        (
            reader["name"],
            context.texts.state(reader["state"]),
            reader["attached"] or "–",
            str(reader["presented"]),
            str(reader["lost"]),
            _holder(ui, reader.get("lease")),
        )
        for reader in found["readers"]
    ]
    context.table(columns, rows)
    bound = {reader["attached"] for reader in found["readers"]}
    for slot in found["attached"]:
        if slot not in bound:
            context.say(ui("unbound-slot", slot=slot))


def _holder(ui: Callable[..., str], lease: dict[str, Any] | None) -> str:
    """The business program that has the reader now, and until when at most."""
    if lease is None:
        return "–"
    return ui(
        "leased", client=lease["client"], function=lease["function"], seconds=lease["seconds_left"]
    )
