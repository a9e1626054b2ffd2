"""`onecard run`: checks the configuration, then becomes the daemon."""

import os
import sys

import typer

from agent.cli.context import DEFAULT_CONFIG, Config, Context, Json


def add_to(app: typer.Typer, context: Context) -> None:
    """Add the command."""

    @app.command(name="run", help=context.texts.ui("help-run"))
    def run_daemon(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
        context.as_json = as_json
        context.settings(config)  # a wrong configuration is told here, before anything is replaced
        # The daemon takes this process over, so that typer and rich cost it no memory.
        arguments = [sys.executable, "-m", "agent", "--config", str(config)]
        os.execv(sys.executable, [*arguments, "--json"] if as_json else arguments)
