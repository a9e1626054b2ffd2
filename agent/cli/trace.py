"""`onecard trace`: a card's APDUs recorded redacted, shown with their meaning, played again.

With a daemon running, the next tap there is recorded; without one a reader is opened here.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from msgspec.structs import replace

from agent.cli.client import DaemonAbsent, DaemonSilent
from agent.cli.columns import Column
from agent.cli.context import DEFAULT_CONFIG, Config, Context, Json, seconds_of_waiting
from agent.cli.output import output
from agent.cli.ready import require_of_daemon, require_of_gate
from agent.cli.tap import FIELDS, NobodyTapped, first_card
from agent.equipment.gate import Equipment
from agent.identify.card_kinds import card_kinds
from agent.identify.traces import recorded
from agent.psam.key_table import city_keys
from apdu.channel import Channel
from apdu.decoding import DecodedStep, steps
from apdu.redaction import SSSE_RECORDS
from apdu.replay import Replayed, replay
from apdu.social_security.authentication import Authenticator, read_basic
from apdu.social_security.city_keys import CityKeys
from apdu.social_security.file_address import FileAddressFault, format_address, parse_address
from apdu.social_security.needs import BASIC, DETAILED
from apdu.social_security.quirks import CardKinds
from apdu.social_security.session import open_session
from apdu.trace import LARGEST, Flow, Trace, parse
from config.model import AgentSettings as Settings
from world import Fault, World, cause_of

TAP: Final = "basic"  # the flow that a tap is

BAD = 1  # exit status of a replay that went another way
LIVE_FLOWS = ("basic", "details", "read")
File = Annotated[Path, typer.Argument()]


class TraceUnreadable(Fault):
    """The file cannot be read. Facts: `file`, `cause`."""

    code = "trace.unreadable"


class TraceFlow(Fault):
    """No such flow can be recorded so. Facts: `found`, `allowed`."""

    code = "trace.flow"


class TraceFiles(Fault):
    """`--files` is none that the flow takes. Facts: `found`, `flow`."""

    code = "trace.files"


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
        files: Annotated[str, typer.Option(help=ui("help-trace-files"))] = "",
        wait: Annotated[float, seconds_of_waiting(ui("help-wait"))] = 30.0,
        config: Config = DEFAULT_CONFIG,
        as_json: Json = False,
    ) -> None:
        context.as_json = as_json
        wanted = _flow(flow, files)
        settings = context.settings_in_force(config)
        _known(settings, reader)
        try:
            trace = _watched(context, settings, reader, wait, wanted)
        except DaemonSilent:
            raise
        except DaemonAbsent:
            trace = _own(context, settings, reader, wait, wanted)
        _write(context, trace, out)

    @group.command(help=ui("help-trace-show"))
    def show(file: File, as_json: Json = False) -> None:
        context.as_json = as_json
        trace = _read(context, file)
        found = [_told(context, step) for step in steps(trace)]
        data = {"version": 1, "header": _header(trace), "steps": found}
        context.show(data, lambda: _table(context, trace, found))

    @group.command(name="replay", help=ui("help-trace-replay"))
    def play(file: File, as_json: Json = False) -> None:
        context.as_json = as_json
        replayed = replay(_read(context, file))
        data = _replayed(context, replayed)
        context.show(data, lambda: _print_replayed(context, replayed, data))
        if not replayed.as_recorded:
            raise typer.Exit(BAD)


def _flow(kind: str, files: str) -> Flow:
    """Raises `TraceFlow`, `TraceFiles`."""
    if kind not in LIVE_FLOWS:
        raise TraceFlow(found=kind, allowed=", ".join(LIVE_FLOWS))
    if kind != "read":
        if files:
            raise TraceFiles(found=files, flow=kind)
        return Flow(kind)
    try:
        return Flow(kind, format_address(parse_address(files)), "key")
    except FileAddressFault as fault:
        raise TraceFiles(found=files, flow=kind) from fault


def _known(settings: Settings, reader: str | None) -> None:
    """Raises `TraceReader`."""
    names = [name for lane in settings.lanes for name in lane.readers]
    if reader is not None and reader not in names:
        raise TraceReader(found=reader, allowed=", ".join(names))


def _watched(
    context: Context, settings: Settings, reader: str | None, wait: float, flow: Flow
) -> Trace:
    """The next tap at the running daemon; what comes is redacted already. Raises
    `NoReaderReady`."""
    require_of_daemon(context, settings, reader)
    for told in context.client(settings).stream("/v1/traces", wait):
        if not told:
            if flow.kind != TAP:
                raise TraceFlow(found=flow.kind, allowed=TAP)
            _ask(context)
        elif reader in (None, told["reader"]):
            return parse(told["trace"].encode())
    raise NobodyTapped(seconds=int(wait))


def _own(
    context: Context, settings: Settings, reader: str | None, wait: float, flow: Flow
) -> Trace:
    """The first card at a reader that is opened here."""
    world = context.world
    table = city_keys(world, settings.keys)
    gate = Equipment(world, settings, table)
    gate.look()
    gate.sams.start()
    kept: list[Trace] = []
    try:
        require_of_gate(context, settings, gate, reader)
        _ask(context)
        device, presence = first_card(context, gate, wait, reader)
        handle = device.open(presence.count)
        try:
            keys = gate.sams.authenticator()
            flow = replace(flow, cards=card_kinds(settings).of_atr(handle.atr))
            with recorded(world, handle, keys, flow, kept.append) as (card, watched):
                _run(world, card, watched, table, flow)
        except Fault:
            if not kept:
                raise  # of any other its header tells
        finally:
            handle.close()
    finally:
        gate.stop()
    return kept[0]


def _run(world: World, card: Channel, keys: Authenticator, table: CityKeys, flow: Flow) -> None:
    kinds = CardKinds(flow.cards)
    if flow.kind == "read":
        with open_session(card, keys, keys=table, quirks=kinds) as session:
            session.read(parse_address(flow.address), how="key")
        return
    read_basic(
        card,
        keys,
        clock=world.monotonic,
        stage=lambda name: None,
        needs=DETAILED if flow.kind == "details" else BASIC,
        quirks=kinds,
    )


def _ask(context: Context) -> None:
    """Beside the trace, which may go to standard output."""
    if not context.as_json:
        context.aside(context.texts.ui("tap-now"))


def _write(context: Context, trace: Trace, out: Path | None) -> None:
    if out is not None:
        with output(context.world, out) as file:
            file.write(bytes(trace))
    data = {"version": 1, "header": _header(trace), "exchanges": len(trace.exchanges)}
    if out is None:
        data["trace"] = bytes(trace).decode()
    else:
        data["file"] = str(out)

    def render() -> None:
        if out is None:
            context.say(bytes(trace).decode().removesuffix("\n"))
            return
        ui = context.texts.ui
        context.tell(ui("trace-recorded", count=len(trace.exchanges), file=str(out)))
        _print_end(context, trace.header.ended)

    context.show(data, render)


def _read(context: Context, file: Path) -> Trace:
    """Raises `TraceUnreadable`, `TraceMalformed`."""
    try:
        with context.world.open(file, "rb") as source:
            return parse(source.read(LARGEST + 1))
    except OSError as error:
        raise TraceUnreadable(file=str(file), cause=cause_of(error)) from error


def _header(trace: Trace) -> dict[str, Any]:
    header = trace.header
    names = ("transport", "atr", "mode", "generation", "algorithm", "ended", "note")
    told = {name: getattr(header, name) for name in names}
    return {"agent": header.agent, "flow": msgspec.to_builtins(header.flow), **told}


def _told(context: Context, step: DecodedStep) -> dict[str, Any]:
    """A step as an object: its own values, and the words for them."""
    word = context.texts.word
    record = SSSE_RECORDS.get(int(step.record, 16)) if _is_tag(step) else None
    words = {
        "name": word("command", step.command),
        "title": word("record", f"{record.tag:02X}") if record else "",
        "meaning": word("status-word", step.status) if step.status else "",
    }
    return {**asdict(step), **words}


def _is_tag(step: DecodedStep) -> bool:
    return bool(step.record) and not step.record.startswith("#") and step.application == "SSSE"


def _table(context: Context, trace: Trace, found: list[dict[str, Any]]) -> None:
    ui = context.texts.ui
    header = trace.header
    said = ("generation", "algorithm", "transport", "mode", "atr")
    parts = [f"{ui('trace-flow')} {header.flow.kind} {header.flow.address}".strip()]
    parts += [f"{ui(f'trace-{name}')} {getattr(header, name) or '–'}" for name in said]
    context.tell("  ".join(parts))
    if header.note:
        context.tell(header.note)
    titles = ("trace-command", "trace-place", "trace-value", "trace-status")
    columns = [Column(ui(title), "fold") for title in titles]
    rows = [
        (
            f"{step['at'] / 1000:.1f}",
            _command(step),
            _place(step),
            step["value"] or (step["sent"] if step["command"] != "select" else "") or "–",
            _status(context, step),
        )
        for step in found
    ]
    context.table([Column(ui("milliseconds"), right=True), *columns], rows)
    _print_end(context, header.ended)


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
        "files": {data.address.name: list(data.values) for data in replayed.files},
    }


def _print_replayed(context: Context, replayed: Replayed, data: Mapping[str, Any]) -> None:
    ui = context.texts.ui
    verdict = "trace-as-recorded" if replayed.as_recorded else "trace-otherwise"
    context.tell(ui(verdict, played=replayed.played, left=replayed.left))
    if not replayed.ended:
        context.tell(ui("trace-proven"))
        word = context.texts.word
        rows = [(word("field", name), value or "–") for name, value in data["fields"].items()]
        rows += [(name, " | ".join(values) or "–") for name, values in data["files"].items()]
        if rows:
            context.table([Column(ui("trace-field")), Column(ui("trace-value"), "fold")], rows)
    else:
        context.tell(f"{data['sentence']} [{replayed.ended}]")


def _print_end(context: Context, ended: str) -> None:
    ui = context.texts.ui
    context.tell(ui("trace-ended", reason=ended) if ended else ui("trace-proven"))
