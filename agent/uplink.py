"""Puts the link to the platform together from settings, store and key store."""

from collections.abc import Callable
from importlib.metadata import version

from config.model import Agent as Settings
from offline_store.lists import Lists
from offline_store.store import Store
from sync.contract.topics import Place
from sync.paho_link import open_link
from sync.uplink import Status, Uplink
from trust.envelope import Opener
from trust.keystore import KeyStore
from trust.sm2 import sm2
from world import World

ISSUER, PUBLIC = "issuer-", ".pub"


def make_uplink(
    world: World,
    settings: Settings,
    store: Store,
    lists: Lists,
    keys: KeyStore,
    report: Callable[[Status], None],
) -> Uplink:
    """`settings.sync` must be there. Raises `keystore.*` faults; what is wrong with certificates
    shows in its status once it connects."""
    assert settings.sync is not None
    return Uplink(
        world,
        open_link(world, settings.sync, settings.terminal.id, keys),
        store,
        {"list": lists},
        Opener(sm2(), issuers(keys)),
        Place(settings.sync.namespace, settings.terminal.city, settings.terminal.id),
        settings.sync,
        version=version("onecard-agent"),
        report=report,
    )


def issuers(keys: KeyStore) -> dict[str, bytes]:
    """The platform's public keys by key id: secrets called `issuer-<key id>.pub`."""
    return {
        name.removeprefix(ISSUER).removesuffix(PUBLIC): keys.read(name)
        for name in keys.names()
        if name.startswith(ISSUER) and name.endswith(PUBLIC)
    }
