"""`onecard sign-in`: a code for the phone of somebody of the staff; `onecard sign-out`."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import typer
from rich.text import Text

from agent.cli.client import Client
from agent.cli.context import DEFAULT_CONFIG, Config, Context, Json
from world.china import CHINA

LOOK: Final = 0.5  # seconds between looks at the daemon, which waits for the platform itself
LIT: Final = "#ffffff on #000000"  # a code is read when its light modules are the lit ones
LIGHT, DARK = "on #ffffff", "on #000000"
UPPER, LOWER = "█▀", "█▄"  # signs whose upper or lower half is lit
WAITING: Final = ("PENDING", "SCANNED")
# Ends as `onecard tap` does: 0 accepted, 3 refused, 4 try again.
EXIT: Final = {"CONFIRMED": 0, "INVALID": 3, "EXPIRED": 4, "CANCELLED": 4, "NONE": 4}


def add_to(app: typer.Typer, context: Context) -> None:
    """Add both commands."""
    ui = context.texts.ui

    @app.command(name="sign-in", help=ui("help-sign-in"))
    def sign_in(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
        context.as_json = as_json
        client = context.client(context.settings_in_force(config))
        found = client.post("/v1/sign-in", {})
        try:
            _show_code(context, found)
            found = _wait(context, client, found)
        except KeyboardInterrupt:  # what nobody waits for is not left open
            client.post("/v1/sign-in/cancel", {})
            raise
        context.show(found, lambda: context.say(_told(context, found)))
        raise typer.Exit(EXIT[found["state"]])

    @app.command(name="sign-out", help=ui("help-sign-out"))
    def sign_out(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
        context.as_json = as_json
        client = context.client(context.settings_in_force(config))
        client.post("/v1/sign-in/cancel", {})
        answer = client.post("/v1/sign-out", {})
        context.show(answer, lambda: context.say(context.texts.ui("signed-out")))


def _wait(context: Context, client: Client, found: dict[str, Any]) -> dict[str, Any]:
    """Until the sign-in is over; says when the code has been scanned."""
    while found["state"] in WAITING:
        context.world.wait(LOOK)
        before, found = found["state"], client.get("/v1/sign-in")
        if (before, found["state"]) == ("PENDING", "SCANNED"):
            _beside(context)(context.texts.ui("sign-in-scanned"))
    return found


def _show_code(context: Context, found: dict[str, Any]) -> None:
    """Not into the one JSON document."""
    if found["qr"] is not None:  # somebody may have been very quick
        console = context.errors if context.as_json else context.console
        utf_8 = console.encoding.lower().startswith("utf")
        lines = found["qr"]["text"].splitlines()
        for line in map(_in_halves, lines) if utf_8 else _in_blanks(lines):
            console.print(line, soft_wrap=True)
        _beside(context)(context.texts.ui("sign-in-scan", seconds=found["expires_in"]))


def _in_halves(line: str) -> Text:
    return Text(line, style=LIT)


def _in_blanks(lines: Sequence[str]) -> Iterator[Text]:
    """For consoles without half blocks: two blanks a module, two lines for each of `lines`."""
    for line in lines:
        for lit in (UPPER, LOWER):
            yield Text.assemble(*(("  ", LIGHT if sign in lit else DARK) for sign in line))


def _beside(context: Context) -> Callable[[str], None]:
    return context.aside if context.as_json else context.say


def _told(context: Context, found: dict[str, Any]) -> str:
    staff = found["staff"]
    if found["state"] != "CONFIRMED" or staff is None:
        return context.texts.ui(f"sign-in-{found['state'].lower()}")
    until = datetime.fromtimestamp(staff["until"], CHINA).strftime("%H:%M")
    return context.texts.ui("signed-in", person=staff["person"], until=until)
