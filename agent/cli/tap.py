"""`onecard tap`: one card, all its stages and times.

With a daemon running the next tap is watched as it happens; without one a reader is opened here,
which alone can show the holder's data or the card's certificates: the daemon hands out no more of a
card than what the tap came to.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import typer

from agent.cli.client import DaemonAbsent, DaemonSilent
from agent.cli.columns import Column
from agent.cli.context import DEFAULT_CONFIG, Config, Context, Json, seconds_of_waiting
from agent.cli.ready import psam_trouble, require_of_daemon, require_of_gate
from agent.equipment.gate import Equipment
from agent.identify.card import CardIdentifier
from agent.identify.card_kinds import card_kinds, departures
from agent.identify.certificates import Authorities, Judge, JudgedCertificate
from agent.key_store import key_store
from agent.messages.reasons import Reason
from agent.messages.results import Results
from agent.stages import STAGES, Stages
from agent.tap.fault_reasons import reason_of
from config.model import AgentSettings as Settings
from drivers.contract import Absence, CardReader, Presence
from offline_store.events.row import Record
from offline_store.events.tap import Tap
from trust.references import References
from trust.sm2 import sm2
from world import Fault, Queue, QueueEmpty

# No card is the platform's trouble alone: a PSAM that does not answer is why it was asked.
ASKED_THE_PLATFORM = (Reason.PLATFORM_UNREACHABLE.value, Reason.PLATFORM_SILENT.value)
NOT_VALID = 3  # exit status, as for a refused card
NO_CITY = bytes(32)  # references made here are shown to nobody
FIELDS = (
    "region", "social-security-number", "card-number", "card-id", "name", "historical-bytes",
    "version", "issued", "expires", "terminal-number", "device-number",
)  # fmt: skip


class NobodyTapped(Fault):
    """No card came in time. Fact: `seconds`."""

    code = "tap.nobody"


class NotWhileDaemonRuns(Fault):
    """`--show` and `--certificates` need the reader for themselves."""

    code = "tap.daemon-runs"


def add_to(app: typer.Typer, context: Context) -> None:
    """Add the command."""
    ui = context.texts.ui

    @app.command(help=ui("help-tap"))
    def tap(
        show: Annotated[bool, typer.Option("--show", help=ui("help-show"))] = False,
        certificates: Annotated[
            bool, typer.Option("--certificates", help=ui("help-certificates"))
        ] = False,
        wait: Annotated[float, seconds_of_waiting(ui("help-wait"))] = 30.0,
        config: Config = DEFAULT_CONFIG,
        as_json: Json = False,
    ) -> None:
        context.as_json = as_json
        settings = context.settings_in_force(config)
        try:
            found = _watch(context, settings, wait, alone=show or certificates)
        except DaemonSilent:
            raise
        except DaemonAbsent:
            judge = _judge(context, settings) if certificates else None
            found = _read(context, settings, wait, show=show, judge=judge)
        context.show(found, lambda: _print(context, settings, found))
        raise typer.Exit(_exit_status(context, found))


def _exit_status(context: Context, found: Mapping[str, Any]) -> int:
    judged = [certificate["result"] for certificate in found.get("certificates", ())]
    status = Results(context.texts).exit_status(Reason(found["reason"]))
    return status or (0 if all(result == "valid" for result in judged) else NOT_VALID)


def _judge(context: Context, settings: Settings) -> Judge:
    """By the key store's authorities. Raises `agent.identify.certificates` and key store faults."""
    authorities = Authorities.of(key_store(context.world, settings.keys))
    return Judge(authorities, sm2(), int(context.world.now()))


def _watch(context: Context, settings: Settings, wait: float, *, alone: bool) -> dict[str, Any]:
    """The next tap at the running daemon; `alone`: it is in the way. Raises `NoReaderReady`."""
    if not alone:
        require_of_daemon(context, settings)
    for report in context.client(settings).stream("/v1/taps", wait):
        if alone:
            raise NotWhileDaemonRuns
        if report:
            if report["reason"] in ASKED_THE_PLATFORM:
                report["trouble"] = list(psam_trouble(context, settings))
            return report
        if not context.as_json:
            context.say(context.texts.ui("tap-now"))
    raise NobodyTapped(seconds=int(wait))


def _read(
    context: Context, settings: Settings, wait: float, *, show: bool, judge: Judge | None
) -> dict[str, Any]:
    """Read one card here, without deciding or recording anything."""
    world = context.world
    gate = Equipment(world, settings)
    gate.look()
    gate.sams.start()
    try:
        require_of_gate(context, settings, gate)
        if not context.as_json:
            context.say(context.texts.ui("tap-now"))
        reader, presence = first_card(context, gate, wait)
        return _one(context, settings, gate, reader, presence, show=show, judge=judge)
    finally:
        gate.stop()


def first_card(
    context: Context, gate: Equipment, wait: float, only: str | None = None
) -> tuple[CardReader, Presence]:
    """The first card at any reader of a lane, or at that one. Raises `NobodyTapped`."""
    came: Queue[tuple[CardReader, Presence | Absence]] = context.world.queue()
    for reader in gate.lane_readers():
        if only in (None, reader.name):
            _forward(context, reader, came)
    end = context.world.monotonic() + wait
    while True:
        try:
            reader, event = came.get(max(0.0, end - context.world.monotonic()))
        except QueueEmpty:
            raise NobodyTapped(seconds=int(wait)) from None
        if isinstance(event, Presence):
            return reader, event


def _forward(
    context: Context, reader: CardReader, to: Queue[tuple[CardReader, Presence | Absence]]
) -> None:
    def run() -> None:
        while True:
            to.put((reader, reader.events.get()))

    context.world.spawn(run, name=f"reader {reader.name}")


def _one(
    context: Context,
    settings: Settings,
    gate: Equipment,
    reader: CardReader,
    presence: Presence,
    *,
    show: bool,
    judge: Judge | None,
) -> dict[str, Any]:
    stages = Stages(context.world, presence.at)
    kinds = card_kinds(settings)
    desk = CardIdentifier(context.world, gate.sams, References(NO_CITY), cards=kinds)
    found: dict[str, Any] = {"reader": reader.name, "reason": Reason.ACCEPTED.value}
    stages.begin("open")
    try:
        handle = reader.open()
        try:
            read = desk.read_in_clear(handle, stages)
            stages.end()
            judged = judge.judge(handle, read.generation, kinds.named(read.kind)) if judge else None
        finally:
            handle.close()
    except Fault as fault:
        found["reason"] = reason_of(fault).value
        found["fault"] = fault.code
        found["holder"] = str(fault.facts.get("holder", ""))
    else:
        found["kind"] = read.kind
        found["generation"] = read.generation.value
        found["algorithm"] = read.algorithm.value
        found["doubts"] = [doubt.value for doubt in read.doubts]
        if show:
            found["fields"] = dict(zip(FIELDS, read.interface_fields(), strict=True))
        if judged is not None:
            found["certificates"] = [_told(context, one) for one in judged]
    stages.end()
    found["stages_us"] = dict(stages.so_far())
    return found


def _told(context: Context, judged: JudgedCertificate) -> dict[str, str]:
    return {
        "purpose": judged.purpose,
        "issuer": judged.issuer,
        "not_before": _day(judged.not_before),
        "not_after": _day(judged.not_after),
        "result": judged.result,
        "identity": judged.identity or "",
        "sentence": _sentence(context, judged),
    }


def _sentence(context: Context, judged: JudgedCertificate) -> str:
    sentence = context.texts.word("certificate", judged.result)
    if judged.identity != "empty":
        return sentence
    return f"{sentence} {context.texts.word('certificate', 'empty-identity')}"


def _day(seconds: int) -> str:
    """In UTC, as certificates say it: the last day of all is 9999-12-31."""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat() if seconds else ""


def _print(context: Context, settings: Settings, found: Mapping[str, Any]) -> None:
    texts = context.texts
    columns = (Column(texts.ui("stage")), Column(texts.ui("milliseconds"), right=True))
    took = found["stages_us"]
    rows = [(texts.stage(s), f"{took[s] / 1000:.2f}") for s in STAGES if s in took]
    context.table(columns, rows)
    if "certificates" in found:
        _certificates(context, found["certificates"])
    for field, value in found.get("fields", {}).items():
        context.say(f"{texts.word('field', field)}: {value}")
    context.tell(texts.reason(found["reason"]))
    for sentence in found.get("trouble", ()):
        context.mark(well=False, text=sentence)
    held_by, kind = _recorded(found)
    if held_by:
        context.tell(texts.ui("tap-holder", holder=held_by))
    if kind:
        departs = departures(settings, kind) or "?"  # of a kind that the file has lost since
        context.tell(texts.ui("tap-kind", kind=kind, departures=departs))


def _recorded(found: Mapping[str, Any]) -> tuple[str, str]:
    """Programs that may hold the reader, and the card's kind, of a tap that was made here or of the
    daemon's record; empty where there is nothing."""
    record = found.get("record")
    if record is None:
        return str(found.get("holder", "")), str(found.get("kind", ""))
    event = msgspec.convert(record, Record).event()
    return (event.held_by, event.card_kind) if isinstance(event, Tap) else ("", "")


def _certificates(context: Context, told: Sequence[Mapping[str, str]]) -> None:
    ui = context.texts.ui
    columns = (
        Column(ui("certificate"), "fold"),
        Column(ui("issued-by"), "fold"),
        Column(ui("valid-from")),
        Column(ui("valid-to")),
        Column(ui("result"), "fold"),
    )
    rows = []
    for one in told:
        purpose = context.texts.word("certificate", one["purpose"])
        known = (one["issuer"], one["not_before"], one["not_after"])
        rows.append((purpose, *(value or "–" for value in known), one["sentence"]))
    context.table(columns, rows)
