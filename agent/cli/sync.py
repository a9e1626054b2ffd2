"""`onecard sync status`: how far the platform has receipted what the journal holds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import typer

from agent.cli.context import DEFAULT_CONFIG, Config, Context, Json
from agent.doctor.findings import Finding
from agent.doctor.link import unreceived
from agent.doctor.words import words_for
from world.china import CHINA


def add_to(app: typer.Typer, context: Context) -> None:
    """Add the command group."""
    group = typer.Typer(help=context.texts.ui("help-sync"), no_args_is_help=True)
    app.add_typer(group, name="sync")

    @group.command(name="status", help=context.texts.ui("help-sync-status"))
    def status(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
        context.as_json = as_json
        whole = context.client(context.settings_in_force(config)).get("/v1/status")
        link, store = whole["sync"], whole["store"]
        online = link is not None and link["state"] == "online"
        wrong = [*unreceived(link, store, context.world.now())] if online else []
        well = (link is None or online) and not wrong
        found = {"sync": link, "store": store, "well": well}
        context.show(found, lambda: _lines(context, found, wrong))
        if not well:
            raise typer.Exit(1)


def _lines(context: Context, found: dict[str, Any], wrong: Sequence[Finding]) -> None:
    """How the link is, since when and why; then what waits, and since when."""
    texts, link, store = context.texts, found["sync"], found["store"]
    if link is None:
        context.tell(texts.finding("platform-none"))
    else:
        since = texts.ui("since", time=_time(link["since"]))
        context.mark(
            well=link["state"] == "online", text=f"{texts.ui('link-' + link['state'])} {since}"
        )
        if link["last_receipt"] is not None:
            context.tell(texts.ui("last-receipt", time=_time(link["last_receipt"])))
        fault = link["last_fault"]
        if fault is not None and link["state"] != "online":
            context.tell(f"{texts.trouble(fault['code'], fault['facts'])} [{fault['code']}]")
        for finding in wrong:
            context.mark(well=False, text=words_for(texts, finding))
    context.tell(texts.ui("unreceipted", count=store["unreceipted"]))
    if store["oldest_unreceipted_ms"] is not None:
        oldest = _time(store["oldest_unreceipted_ms"] / 1000)
        context.tell(texts.ui("oldest-unreceipted", time=oldest))
    for name in ("quarantined", "unreadable"):
        if store[name]:
            context.mark(well=False, text=texts.finding(f"journal-{name}", count=store[name]))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, CHINA).isoformat(sep=" ", timespec="seconds")
