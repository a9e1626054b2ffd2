"""`onecard journal`: list, show, verify and export what the terminal has recorded.

A running daemon answers; without one the file is opened read-only.
"""

import csv
import io
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Protocol

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from agent.cli.client import Client, DaemonAbsent
from agent.cli.context import DEFAULT_CONFIG, Config, Context, Json
from agent.clock import CHINA
from agent.transit.clearing import CODE_COLUMNS as CODES
from agent.transit.clearing import COLUMNS as CLEARING
from agent.transit.clearing import clearing_rows, code_rows
from config.model import Agent as Settings
from offline_store.event import Event, Record
from offline_store.reading import ReadOnlyJournal
from world import Fault

PAGE = 200
COLUMNS = (
    "epoch", "seq", "kind", "time", "clock", "lane", "scene", "credential", "card", "person",
    "verdict", "reason", "hash",
)  # fmt: skip


class NoSuchRecord(Fault):
    """The journal holds no event with that number."""

    code = "journal.no-such-record"


class Source(Protocol):
    """Where records come from."""

    def records(self, epoch: str | None, after: int, limit: int) -> list[Record]: ...

    def newest(self, limit: int) -> list[Record]:
        """The last rows, oldest of them first; of a running daemon those of its present epoch."""
        ...

    def verify(self) -> dict[str, Any]: ...


class DaemonSource:
    """The journal of a running daemon."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def records(self, epoch: str | None, after: int, limit: int) -> list[Record]:
        query = {"after": after, "limit": limit} | ({"epoch": epoch} if epoch else {})
        answer = self._client.get("/v1/journal", query)
        return msgspec.convert(answer["records"], list[Record])

    def newest(self, limit: int) -> list[Record]:
        store = self._client.get("/v1/status")["store"]
        records: list[Record] = []
        after = max(0, store["seq"] - limit)
        while page := self.records(store["epoch"], after, PAGE):
            records += page
            after = page[-1].seq
        return records[-limit:]

    def verify(self) -> dict[str, Any]:
        answer = self._client.get("/v1/journal/verify")
        return {key: value for key, value in answer.items() if key != "version"}


class FileSource(ReadOnlyJournal):
    """The journal's file, while no daemon runs."""

    def newest(self, limit: int) -> list[Record]:
        return list(deque(every(self), limit))


def add_to(app: typer.Typer, context: Context) -> None:
    """Add the command group."""
    ui = context.texts.ui
    group = typer.Typer(help=ui("help-journal"), no_args_is_help=True)
    app.add_typer(group, name="journal")

    @group.command(name="list", help=ui("help-journal-list"))
    def list_records(
        after: Annotated[int | None, typer.Option(min=0, help=ui("help-after"))] = None,
        limit: Annotated[int, typer.Option(min=1, help=ui("help-limit"))] = 50,
        config: Config = DEFAULT_CONFIG,
        as_json: Json = False,
    ) -> None:
        context.as_json = as_json
        source = open_source(context, context.settings(config))
        newest = after is None
        records = source.newest(limit) if newest else source.records(None, after or 0, limit)
        data = {"records": [_flat(record) for record in records]}
        context.show(data, lambda console: _table(context, console, records))

    @group.command(help=ui("help-journal-show"))
    def show(
        seq: Annotated[int, typer.Argument(min=1)],
        epoch: Annotated[str | None, typer.Option()] = None,
        config: Config = DEFAULT_CONFIG,
        as_json: Json = False,
    ) -> None:
        context.as_json = as_json
        records = open_source(context, context.settings(config)).records(epoch, seq - 1, 1)
        if not records or records[0].seq != seq:
            raise NoSuchRecord(seq=seq)
        data = {**msgspec.json.decode(records[0].body), "hash": records[0].hash}
        context.show(data, lambda console: console.print_json(data=data))

    @group.command(help=ui("help-journal-verify"))
    def verify(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
        context.as_json = as_json
        result = open_source(context, context.settings(config)).verify()
        text = ui("journal-whole" if result["whole"] else "journal-broken", **result)
        context.show(result, lambda console: console.print(text, markup=False))
        if not result["whole"]:
            raise typer.Exit(1)

    @group.command(help=ui("help-journal-export"))
    def export(
        file: Annotated[Path, typer.Argument(help=ui("help-export-file"))],
        config: Config = DEFAULT_CONFIG,
        as_json: Json = False,
    ) -> None:
        context.as_json = as_json
        source = open_source(context, context.settings(config))
        text, count = _export(source, as_csv=file.suffix.lower() == ".csv")
        context.world.replace_file(file, text.encode())
        said = ui("exported", count=count, file=str(file))
        data = {"file": str(file), "records": count}
        context.show(data, lambda console: console.print(said, markup=False))

    @group.command(help=ui("help-journal-clearing"))
    def clearing(
        out: Annotated[Path, typer.Option("--out", help=ui("help-export-file"))],
        codes: Annotated[bool, typer.Option("--codes", help=ui("help-clearing-codes"))] = False,
        config: Config = DEFAULT_CONFIG,
        as_json: Json = False,
    ) -> None:
        context.as_json = as_json
        text, count = _clearing(open_source(context, context.settings(config)), by_code=codes)
        context.world.replace_file(out, text.encode())
        said = ui("exported", count=count, file=str(out))
        data = {"file": str(out), "records": count}
        context.show(data, lambda console: console.print(said, markup=False))


def _clearing(source: Source, *, by_code: bool) -> tuple[str, int]:
    """The whole journal's payments as CSV, and how many."""
    columns, rows_of = (CODES, code_rows) if by_code else (CLEARING, clearing_rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(columns))
    writer.writeheader()
    rows = list(rows_of(record.event() for record in every(source)))
    writer.writerows(rows)
    return out.getvalue(), len(rows)


def open_source(context: Context, settings: Settings) -> Source:
    """The daemon when one runs, else the file itself."""
    client = context.client(settings)
    try:
        client.get("/v1/readers")
    except DaemonAbsent:
        return FileSource(context.world, Path(settings.terminal.data))
    return DaemonSource(client)


def every(source: Source) -> Iterator[Record]:
    """All records of all epochs, a page at a time."""
    epoch, after = None, 0
    while page := source.records(epoch, after, PAGE):
        yield from page
        epoch, after = page[-1].epoch, page[-1].seq


def _export(source: Source, *, as_csv: bool) -> tuple[str, int]:
    out = io.StringIO()
    count = 0
    writer = csv.DictWriter(out, COLUMNS)
    if as_csv:
        writer.writeheader()
    for count, record in enumerate(every(source), start=1):  # noqa: B007 - the count is the result
        if as_csv:
            writer.writerow(_flat(record))
        else:
            event = {**msgspec.json.decode(record.body), "hash": record.hash, "mac": record.mac}
            out.write(msgspec.json.encode(event).decode() + "\n")
    return out.getvalue(), count


def _flat(record: Record) -> dict[str, Any]:
    event = record.event()
    whole = {**msgspec.structs.asdict(event), "time": _time(event), "hash": record.hash}
    return {column: whole[column] for column in COLUMNS}


def _time(event: Event) -> str:
    return datetime.fromtimestamp(event.time_ms / 1000, CHINA).isoformat(timespec="milliseconds")


def _table(context: Context, console: Console, records: list[Record]) -> None:
    ui = context.texts.ui
    table = Table("seq", ui("time"), ui("kind"), ui("lane"), ui("verdict"), ui("reason"))
    for record in records:
        event = record.event()
        table.add_row(
            str(event.seq),
            _time(event)[:19].replace("T", " "),
            context.texts.word("kind", event.kind),
            event.lane,
            context.texts.word("verdict", event.verdict) if event.verdict else "–",
            context.texts.happened(event.reason),
        )
    console.print(table)
