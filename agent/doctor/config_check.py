"""What a configuration's own shape cannot tell: whether each device's driver takes its options,
whether the reasons exist that a city tells in its own way, and what is in the files it names.

The rooms of services, record tables and receivers are imported where such settings stand.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from agent.equipment.devices import DRIVER_GROUPS, configured, driver_of
from agent.messages.reasons import Reason
from config.faults import (
    AuthorityMisfit,
    ConfigFault,
    ConfigInvalid,
    DriverMisfit,
    FileDenied,
    LayoutMisfit,
    SceneMisfit,
    UnknownKey,
    WrongValue,
)
from config.model import AgentSettings as Settings
from config.model import DeviceSettings, OutputSettings, Reader
from config.shape import departures, listed, nearest, shown
from drivers import registry
from drivers.contract import Interface, SlotBinding
from drivers.options import OptionsFault
from world import Fault, World

SERVICE_USER: Final = "onecard"  # packaging/onecard.service


# What is told of a driver that cannot be loaded or made, as far as it is known.
TOLD: Final = ("package", "point", "missing", "where", "error")


class VendorsFault(Fault):
    """A vendor's driver cannot make its device; with the facts of why."""


def require_usable(world: World, settings: Settings, file: str) -> None:
    """Make every driver as the daemon would; no device is touched. Raises one `ConfigFault` that
    carries every problem found."""
    problems = [
        problem
        for kind, device in configured(settings)
        for problem in _problems(world, kind, device, file)
    ]
    problems += _scene(settings, file)
    problems += _unknown_reasons(settings, file)
    problems += _codes_nobody_verifies(settings, file)
    problems += _mappings(world, settings)
    problems += _receiver(world, settings, file)
    problems += _layouts(world, settings, file)
    problems += _authority(world, settings, file)
    problems += _denied(world, settings, file)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise ConfigInvalid(file, problems)


def _scene(settings: Settings, file: str) -> Iterator[ConfigFault]:
    """Whether it is installed, and takes its options."""
    from agent.scenes import registry as scenes

    kind = settings.scene.kind
    try:
        scenes.options_of(scenes.find(kind), settings, file)
    except ConfigFault as fault:
        yield from fault.problems
    except scenes.SceneUnknown:
        found, allowed = shown(kind), listed(scenes.installed())
        yield WrongValue(file=file, key="scene.kind", found=found, allowed=allowed)
    except scenes.SceneBroken as fault:
        facts = {name: str(fault.facts[name]) for name in ("package", "point", "missing")}
        yield SceneMisfit(file=file, key="scene.kind", scene=kind, **facts)


def _unknown_reasons(settings: Settings, file: str) -> Iterator[ConfigFault]:
    from agent.scenes import registry as scenes

    known: list[str] = sorted(Reason)
    with suppress(scenes.SceneUnknown, scenes.SceneBroken):
        known += scenes.reasons_of(scenes.find(settings.scene.kind))
    for name in settings.results:
        if name not in known:
            yield UnknownKey(
                file=file,
                key=f"results.{name}",
                nearest=nearest(name, known),
                allowed=listed(known),
            )


def _codes_nobody_verifies(settings: Settings, file: str) -> Iterator[ConfigFault]:
    """Only some codes can be verified without a platform: all others would be refused, each one."""
    offline = [rule for rule in settings.codes if rule.resolve == "offline"]
    if not offline:
        return
    from agent.identify.code import VERIFIED

    for rule in offline:
        if rule.name not in VERIFIED:
            allowed = f'"platform" | "refuse" · name = {listed(VERIFIED)}'
            yield WrongValue(
                file=file, key=f"codes[{rule.name}].resolve", found='"offline"', allowed=allowed
            )


def _mappings(world: World, settings: Settings) -> Iterator[ConfigFault]:
    """What is wrong in the mapping files of status services; they are `file` in these."""
    for service in settings.status.services:
        if service.mapping is None:
            continue
        from agent.status_check.mapping import load_mapping

        try:
            load_mapping(world, Path(service.mapping))
        except ConfigFault as fault:
            yield from fault.problems


def _receiver(world: World, settings: Settings, file: str) -> Iterator[ConfigFault]:
    """The options of a vehicle's receiver."""
    if settings.journey.gnss:
        from agent.scenes.bus.vehicle import GNSS
        from drivers.position.receiver import NmeaReceiver

        receiver = DeviceSettings(name=GNSS, driver="nmea", options=settings.journey.gnss)
        try:
            NmeaReceiver(world, receiver.name, receiver.options)
        except OptionsFault as fault:
            yield from _misfits(receiver, fault, file, "journey.gnss")


def _layouts(world: World, settings: Settings, file: str) -> Iterator[ConfigFault]:
    """The record tables that a city has given its terminals."""
    if not settings.transit.layouts:
        return
    from agent.scenes.metro.layouts import load_layouts
    from apdu.transit.files import LayoutFault

    try:
        load_layouts(world, settings.transit.layouts)
    except LayoutFault as fault:
        problem = "{layout}, {field}: {reason}".format(**fault.facts)
        yield LayoutMisfit(file=file, key="transit.layouts", problem=problem)


def _authority(world: World, settings: Settings, file: str) -> Iterator[ConfigFault]:
    """The issuing authority's table of keys."""
    if settings.keys.authority is None:
        return
    from agent.psam.key_table import city_keys
    from apdu.social_security.city_keys import CityKeysFault

    try:
        city_keys(world, settings.keys)
    except CityKeysFault as fault:
        problem = "{table}, {entry}: {reason}".format(**fault.facts)
        yield AuthorityMisfit(file=file, key="keys.authority", problem=problem)


def _denied(world: World, settings: Settings, file: str) -> Iterator[ConfigFault]:
    """What whoever asks may read, but the service may not."""
    for key, path in _files(settings, file):
        if path is not None and not world.may_read(Path(path), SERVICE_USER):
            yield FileDenied(file=file, key=key, path=path, user=SERVICE_USER)


def _files(settings: Settings, file: str) -> Iterator[tuple[str, str | None]]:
    """The settings' own file, and every file that they name, by its key."""
    yield "", file
    if settings.sync is not None:
        yield "sync.ca", settings.sync.ca
        yield "sync.certificate", settings.sync.certificate
        yield "sync.key", settings.sync.key
    for service in settings.status.services:
        key = f"status.services[{service.name}]"
        yield f"{key}.mapping", service.mapping
        yield f"{key}.ca", service.ca
        yield f"{key}.certificate", service.certificate
        yield f"{key}.key", service.key
    yield "keys.authority", settings.keys.authority
    yield from (("transit.layouts", path) for path in settings.transit.layouts)


def _problems(
    world: World, kind: str, device: Reader | DeviceSettings | OutputSettings, file: str
) -> Iterator[ConfigFault]:
    key = f"{kind}[{device.name}]"
    try:
        _make(world, kind, device)
    except registry.DriverUnknown:
        allowed = listed(list(registry.installed(DRIVER_GROUPS[kind])))
        yield WrongValue(
            file=file, key=f"{key}.driver", found=shown(device.driver), allowed=allowed
        )
    except (registry.DriverBroken, VendorsFault) as fault:
        problem = ", ".join(str(fault.facts[name]) for name in TOLD if name in fault.facts)
        yield DriverMisfit(file=file, key=f"{key}.driver", problem=problem or fault.code)
    except OptionsFault as fault:
        yield from _misfits(device, fault, file, f"{key}.options")


def _misfits(
    device: Reader | DeviceSettings | OutputSettings, fault: OptionsFault, file: str, key: str
) -> Iterator[ConfigFault]:
    """Each option that does not fit; what only the driver can judge, in the driver's words."""
    single = departures(device.options, fault.shape, file, key) if fault.shape else []
    yield from single or [DriverMisfit(file=file, key=key, problem=str(fault.facts["problem"]))]


def _make(world: World, kind: str, device: Reader | DeviceSettings | OutputSettings) -> None:
    if isinstance(device, Reader):
        interface = Interface(device.interface)
        binding = SlotBinding(device.name, device.match, interface, device.options)
        made: object = registry.reader_driver(device.driver)(world, [binding])
    else:
        made = driver_of(kind, device.driver)(world, device.name, device.options)
    broken: Fault | None = getattr(made, "broken", None)  # of what stands for a vendor's alone
    if broken is not None:
        raise VendorsFault(**broken.facts)
