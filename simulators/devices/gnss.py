"""A satellite receiver on a simulated serial port, driven along a made-up line of places."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from drivers.position.nmea import sentence
from simulators.devices.pty import PtyPort

DEGREE = 111_195.0  # metres of a degree of latitude


class GnssPeer:
    """It only talks; see `simulators.devices.pty.Peer`."""

    def __init__(self, baudrate: int = 9600) -> None:
        self.baudrate = baudrate

    def received(self, data: bytes, send: Callable[[bytes], None]) -> None:
        """A receiver of this kind takes no orders."""


class GnssSimulator:
    """The receiver, its wire and its plug (`port.plug`, `port.unplug`, `port.faults`); a context
    manager. `tell` sends one fix, `talk` any bytes."""

    def __init__(self, path: Path, baudrate: int = 9600, talker: str = "GN") -> None:
        self.port = PtyPort(path, GnssPeer(baudrate))
        self.talker = talker
        self._second = 0

    def __enter__(self) -> "GnssSimulator":
        self.port.plug()
        return self

    def __exit__(self, *exception: object) -> None:
        self.port.unplug()

    def tell(self, lat: float, lon: float) -> None:
        """One second later the vehicle is there."""
        self._second += 1
        self.port.send(fix_sentences(lat, lon, self._second, self.talker))

    def talk(self, data: bytes) -> None:
        self.port.send(data)


def fix_sentences(lat: float, lon: float, second: int, talker: str = "GN") -> bytes:
    """RMC and GGA of one fix, as a receiver sends them."""
    time = f"{second // 3600 % 24:02}{second // 60 % 60:02}{second % 60:02}.00"
    place = (
        f"{_angle(lat, 2)},{'N' if lat >= 0 else 'S'},{_angle(lon, 3)},{'E' if lon >= 0 else 'W'}"
    )
    rmc = f"{talker}RMC,{time},A,{place},16.2,0.0,220926,,,A"
    gga = f"{talker}GGA,{time},{place},1,12,0.8,12.0,M,0.0,M,,"
    return sentence(rmc) + sentence(gga)


def _angle(degrees: float, width: int) -> str:
    whole, minutes = divmod(round(abs(degrees) * 60 * 100_000), 60 * 100_000)
    return f"{whole:0{width}}{minutes / 100_000:08.5f}"


def way(places: Sequence[tuple[float, float]], step: float = 15.0) -> Iterator[tuple[float, float]]:
    """Places along the straight ways between `places`, `step` metres apart, ends included."""
    for (lat, lon), (to_lat, to_lon) in itertools.pairwise(places):
        north = (to_lat - lat) * DEGREE
        east = (to_lon - lon) * DEGREE * math.cos(math.radians(lat))
        steps = max(1, round(math.hypot(north, east) / step))
        for count in range(steps):
            yield lat + (to_lat - lat) * count / steps, lon + (to_lon - lon) * count / steps
    yield places[-1]
