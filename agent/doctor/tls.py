"""The files of TLS: each can be read by the service, is what it should be, and is in its time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509

from agent.doctor.findings import ExaminedTerminal, Facts, Finding
from sync.tls import client_context
from world import Fault

RENEW: Final = timedelta(days=30)
OTHERS: Final = 0o007  # mode bits
Judged = Callable[[Sequence[x509.Certificate], datetime], x509.Certificate]


@dataclass(frozen=True)
class _Files:
    """Of one connection: to the broker, or to a status service."""

    ca: Path | None
    certificate: Path | None
    key: Path | None

    def named(self) -> tuple[Path, ...]:
        return tuple(file for file in (self.ca, self.certificate, self.key) if file is not None)


def files(case: ExaminedTerminal) -> Iterator[Finding]:
    """Findings for each certificate and key file of the settings: may the service read it, and is
    it what it should be."""
    for one in _all(case):
        kept = [*_kept_from_the_service(case, one)]
        yield from kept
        if not kept:
            yield from _judged(case, one)


def _all(case: ExaminedTerminal) -> Iterator[_Files]:
    sync = case.settings.sync
    if sync is not None:
        yield _Files(_path(sync.ca), _path(sync.certificate), _path(sync.key))
    for service in case.settings.status.services:
        yield _Files(_path(service.ca), _path(service.certificate), _path(service.key))


def _path(setting: str | None) -> Path | None:
    return None if setting is None else Path(setting)


def _kept_from_the_service(case: ExaminedTerminal, one: _Files) -> Iterator[Finding]:
    """What this process may read but the service may not, or the other way round."""
    for file in one.named():
        facts = {"path": str(file), "user": case.user}
        if not case.world.may_read(file, case.user):
            command = f"chgrp {case.user} {file} && chmod 640 {file}"
            yield Finding("file-denied", False, {**facts, "command": command})
        elif not _opens(case, file):
            yield Finding("file-not-looked-at", True, facts)


def _opens(case: ExaminedTerminal, file: Path) -> bool:
    """False only where this process lacks the right."""
    try:
        case.world.open(file, "rb", regular=True).close()
    except PermissionError:
        return False
    except OSError:
        return True
    return True


def _judged(case: ExaminedTerminal, one: _Files) -> Iterator[Finding]:
    ca, certificate, key = (str(p) if p else None for p in (one.ca, one.certificate, one.key))
    try:
        client_context(case.world, ca, certificate, key)
    except Fault as fault:
        yield Finding("tls-unusable", False, {"cause": fault.code}, (fault.code, fault.facts))
        return
    if one.ca is not None:
        yield _in_time(case, one.ca, _anchor)
    if one.certificate is not None:
        yield _in_time(case, one.certificate, _weakest)
    if one.key is not None and case.world.file_mode(case.world.real_path(one.key)) & OTHERS:
        facts = {"path": str(one.key), "command": f"chmod o= {one.key}"}
        yield Finding("tls-key-exposed", False, facts)


def _in_time(case: ExaminedTerminal, file: Path, judged: Judged) -> Finding:
    """By that one of a file's certificates on which its use depends."""
    now = datetime.fromtimestamp(case.world.now(), UTC)
    with case.world.open(file, "rb", regular=True) as stream:
        raw = stream.read()
    try:
        one = judged(x509.load_pem_x509_certificates(raw), now)
    except ValueError:  # what OpenSSL alone reads: TRUSTED CERTIFICATE
        return Finding("certificate-undated", True, {"path": str(file)}, warning=True)
    begins, ends = one.not_valid_before_utc, one.not_valid_after_utc
    facts: Facts = {"path": str(file), "until": ends.date().isoformat()}
    if ends < now:
        return Finding("certificate-expired", False, facts)
    if begins > now:
        facts = {"path": str(file), "begins": begins.date().isoformat()}
        return Finding("certificate-not-yet-valid", False, facts)
    if ends < now + RENEW:
        return Finding("certificate-ends-soon", True, facts, warning=True)
    return Finding("certificate-valid", True, facts)


def _anchor(found: Sequence[x509.Certificate], now: datetime) -> x509.Certificate:
    """Of several authorities (an old one and its successor) any will do: the one that holds today
    longest, else the one that is next to hold."""
    begun = [one for one in found if one.not_valid_before_utc <= now]
    if any(one.not_valid_after_utc >= now for one in begun) or len(begun) == len(found):
        return max(begun, key=lambda one: one.not_valid_after_utc)
    coming = (one for one in found if one.not_valid_before_utc > now)
    return min(coming, key=lambda one: one.not_valid_before_utc)


def _weakest(found: Sequence[x509.Certificate], now: datetime) -> x509.Certificate:
    """Of our own, which comes first, and those behind it that issued one another, all must hold:
    the one that begins later than today, else the one that ends first."""
    chain = [found[0]]
    for one in found[1:]:
        if one.subject == chain[-1].issuer and one.subject != one.issuer:
            chain.append(one)
    latest = max(chain, key=lambda one: one.not_valid_before_utc)
    if latest.not_valid_before_utc > now:
        return latest
    return min(chain, key=lambda one: one.not_valid_after_utc)
