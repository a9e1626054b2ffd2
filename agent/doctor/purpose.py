"""What this terminal is for, and what it lacks for that: a barrier, a PSAM, lists."""

from collections.abc import Iterator, Mapping
from typing import Final

from agent.china import moment
from agent.doctor.findings import Case, Facts, Finding
from agent.reader_service import PCSCD_SOCKET
from config.model import Agent as Settings

CONSOLE: Final = "console"  # drivers of a terminal without hardware
GATES: Final = ("library-gate", "metro-gate")  # scenes whose barrier has to move
PAYING: Final = ("bus", "metro-gate")  # scenes in which purses pay
BLACKLIST: Final = "blacklist"
# Lists without which a scene serves nobody, or somebody whom it must not.
NEEDED: Final[Mapping[str, tuple[str, ...]]] = {"metro-gate": ("fares", "lines")}


def reads_cards(settings: Settings) -> bool:
    """Whether cards are held to any reader here."""
    return any(lane.readers for lane in settings.lanes)


def has_transit_psam(settings: Settings) -> bool:
    return any(r.interface == "sam" and r.sam == "transit" for r in settings.readers)


def barriers(case: Case) -> Iterator[Finding]:
    """Of a gate: one that only prints a line lets nobody through, but where readers are simulated
    too: there whoever plays the gate reads that line."""
    settings = case.settings
    if settings.scene.kind not in GATES:
        return
    consoles = {barrier.name for barrier in settings.barriers if barrier.driver == CONSOLE}
    for lane in settings.lanes:
        if lane.taps and lane.direction != "counter" and lane.barrier in consoles:
            facts: Facts = {"lane": lane.name, "name": lane.barrier or ""}
            played = case.pcscd_socket != PCSCD_SOCKET
            yield Finding("barrier-console", played, facts, warning=played)


def payments(case: Case) -> Iterator[Finding]:
    """Purses pay by a transit company's PSAM only."""
    settings = case.settings
    pays = settings.scene.kind in PAYING and reads_cards(settings)
    if pays and not has_transit_psam(settings):
        yield Finding("psam-transit-none", False)


def lists(case: Case) -> Iterator[Finding]:
    """Which are in force and since when, and which never came. Without a platform none can."""
    if case.status is None or case.settings.sync is None:
        return
    held, arrived = case.status.get("lists", {}), case.status.get("arrived", {})
    for name, version in sorted(held.items()):
        facts: Facts = {"list": name, "version": version, "since": moment(arrived.get(name))}
        yield Finding("list-held", True, facts)
    for name in (BLACKLIST, *NEEDED.get(case.settings.scene.kind, ())):
        if name not in held:
            yield Finding("list-missing", False, {"list": name})
