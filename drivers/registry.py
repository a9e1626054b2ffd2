"""Finds a driver by the name that the settings give: by entry points, so vendors can add theirs."""

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from drivers.contract import (
    Barrier,
    CodeSource,
    DocumentReader,
    PinPad,
    Printer,
    Prompts,
    ReaderDriver,
)
from drivers.idcard.photo import PHOTO_DECODERS, PhotoDecoder
from world import Fault

READERS, BARRIERS, PROMPTS = "onecard.readers", "onecard.barriers", "onecard.prompts"
SCANNERS, DOCUMENTS = "onecard.scanners", "onecard.documents"
PINPADS, PRINTERS = "onecard.pinpads", "onecard.printers"


class DriverUnknown(Fault):
    """No installed package offers a driver of that name; `installed` lists those there are."""

    code = "driver.unknown"


class DriverBroken(Fault):
    """The driver is installed but cannot be imported; `missing` names what it lacks."""

    code = "driver.broken"


def installed(group: str) -> Sequence[str]:
    """Names of all drivers of a group (`READERS`, `BARRIERS` …)."""
    return sorted(point.name for point in entry_points(group=group))


def reader_driver(name: str) -> type[ReaderDriver]:
    """Raises `DriverUnknown`, `DriverBroken`; so do the others."""
    return cast(type[ReaderDriver], _load(READERS, name))


def barrier(name: str) -> type[Barrier]:
    return cast(type[Barrier], _load(BARRIERS, name))


def prompts(name: str) -> type[Prompts]:
    return cast(type[Prompts], _load(PROMPTS, name))


def scanner(name: str) -> type[CodeSource]:
    return cast(type[CodeSource], _load(SCANNERS, name))


def document_reader(name: str) -> type[DocumentReader]:
    return cast(type[DocumentReader], _load(DOCUMENTS, name))


def pin_pad(name: str) -> type[PinPad]:
    return cast(type[PinPad], _load(PINPADS, name))


def printer(name: str) -> type[Printer]:
    return cast(type[Printer], _load(PRINTERS, name))


def photo_decoder(name: str) -> type[PhotoDecoder]:
    return cast(type[PhotoDecoder], _load(PHOTO_DECODERS, name))


def _load(group: str, name: str) -> object:
    point: EntryPoint
    for point in entry_points(group=group, name=name):
        try:
            return point.load()
        except ImportError as error:
            missing = error.name or point.value
            raise DriverBroken(kind=group, driver=name, missing=missing) from error
    raise DriverUnknown(kind=group, driver=name, installed=", ".join(installed(group)) or "-")
