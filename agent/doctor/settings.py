"""The file and the settings in force: a terminal goes on with what it has when newer is wrong."""

from collections.abc import Iterator, Mapping
from typing import Any

from agent.china import moment
from agent.doctor.findings import Case, Finding


def settings(case: Case) -> Iterator[Finding]:
    """What is wrong with the file now; else why the agent did not take it."""
    told: Mapping[str, Any] = (case.status or {}).get("settings") or {}
    facts = {"file": case.file, "since": moment(told.get("taken_ms"))}
    if case.wrong:
        first, *more = case.wrong
        yield Finding("settings-wrong", False, facts, (first.code, first.facts))
        for fault in more:
            yield Finding("settings-wrong-too", False, {}, (fault.code, fault.facts))
        return
    refused = told.get("refused")
    if refused:
        when = {**facts, "time": moment(refused["time_ms"])}
        for problem in refused["problems"]:
            cause = (problem["code"], problem["facts"])
            yield Finding("settings-refused", False, when, cause)
