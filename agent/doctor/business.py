"""The national interface for business programs: is it there, who may be whom, who was refused."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from agent.doctor.findings import ExaminedTerminal, Facts, Finding
from config.model import FacadeSettings
from world.china import CHINA

DAY: Final = 86_400  # seconds; who was refused before is nobody's trouble now
SHOWN: Final = 4  # refused callers
ABOUT_REQUEST: Final = "facade.envelope"  # what was sent is no call, whoever sent it


def facade(case: ExaminedTerminal) -> Iterator[Finding]:
    """Nothing where the settings have none."""
    settings = case.settings.facade
    if settings is None:
        return
    if case.status is not None:
        yield from _running(case, settings, case.status.get("facade"))
    for client in settings.clients:
        if client.origin is not None and not client.users:
            # Not wrong: a kiosk has one user. But the origin does not say whose program it is.
            facts = {"client": client.name, "origin": client.origin}
            yield Finding("facade-any-user", True, facts)


def _running(
    case: ExaminedTerminal, settings: FacadeSettings, found: Mapping[str, Any] | None
) -> Iterator[Finding]:
    if found is None:
        yield Finding("not-loaded", False, {"setting": "facade"})
        return
    if found["fault"]:
        facts = {"socket": settings.socket, "port": settings.port or 0, "cause": found["fault"]}
        yield Finding("facade-down", False, facts)
    else:
        yield Finding("facade-serves", True, {"count": len(settings.clients)})
    yield from _refusals(case, settings, found["refusals"])


def _refusals(
    case: ExaminedTerminal, settings: FacadeSettings, refusals: Sequence[Mapping[str, Any]]
) -> Iterator[Finding]:
    """A page or a user of the settings who was refused is somebody who is not served. A stranger is
    refused as he should be, and a technician may know him. A request that is no call says nothing
    of whether its caller is served: it is told behind the others, and is no failure."""
    ours = {name for client in settings.clients for name in (client.origin, client.user) if name}
    young = [one for one in refusals if one["last"] > case.world.now() - DAY]
    for one in sorted(young, key=lambda one: one["code"] == ABOUT_REQUEST)[:SHOWN]:
        said = [one[name] for name in ("origin", "host", "user") if one[name]]
        facts: Facts = {
            "caller": " · ".join(said) or "–",
            "times": one["times"],
            "last": datetime.fromtimestamp(one["last"], CHINA).strftime("%m-%d %H:%M"),
        }
        cause = (one["code"], one["facts"])
        if one["code"] == ABOUT_REQUEST:
            yield Finding("facade-no-call", True, facts, cause)
        else:
            known = (one["origin"] or one["user"]) in ours
            yield Finding("facade-refused", not known, facts, cause)
