"""The command line as one typer application; its words come from the text catalogue."""

import logging
import os
import sys

import typer

from agent.cli import (
    configuration,
    conform,
    devices,
    doctor,
    journal,
    journey,
    proving,
    readers,
    signin,
    sync,
    tap,
    trace,
)
from agent.cli.context import DEFAULT_CONFIG, Config, Context, Json
from world import Fault

UNAVAILABLE = 69  # EX_UNAVAILABLE: something outside of this program has to be mended first


def run() -> None:
    """Call the command; a fault becomes its sentence and an exit status."""
    # What drivers log is for the daemon's journal; here a fault is told once, as a sentence.
    logging.getLogger("onecard").addHandler(logging.NullHandler())
    logging.getLogger("onecard").propagate = False
    context = Context()
    try:
        build(context)()
    except Fault as fault:
        context.fail(fault)
        sys.exit(UNAVAILABLE)


def build(context: Context) -> typer.Typer:
    """All commands, bound to one invocation's context."""
    app = typer.Typer(
        name="onecard",
        help=context.texts.ui("help"),
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )

    @app.command(name="run", help=context.texts.ui("help-run"))
    def run_daemon(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
        context.as_json = as_json
        context.settings(config)  # a wrong configuration is told here, before anything is replaced
        # The daemon takes this process over, so that typer and rich cost it no memory.
        arguments = [sys.executable, "-m", "agent", "--config", str(config)]
        os.execv(sys.executable, [*arguments, "--json"] if as_json else arguments)

    for room in (
        *(configuration, conform, devices, doctor, journal, proving, readers, signin, sync, tap),
        journey,
        trace,
    ):
        room.add_to(app, context)
    return app
