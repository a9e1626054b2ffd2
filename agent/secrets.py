"""Which secrets a terminal needs by its settings, and in which form: for a look at the key store
before they are used.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent import uplink
from agent.identify import certificates
from agent.status_check.mapping import load_mapping
from agent.status_check.signing import signing_key, verifying_key
from config.faults import ConfigFault
from config.model import AgentSettings as Settings
from offline_store import journal, sealing
from trust import references
from trust.keystore import KeyStore
from trust.secrets import CERTIFICATE, KEY_16, KEY_32, PASSWORD, PUBLIC_KEY, SecretForm
from world import World


@dataclass(frozen=True)
class Need:
    """One secret, by its name in the key store."""

    name: str
    form: SecretForm


def needs(world: World, settings: Settings, keys: KeyStore) -> Sequence[Need]:
    """What the settings name, and what the key store holds of the kinds that are found by their
    names. Raises `KeyStoreUnusable`."""
    names = keys.names()
    found = [Need(references.SECRET, KEY_32), Need(journal.SEED, KEY_32)]
    if settings.sync is not None and settings.sync.password_secret is not None:
        found.append(Need(settings.sync.password_secret, PASSWORD))
    found += [Need(name, PUBLIC_KEY) for name in uplink.issuer_names(keys)]
    found += [Need(name, KEY_16) for name in names if name.startswith(sealing.PREFIX)]
    found += [Need(name, CERTIFICATE) for name in certificates.authority_names(keys)]
    found += _of_services(world, settings)
    return found


def _of_services(world: World, settings: Settings) -> Iterator[Need]:
    """Of the mapping files of status services. One that cannot be read has a fault of its own."""
    for service in settings.status.services:
        if service.mapping is None:
            continue
        try:
            mapping = load_mapping(world, Path(service.mapping))
        except ConfigFault:
            continue
        if mapping.request.sign is not None:
            yield Need(mapping.request.sign.secret, signing_key(mapping.request.sign))
        if mapping.answer.verify is not None:
            yield Need(mapping.answer.verify.secret, verifying_key(mapping.answer.verify))
