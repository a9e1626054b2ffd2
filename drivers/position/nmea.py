"""NMEA 0183 sentences: bytes → whole sentences with a right checksum → fixes (RMC and GGA).

    $GNRMC,hhmmss.ss,A,llll.ll,N,yyyyy.yy,E,knots,course,ddmmyy,…,mode*hh
    $GNGGA,hhmmss.ss,llll.ll,N,yyyyy.yy,E,quality,satellites,hdop,…*hh

`hh` is the XOR of all between `$` and `*`. Talkers: GN, GP, and for BeiDou BD (older) or GB.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 120  # bytes; the standard says 82, makers write more digits
KNOT: Final = 1852 / 3600  # metres per second
TALKERS: Final = frozenset({"GN", "GP", "BD", "GB", "GL", "GA"})
# GGA quality: 1 alone, 2 differential, 3 PPS, 4 and 5 RTK, 6 dead reckoning (a tunnel); 7 typed in
# by hand and 8 a simulator are no places.
GOOD_QUALITIES: Final = frozenset("123456")
# RMC's and GGA's mode letters that are no places: N none, M by hand, S a simulator.
BAD_MODES: Final = frozenset("NMS")

_SENTENCE = re.compile(rb"\$([ -)+-~]{5,})\*([0-9A-Fa-f]{2})\Z")
_ANGLE = re.compile(r"([0-9]{2,3})([0-5][0-9](?:\.[0-9]{1,8})?)\Z")
_NUMBER = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,6})?\Z")


@dataclass(frozen=True)
class Fix:
    """What one sentence says: where, and at which time of day by the satellites."""

    time: str  # hhmmss.ss as written; two sentences of one fix have the same
    lat: float
    lon: float
    speed: float | None  # m/s


@dataclass
class Sentences:
    """Cuts a stream into sentences; counts what was none."""

    garbled: int = 0  # lines that were no sentence, and stretches as long as one without an end
    _rest: bytes = b""

    def feed(self, data: bytes) -> Iterator[str]:
        """The sentences that are whole now, without `$` and checksum."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST:
            self.garbled += len(self._rest) // LONGEST
            self._rest = b""
        for line in lines:
            text = line.strip()
            if text:
                sentence = checked(text)
                if sentence is None:
                    self.garbled += 1
                else:
                    yield sentence


def checked(line: bytes) -> str | None:
    """What stands between `$` and `*`, if the checksum holds."""
    found = _SENTENCE.match(line) if len(line) <= LONGEST else None
    if found is None or checksum(found[1]) != int(found[2], 16):
        return None
    return found[1].decode("ascii")


def checksum(body: bytes) -> int:
    """The XOR of all bytes."""
    value = 0
    for byte in body:
        value ^= byte
    return value


def sentence(body: str) -> bytes:
    """The whole line of a body, as a receiver sends it."""
    return f"${body}*{checksum(body.encode('ascii')):02X}\r\n".encode("ascii")


def read_fix(text: str) -> Fix | None:
    """The fix in a sentence; None for other sentences and for those that have none now."""
    fields = text.split(",")
    talker, kind = fields[0][:-3], fields[0][-3:]
    if talker not in TALKERS:
        return None
    if kind == "RMC" and len(fields) >= 10 and fields[2] == "A":
        if len(fields) > 12 and fields[12] in BAD_MODES:
            return None
        return _fix(fields[1], fields[3:7], _speed(fields[7]))
    if kind == "GGA" and len(fields) >= 10 and fields[6] in GOOD_QUALITIES:
        return _fix(fields[1], fields[2:6], None)
    return None


def _fix(time: str, place: list[str], speed: float | None) -> Fix | None:
    lat = _degrees(place[0], place[1], "NS", 90)
    lon = _degrees(place[2], place[3], "EW", 180)
    return None if lat is None or lon is None else Fix(time, lat, lon, speed)


def _degrees(text: str, side: str, sides: str, most: int) -> float | None:
    """`ddmm.mmmm` or `dddmm.mmmm` with its letter."""
    found = _ANGLE.match(text)
    if found is None or len(side) != 1 or side not in sides:
        return None
    value = int(found[1]) + float(found[2]) / 60
    if value > most:
        return None
    return value if side == sides[0] else -value


def _speed(text: str) -> float | None:
    return float(text) * KNOT if _NUMBER.match(text) else None
