"""`onecard sign-in`: a code for the phone of somebody of the staff; `onecard sign-out`."""

from datetime import datetime
from typing import Any, Final

import typer
from rich.console import Console
from rich.text import Text

from agent.cli.client import Client
from agent.cli.context import DEFAULT_CONFIG, Config, Context, Json
from agent.clock import CHINA

LOOK: Final = 0.5  # seconds between looks at the daemon, which waits for the platform itself
LIT: Final = "#ffffff on #000000"  # a code is read when its light modules are the lit ones
WAITING: Final = ("PENDING", "SCANNED")
# Ends as `onecard tap` does: 0 accepted, 3 refused, 4 try again.
EXIT: Final = {"CONFIRMED": 0, "INVALID": 3, "EXPIRED": 4, "CANCELLED": 4, "NONE": 4}


def add_to(app: typer.Typer, context: Context) -> None:
    """Add both commands."""
    ui = context.texts.ui

    @app.command(name="sign-in", help=ui("help-sign-in"))
    def sign_in(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
        context.as_json = as_json
        client = context.client(context.settings(config))
        found = client.post("/v1/sign-in", {})
        try:
            _show_code(context, found)
            found = _wait(context, client, found)
        except KeyboardInterrupt:  # what nobody waits for is not left open
            client.post("/v1/sign-in/cancel", {})
            raise
        context.show(found, lambda console: _plain(console, _told(context, found)))
        raise typer.Exit(EXIT[found["state"]])

    @app.command(name="sign-out", help=ui("help-sign-out"))
    def sign_out(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
        context.as_json = as_json
        client = context.client(context.settings(config))
        client.post("/v1/sign-in/cancel", {})
        answer = client.post("/v1/sign-out", {})
        context.show(answer, lambda console: _plain(console, context.texts.ui("signed-out")))


def _wait(context: Context, client: Client, found: dict[str, Any]) -> dict[str, Any]:
    """Until the sign-in is over; says when the code has been scanned."""
    while found["state"] in WAITING:
        context.world.wait(LOOK)
        before, found = found["state"], client.get("/v1/sign-in")
        if (before, found["state"]) == ("PENDING", "SCANNED"):
            _plain(_beside(context), context.texts.ui("sign-in-scanned"))
    return found


def _show_code(context: Context, found: dict[str, Any]) -> None:
    console = _beside(context)
    if found["qr"] is not None:  # somebody may have been very quick
        for line in found["qr"]["text"].splitlines():
            console.print(Text(line, style=LIT), soft_wrap=True)
        _plain(console, context.texts.ui("sign-in-scan", seconds=found["expires_in"]))


def _told(context: Context, found: dict[str, Any]) -> str:
    staff = found["staff"]
    if found["state"] != "CONFIRMED" or staff is None:
        return context.texts.ui(f"sign-in-{found['state'].lower()}")
    until = datetime.fromtimestamp(staff["until"], CHINA).strftime("%H:%M")
    return context.texts.ui("signed-in", person=staff["person"], until=until)


def _beside(context: Context) -> Console:
    """Where the code goes: not into the one JSON document."""
    return context.errors if context.as_json else context.console


def _plain(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
