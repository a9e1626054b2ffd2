"""The box itself: secrets, clock, disk, certificates."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from agent.clock import Clock
from agent.doctor.findings import Case, Facts, Finding
from world import Fault

ENOUGH_SPACE = 200 * 1024 * 1024  # bytes: a month of taps and a list beside it
RENEW = timedelta(days=30)
SECRETS = ("city-reference", "journal-seed")


def secrets(case: Case) -> Iterator[Finding]:
    for name in SECRETS:
        try:
            case.keys.read(name)
        except Fault as fault:
            facts = {"name": name, "path": str(case.settings.keys.path), "cause": fault.code}
            yield Finding("secret-unusable", False, facts, (fault.code, fault.facts))
            return
    yield Finding("secrets-there", True)
    # A file is readable by whoever takes the disk along; nothing here protects against that.
    yield Finding("keys-copyable", True, {"path": str(case.settings.keys.path)})


def clock(case: Case) -> Iterator[Finding]:
    quality = Clock(case.world).read().quality
    yield Finding(f"clock-{quality}", quality == "synchronised")


def space(case: Case) -> Iterator[Finding]:
    data = Path(case.settings.terminal.data)
    try:
        free = case.world.free_space(data)
    except OSError as error:
        cause = error.strerror or ""
        yield Finding("data-unusable", False, {"path": str(data), "cause": cause})
    else:
        facts: Facts = {"path": str(data), "megabytes": free // (1024 * 1024)}
        yield Finding("space" if free >= ENOUGH_SPACE else "space-low", free >= ENOUGH_SPACE, facts)


def certificates(case: Case) -> Iterator[Finding]:
    sync = case.settings.sync
    for path in (sync.ca, sync.certificate) if sync else ():
        if path is not None:
            yield _certificate(case, Path(path))


def _certificate(case: Case, path: Path) -> Finding:
    try:
        with case.world.open(path, "rb") as file:
            certificate = x509.load_pem_x509_certificate(file.read())
    except (OSError, ValueError):
        return Finding("certificate-unreadable", False, {"path": str(path)})
    ends = certificate.not_valid_after_utc
    now = datetime.fromtimestamp(case.world.now(), UTC)
    facts = {"path": str(path), "until": ends.date().isoformat()}
    if ends < now:
        return Finding("certificate-expired", False, facts)
    if ends < now + RENEW:
        return Finding("certificate-ends-soon", True, facts)
    return Finding("certificate-valid", True, facts)
