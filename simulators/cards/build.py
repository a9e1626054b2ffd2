"""From the table, a card's data and its keys to a card that can be put on a reader."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from simulators.cards import contents
from simulators.cards.card_data import CardData
from simulators.cards.ciphers import SUITES, Algorithm
from simulators.cards.contract import Card, Interface, Processor, RandomSource
from simulators.cards.files import (
    Application,
    BinaryFile,
    CyclicFile,
    ElementaryFile,
    RecordFile,
)
from simulators.cards.layout import (
    ApplicationRow,
    Condition,
    FileRow,
    Generation,
    applications,
    read_condition,
)
from simulators.cards.operating_system import CardKey, Pin, SocialSecurityCardOs, Tries
from simulators.cards.transport import ContactFace, ContactlessFace

ENVIRONMENT_OF = {"CERT": "PKI"}  # all other applications are in SSSE
ENVIRONMENTS = ("SSSE", "PKI")


@dataclass(frozen=True)
class CardSpec:
    """Everything that makes one card. Made-up values only.

    `keys`: 16 bytes by key name (`IRK`, `RKSSSE`, `RK1DF01`, …). `algorithm_in_fci`: 1.0 cards may
    have no tag 9F0C. `pad`: fill of `cn` fields, `E` on some 1.0 cards. `tries`: of each key.
    """

    generation: Generation
    algorithm: Algorithm
    historical: bytes
    data: CardData
    keys: Mapping[str, bytes] = field(repr=False)
    random: RandomSource = field(repr=False)
    pin: str | None = field(default=None, repr=False)
    pin_tries: int = 6
    tries: int = 10
    algorithm_in_fci: bool = True
    key_version_byte: bool = False
    pad: str = "F"
    binaries: Mapping[str, bytes] = field(default_factory=dict)  # "SSSE/EF08" → content
    transactions: tuple[bytes, ...] = ()  # DF04 EF08, oldest first


def operating_system(spec: CardSpec) -> SocialSecurityCardOs:
    """The inside of a card, the same behind either face."""
    return SocialSecurityCardOs(
        _tree(spec),
        {row.name: _keys(row, spec) for row in applications(spec.generation)},
        SUITES[spec.algorithm],
        Pin(spec.pin, Tries.of(spec.pin_tries)),
        spec.random,
        key_version_byte=spec.key_version_byte,
    )


def face(processor: Processor, historical: bytes, interface: Interface) -> Card:
    """The card as a reader of that kind meets it; two faces of one processor are one card."""
    if interface is Interface.CONTACTLESS:
        return ContactlessFace(processor, historical)
    return ContactFace(processor, historical)


def make_card(spec: CardSpec, interface: Interface) -> Card:
    """Raises `ValueError` for the air with a card that has no antenna (1.0, 2.0)."""
    if interface is Interface.CONTACTLESS and spec.generation is not Generation.V3:
        raise ValueError("cards before 3.0 have contacts only")
    return face(operating_system(spec), spec.historical, interface)


def _tree(spec: CardSpec) -> list[Application]:
    made: dict[str, Application] = {}
    for row in applications(spec.generation):
        parent = None if row.name in ENVIRONMENTS else made[ENVIRONMENT_OF.get(row.name, "SSSE")]
        aid = bytes.fromhex(row.aid)
        fci = _environment_fci(aid, spec) if row.name in ENVIRONMENTS else select_fci(aid)
        files = [_file(row, file, spec) for file in row.files]
        made[row.name] = Application(row.name, aid, int(row.fid, 16), files, fci, parent)
    return list(made.values())


def _environment_fci(aid: bytes, spec: CardSpec) -> bytes:
    """`6F1C 840F… A509 88011E 9F0C03 8601xx`; without 9F0C the region decides the algorithm."""
    issuer = b""
    if spec.algorithm_in_fci:
        issuer = bytes.fromhex("9F0C038601") + bytes([spec.algorithm.value])
    return select_fci(aid, bytes.fromhex("88011E") + issuer)


def select_fci(aid: bytes, proprietary: bytes = b"") -> bytes:
    """`6F ( 84 name [A5 proprietary] )`."""
    inside = _tlv(0x84, aid) + (_tlv(0xA5, proprietary) if proprietary else b"")
    return _tlv(0x6F, inside)


def _tlv(tag: int, value: bytes) -> bytes:
    return bytes([tag, len(value)]) + value


def _file(application: ApplicationRow, row: FileRow, spec: CardSpec) -> ElementaryFile:
    fid = int(row.fid, 16)
    read = read_condition(row, spec.generation)
    write = Condition.parse(row.write)
    if row.kind == "binary":
        content = spec.binaries.get(f"{application.name}/{row.fid}", b"")
        return BinaryFile(fid, read, write, bytearray(content.ljust(row.size, b"\0")))
    if row.kind == "cyclic":
        cyclic = CyclicFile(fid, read, write, row.size)
        own = spec.transactions if application.name == "DF04" else [contents.row(row.row)]
        for one in own:
            cyclic.append(one)
        return cyclic
    return RecordFile(fid, read, write, list(_records(application, row, spec)))


def _records(application: ApplicationRow, row: FileRow, spec: CardSpec) -> Iterable[bytes]:
    if application.name != "SSSE":
        first = spec.generation is Generation.V1
        return contents.records((first and row.records_1) or row.records)
    return spec.data.records(spec.generation, row.fid, pad=spec.pad)


def _keys(application: ApplicationRow, spec: CardSpec) -> list[CardKey]:
    return [
        CardKey(row.name, row.kid, row.use, spec.keys[row.name], Tries.of(spec.tries))
        for row in application.keys
    ]
