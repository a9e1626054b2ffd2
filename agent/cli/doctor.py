"""`onecard doctor`: one line per finding; what is wrong comes with what to do."""

from typing import Any

import msgspec
import typer

from agent.cli.client import Client, DaemonAbsent, DaemonRefused, DaemonSilent
from agent.cli.context import DEFAULT_CONFIG, Config, Context, Json
from agent.cli.journal import DaemonSource
from agent.cli.looking import look
from agent.doctor.examine import examine
from agent.doctor.findings import ExaminedTerminal, Finding
from agent.doctor.words import words_for
from agent.key_store import key_store
from agent.reader_service import reader_service
from offline_store.events.happened import Checked

RECENT = 50  # records
UNSEEN: dict[str, Any] = {"devices": [], "attached": []}


def add_to(app: typer.Typer, context: Context) -> None:
    """Add the command."""

    @app.command(help=context.texts.ui("help-doctor"))
    def doctor(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
        context.as_json = as_json
        findings = list(examine(_case(context, config)))
        data = {
            "well": all(finding.well for finding in findings),
            "findings": [_data(context, finding) for finding in findings],
        }
        context.show(data, lambda: _print(context, findings))
        if not data["well"]:
            raise typer.Exit(1)


def _case(context: Context, config: Config) -> ExaminedTerminal:
    settings, wrong, _ = context.settings_or_those_in_force(config)
    status: dict[str, Any] | None
    silent = False
    try:
        status = context.client(settings).get("/v1/status")
    except DaemonAbsent as fault:
        status, silent = None, isinstance(fault, DaemonSilent)
    seen = UNSEEN if silent else _of_status(status) if status else look(context, settings)
    return ExaminedTerminal(
        context.world,
        settings,
        key_store(context.world, settings.keys),
        # A running agent's, which may be another than this command would use.
        pcscd_socket=status["pcscd"] if status else reader_service(),
        status=status,
        devices=seen["devices"],
        attached=seen["attached"],
        silent=silent,
        file=str(config),
        wrong=wrong,
        in_force=_in_force(context.client(settings)) if status else None,
        psam_before=_psam_before(context.client(settings)) if status else "",
    )


def _in_force(client: Client) -> dict[str, Any] | None:
    """The settings by which the agent goes; None where it does not tell."""
    try:
        told: dict[str, Any] = client.get("/v1/settings")["settings"]
    except (DaemonRefused, KeyError):  # one of another version
        return None
    return told


def _psam_before(client: Client) -> str:
    """The PSAM of the last card that one authenticated, empty when that is long ago."""
    try:
        records = DaemonSource(client).newest(RECENT)
    except DaemonRefused:  # the journal has its own finding
        return ""
    for record in reversed(records):
        try:
            event = record.event()
        except msgspec.MsgspecError:  # what damage left of a row
            continue
        done = event.authentication if isinstance(event, Checked) else None
        if done is not None and done.mode == "psam":
            return done.terminal_number
    return ""


def _of_status(status: dict[str, Any]) -> dict[str, Any]:
    """What /v1/devices would tell at the same moment."""
    return {"devices": [*status["readers"], *status["devices"]], "attached": status["attached"]}


def _data(context: Context, finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "well": finding.well,
        "warning": finding.warning,
        "facts": dict(finding.facts),
        "sentence": words_for(context.texts, finding),
    }


def _print(context: Context, findings: list[Finding]) -> None:
    for finding in findings:
        text = words_for(context.texts, finding)
        context.mark(well=finding.well, warning=finding.warning, text=text)
