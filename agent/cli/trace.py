"""`onecard trace`: a card's APDUs recorded redacted, shown with their meaning, played again.

With a daemon running, the next tap there is recorded; without one a reader is opened here.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent.cli.client import DaemonAbsent
from agent.cli.context import DEFAULT_CONFIG, Config, Context, Json
from agent.cli.tap import FIELDS, NobodyTapped, first_card
from agent.gate import Gate
from agent.traces import recorded
from apdu.authentication import Authenticator, BasicRead, read_basic
from apdu.channel import Channel
from apdu.decoding import Step, steps
from apdu.redaction import SSSE_RECORDS
from apdu.replay import Replayed, replay
from apdu.trace import LARGEST, Trace, parse
from config.model import Agent as Settings
from world import Fault

BAD = 1  # exit status of a replay that went another way
LIVE_FLOWS = ("basic", "details")
File = Annotated[Path, typer.Argument()]


class TraceUnreadable(Fault):
    """The file cannot be read. Facts: `file`, `cause`."""

    code = "trace.unreadable"


class TraceUnwritable(Fault):
    """The file cannot be written. Facts: `file`, `cause`."""

    code = "trace.unwritable"


class TraceFlow(Fault):
    """No such flow can be recorded so. Facts: `found`, `allowed`."""

    code = "trace.flow"


class TraceReader(Fault):
    """No reader of a lane has that name. Facts: `found`, `allowed`."""

    code = "trace.reader"


def add_to(app: typer.Typer, context: Context) -> None:
    """Add the commands."""
    ui = context.texts.ui
    group = typer.Typer(help=ui("help-trace"), no_args_is_help=True)
    app.add_typer(group, name="trace")

    @group.command(help=ui("help-trace-record"))
    def record(
        reader: Annotated[str | None, typer.Option(help=ui("help-trace-reader"))] = None,
        out: Annotated[Path | None, typer.Option(help=ui("help-trace-out"))] = None,
        flow: Annotated[str, typer.Option(help=ui("help-trace-flow"))] = LIVE_FLOWS[0],
        wait: Annotated[float, typer.Option(min=1, help=ui("help-wait"))] = 30.0,
        config: Config = DEFAULT_CONFIG,
        as_json: Json = False,
    ) -> None:
        context.as_json = as_json
        if flow not in LIVE_FLOWS:
            raise TraceFlow(found=flow, allowed=", ".join(LIVE_FLOWS))
        settings = context.settings(config)
        _known(settings, reader)
        try:
            trace = _watched(context, settings, reader, wait, flow)
        except DaemonAbsent:
            trace = _own(context, settings, reader, wait, flow)
        _write(context, trace, out)

    @group.command(help=ui("help-trace-show"))
    def show(file: File, as_json: Json = False) -> None:
        context.as_json = as_json
        trace = _read(context, file)
        found = [_told(context, step) for step in steps(trace)]
        data = {"version": 1, "header": _header(trace), "steps": found}
        context.show(data, lambda console: _table(context, console, trace, found))

    @group.command(name="replay", help=ui("help-trace-replay"))
    def play(file: File, as_json: Json = False) -> None:
        context.as_json = as_json
        replayed = replay(_read(context, file))
        data = _replayed(context, replayed)
        context.show(data, lambda console: _print_replayed(context, console, replayed, data))
        if not replayed.as_recorded:
            raise typer.Exit(BAD)


def _known(settings: Settings, reader: str | None) -> None:
    """Raises `TraceReader`."""
    names = [name for lane in settings.lanes for name in lane.readers]
    if reader is not None and reader not in names:
        raise TraceReader(found=reader, allowed=", ".join(names))


def _watched(
    context: Context, settings: Settings, reader: str | None, wait: float, flow: str
) -> Trace:
    """The next tap at the running daemon; what comes is redacted already."""
    for told in context.client(settings).stream("/v1/traces", wait):
        if not told:
            if flow != LIVE_FLOWS[0]:
                raise TraceFlow(found=flow, allowed=LIVE_FLOWS[0])  # what a tap does
            _ask(context)
        elif reader in (None, told["reader"]):
            return parse(told["trace"].encode())
    raise NobodyTapped(seconds=int(wait))


def _own(context: Context, settings: Settings, reader: str | None, wait: float, flow: str) -> Trace:
    """The first card at a reader that is opened here."""
    world = context.world
    gate = Gate(world, settings)
    gate.look()
    gate.sams.start()

    def run(card: Channel, keys: Authenticator) -> BasicRead:
        return read_basic(
            card, keys, clock=world.monotonic, stage=lambda name: None, details=flow == "details"
        )

    kept: list[Trace] = []
    try:
        _ask(context)
        device, presence = first_card(context, gate, wait, reader)
        handle = device.open(presence.count)
        try:
            recorded(world, handle, gate.sams.authenticator(), run, flow, kept.append)
        except Fault:
            if not kept:
                raise  # its header tells of any other
        finally:
            handle.close()
    finally:
        gate.stop()
    return kept[0]


def _ask(context: Context) -> None:
    """Beside the trace, which may go to standard output."""
    if not context.as_json:
        context.errors.print(context.texts.ui("tap-now"))


def _write(context: Context, trace: Trace, out: Path | None) -> None:
    if out is not None:
        try:
            context.world.replace_file(out, bytes(trace))
        except OSError as error:
            raise TraceUnwritable(file=str(out), cause=error.strerror or "") from error
    data = {"version": 1, "header": _header(trace), "exchanges": len(trace.exchanges)}
    if out is None:
        data["trace"] = bytes(trace).decode()
    else:
        data["file"] = str(out)

    def render(console: Console) -> None:
        if out is None:
            console.out(bytes(trace).decode(), end="", highlight=False)
            return
        ui = context.texts.ui
        said = ui("trace-recorded", count=len(trace.exchanges), file=str(out))
        console.print(said, markup=False, highlight=False)
        _print_end(context, console, trace.header.ended)

    context.show(data, render)


def _read(context: Context, file: Path) -> Trace:
    """Raises `TraceUnreadable`, `TraceMalformed`."""
    try:
        with context.world.open(file, "rb") as source:
            return parse(source.read(LARGEST + 1))
    except OSError as error:
        raise TraceUnreadable(file=str(file), cause=error.strerror or "") from error


def _header(trace: Trace) -> dict[str, Any]:
    header = trace.header
    names = ("flow", "transport", "atr", "mode", "generation", "algorithm", "ended", "note")
    return {"agent": header.agent, **{name: getattr(header, name) for name in names}}


def _told(context: Context, step: Step) -> dict[str, Any]:
    """A step as an object: its own values, and the words for them."""
    word = context.texts.word
    record = SSSE_RECORDS.get(int(step.record, 16)) if _is_tag(step) else None
    words = {
        "name": word("command", step.command),
        "title": word("record", f"{record.tag:02X}") if record else "",
        "meaning": word("status-word", step.status) if step.status else "",
    }
    return {**asdict(step), **words}


def _is_tag(step: Step) -> bool:
    return bool(step.record) and not step.record.startswith("#") and step.application == "SSSE"


def _table(context: Context, console: Console, trace: Trace, found: list[dict[str, Any]]) -> None:
    ui = context.texts.ui
    header = trace.header
    said = ("flow", "generation", "algorithm", "transport", "mode", "atr")
    console.print(
        "  ".join(f"{ui(f'trace-{name}')} {getattr(header, name) or '–'}" for name in said),
        markup=False,
        highlight=False,
    )
    if header.note:
        console.print(header.note, markup=False, highlight=False)
    table = Table()
    for title in ("milliseconds", "trace-command", "trace-place", "trace-value", "trace-status"):
        table.add_column(ui(title), overflow="fold")
    for step in found:
        table.add_row(
            f"{step['at'] / 1000:.1f}",
            _command(step),
            _place(step),
            escape(step["value"] or (step["sent"] if step["command"] != "select" else "") or "–"),
            _status(context, step),
        )
    console.print(table)
    _print_end(context, console, header.ended)


def _command(step: Mapping[str, Any]) -> str:
    more = f" x{step['exchanges']}" if step["exchanges"] > 1 else ""
    return f"{step['name']}{more}\n{step['header']}".rstrip()


def _place(step: Mapping[str, Any]) -> str:
    """Application, file, record or key."""
    record = f"{step['record']} {step['title']}".strip()
    parts = (step["application"], step["file"], record, step["key"])
    return " ".join(part for part in parts if part) or "–"


def _status(context: Context, step: Mapping[str, Any]) -> str:
    if step["fault"]:
        return str(step["fault"])
    if not step["sw"]:
        return "–"
    tries = step["tries"]
    left = "" if tries is None else f" ({context.texts.ui('trace-tries', count=tries)})"
    return f"{step['sw']} {step['status']}: {step['meaning']}{left}"


def _replayed(context: Context, replayed: Replayed) -> dict[str, Any]:
    read = replayed.read
    fault = replayed.fault
    return {
        "version": 1,
        "as_recorded": replayed.as_recorded,
        "proven": replayed.proven,
        "ended": replayed.ended,
        "facts": dict(fault.facts) if fault else {},
        "sentence": context.texts.fault(fault) if fault else "",
        "played": replayed.played,
        "left": replayed.left,
        "generation": read.generation.value if read else "",
        "algorithm": read.algorithm.value if read else "",
        "doubts": [doubt.value for doubt in read.doubts] if read else [],
        "fields": dict(zip(FIELDS, read.interface_fields(), strict=True)) if read else {},
    }


def _print_replayed(
    context: Context, console: Console, replayed: Replayed, data: Mapping[str, Any]
) -> None:
    ui = context.texts.ui
    verdict = "trace-as-recorded" if replayed.as_recorded else "trace-otherwise"
    console.print(ui(verdict, played=replayed.played, left=replayed.left), markup=False)
    if replayed.proven:
        console.print(ui("trace-proven"), markup=False)
        table = Table(ui("trace-field"), ui("trace-value"))
        for name, value in data["fields"].items():
            table.add_row(context.texts.word("field", name), value or "–")
        console.print(table)
    elif data["sentence"]:
        console.print(f"{data['sentence']} [{replayed.ended}]", markup=False, highlight=False)


def _print_end(context: Context, console: Console, ended: str) -> None:
    ui = context.texts.ui
    said = ui("trace-ended", reason=ended) if ended else ui("trace-proven")
    console.print(said, markup=False, highlight=False)
