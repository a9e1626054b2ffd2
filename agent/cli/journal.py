"""`onecard journal`: list, show, verify and export what the terminal has recorded.

A running daemon answers; without one the file is opened read-only.
"""

import csv
import io
import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Annotated, Any, Protocol

import msgspec
import typer

from agent.cli.client import Client, DaemonAbsent, DaemonSilent
from agent.cli.columns import Column
from agent.cli.context import DEFAULT_CONFIG, Config, Context, Json
from agent.cli.output import output
from agent.purse.clearing import CODE_COLUMNS as CODES
from agent.purse.clearing import COLUMNS as CLEARING
from agent.purse.clearing import clearing_rows, code_rows
from config.model import AgentSettings as Settings
from offline_store.columns import verdict_of, whose
from offline_store.events.happened import OfPerson
from offline_store.events.row import Event, Record, Stored
from offline_store.reading import ReadOnlyJournal
from world import Fault
from world.china import CHINA

PAGE = 200
LAST = 2**63 - 1  # the largest number that a record could have
MOST = 100_000  # records of a list
UNREADABLE = "unreadable"  # in place of an event's kind
MARKS = {"accepted": "✓", "refused": "✗", "unknown": "?", None: "·"}  # of a verdict
COLUMNS = (
    "epoch", "seq", "kind", "time", "clock", "lane", "scene", "credential", "card", "person",
    "verdict", "reason", "hash",
)  # fmt: skip


class NoSuchRecord(Fault):
    """The journal holds no event with that number."""

    code = "journal.no-such-record"


class Source(Protocol):
    """Where records come from."""

    def records(self, epoch: str | None, after: int, limit: int) -> list[Record]:
        """At most `limit` rows of `epoch` (None: of all) behind row `after`, oldest first."""
        ...

    def newest(self, limit: int) -> list[Record]:
        """The last rows, oldest of them first; of a running daemon those of its present epoch."""
        ...

    def verify(self) -> dict[str, Any]:
        """How far the chain of hashes and MACs holds."""
        ...


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
        """See `Source`: of all epochs, whatever is last."""
        return list(deque(every(self), limit))


def add_to(app: typer.Typer, context: Context) -> None:
    """Add the command group."""
    ui = context.texts.ui
    group = typer.Typer(help=ui("help-journal"), no_args_is_help=True)
    app.add_typer(group, name="journal")

    @group.command(name="list", help=ui("help-journal-list"))
    def list_records(
        after: Annotated[int | None, typer.Option(min=0, max=LAST, help=ui("help-after"))] = None,
        limit: Annotated[int, typer.Option(min=1, max=MOST, help=ui("help-limit"))] = 50,
        config: Config = DEFAULT_CONFIG,
        as_json: Json = False,
    ) -> None:
        context.as_json = as_json
        source = open_source(context, context.settings_in_force(config))
        newest = after is None
        records = source.newest(limit) if newest else source.records(None, after or 0, limit)
        data = {"records": [_flat(record) for record in records]}
        context.show(data, lambda: _table(context, records))

    @group.command(help=ui("help-journal-show"))
    def show(
        seq: Annotated[int, typer.Argument(min=1, max=LAST)],
        epoch: Annotated[str | None, typer.Option(help=ui("help-epoch"))] = None,
        config: Config = DEFAULT_CONFIG,
        as_json: Json = False,
    ) -> None:
        context.as_json = as_json
        records = open_source(context, context.settings_in_force(config)).records(epoch, seq - 1, 1)
        if not records or records[0].seq != seq:
            raise NoSuchRecord(seq=seq)
        data = _whole(records[0])
        context.show(data, lambda: context.say(json.dumps(data, ensure_ascii=False, indent=2)))

    @group.command(help=ui("help-journal-verify"))
    def verify(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
        context.as_json = as_json
        result = open_source(context, context.settings_in_force(config)).verify()
        key = "journal-whole" if result["whole"] else "journal-broken"
        context.show(result, lambda: context.tell(context.texts.ui(key, **result)))
        if not result["whole"]:
            raise typer.Exit(1)

    @group.command(help=ui("help-journal-export"))
    def export(
        file: Annotated[Path, typer.Argument(help=ui("help-export-file"))],
        config: Config = DEFAULT_CONFIG,
        as_json: Json = False,
    ) -> None:
        context.as_json = as_json
        source = open_source(context, context.settings_in_force(config))
        with output(context.world, file) as out:
            count = _export(source, out, as_csv=file.suffix.lower() == ".csv")
        _exported(context, file, count)

    @group.command(help=ui("help-journal-clearing"))
    def clearing(
        out: Annotated[Path, typer.Option("--out", help=ui("help-export-file"))],
        codes: Annotated[bool, typer.Option("--codes", help=ui("help-clearing-codes"))] = False,
        config: Config = DEFAULT_CONFIG,
        as_json: Json = False,
    ) -> None:
        context.as_json = as_json
        source = open_source(context, context.settings_in_force(config))
        with output(context.world, out) as file:
            count = _clearing(source, file, by_code=codes)
        _exported(context, out, count)


def _exported(context: Context, file: Path, count: int) -> None:
    text = context.texts.ui("exported", count=count, file=str(file))
    context.show({"file": str(file), "records": count}, lambda: context.tell(text))


def _clearing(source: Source, out: IO[bytes], *, by_code: bool) -> int:
    """The whole journal's payments as CSV; how many there are."""
    columns, rows_of = (CODES, code_rows) if by_code else (CLEARING, clearing_rows)
    write = _csv(out, list(columns))
    count = 0
    for count, row in enumerate(rows_of(_events(source)), start=1):  # noqa: B007 - the result
        write(row)
    return count


def _events(source: Source) -> Iterator[Stored[Event]]:
    """Without rows of which damage left no event: their payments are in the platform's reports."""
    for record in every(source):
        with suppress(msgspec.MsgspecError):
            yield record.stored()


def open_source(context: Context, settings: Settings) -> Source:
    """The daemon when one runs, else the file itself."""
    client = context.client(settings)
    try:
        client.get("/v1/readers")
    except DaemonSilent:
        raise
    except DaemonAbsent:
        return FileSource(context.world, Path(settings.terminal.data))
    return DaemonSource(client)


def every(source: Source) -> Iterator[Record]:
    """All records of all epochs, a page at a time."""
    epoch, after = None, 0
    while page := source.records(epoch, after, PAGE):
        yield from page
        epoch, after = page[-1].epoch, page[-1].seq


def _export(source: Source, out: IO[bytes], *, as_csv: bool) -> int:
    count = 0
    write = _csv(out, COLUMNS) if as_csv else None
    for count, record in enumerate(every(source), start=1):  # noqa: B007 - the count is the result
        if write is not None:
            write(_flat(record))
        else:
            event = {**_whole(record), "mac": record.mac}
            out.write(msgspec.json.encode(event) + b"\n")
    return count


def _csv(out: IO[bytes], columns: Sequence[str]) -> Callable[[Mapping[str, Any]], None]:
    """Writes the head now and then a row at a time."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)

    def write(row: Mapping[str, Any]) -> None:
        writer.writerow(row)
        out.write(text.getvalue().encode())
        text.seek(0)
        text.truncate()

    write(dict(zip(columns, columns, strict=True)))
    return write


def _whole(record: Record) -> dict[str, Any]:
    """Everything; of a row that damage made unreadable what is left, as it is."""
    try:
        event = msgspec.json.decode(record.body, type=dict[str, Any])
    except msgspec.MsgspecError:
        event = {"epoch": record.epoch, "seq": record.seq, "body": record.body}
    return {**event, "hash": record.hash}


def _flat(record: Record) -> dict[str, Any]:
    try:
        event = record.event()
    except msgspec.MsgspecError:
        known = {"epoch": record.epoch, "seq": record.seq, "kind": UNREADABLE, "hash": record.hash}
        return {column: known.get(column, "") for column in COLUMNS}
    card, person = whose(event)
    whole = {
        "epoch": record.epoch,
        "seq": record.seq,
        "kind": event.kind,
        "time": _time(event),
        "clock": event.clock.quality,
        "lane": event.lane,
        "scene": event.scene,
        "credential": event.credential if isinstance(event, OfPerson) else "",
        "card": card,
        "person": person,
        "verdict": verdict_of(event),
        "reason": event.reason,
        "hash": record.hash,
    }
    return {column: whole[column] for column in COLUMNS}


def _time(event: Event) -> str:
    return datetime.fromtimestamp(event.clock.time_ms / 1000, CHINA).isoformat(
        timespec="milliseconds"
    )


def _table(context: Context, records: Sequence[Record]) -> None:
    """One line each, in 80 columns: what kind of event it is, the reason says."""
    ui = context.texts.ui
    columns = (
        Column("seq", right=True),
        Column(ui("time")),
        Column(ui("lane")),
        Column(""),
        Column(ui("reason"), "cut"),
    )
    context.table(columns, [_row(context, record) for record in records])


def _row(context: Context, record: Record) -> Sequence[str]:
    try:
        event = record.event()
    except msgspec.MsgspecError:
        return str(record.seq), "–", "–", "–", context.texts.ui("row-unreadable")
    day, _, hour = _time(event)[5:19].partition("T")
    reason = context.texts.happened(event.reason)
    return str(record.seq), f"{day} {hour}", event.lane or "–", MARKS[verdict_of(event)], reason
