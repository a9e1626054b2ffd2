"""`onecard config check`: is this configuration one that the daemon would take?"""

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.context import DEFAULT_CONFIG, Config, Context, Json
from agent.doctor.config_check import require_usable


def add_to(app: typer.Typer, context: Context) -> None:
    """Add the command group."""
    group = typer.Typer(help=context.texts.ui("help-config"), no_args_is_help=True)
    app.add_typer(group, name="config")

    @group.command(help=context.texts.ui("help-config-check"))
    def check(
        file: Annotated[Path | None, typer.Argument()] = None,
        config: Config = DEFAULT_CONFIG,
        as_json: Json = False,
    ) -> None:
        context.as_json = as_json
        path = file or config
        settings = context.settings(path)
        require_usable(context.world, settings, str(path))
        facts: dict[str, str | int] = {
            "file": str(path),
            "terminal": settings.terminal.id,
            "scene": settings.scene.kind,
            "lanes": len(settings.lanes),
            "readers": len(settings.readers),
        }
        text = context.texts.ui("config-good", **facts)
        context.show({"good": True, **facts}, lambda: context.tell(text))
