"""Puts the link to the platform together from settings, store and key store."""

from collections.abc import Callable, Sequence

from config.model import AgentSettings as Settings
from offline_store.store import Store
from sync.applier import Handler
from sync.asking import AT_ONCE
from sync.contract.services import Service
from sync.contract.topics import Place
from sync.paho_link import open_link
from sync.requests import PendingRequest, RequestOffline
from sync.uplink import LinkStatus, Uplink
from trust.envelope import Opener
from trust.keystore import KeyStore
from trust.secrets import PUBLIC_KEY, read_secret
from trust.sm2 import sm2
from world import Fault, World
from world.packages import version

ISSUER, PUBLIC = "issuer-", ".pub"


class RefusedRequest:
    """See `sync.requests.PendingRequest`: nothing was asked."""

    def __init__(self, fault: RequestOffline) -> None:
        self._fault = fault

    def result(self) -> bytes:
        """Raises the fault for which nothing was asked."""
        raise self._fault


class PlatformRequests:
    """Requests by whichever uplink there is now: a reload may bring another one, or none."""

    def __init__(self) -> None:
        self.uplink: Uplink | None = None

    def ask(self, service: Service, payload: bytes, *, within: float) -> PendingRequest:
        """See `sync.requests.Requests`."""
        uplink = self.uplink
        if uplink is None:
            return RefusedRequest(RequestOffline(service=service))
        return uplink.requests.ask(service, payload, within=within)


def make_uplink(
    world: World,
    settings: Settings,
    store: Store,
    lists: Handler,
    key_lists: Handler,
    keys: KeyStore,
    report: Callable[[LinkStatus], None],
    warn: Callable[[Fault], None],
) -> Uplink:
    """`settings.sync` must be there. Raises `KeyStoreUnusable`; what is wrong with certificates and
    password shows in its status once it connects."""
    assert settings.sync is not None
    return Uplink(
        world,
        open_link(world, settings.sync, settings.terminal.id, keys, requests=AT_ONCE),
        store,
        {"list": lists, "keys": key_lists},
        Opener(sm2(), issuers(keys, warn)),
        Place(settings.sync.namespace, settings.terminal.city, settings.terminal.id),
        settings.sync,
        version=version("onecard-agent"),
        report=report,
    )


def issuers(keys: KeyStore, warn: Callable[[Fault], None]) -> dict[str, bytes]:
    """The platform's public keys by key id: secrets called `issuer-<key id>.pub`. `warn` hears of
    each that cannot be used: a terminal serves people without its platform, too."""
    found = {}
    for name in issuer_names(keys):
        try:
            key = read_secret(keys, name, PUBLIC_KEY)
        except Fault as fault:
            warn(fault)
        else:
            found[name.removeprefix(ISSUER).removesuffix(PUBLIC)] = key
    return found


def issuer_names(keys: KeyStore) -> Sequence[str]:
    """Of the secrets that are public keys of the platform."""
    return [n for n in keys.names() if n.startswith(ISSUER) and n.endswith(PUBLIC)]
