"""The key store: every secret that the terminal needs is there and has its form."""

from collections.abc import Iterator
from pathlib import Path

from agent.doctor.findings import ExaminedTerminal, Finding
from agent.identify.certificates import authority
from agent.secrets import needs
from trust.keystore import KeyStoreUnusable
from trust.secrets import CERTIFICATE, read_secret
from world import Fault


def secrets(case: ExaminedTerminal) -> Iterator[Finding]:
    """Each one that cannot be used; else that all can. A caller that is not the service's user may
    be kept from looking, and then nothing is known to be wrong."""
    path = str(case.settings.keys.path)
    if _kept_from(case):
        yield Finding("secrets-not-looked-at", True, {"path": path, "user": case.user})
        return
    unusable = [*_unusable(case)]
    yield from unusable
    if not unusable:
        yield Finding("secrets-there", True)
    # A file is readable by whoever takes the disk along; nothing here protects against that.
    yield Finding("keys-copyable", True, {"path": path})


def _kept_from(case: ExaminedTerminal) -> bool:
    """The system denies this process the key store, and not the service's user."""
    try:
        case.keys.names()
    except KeyStoreUnusable as fault:
        denied = isinstance(fault.__cause__, PermissionError)
        return denied and case.world.may_read(Path(case.settings.keys.path), case.user)
    return False


def _unusable(case: ExaminedTerminal) -> Iterator[Finding]:
    path = str(case.settings.keys.path)
    try:
        wanted = needs(case.world, case.settings, case.keys)
    except Fault as fault:
        yield Finding("key-store-unusable", False, {"path": path}, (fault.code, fault.facts))
        return
    for need in wanted:
        try:
            value = read_secret(case.keys, need.name, need.form)
            if need.form is CERTIFICATE:
                authority(need.name, value)
        except Fault as fault:
            facts = {"name": need.name, "path": path, "cause": fault.code}
            yield Finding("secret-unusable", False, facts, (fault.code, fault.facts))
