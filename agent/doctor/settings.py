"""The file and the settings in force: a terminal goes on with what it has when newer is wrong."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from agent.doctor.findings import ExaminedTerminal, Finding
from world.china import moment
from world.foreign import decoded


def settings(case: ExaminedTerminal) -> Iterator[Finding]:
    """What is wrong with the file now; else why the agent did not take it, or that it has not read
    it yet."""
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
        return
    if other := _other(case):
        yield Finding("settings-not-read", False, {**facts, "settings": ", ".join(other)})


def _other(case: ExaminedTerminal) -> Sequence[str]:
    """Tables of the file by which the agent does not go: all that is judged here is of the file.
    One that an agent of another version does not tell is none."""
    if case.in_force is None:
        return ()
    file = decoded(msgspec.json.encode(case.settings), dict[str, Any])
    return [name for name in file if name in case.in_force and file[name] != case.in_force[name]]
