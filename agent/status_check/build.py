"""Puts the status check together from the settings: services, whose provinces they know, keys."""

from pathlib import Path

from agent.status_check.platform import PlatformSource
from agent.status_check.port import StatusSource
from agent.status_check.service import Routes, StatusService
from config.model import AgentSettings as Settings
from config.model import StatusServiceSettings as ServiceSettings
from sync.requests import Requests
from trust.keystore import KeyStore
from world import World


def make_status_service(
    world: World, settings: Settings, keys: KeyStore, requests: Requests
) -> StatusService:
    """The services of `settings.status`, and which of them knows which provinces.

    Raises `ConfigFault` for a mapping file, `Sm2Unavailable`.
    """
    status = settings.status
    sources = {service.name: _source(world, service, keys, requests) for service in status.services}
    routes = Routes(
        {
            region: sources[service.name]
            for service in status.services
            for region in service.regions
        },
        sources[status.default] if status.default else None,
    )
    return StatusService(
        world, routes, application=settings.terminal.application, within=status.within
    )


def _source(
    world: World,
    service: ServiceSettings,
    keys: KeyStore,
    requests: Requests,
) -> StatusSource:
    if service.kind == "mqtt":
        return PlatformSource(requests)
    from agent.status_check.https import HttpsSource
    from agent.status_check.mapping import load_mapping

    assert service.mapping is not None, "config.checks"
    mapping = load_mapping(world, Path(service.mapping))
    return HttpsSource(world, service, mapping, keys)
