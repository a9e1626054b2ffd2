"""Before anybody is asked to tap: is there a reader that can take a card, and a PSAM?

The daemon's word, or that of the gate that was opened here; in the words of `doctor`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.api.status import device_status, sam_status
from agent.cli.context import Context
from agent.cli.own_look import LOOK, SETTLE
from agent.doctor.examine import cards
from agent.doctor.findings import ExaminedTerminal, Finding
from agent.doctor.words import words_for
from agent.equipment.gate import Equipment
from agent.key_store import key_store
from agent.reader_service import reader_service
from config.model import AgentSettings as Settings
from drivers.contract import DeviceState
from world import Fault

READY = DeviceState.READY.value
INPUTS = ("readers", "scanners", "documents")


class NoReaderReady(Fault):
    """Nothing that people hold something to can be used now. Fact: `readers`, each with its
    state."""

    code = "tap.no-reader"


def require_of_daemon(context: Context, settings: Settings, only: str | None = None) -> None:
    """Tell what is wrong with readers and PSAMs of the running agent. Raises `NoReaderReady` when
    no input (or not the reader `only`) is ready."""
    _require(context, _case_of_daemon(context, settings), only)


def psam_trouble(context: Context, settings: Settings) -> Sequence[str]:
    """What is wrong with the PSAMs of the running agent: why the platform had to be asked."""
    found = cards(_case_of_daemon(context, settings))
    return [
        words_for(context.texts, one)
        for one in found
        if not one.well and one.id.startswith("psam-")
    ]


def require_of_gate(
    context: Context, settings: Settings, gate: Equipment, only: str | None = None
) -> None:
    """The same of a gate that looks for its readers here, and whose PSAMs have begun."""
    end = context.world.monotonic() + SETTLE
    while not _settled(gate) and context.world.monotonic() < end:
        context.world.wait(LOOK)
    case = ExaminedTerminal(
        context.world,
        settings,
        key_store(context.world, settings.keys),
        pcscd_socket=reader_service(),
        status=None,
        devices=[device_status(placed) for placed in gate.readers()],
        attached=gate.attached(),
        own_sams=[sam_status(status) for status in gate.sam_slots()],
    )
    _require(context, case, only)


def _case_of_daemon(context: Context, settings: Settings) -> ExaminedTerminal:
    status = context.client(settings).get("/v1/status")
    return ExaminedTerminal(
        context.world,
        settings,
        key_store(context.world, settings.keys),
        pcscd_socket=status["pcscd"],
        status=status,
        devices=[*status["readers"], *status["devices"]],
        attached=status["attached"],
    )


def _settled(gate: Equipment) -> bool:
    return gate.looked() and all(sam.fault or sam.terminal_number for sam in gate.sam_slots())


def _require(context: Context, case: ExaminedTerminal, only: str | None) -> None:
    inputs = _inputs(case.devices, only)
    wrong = [finding for finding in cards(case) if not finding.well]
    for finding in wrong:
        context.aside(_line(context, finding))
    if not any(device["state"] == READY for device in inputs):
        states = (f"{one['name']} {context.texts.state(one['state'])}" for one in inputs)
        raise NoReaderReady(readers=", ".join(states) or "–")


def _inputs(devices: Sequence[Mapping[str, Any]], only: str | None) -> Sequence[Mapping[str, Any]]:
    """What stands at a lane, or that one."""
    if only is not None:
        return [one for one in devices if (one["kind"], one["name"]) == ("readers", only)]
    return [one for one in devices if one["kind"] in INPUTS and one["lanes"]]


def _line(context: Context, finding: Finding) -> str:
    return f"✗ {words_for(context.texts, finding)}"
