"""The key store: every secret that the terminal needs is there and has its form."""

from collections.abc import Iterator

from agent.certificates import authority
from agent.doctor.findings import Case, Finding
from agent.secrets import needs
from trust.secrets import CERTIFICATE, read_secret
from world import Fault


def secrets(case: Case) -> Iterator[Finding]:
    """Each one that cannot be used; else that all can."""
    unusable = [*_unusable(case)]
    yield from unusable
    if not unusable:
        yield Finding("secrets-there", True)
    # A file is readable by whoever takes the disk along; nothing here protects against that.
    yield Finding("keys-copyable", True, {"path": str(case.settings.keys.path)})


def _unusable(case: Case) -> Iterator[Finding]:
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
