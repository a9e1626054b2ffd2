"""Finds a driver by the name that the settings give: by entry points, so vendors can add theirs."""

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from drivers.contract import Barrier, Prompts, ReaderDriver
from world import Fault

READERS, BARRIERS, PROMPTS = "onecard.readers", "onecard.barriers", "onecard.prompts"


class DriverUnknown(Fault):
    """No installed package offers a driver of that name; `installed` lists those there are."""

    code = "driver.unknown"


class DriverBroken(Fault):
    """The driver is installed but cannot be imported; `missing` names what it lacks."""

    code = "driver.broken"


def installed(group: str) -> Sequence[str]:
    """Names of all drivers of a group (`READERS`, `BARRIERS`, `PROMPTS`)."""
    return sorted(point.name for point in entry_points(group=group))


def reader_driver(name: str) -> type[ReaderDriver]:
    """Raises `DriverUnknown`, `DriverBroken`; so do the others."""
    return cast(type[ReaderDriver], _load(READERS, name))


def barrier(name: str) -> type[Barrier]:
    return cast(type[Barrier], _load(BARRIERS, name))


def prompts(name: str) -> type[Prompts]:
    return cast(type[Prompts], _load(PROMPTS, name))


def _load(group: str, name: str) -> object:
    point: EntryPoint
    for point in entry_points(group=group, name=name):
        try:
            return point.load()
        except ImportError as error:
            missing = error.name or point.value
            raise DriverBroken(kind=group, driver=name, missing=missing) from error
    raise DriverUnknown(kind=group, driver=name, installed=", ".join(installed(group)) or "-")
