"""PC/SC slots, and the PSAMs in them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agent.doctor.findings import ExaminedTerminal, Finding
from agent.doctor.purpose import reads_cards
from agent.doctor.service import PCSC
from apdu.crypto import Algorithm
from apdu.social_security.psam import PsamMissing
from config.model import Reader


def slots(case: ExaminedTerminal, judged: Sequence[Reader]) -> Iterator[Finding]:
    """One finding for each PC/SC reader among `judged`, by its state."""
    there = ", ".join(case.attached) or "–"
    for reader in judged:
        if reader.driver != PCSC:
            continue
        found = case.device("readers", reader.name)
        if found is None:  # added to the file since the daemon read it
            yield Finding("not-loaded", False, {"setting": f"readers.{reader.name}"})
            continue
        facts = {"reader": reader.name, "match": reader.match, "attached": found["attached"]}
        facts["holder"] = found["holder"]
        state = found["state"]
        if state == "ready":
            yield Finding("reader-ready", True, facts)
        else:
            yield Finding(f"reader-{state}", False, {**facts, "there": there})


def psams(case: ExaminedTerminal, judged: Sequence[Reader]) -> Iterator[Finding]:
    """Findings for each SAM slot among `judged`; none where the daemon is silent, or no cards are
    read."""
    sams = case.sams
    if sams is None or not reads_cards(case.settings):
        return
    names = [reader.name for reader in judged]
    for sam in sams:
        if sam["reader"] not in names:
            continue
        algorithms = ", ".join(sam["algorithms"])
        facts = {"reader": sam["reader"], "number": sam["terminal_number"]}
        if sam["fault"] == PsamMissing.code:
            yield Finding("psam-silent", False, {**facts, "fault": sam["fault"]})
        elif sam["fault"]:
            yield Finding("psam-unfit", False, {**facts, "fault": sam["fault"]})
        elif _is_foreign(case, sam["terminal_number"]):
            expected = ", ".join(case.settings.terminal.psam_numbers)
            yield Finding("psam-of-another", False, {**facts, "expected": expected})
        else:
            yield Finding("psam-answers", True, {**facts, "algorithms": algorithms})
    if not sams:
        # By the platform the city's HSM serves all cards, as long as it can be asked.
        served = case.settings.sync is not None and case.settings.hsm.enabled
        yield Finding("psam-none", served, warning=served)
    yield from _changed(case, [sam["terminal_number"] for sam in sams])
    yield from _lacking(sams)


def _is_foreign(case: ExaminedTerminal, number: str) -> bool:
    """Where the settings say which PSAMs belong here."""
    expected = [each.upper() for each in case.settings.terminal.psam_numbers]
    return bool(expected) and number.upper() not in expected


def _changed(case: ExaminedTerminal, numbers: Sequence[str]) -> Iterator[Finding]:
    """Nobody said which PSAM belongs here, but until now it was another."""
    told = case.settings.terminal.psam_numbers
    if case.psam_before and all(numbers) and case.psam_before not in numbers and not told:
        facts = {"before": case.psam_before, "number": ", ".join(numbers)}
        yield Finding("psam-changed", True, facts, warning=True)


def _lacking(sams: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """What no PSAM here has; where none answers, that is the finding."""
    held = {algorithm for sam in sams for algorithm in sam["algorithms"]}
    lacking = [a.value for a in Algorithm if a.value not in held]
    if held and lacking:
        # Cities whose cards were never SSF33 have PSAMs without it.
        well = lacking == [Algorithm.SSF33.value]
        yield Finding("psam-lacks", well, {"algorithms": ", ".join(lacking)}, warning=well)
