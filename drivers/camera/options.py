"""A camera's options, and what its `source` means."""

from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

from msgspec import Meta

from drivers.eye import Symbology
from drivers.options import DriverOptions, Place

Fraction = Annotated[float, Meta(ge=0.0, le=1.0)]


class CameraOptions(DriverOptions, frozen=True, kw_only=True):
    """`source`: a V4L2 device (`/dev/v4l/by-id/…`, patterns as in `drivers.io.ports.find_port`), an
    address (`http://…`, MJPEG; `user:password@` before the host is given by Basic or Digest), or
    a sequence of pictures (`…/frame-%04d.png`), which begins anew
    at its end.

    `width`, `height`, `fps`: asked of a V4L2 device, which may give others; `fps` is a sequence's
    pace. `idle_fps`: frames looked at per second while nothing
    moves; a JPEG of an unusual size is looked at at once. `region`: the part of the
    frame that is searched, as left, top, right, bottom from 0 to 1. `symbologies`, `second_opinion`
    (pyzbar): see `drivers.eye.Eye`. `window`: seconds in which the
    same code is one code. `frozen_after`: seconds of identical pictures that make a camera frozen;
    0 for a source without a sensor's noise (a sequence never is). `dark_below`: grey level (of 255)
    that even the brightest parts stay under in the dark; 0 to never call it dark.
    """

    source: Place
    width: Annotated[int, Meta(ge=160, le=4096)] = 640
    height: Annotated[int, Meta(ge=120, le=4096)] = 480
    fps: Annotated[float, Meta(ge=1, le=120)] = 30
    idle_fps: Annotated[float, Meta(ge=1, le=120)] = 3
    region: tuple[Fraction, Fraction, Fraction, Fraction] = (0.0, 0.0, 1.0, 1.0)
    symbologies: Annotated[tuple[Symbology, ...], Meta(min_length=1)] = ("qr",)
    second_opinion: bool = False
    window: Annotated[float, Meta(ge=0.0)] = 3.0
    frozen_after: Annotated[float, Meta(ge=0.0, le=60.0)] = 2.5
    dark_below: Annotated[int, Meta(ge=0, le=255)] = 32

    def __post_init__(self) -> None:
        left, top, right, bottom = self.region
        if left >= right or top >= bottom:
            raise ValueError("region is left, top, right, bottom: the first two are the smaller")
        if "://" in self.source and not (self.is_address and _host(self.source)):
            raise ValueError("source is a device, a sequence or an http:// address")

    @property
    def is_address(self) -> bool:
        """Whether `source` is a network camera's `http://` address."""
        return self.source.startswith("http://")

    @property
    def is_sequence(self) -> bool:
        """Whether `source` is a pattern of picture files, as `frame-%04d.png`."""
        return not self.is_address and "%" in self.source

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of an address."""
        parts = urlsplit(self.source)
        return parts.hostname or "", parts.port or 80

    @property
    def shown(self) -> str:
        """The source as people may see it: an address without password and query."""
        if not self.is_address:
            return self.source
        host, port = self.address
        return urlunsplit(("http", f"{host}:{port}", urlsplit(self.source).path, "", ""))


def _host(source: str) -> str:
    """Raises `ValueError` for a port that is none."""
    parts = urlsplit(source)
    return parts.hostname if parts.port != 0 and parts.hostname else ""
