"""Finds a driver by the name that the settings give: by entry points, so vendors can add theirs."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from drivers.contract import (
    Barrier,
    CodeSource,
    DocumentReader,
    PinPad,
    Printer,
    Prompts,
    ReaderDriver,
)
from drivers.foreign.guard import Origin, ours
from world import Fault
from world.packages import EntryPoint, entry_points

if TYPE_CHECKING:
    from drivers.idcard.photo import PhotoDecoder

READERS, BARRIERS, PROMPTS = "onecard.readers", "onecard.barriers", "onecard.prompts"
SCANNERS, DOCUMENTS = "onecard.scanners", "onecard.documents"
PINPADS, PRINTERS = "onecard.pinpads", "onecard.printers"
PHOTO_DECODERS = "onecard.photo_decoders"


class DriverUnknown(Fault):
    """No installed package offers a driver of that name; `installed` lists those there are."""

    code = "driver.unknown"


class NoOsdp(DriverUnknown):
    """None for OSDP (SIA OSDP 2.2, IEC 60839-11-5): what such a reader needs."""

    code = "driver.osdp"


class NoWiegand(DriverUnknown):
    """None for Wiegand: what a converter has to give."""

    code = "driver.wiegand"


# What people ask for by the name of its wires.
WIRES: Final[Mapping[str, type[DriverUnknown]]] = {"osdp": NoOsdp, "wiegand": NoWiegand}


class DriverBroken(Fault):
    """The driver is installed but cannot be loaded. Facts: `kind`, `driver`, `package`, `point`
    (MODULE:NAME), `missing`: what it lacks, or the error's type."""

    code = "driver.broken"


def installed(group: str) -> Sequence[str]:
    """Names of all drivers of a group (`READERS`, `BARRIERS` …)."""
    return sorted(point.name for point in entry_points(group=group))


def reader_driver(name: str) -> type[ReaderDriver]:
    """The class behind that name among the entry points. Raises `DriverUnknown`, `DriverBroken`; so
    do the others. A vendor's driver comes behind a device of ours: see `drivers.foreign`."""
    return cast(type[ReaderDriver], _device(READERS, name))


def barrier(name: str) -> type[Barrier]:
    """As `reader_driver`, for `[[barriers]]`."""
    return cast(type[Barrier], _device(BARRIERS, name))


def prompts(name: str) -> type[Prompts]:
    """As `reader_driver`, for `[[prompts]]`."""
    return cast(type[Prompts], _device(PROMPTS, name))


def scanner(name: str) -> type[CodeSource]:
    """As `reader_driver`, for `[[scanners]]`."""
    return cast(type[CodeSource], _device(SCANNERS, name))


def document_reader(name: str) -> type[DocumentReader]:
    """As `reader_driver`, for `[[documents]]`."""
    return cast(type[DocumentReader], _device(DOCUMENTS, name))


def pin_pad(name: str) -> type[PinPad]:
    """As `reader_driver`, for `[[pinpads]]`."""
    return cast(type[PinPad], _device(PINPADS, name))


def printer(name: str) -> type[Printer]:
    """As `reader_driver`, for `[[printers]]`."""
    return cast(type[Printer], _device(PRINTERS, name))


def photo_decoder(name: str) -> "type[PhotoDecoder]":
    """As `reader_driver`, but without a guard between: what a vendor's decoder raises, its caller
    has to take."""
    return cast("type[PhotoDecoder]", _loaded(_point(PHOTO_DECODERS, name)))


def out_of_order(group: str, name: str, fault: DriverBroken) -> object:
    """In place of a vendor's driver that cannot be loaded: what makes devices that say so. Raises
    `fault` for a driver of our own, whose installation has to be mended before anything else."""
    point = _point(group, name)
    if ours(point):
        raise fault
    return _guarded(group, Origin.of(point), fault)


def _device(group: str, name: str) -> object:
    point = _point(group, name)
    driver = _loaded(point)
    return driver if ours(point) else _guarded(group, Origin.of(point), driver)


def _guarded(group: str, origin: Origin, driver: Any) -> object:
    from drivers.foreign.devices import foreign_device
    from drivers.foreign.readers import ForeignReaders

    if group == READERS:
        return partial(ForeignReaders, origin, driver)
    return foreign_device(group, origin, driver)


def _point(group: str, name: str) -> EntryPoint:
    """Ours before a vendor's of the same name."""
    points = sorted(entry_points(group=group, name=name), key=lambda point: not ours(point))
    if not points:
        names = ", ".join(installed(group)) or "-"
        kinds = (kind for word, kind in WIRES.items() if word in name.casefold())
        raise next(kinds, DriverUnknown)(kind=group, driver=name, installed=names)
    return points[0]


def _loaded(point: EntryPoint) -> object:
    facts = {"kind": point.group, **Origin.of(point).facts()}
    try:
        return point.load()
    except ImportError as error:
        raise DriverBroken(missing=error.name or point.value, **facts) from error
    except AttributeError as error:  # the module has no such name
        raise DriverBroken(missing=point.value, **facts) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise DriverBroken(missing=type(error).__name__, **facts) from error
