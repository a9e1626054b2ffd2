"""The platform's settings, as they stand in its TOML file."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from config.model import Positive, Settings, Sync
from world import Fault, World, cause_of
from world.foreign import Undecodable, document
from world.text import NotText, read_text


class PlatformConfig(Fault):
    """The platform's TOML file cannot be used. Facts: file, cause."""

    code = "platform.config"


class PlatformSettings(Settings, frozen=True, kw_only=True):
    """One process of the platform."""

    broker: Sync  # `batch` has no meaning here
    database: str
    keys: str  # folder of the key store
    issuer: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,32}$")]  # key id; see `Platform`
    workers: Annotated[int, Meta(ge=1, le=16)] = 2
    service_workers: Annotated[int, Meta(ge=1, le=16)] = 2  # per service
    group: str = "platform"  # of the shared subscription, and first part of the client ids
    retry: Positive = 2.0  # most seconds between attempts to reach the broker


def load(world: World, path: Path) -> PlatformSettings:
    """Read a TOML file. Raises `PlatformConfig`."""
    try:
        found = document(read_text(world, path, regular=False))
    except OSError as error:
        raise PlatformConfig(file=str(path), cause=cause_of(error)) from error
    except NotText as error:
        cause = f"{error.line}:{error.column} {error.found}, not UTF-8"
        raise PlatformConfig(file=str(path), cause=cause) from error
    except Undecodable as fault:
        raise PlatformConfig(file=str(path), cause=fault.facts["problem"]) from fault
    try:
        return msgspec.convert(found, PlatformSettings)
    except msgspec.ValidationError as error:
        raise PlatformConfig(file=str(path), cause=str(error)) from error
