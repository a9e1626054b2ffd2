"""Every way in which one answer of a card can be wrong: a good answer in, a lie out.

Each mutator takes chance, the good answer, and the script that it is from; what it cannot do with
that answer it does with some other bytes. `lie` picks one of them for one APDU.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from apdu import status
from apdu.channel import CardGone, CardMute, ReaderGone
from proving.malice.card import GOOD, Lie, Reply, Script


@dataclass(frozen=True)
class Place:
    """One APDU of a script, and the scripts of other flows."""

    script: Script
    at: int
    others: Sequence[Script]

    @property
    def good(self) -> bytes:
        return self.script.answers[self.at]


Mutator = Callable[[Random, Place], "Sequence[Reply]"]

STATUS_WORDS: Final = tuple(sw.to_bytes(2, "big") for sw in status.TABLE if sw != status.OK)
TEXTS: Final = (
    b"\0", b"|", b"\x80", b"\xff", b"\x81", b"\x30\x81", b"\x81\x30\x81\x30", b"\n", b"\x1b", b" ",
    "某".encode("gbk"), "\ue000".encode("gb18030"), "😀".encode("gb18030"), b"X", b"0", b"\x7f",
)  # fmt: skip
DAYS: Final = (
    "00000000", "20260230", "99999999", "19000229", "20261301", "FFFFFFFF", "EEEEEEEE", "2026FFFF",
    "A0A0A0A0", "20260101", "00010101",
)  # fmt: skip
FAULTS: Final = (CardGone, CardMute, ReaderGone)
MORE: Final = 40  # GET RESPONSEs that a storm asks for: more than the product follows
LARGEST: Final = 70_000  # bytes of an oversized answer


def bits(chance: Random, place: Place) -> Sequence[Reply]:
    """One to three bits are flipped, anywhere."""
    flipped = bytearray(place.good)
    for _ in range(1 + chance.getrandbits(2) % 3):
        bit = int(chance.random() * len(flipped) * 8)
        flipped[bit >> 3] ^= 1 << (bit & 7)
    return [bytes(flipped)]


def data_byte(chance: Random, place: Place) -> Sequence[Reply]:
    """One byte of data is another."""
    good = place.good
    if len(good) <= 2:
        return [chance.randbytes(1) + good]
    at = int(chance.random() * (len(good) - 2))
    return [good[:at] + chance.randbytes(1) + good[at + 1 :]]


def shorter(chance: Random, place: Place) -> Sequence[Reply]:
    """Data is cut, the status word stays."""
    data = place.good[:-2]
    return [data[: int(chance.random() * (len(data) + 1))] + place.good[-2:]]


def longer(chance: Random, place: Place) -> Sequence[Reply]:
    """Bytes of chance or padding behind the data."""
    size = 1 + chance.getrandbits(chance.choice((2, 5, 8)))
    more = chance.randbytes(size) if chance.getrandbits(1) else bytes(size)
    return [place.good[:-2] + more + place.good[-2:]]


def oversized(chance: Random, place: Place) -> Sequence[Reply]:
    """More than any answer can be."""
    return [bytes(chance.choice((255, 256, 257, 4096, 65536, LARGEST))) + GOOD]


def empty(chance: Random, place: Place) -> Sequence[Reply]:
    """Nothing, one byte, or a status word alone."""
    return [chance.choice((b"", b"\x90", b"\x61", GOOD, b"\0\0"))]


def status_word(chance: Random, place: Place) -> Sequence[Reply]:
    """Another status word, with the data or without."""
    word = chance.choice(STATUS_WORDS) if chance.getrandbits(2) else chance.randbytes(2)
    return [(place.good[:-2] if chance.getrandbits(1) else b"") + word]


def tries(chance: Random, place: Place) -> Sequence[Reply]:
    """63Cx: so many tries are left."""
    return [bytes((0x63, 0xC0 | chance.getrandbits(4)))]


def storm_61(chance: Random, place: Place) -> Sequence[Reply]:
    """There is always more."""
    piece = chance.randbytes(chance.getrandbits(4))
    return [piece + bytes((0x61, chance.getrandbits(8)))] * MORE


def storm_6c(chance: Random, place: Place) -> Sequence[Reply]:
    """It is always another length."""
    return [bytes((0x6C, chance.getrandbits(8))) for _ in range(1 + chance.getrandbits(5))]


def pieces(chance: Random, place: Place) -> Sequence[Reply]:
    """The good answer piece by piece, by 61xx where none was needed."""
    data = place.good[:-2]
    size = 1 + chance.getrandbits(3)
    cuts = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
    more = bytes((0x61, chance.getrandbits(8)))
    return [*(cut + more for cut in cuts[:-1]), cuts[-1] + place.good[-2:]]


def nested(chance: Random, place: Place) -> Sequence[Reply]:
    """Templates in templates around the data."""
    data = place.good[:-2]
    for _ in range(1 + chance.getrandbits(4)):
        data = bytes((chance.choice((0x6F, 0xA5, 0x30, 0x61)),)) + _length(chance, len(data)) + data
    return [data + GOOD]


def overlong(chance: Random, place: Place) -> Sequence[Reply]:
    """A length in a form that is too wide, too large, or indefinite."""
    data = place.good[:-2]
    form = chance.choice(
        (b"\x80", b"\x81\xff", b"\x82\xff\xff", b"\x83\0\0\x01", b"\x84" + data[:4])
    )
    at = 1 + int(chance.random() * max(1, len(data) - 1))
    return [data[:at] + form + data[at:] + GOOD]


def tag(chance: Random, place: Place) -> Sequence[Reply]:
    """Another tag, or one of several bytes."""
    data = place.good[:-2]
    new = chance.choice((b"\0", b"\x09", b"\x08", b"\x9f\x0c", b"\x5f\xff\xff\xff", b"\xff"))
    return [new + data[1:] + place.good[-2:]]


def length(chance: Random, place: Place) -> Sequence[Reply]:
    """The second byte, a record's length, is another."""
    data = place.good[:-2]
    near = (data[1] if len(data) > 1 else 0) + chance.choice((-2, -1, 1, 2, 128))
    return [data[:1] + bytes((near & 0xFF,)) + data[2:] + place.good[-2:]]


def text(chance: Random, place: Place) -> Sequence[Reply]:
    """A value of odd bytes of text, with the record's own tag and length."""
    data = place.good[:-2]
    size = max(0, len(data) - 2)
    value = b"".join(chance.choice(TEXTS) for _ in range(1 + chance.getrandbits(4)))
    whole = chance.getrandbits(1)
    value = value[:size].ljust(size, b"\0") if whole else data[2:-1] + value[:1]
    return [data[:2] + value + place.good[-2:]]


def day(chance: Random, place: Place) -> Sequence[Reply]:
    """A value that is no day, or hardly one."""
    data = place.good[:-2]
    return [data[:2] + bytes.fromhex(chance.choice(DAYS)) + data[6:] + place.good[-2:]]


def version(chance: Random, place: Place) -> Sequence[Reply]:
    """A record 03 of another generation, an FCI of another algorithm, or none."""
    word = chance.choice((b"1.00", b"2.00", b"3.00", b"4.00", b"\0\0\0\0", b"3.\0\0"))
    if place.good[:1] == b"\x6f":
        end = bytes((chance.choice((0x00, 0x01, 0x02, 0x03, 0x04, 0xFF)),))
        return [place.good[:-3] + end + place.good[-2:]]
    return [b"\x03\x04" + word + GOOD]


def swapped(chance: Random, place: Place) -> Sequence[Reply]:
    """Another answer of the same conversation: another record, an older challenge, its own proof
    of before."""
    return [chance.choice(place.script.answers)]


def foreign(chance: Random, place: Place) -> Sequence[Reply]:
    """What another card said in another flow."""
    other = chance.choice(place.others)
    same = other.answers[place.at] if place.at < len(other.answers) else GOOD
    return [same if chance.getrandbits(1) else chance.choice(other.answers)]


def garbage(chance: Random, place: Place) -> Sequence[Reply]:
    """Bytes of chance."""
    return [chance.randbytes(chance.getrandbits(chance.choice((2, 4, 8))))]


def gone(chance: Random, place: Place) -> Sequence[Reply]:
    """The card or its reader is not there any more."""
    return [chance.choice(FAULTS)()]


MUTATORS: Final[Mapping[str, Mutator]] = {
    mutator.__name__.replace("_", "-"): mutator
    for mutator in (
        bits, data_byte, shorter, longer, oversized, empty, status_word, tries, storm_61, storm_6c,
        pieces, nested, overlong, tag, length, text, day, version, swapped, foreign, garbage, gone,
    )
}  # fmt: skip
KINDS: Final = tuple(MUTATORS)


def lie(chance: Random, script: Script, at: int, kind: str, others: Sequence[Script]) -> Lie:
    """A lie of that kind at APDU `at`; one in eight goes on for ever."""
    replies = MUTATORS[kind](chance, Place(script, at, others))
    return Lie(at, kind, replies, forever=not chance.getrandbits(3))


def _length(chance: Random, size: int) -> bytes:
    if size < 0x80 and chance.getrandbits(2):
        return bytes((size,))
    return b"\x82" + min(size, 0xFFFF).to_bytes(2, "big")
