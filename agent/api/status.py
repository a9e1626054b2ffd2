"""Statuses as JSON objects: what the API answers and `--json` prints."""

from collections.abc import Mapping
from typing import Any

import msgspec

from agent.equipment.devices import Placed
from agent.psam.slot import SamStatus
from agent.staff.session import GREETED, Session
from agent.staff.sign_in import SignInView
from agent.tap.tap import TapReport
from world import Fault


def device_status(placed: Placed) -> dict[str, Any]:
    """A device: name, kind, driver, lanes, state, attached, fault, facts, lost, presented, holder,
    counters."""
    status = placed.status
    return {
        "name": status.name,
        "kind": placed.kind,
        "driver": placed.driver,
        "lanes": list(placed.lanes),
        "state": status.state.value,
        "attached": status.attached,
        "fault": status.fault,
        "facts": dict(status.facts),
        "lost": status.lost,
        "presented": status.presented,
        "holder": status.holder,
        "counters": dict(status.counters),
    }


def sam_status(status: SamStatus) -> dict[str, Any]:
    """A PSAM: reader, terminal_number, algorithms, fault."""
    return {
        "reader": status.reader,
        "terminal_number": status.terminal_number,
        "algorithms": list(status.algorithms),
        "fault": status.fault,
    }


def tap_status(report: TapReport) -> dict[str, Any]:
    """A finished tap: no identity, only where it stands in the journal."""
    record = report.record
    return {
        "reader": report.reader,
        "lane": report.lane,
        "reason": str(report.reason),
        "accepted": report.accepted,
        "stages_us": dict(report.stages_us),
        "record": msgspec.to_builtins(record) if record else None,
    }


def standing_status(trouble: Mapping[str, Fault]) -> list[dict[str, Any]]:
    """Status services that did not answer when they were last asked: service, fault, facts."""
    return [
        {"service": service, "fault": fault.code, "facts": dict(fault.facts)}
        for service, fault in sorted(trouble.items())
    ]


def sign_in_status(view: SignInView, session: Session | None) -> dict[str, Any]:
    """How a sign-in stands: state, expires_in (seconds), qr (svg, text; while it can be scanned),
    staff (person: as much of the reference as greets; since, until: unix seconds)."""
    picture = view.picture
    return {
        "state": view.state,
        "expires_in": view.expires_in,
        "qr": {"svg": picture.svg, "text": picture.text} if picture else None,
        "staff": {
            "person": session.person[:GREETED],
            "since": session.since_ms // 1000,
            "until": session.until_ms // 1000,
        }
        if session
        else None,
    }
