"""`onecard explain EPOCH:SEQ`: why a tap or a payment was decided as it was, computed again.

A running daemon answers; without one the terminal's parts are put together here, and the journal's
file is read.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from agent.assembly import Service, Terminal
from agent.beside import UNAVAILABLE
from agent.cli.client import DaemonAbsent, DaemonSilent
from agent.cli.context import DEFAULT_CONFIG, Config, Context, Json
from agent.cli.journal import FileSource
from agent.tap.explain import CONFIRMED, UNCOMPUTED, answer, explain
from config.model import AgentSettings as Settings
from world import Fault

ROW: Final = re.compile(r"([0-9a-f]{32}):([1-9][0-9]{0,17})")
ALTERED: Final = 1  # exit status: what was recorded is not what comes out


class NotARow(Fault):
    """Not of the form EPOCH:SEQ. Fact: `word`."""

    code = "explain.not-a-row"


def add_to(app: typer.Typer, context: Context) -> None:
    """Add the command."""
    ui = context.texts.ui

    @app.command("explain", help=ui("help-explain"))
    def explained(
        row: Annotated[str, typer.Argument(metavar="EPOCH:SEQ", help=ui("help-explain-row"))],
        config: Config = DEFAULT_CONFIG,
        as_json: Json = False,
    ) -> None:
        context.as_json = as_json
        named = ROW.fullmatch(row)
        if named is None:
            raise NotARow(word=row[:80])
        settings = context.settings_in_force(config)
        found = _explanation(context, settings, named[1], int(named[2]))
        context.show(found, lambda: context.tell(found["sentence"]))
        if found["agreement"] not in CONFIRMED:
            raise typer.Exit(UNAVAILABLE if found["agreement"] in UNCOMPUTED else ALTERED)


def _explanation(context: Context, settings: Settings, epoch: str, seq: int) -> dict[str, Any]:
    try:
        found = context.client(settings).get(f"/v1/journal/{epoch}/{seq}/explanation")
    except DaemonSilent:
        raise
    except DaemonAbsent:
        return _explained_here(context, settings, epoch, seq)
    return {key: value for key, value in found.items() if key != "version"}


def _explained_here(context: Context, settings: Settings, epoch: str, seq: int) -> dict[str, Any]:
    terminal = Terminal(context.world, settings)
    service = Service(terminal, settings, context.texts, report=lambda _: None)
    rows = FileSource(context.world, Path(settings.terminal.data))
    return answer(explain(epoch, seq, rows, service.decider, terminal.kept_lists), context.texts)
