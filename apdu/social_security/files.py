"""What is on a social security card: applications, files, records, conditions and key ids, as data.

Source of every table: spec social-security-card.md, Files and Commands. A correction from the text
of LD/T 32-2015 is a change here and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

SSSE = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")  # "sx1.sh.社会保障" in GBK
PKI_ENVIRONMENT = bytes.fromhex("504B492EC9E7BBE1B1A3D5CF")  # "PKI.社会保障"
PKI_APPLICATION = bytes.fromhex("53532E434552542E41444631")  # "SS.CERT.ADF1"


class Generation(Enum):
    """The card's edition, from the first three characters of record 03."""

    V1 = "1.0"
    V2 = "2.0"
    V3 = "3.0"


class Encoding(Enum):
    """How a record's value is written."""

    HEX = "hex"  # bytes as they are: the card identification code
    CN = "cn"  # BCD, left aligned, F padded (1.0 may pad with E)
    AN = "an"  # GBK or ASCII, left aligned; 00, 20 and FF are padding


@dataclass(frozen=True)
class FileRecord:
    """A row of EF05 or EF06, stored as tag, length, value of at most `size` bytes.

    `decides`: what is done with the card rests on it, so it is a fault when it cannot be read
    whole; all others are shown as far as they are legible.
    """

    sfi: int
    tag: int
    title: str
    encoding: Encoding
    size: int
    decides: bool = False

    @property
    def place(self) -> str:
        """Where it stands, as doubts name it: "SSSEEF06-09"."""
        return place_of("SSSE", 0xEF00 | self.sfi, self.tag)


def place_of(application: str, fid: int, tag: int) -> str:
    """A record's, or a row's (tag 0), place on the card."""
    return f"{application}EF{fid & 0xFF:02X}" + (f"-{tag:02X}" if tag else "")


# An access condition: any one of the sets opens the file; an empty set is "free".
Access = tuple[frozenset[str], ...]

FREE: Access = (frozenset(),)
PIN = "PIN"


def _any(*names: str) -> Access:
    return tuple(frozenset((name,)) for name in names)


def _all(*names: str) -> Access:
    return (frozenset(names),)


CARD_ID = FileRecord(0x05, 0x01, "card identification code", Encoding.HEX, 16, decides=True)
CARD_TYPE = FileRecord(0x05, 0x02, "card type", Encoding.AN, 1)
VERSION = FileRecord(0x05, 0x03, "version", Encoding.AN, 4, decides=True)
INITIALISER = FileRecord(0x05, 0x04, "initialising organisation", Encoding.CN, 12)
ISSUE_DATE = FileRecord(0x05, 0x05, "issue date", Encoding.CN, 4)
EXPIRY_DATE = FileRecord(0x05, 0x06, "expiry date", Encoding.CN, 4)
CARD_NUMBER = FileRecord(0x05, 0x07, "card number", Encoding.AN, 9)

SOCIAL_SECURITY_NUMBER = FileRecord(
    0x06, 0x08, "social security number", Encoding.AN, 18, decides=True
)
NAME = FileRecord(0x06, 0x09, "name", Encoding.AN, 30)
NAME_EXTENSION = FileRecord(0x06, 0x4E, "name extension", Encoding.AN, 20)
SEX = FileRecord(0x06, 0x0A, "sex", Encoding.AN, 1)
NATION = FileRecord(0x06, 0x0B, "nation", Encoding.CN, 1)
BIRTHPLACE = FileRecord(0x06, 0x0C, "birthplace", Encoding.CN, 3)
BIRTH_DATE = FileRecord(0x06, 0x0D, "birth date", Encoding.CN, 4)

_ISSUER = (CARD_ID, CARD_TYPE, VERSION, INITIALISER, ISSUE_DATE, EXPIRY_DATE, CARD_NUMBER)
_HOLDER = (
    SOCIAL_SECURITY_NUMBER,
    NAME,
    NAME_EXTENSION,
    SEX,
    NATION,
    BIRTHPLACE,
    BIRTH_DATE,
)
_HOLDER_1_0 = tuple(record for record in _HOLDER if record is not NAME_EXTENSION)

# Records in file order: a record's number is its place, counted from 1.
RECORDS: Mapping[Generation, Mapping[int, tuple[FileRecord, ...]]] = {
    Generation.V1: {0x05: _ISSUER, 0x06: _HOLDER_1_0},
    Generation.V2: {0x05: _ISSUER, 0x06: _HOLDER},
    Generation.V3: {0x05: _ISSUER, 0x06: _HOLDER},
}


def record_number(record: FileRecord, generation: Generation) -> int:
    """The record's number in its file. Raises `ValueError` when that generation lacks it."""
    return RECORDS[generation][record.sfi].index(record) + 1


def has(record: FileRecord, generation: Generation) -> bool:
    """False for the name extension on 1.0, true otherwise."""
    return record in RECORDS[generation][record.sfi]


class Structure(Enum):
    """How an EF is organised (ISO/IEC 7816-4, 7.1)."""

    VARIABLE = "linear variable"
    TRANSPARENT = "transparent"
    CYCLIC = "cyclic"


@dataclass(frozen=True)
class ElementaryFile:
    """One EF with its conditions; `size` in bytes where the specification gives it."""

    fid: int
    read: Access
    write: Access | None = None  # None: not given
    structure: Structure = Structure.VARIABLE
    size: int | None = None


@dataclass(frozen=True)
class Application:
    """One DF, by its name or AID."""

    name: str
    aid: bytes
    files: tuple[ElementaryFile, ...]


_RK = _any("RKSSSE")
_UK = _any("UKSSSE")

# The SSSE environment's files differ between generations in one thing: who may read the holder.
SSSE_FILES: Mapping[Generation, tuple[ElementaryFile, ...]] = {
    generation: (
        ElementaryFile(0xEF05, FREE, _UK),
        ElementaryFile(0xEF06, _RK if generation is Generation.V3 else FREE, _UK),
        ElementaryFile(0xEF07, _RK, _UK, Structure.TRANSPARENT, 0x300),  # fingerprint
        ElementaryFile(0xEF08, _RK, _UK, Structure.TRANSPARENT, 0x1000),  # photo
    )
    for generation in Generation
}


def _files(access: Access, *fids: int) -> tuple[ElementaryFile, ...]:
    return tuple(ElementaryFile(fid, access) for fid in fids)


APPLICATIONS: tuple[Application, ...] = (
    Application(
        "DF01",  # public
        bytes.fromhex("D15600000500"),
        (
            *_files(_any(PIN, "RK1DF01"), *range(0xEF05, 0xEF0B), 0xEF15),
            *(
                ElementaryFile(fid, FREE, None, Structure.TRANSPARENT, 0x128)
                for fid in range(0xEF16, 0xEF1B)
            ),
        ),
    ),
    Application(
        "DF02",  # employment
        bytes.fromhex("D15600000501"),
        (
            *_files(_any(PIN, "RK1DF02"), 0xEF05, 0xEF06, 0xEF09, 0xEF15),
            # Rows without tags (M: a public program's table; the specification is silent).
            ElementaryFile(0xEF07, _any(PIN, "RK1DF02"), None, Structure.CYCLIC),
            ElementaryFile(0xEF16, _any(PIN, "RK1DF02"), None, Structure.CYCLIC),
        ),
    ),
    Application(
        "DF03",  # insurance 1
        bytes.fromhex("D15600000502"),
        (
            *_files(_any(PIN, "RK2DF03"), 0xEF05),
            *_files(_any(PIN, "RK1DF03"), 0xEF06, 0xEF07, *range(0xEF15, 0xEF1A)),
        ),
    ),
    Application(
        "DF04",  # insurance 2, medical
        bytes.fromhex("D15600000503"),
        (
            *_files(_any(PIN, "RK1DF04"), 0xEF05),
            *_files(_all(PIN, "RK1DF04"), 0xEF06),
            ElementaryFile(0xEF08, _any(PIN), None, Structure.CYCLIC),  # transactions
        ),
    ),
    Application(
        "DF07",  # personnel
        bytes.fromhex("D15600000504"),
        (
            *_files(_any("RK1DF07"), 0xEF05),
            *_files(_any("RK2DF07"), 0xEF06),
            *_files(_any("RK3DF07"), 0xEF07),
        ),
    ),
)
