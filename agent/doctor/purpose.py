"""What this terminal is for, and what it lacks for that: a barrier, a PSAM, lists."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from agent.doctor.findings import ExaminedTerminal, Facts, Finding
from agent.reader_service import PCSCD_SOCKET
from agent.scenes.registry import find
from config.model import AgentSettings as Settings
from config.waits import may_ask_status
from offline_store.lists.keys import MINISTRY_ISSUERS, MINISTRY_ROOTS, TICKET_ISSUERS
from world.china import moment

CONSOLE: Final = "console"  # drivers of a terminal without hardware
BLACKLIST: Final = "blacklist"
# By which keys a code is verified here, by the name of its rule.
KEYS_OF: Final[Mapping[str, str]] = {
    "ministry-three-level": MINISTRY_ROOTS,
    "ministry-two-level": MINISTRY_ISSUERS,
    "onecard-ticket": TICKET_ISSUERS,
}


def reads_cards(settings: Settings) -> bool:
    """Whether cards are held to any reader here."""
    return any(lane.readers for lane in settings.lanes)


def has_transit_psam(settings: Settings) -> bool:
    """Whether a SAM slot of the settings is for a transit PSAM."""
    return any(r.interface == "sam" and r.sam == "transit" for r in settings.readers)


def barriers(case: ExaminedTerminal) -> Iterator[Finding]:
    """Of a gate: one that only prints a line lets no person through, but where readers are
    simulated too: there the person that plays the gate reads that line."""
    settings = case.settings
    if not find(settings.scene.kind).moves_barrier:
        return
    consoles = {barrier.name for barrier in settings.barriers if barrier.driver == CONSOLE}
    for lane in settings.lanes:
        if not lane.taps or lane.direction == "counter":
            continue
        if lane.barrier is None:  # a way that is always open has none
            yield Finding("barrier-none", True, {"lane": lane.name}, warning=True)
        elif lane.barrier in consoles:
            facts: Facts = {"lane": lane.name, "name": lane.barrier or ""}
            played = case.pcscd_socket != PCSCD_SOCKET
            yield Finding("barrier-console", played, facts, warning=played)


def payments(case: ExaminedTerminal) -> Iterator[Finding]:
    """Purses pay by a transit company's PSAM only."""
    settings = case.settings
    pays = find(settings.scene.kind).pays and reads_cards(settings)
    if pays and not has_transit_psam(settings):
        yield Finding("psam-transit-none", False)


def lists(case: ExaminedTerminal) -> Iterator[Finding]:
    """Which are in force and since when, and which never came. Without a platform none can."""
    if case.status is None or case.settings.sync is None:
        return
    held, arrived = case.status.get("lists", {}), case.status.get("arrived", {})
    for name, version in sorted(held.items()):
        facts: Facts = {"list": name, "version": version, "since": moment(arrived.get(name))}
        yield Finding("list-held", True, facts)
    needed = [BLACKLIST, *find(case.settings.scene.kind).lists, *_code_lists(case.settings)]
    for name in dict.fromkeys(needed):
        if name not in held:
            yield Finding("list-missing", False, {"list": name})


def codes(case: ExaminedTerminal) -> Iterator[Finding]:
    """A holder of a code that only a platform can resolve, or only by its lists, needs one."""
    if case.settings.sync is not None or not _scans(case.settings):
        return
    for rule in case.settings.codes:
        if rule.resolve != "refuse":
            yield Finding("codes-no-platform", False, {"code": rule.name})


def standing(case: ExaminedTerminal) -> Iterator[Finding]:
    """Services that were asked how people stand and did not answer: the people that they know are
    refused meanwhile, or let in as the settings say."""
    if case.status is None or not may_ask_status(case.settings.scene):
        return
    served = case.settings.scene.offline.unknown == "accept"
    for one in case.status.get("standing", ()):
        cause = (one["fault"], one["facts"])
        facts: Facts = {"service": one["service"]}
        yield Finding("status-service-fails", served, facts, cause, warning=served)


def _scans(settings: Settings) -> bool:
    return any(lane.scanners for lane in settings.lanes)


def _code_lists(settings: Settings) -> Sequence[str]:
    """Lists of keys by which codes are verified here."""
    if not _scans(settings):
        return ()
    offline = [rule.name for rule in settings.codes if rule.resolve == "offline"]
    return [KEYS_OF[name] for name in offline if name in KEYS_OF]
