"""At which stop a vehicle is: fixes come in, and only a stop that is sure comes out.

A stop's circle is entered after several fixes in a row (one reflected off a house moves no vehicle)
and left only well outside, so a vehicle on its edge does not flutter. Between stops the last one
holds: a passenger who taps late still boarded there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.fares.lines import Stop

EARTH: Final = 6_371_000.0  # metres
LEAVE: Final = 1.5  # radii; left only beyond


@dataclass(frozen=True)
class Located:
    """What is known of the vehicle's place on its line."""

    stop: str = ""  # id of the last stop that was surely reached
    at_stop: bool = False  # and it is still there
    candidate: str = ""  # a stop whose circle the last fixes were in
    seen: int = 0  # how many in a row


def locate(known: Located, lat: float, lon: float, course: Sequence[Stop], sure: int) -> Located:
    """What is known after one more fix. `course`: the stops that come into question; those without
    a place never do. `sure`: fixes in a row that make a stop certain."""
    distances = {
        stop.id: (metres(lat, lon, stop.lat, stop.lon), stop.radius)
        for stop in course
        if stop.lat is not None and stop.lon is not None
    }
    if known.at_stop and known.stop in distances:
        distance, radius = distances[known.stop]
        if distance <= radius * LEAVE:
            return Located(known.stop, True)
    inside = [
        (distance, stop) for stop, (distance, radius) in distances.items() if distance <= radius
    ]
    if not inside:
        return Located(known.stop)
    _, nearest = min(inside)
    seen = known.seen + 1 if nearest == known.candidate else 1
    if seen >= sure:
        return Located(nearest, True)
    return Located(known.stop, False, nearest, seen)


def metres(lat: float, lon: float, to_lat: float, to_lon: float) -> float:
    """The way over ground, for places of one city (equirectangular; 0.1 % at 100 km)."""
    east = math.radians(to_lon - lon) * math.cos(math.radians((lat + to_lat) / 2))
    return EARTH * math.hypot(math.radians(to_lat - lat), east)
