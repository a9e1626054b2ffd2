"""What says where a vehicle is. Places are WGS-84; they are not logged."""

from dataclasses import dataclass
from typing import Protocol

from drivers.contract.device import Device
from world import Queue


@dataclass(frozen=True)
class Position:
    """One fix of a satellite receiver."""

    source: str  # the device's name
    lat: float  # degrees, north positive
    lon: float  # degrees, east positive
    at: float  # World.monotonic() when the sentence was whole
    speed: float | None = None  # metres per second, where the sentence says it


class PositionSource(Device, Protocol):
    """A receiver that tells its place by itself. A place that the agent does not take in time is
    dropped: an old place is of no use."""

    @property
    def events(self) -> Queue[Position]:
        """Fixes, oldest first; the newest few are kept."""
        ...
