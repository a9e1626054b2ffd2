"""`onecard sync status`: how far the platform has receipted what the journal holds."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import typer

from agent.cli.context import DEFAULT_CONFIG, Config, Context, Json
from agent.clock import CHINA
from agent.texts import Texts


def add_to(app: typer.Typer, context: Context) -> None:
    """Add the command group."""
    group = typer.Typer(help=context.texts.ui("help-sync"), no_args_is_help=True)
    app.add_typer(group, name="sync")

    @group.command(name="status", help=context.texts.ui("help-sync-status"))
    def status(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
        context.as_json = as_json
        whole = context.client(context.settings(config)).get("/v1/status")
        found = {"sync": whole["sync"], "store": whole["store"]}
        context.show(found, lambda: _lines(context, found))


def _lines(context: Context, found: dict[str, Any]) -> None:
    for line in _told(context.texts, found["sync"], found["store"]):
        context.tell(line)


def _told(texts: Texts, link: dict[str, Any] | None, store: dict[str, Any]) -> Iterator[str]:
    """How the link is, since when and why; then what waits, and since when."""
    if link is None:
        yield texts.finding("platform-none")
    else:
        since = texts.ui("since", time=_time(link["since"]))
        yield f"{texts.ui('link-' + link['state'])} {since}"
        if link["last_receipt"] is not None:
            yield texts.ui("last-receipt", time=_time(link["last_receipt"]))
        if link["last_fault"] is not None and link["state"] != "online":
            fault = link["last_fault"]
            yield f"{texts.trouble(fault['code'], fault['facts'])} [{fault['code']}]"
    yield texts.ui("unreceipted", count=store["unreceipted"])
    if store["oldest_unreceipted_ms"] is not None:
        yield texts.ui("oldest-unreceipted", time=_time(store["oldest_unreceipted_ms"] / 1000))
    for name in ("quarantined", "unreadable"):
        if store[name]:
            yield texts.finding(f"journal-{name}", count=store[name])


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, CHINA).isoformat(sep=" ", timespec="seconds")
