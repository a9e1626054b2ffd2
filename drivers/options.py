"""A driver's options from the settings, checked against a struct of its own."""

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from drivers.contract import Options
from world import Fault

# Bytes as a person writes them: "1B 40"; for `bytes.fromhex`.
Hex = Annotated[str, Meta(pattern=r"^([0-9A-Fa-f]{2}( [0-9A-Fa-f]{2})*)?\Z")]

# A path, pattern or address that is handed to the operating system, which takes no NUL.
Place = Annotated[str, Meta(pattern=r"^[^\x00]+\Z", description='"…"')]


class DriverOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of a driver's options: what is not known is an error."""


T = TypeVar("T", bound=DriverOptions)


class OptionsFault(Fault):
    """A driver's options do not fit. Facts: `device`, `problem` (in msgspec's words). `shape` is
    what they were held against, where it was a struct."""

    code = "driver.options"
    shape: type[DriverOptions] | None = None


def typed(options: Options, kind: type[T], *, device: str) -> T:
    """`options` as a `kind`. Raises `OptionsFault`."""
    try:
        return msgspec.convert(dict(options), kind)
    except msgspec.ValidationError as error:
        fault = OptionsFault(device=device, problem=str(error))
        fault.shape = kind
        raise fault from error
