"""The journal, and the way to the platform: is what is recorded here received there?"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from agent.doctor.findings import ExaminedTerminal, Facts, Finding
from agent.uplink import issuer_names
from world import Fault

LATE: Final = 300.0  # seconds without a receipt, of a link that is up, that no backlog explains
VERY_LATE: Final = 3600.0  # seconds after which a backlog has gone up, and no row is left behind
MINUTE: Final = 60.0


def journal(case: ExaminedTerminal) -> Iterator[Finding]:
    """The journal's fault or count of rows without receipt; then rows in quarantine and unreadable
    ones. Nothing where no daemon answers."""
    if case.status is None:
        return
    store = case.status["store"]
    fault = store["fault"]
    if fault:
        yield Finding("journal-fault", False, {"cause": str(fault)})
    else:
        yield Finding("journal-well", True, {"count": int(store["unreceipted"])})
    for name in ("quarantined", "unreadable"):
        if store[name]:
            yield Finding(f"journal-{name}", False, {"count": int(store[name])})


def platform(case: ExaminedTerminal) -> Iterator[Finding]:
    """Whether the link to the platform is set, known to the daemon and online, and why not."""
    sync = case.settings.sync
    if sync is None:
        yield Finding("platform-none", True)
        return
    yield from _issuers(case)
    if case.status is None:
        return
    link = case.status["sync"]
    if link is None:
        yield Finding("not-loaded", False, {"setting": "sync"})
        return
    facts: Facts = {"host": sync.host, "port": sync.port}
    if link["state"] == "online":
        yield Finding("platform-online", True, facts)
        yield from unreceived(link, case.status["store"], case.world.now())
    else:
        trouble = link["last_fault"] or {}
        cause = (trouble["code"], trouble["facts"]) if trouble else None
        facts = {**facts, "cause": trouble.get("code", "")}
        yield Finding("platform-offline", False, facts, cause)


def unreceived(link: Mapping[str, Any], store: Mapping[str, Any], now: float) -> Iterator[Finding]:
    """What keeps records from being received although the link is up. `link`, `store`: as
    /v1/status tells them; `now`: unix seconds."""
    count, oldest = int(store["unreceipted"]), store.get("oldest_unreceipted_ms")
    receipt, since = link.get("last_receipt") or 0.0, link.get("since") or 0.0
    trouble = link["last_fault"]
    # A fault before this connection is over, unless records still lie here.
    if trouble and trouble.get("at", 0.0) > receipt and (trouble["at"] >= since or count):
        cause = (trouble["code"], trouble["facts"])
        yield Finding("platform-refuses", False, {"count": count}, cause)
    elif count and oldest is not None:
        age, quiet = now - oldest / 1000, now - max(receipt, since)
        stuck = age > VERY_LATE and now - since > VERY_LATE
        if stuck or (age > LATE and quiet > LATE):
            minutes = int(age / MINUTE)
            yield Finding("records-waiting", False, {"count": count, "minutes": minutes})


def _issuers(case: ExaminedTerminal) -> Iterator[Finding]:
    """Without the platform's key no receipt and no list can be opened. Who may not look at the key
    store is told so elsewhere."""
    try:
        known = issuer_names(case.keys)
    except Fault:
        return
    if not known:
        yield Finding("issuer-none", False, {"path": str(case.settings.keys.path)})
