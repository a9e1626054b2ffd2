"""What a terminal is fitted with, besides card readers: made from the settings, kept, and shown."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from config.model import AgentSettings as Settings
from config.model import DeviceSettings as DeviceSettings
from config.model import OutputSettings, Reader
from drivers import registry
from drivers.contract import Device, DeviceStatus
from drivers.io.patterns import alternatives
from world import World

# The tables of the settings, in this order everywhere, and where each kind's drivers are found.
DRIVER_GROUPS = {
    "readers": registry.READERS,
    "scanners": registry.SCANNERS,
    "documents": registry.DOCUMENTS,
    "barriers": registry.BARRIERS,
    "prompts": registry.PROMPTS,
    "pinpads": registry.PINPADS,
    "printers": registry.PRINTERS,
}
KINDS = tuple(DRIVER_GROUPS)
_DRIVERS: Mapping[str, Callable[[str], type[Device]]] = {
    "scanners": registry.scanner,
    "documents": registry.document_reader,
    "barriers": registry.barrier,
    "prompts": registry.prompts,
    "pinpads": registry.pin_pad,
    "printers": registry.printer,
}
D = TypeVar("D", bound=Device, covariant=True)


@dataclass(frozen=True)
class Fitted(Generic[D]):
    """One device and what the settings say of it."""

    kind: str  # the table of the settings: scanners, documents, barriers …
    driver: str
    device: D

    def status(self) -> DeviceStatus:
        """See `drivers.contract.Device`."""
        return self.device.status()


@dataclass(frozen=True)
class Placed:
    """A device's status, and where the settings put it."""

    kind: str  # the table of the settings: readers, scanners …
    driver: str
    lanes: Sequence[str]  # that name it; none for a PSAM's slot
    status: DeviceStatus


def configured(
    settings: Settings,
) -> Iterator[tuple[str, Reader | DeviceSettings | OutputSettings]]:
    """Every device of the settings with its kind."""
    for kind in KINDS:
        for device in getattr(settings, kind):
            yield kind, device


def driver_of(kind: str, name: str) -> type[Device]:
    """The driver of that name for a kind other than readers. Raises the faults of
    `drivers.registry`."""
    return _DRIVERS[kind](name)


def patterns(settings: Settings) -> Iterator[str]:
    """What the settings say of where devices are: paths, addresses, names, each alternative."""
    for _, device in configured(settings):
        words: list[object] = [device.match] if isinstance(device, Reader) else []
        for word in [*words, *device.options.values()]:
            if isinstance(word, str):
                yield from alternatives(word)


class Devices:
    """All devices of a terminal by name; a device belongs to this object as long as it lives."""

    def __init__(self, world: World, settings: Settings) -> None:
        """Touches no device. Raises the faults of `drivers.registry` and `drivers.options`; a
        vendor's driver that cannot be loaded is a device out of order."""
        self._world = world
        self.scanners = self._fit("scanners", settings.scanners, registry.scanner)
        self.documents = self._fit("documents", settings.documents, registry.document_reader)
        self.barriers = self._fit("barriers", settings.barriers, registry.barrier)
        self.prompts = self._fit("prompts", settings.prompts, registry.prompts)
        self.pinpads = self._fit("pinpads", settings.pinpads, registry.pin_pad)
        self.printers = self._fit("printers", settings.printers, registry.printer)

    def start(self) -> None:
        """Begin to keep every device; none is waited for."""
        for fitted in self:
            fitted.device.start()

    def stops(self) -> Mapping[str, Callable[[], None]]:
        """What lets go of each, to be called all at once; by names for the threads."""
        return {f"stop {one.kind} {one.device.name}": one.device.stop for one in self}

    def look(self) -> None:
        """Something was plugged or unplugged."""
        for fitted in self:
            fitted.device.look()

    def __iter__(self) -> "Iterator[Fitted[Device]]":
        yield from self.scanners.values()
        yield from self.documents.values()
        yield from self.barriers.values()
        yield from self.prompts.values()
        yield from self.pinpads.values()
        yield from self.printers.values()

    def _fit(
        self,
        kind: str,
        wanted: Sequence[DeviceSettings | OutputSettings],
        driver: Callable[[str], type[D]],
    ) -> Mapping[str, Fitted[D]]:
        return {one.name: self._fitted(kind, one, driver) for one in wanted}

    def _fitted(
        self, kind: str, one: DeviceSettings | OutputSettings, driver: Callable[[str], type[D]]
    ) -> Fitted[D]:
        try:
            made = driver(one.driver)
        except registry.DriverBroken as fault:
            group = DRIVER_GROUPS[kind]
            made = cast(type[D], registry.out_of_order(group, one.driver, fault))
        return Fitted(kind, one.driver, made(self._world, one.name, one.options))
