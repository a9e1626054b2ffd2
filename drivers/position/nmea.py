"""NMEA 0183 sentences: bytes → whole sentences → what each says of place and speed.

    $GNRMC,hhmmss.ss,A,llll.ll,N,yyyyy.yy,E,knots,course,ddmmyy,…,mode*hh
    $GNGGA,hhmmss.ss,llll.ll,N,yyyyy.yy,E,quality,satellites,hdop,…*hh
    $GNGNS,hhmmss.ss,llll.ll,N,yyyyy.yy,E,modes,satellites,hdop,…*hh
    $GNGLL,llll.ll,N,yyyyy.yy,E,hhmmss.ss,A,mode*hh
    $GNVTG,course,T,course,M,knots,N,km/h,K,mode*hh

`hh` is the XOR of all between `$` and `*`; a receiver may leave it out (NMEA 0183 2.30, 5.2.2).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 120  # bytes; the standard says 82, makers write more digits
KNOT: Final = 1852 / 3600  # metres per second
# All systems together, GPS, BeiDou (old and new), GLONASS, Galileo, QZSS (both), NavIC, and
# integrated navigation, behind which one of them is.
TALKERS: Final = frozenset(
    {"GN", "GP", "BD", "GB", "GL", "GA", "GQ", "QZ", "GI", "IN", "II"},
)
UNCHECKED: Final = 3  # sentences in a row without a checksum, and none with one: it gives none
SHORTEST: Final = 12  # fields behind the kind that are looked at; what is not there is empty
# GGA quality: 1 alone, 2 differential, 3 PPS, 4 and 5 RTK, 6 dead reckoning (a tunnel); 7 typed in
# by hand and 8 a simulator are no places.
GOOD_QUALITIES: Final = frozenset("123456")
# Mode letters that are no places: N none, M by hand, S a simulator.
BAD_MODES: Final = frozenset("NMS")

_SENTENCE = re.compile(rb"\$([ -)+-~]{5,})\*([0-9A-Fa-f]{2})\Z")
_BARE = re.compile(rb"\$([A-Z]{5},[ -)+-~]*)\Z")
_ENDS = re.compile(rb"[\r\n]+")
_TIME = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{2}(?:\.[0-9]{1,9})?)\Z")
_ANGLE = re.compile(r"([0-9]{2,3})([0-5][0-9](?:\.[0-9]{1,12})?)\Z")
_NUMBER = re.compile(r"\+?(?=\.?[0-9])[0-9]{0,6}(?:\.[0-9]{1,9})?\Z")


@dataclass(frozen=True)
class Fix:
    """What one sentence says: where, and at which time of day by the satellites."""

    # Seconds of the day; sentences of one fix have the same, however many digits they write. None:
    # not told.
    time: float | None
    lat: float
    lon: float
    speed: float | None  # m/s


@dataclass(frozen=True)
class Speed:
    """What VTG says: how fast, of the fix that is told before or after it."""

    speed: float  # m/s


@dataclass
class Sentences:
    """Cuts a stream into sentences; counts what was none. One per connection."""

    garbled: int = 0  # lines that were no sentence, and stretches as long as one without an end
    _rest: bytes = b""
    _checked: bool = False  # the receiver gives checksums
    _bare: int = 0  # sentences without one, in a row

    def feed(self, data: bytes) -> Iterator[str]:
        """The sentences that are whole now, without `$` and checksum."""
        *lines, self._rest = _ENDS.split(self._rest + data)
        if len(self._rest) > LONGEST:
            self.garbled += len(self._rest) // LONGEST
            self._rest = b""
        for line in lines:
            if text := line.strip():
                sentence = self._sentence(text[max(0, text.rfind(b"$")) :])
                if sentence is None:
                    self.garbled += 1
                else:
                    yield sentence

    def _sentence(self, line: bytes) -> str | None:
        """One without a checksum only of a receiver that gives none."""
        sentence = checked(line)
        if sentence is not None:
            self._checked, self._bare = True, 0
            return sentence
        bare = _BARE.match(line) if len(line) <= LONGEST else None
        self._bare = self._bare + 1 if bare else 0
        if bare is None or self._checked or self._bare < UNCHECKED:
            return None
        return bare[1].decode("ascii")


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


def read_fix(text: str) -> Fix | Speed | None:
    """What a sentence says now; None for one that says neither place nor speed."""
    kind, *fields = (field.strip() for field in text.split(","))  # some align their numbers
    if kind[:-3] not in TALKERS:
        return None
    fields += [""] * (SHORTEST - len(fields))
    match kind[-3:]:
        case "RMC" if fields[1] == "A" and fields[11] not in BAD_MODES:
            return _fix(fields[0], fields[2:6], _knots(fields[6]))
        case "GGA" if fields[5] in GOOD_QUALITIES:
            return _fix(fields[0], fields[1:5], None)
        case "GNS" if set(fields[5]) - BAD_MODES:
            return _fix(fields[0], fields[1:5], None)
        case "GLL" if fields[5] == "A" and fields[6] not in BAD_MODES:
            return _fix(fields[4], fields[0:4], None)
        case "VTG" if fields[8] not in BAD_MODES:
            return _vtg(fields)
    return None


def _fix(time: str, place: list[str], speed: float | None) -> Fix | None:
    lat = _degrees(place[0], place[1], "NS", 90)
    lon = _degrees(place[2], place[3], "EW", 180)
    return None if lat is None or lon is None else Fix(_seconds(time), lat, lon, speed)


def _vtg(fields: list[str]) -> Speed | None:
    """By the letters that follow the numbers; older receivers write none (NMEA 0183 1.5)."""
    lettered = fields[5] == "N" or fields[7] == "K"
    knots, kilometres = (fields[4], fields[6]) if lettered else (fields[2], fields[3])
    speed = _knots(knots)
    if speed is None and _NUMBER.match(kilometres):
        speed = float(kilometres) / 3.6
    return None if speed is None else Speed(speed)


def _seconds(text: str) -> float | None:
    found = _TIME.match(text)
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found else None


def _degrees(text: str, side: str, sides: str, most: int) -> float | None:
    """`ddmm.mmmm` or `dddmm.mmmm` with its letter."""
    found = _ANGLE.match(text)
    if found is None or len(side) != 1 or side not in sides:
        return None
    value = int(found[1]) + float(found[2]) / 60
    if value > most:
        return None
    return value if side == sides[0] else -value


def _knots(text: str) -> float | None:
    return float(text) * KNOT if _NUMBER.match(text) else None
