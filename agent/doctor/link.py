"""The journal, and the way to the platform."""

from collections.abc import Iterator

from agent.doctor.findings import Case, Facts, Finding


def journal(case: Case) -> Iterator[Finding]:
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


def platform(case: Case) -> Iterator[Finding]:
    if case.settings.sync is None:
        yield Finding("platform-none", True)
        return
    if case.status is None:
        return
    link = case.status["sync"]
    if link is None:
        yield Finding("not-loaded", False, {"setting": "sync"})
        return
    facts: Facts = {"host": case.settings.sync.host, "port": case.settings.sync.port}
    if link["state"] == "online":
        yield Finding("platform-online", True, facts)
    else:
        trouble = link["last_fault"] or {}
        cause = (trouble["code"], trouble["facts"]) if trouble else None
        facts = {**facts, "cause": trouble.get("code", "")}
        yield Finding("platform-offline", False, facts, cause)
