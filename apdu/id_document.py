"""What the 256 bytes of an ID document's text mean: UTF-16LE fields in, a typed document out.

Source: spec devices.md, ID card reader. Four documents share the length; a letter at byte 248 says
which one it is. What is odd, or cannot be read of a text that is shown, is a doubt; without a
number of its form it is a fault, which never shows its content.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum, StrEnum
from typing import Final

from apdu import days
from apdu.legible import Legible, utf_16
from apdu.social_security.records import IdNumber
from trust import canonical
from world import Fault

TEXT_SIZE: Final = 256
FLAG_AT: Final = 248
LONG_TERM: Final = "长期"  # instead of a last day
LONG_TERMS: Final = frozenset({LONG_TERM, "長期"})
PRIVATE_USE: Final = re.compile(r"[\ue000-\uf8ff]")  # how rare characters of names are written


class DocumentFault(Fault):
    """An ID document gave nothing that can be used."""

    code = "document.fault"


class DocumentLayoutUnknown(DocumentFault):
    """None of the four documents has this letter. Fact: `flag`, or "?" for what is no letter."""

    code = "document.layout"


class DocumentMalformed(DocumentFault):
    """The text is not what its layout says. Facts: `field`, `reason` (length, form)."""

    code = "document.malformed"


class DocumentLayout(Enum):
    """The four documents, by the letter at byte 248."""

    RESIDENT = "resident"
    FOREIGNER_2017 = "foreigner-2017"  # 外国人永久居留身份证, edition 2017
    COMPATRIOT = "compatriot"  # 港澳台居民居住证
    FOREIGNER_2023 = "foreigner-2023"  # 外国人永久居留身份证, edition 2023


class Sex(Enum):
    """GB/T 2261.1."""

    UNKNOWN = "0"
    MALE = "1"
    FEMALE = "2"
    UNSPECIFIED = "9"


SEXES: Final = frozenset(sex.value for sex in Sex)


class DocumentDoubt(StrEnum):
    """What is odd about a document that is legible all the same."""

    NUMBER_CHECK = "number-check"  # the check character does not hold
    NUMBER_BIRTH = "number-birth"  # the number names another day of birth
    NUMBER_SEX = "number-sex"  # the number names the other sex
    NAME = "name"  # there is none
    PRIVATE_CHARACTER = "private-character"  # a name has a character that Unicode does not define
    SEX = "sex"  # a code that GB/T 2261.1 does not have
    BIRTH = "birth"  # no day of the calendar
    TEXT = "text"  # one that is shown is cut, or has something that is no character
    VALIDITY = "validity"  # first or last day: none, or no day of the calendar
    DATES = "dates"  # the last day is before the first
    NEWEST_ADDRESS = "newest-address"  # not legible


FLAGS: Final[Mapping[bytes, DocumentLayout]] = {
    b" \0": DocumentLayout.RESIDENT,
    b"\0\0": DocumentLayout.RESIDENT,  # the other padding
    b"I\0": DocumentLayout.FOREIGNER_2017,
    b"J\0": DocumentLayout.COMPATRIOT,
    b"Y\0": DocumentLayout.FOREIGNER_2023,
}

# (field, bytes) from byte 0 to byte 255; "-" is reserved.
_RESIDENT: Final = (
    ("name", 30), ("sex", 2), ("nation", 4), ("birth", 16), ("address", 70), ("number", 36),
    ("issuer", 30), ("issued", 16), ("expires", 16),
)  # fmt: skip
LAYOUTS: Final[Mapping[DocumentLayout, Sequence[tuple[str, int]]]] = {
    DocumentLayout.RESIDENT: (*_RESIDENT, ("-", 28), ("flag", 2), ("-", 6)),
    DocumentLayout.COMPATRIOT: (
        *_RESIDENT, ("pass_number", 18), ("issue_count", 4), ("-", 6), ("flag", 2), ("-", 6),
    ),
    DocumentLayout.FOREIGNER_2017: (
        ("latin_name", 120), ("sex", 2), ("number", 30), ("nationality", 6), ("name", 30),
        ("issued", 16), ("expires", 16), ("birth", 16), ("version", 4), ("authority", 8),
        ("flag", 2), ("-", 6),
    ),
    DocumentLayout.FOREIGNER_2023: (
        ("name", 30), ("sex", 2), ("renewals", 4), ("birth", 16), ("latin_name", 70),
        ("number", 36), ("-", 30), ("issued", 16), ("expires", 16), ("latin_name_rest", 22),
        ("nationality", 6), ("flag", 2), ("older_number_link", 6),
    ),
}  # fmt: skip

# The national number: 17 digits and a check character. That of 2017's foreigners has 15 characters;
# how its check digit is made is not known here, so none is looked at.
NATIONAL: Final = re.compile(r"[0-9]{17}[0-9X]")
NUMBERS: Final[Mapping[DocumentLayout, re.Pattern[str]]] = {
    DocumentLayout.RESIDENT: NATIONAL,
    DocumentLayout.COMPATRIOT: NATIONAL,
    DocumentLayout.FOREIGNER_2017: re.compile(r"[0-9A-Z]{15}"),
    DocumentLayout.FOREIGNER_2023: NATIONAL,
}


@dataclass(frozen=True, repr=False)
class IdDocument:
    """One document. A field that its layout does not have is empty; `repr` names no person."""

    layout: DocumentLayout
    number: str  # 公民身份号码, or the foreigner's own
    name: str  # in Chinese characters; may be empty on a foreigner's
    sex: Sex
    birth: date | None  # None: doubtful
    issued: date | None  # None: doubtful
    expires: date | None  # None: 长期, or doubtful
    latin_name: str = ""
    nation: str = ""  # 民族, two digits (GB/T 3304)
    nationality: str = ""  # three letters (GB/T 2659)
    address: str = ""
    newest_address: str = ""  # written onto the card after its issue
    issuer: str = ""
    pass_number: str = ""  # 通行证号码
    issue_count: str = ""  # 签发次数
    renewals: str = ""  # 换证次数
    version: str = ""
    authority: str = ""  # 受理机关代码
    older_number_link: str = ""  # 既往版本证件号码关联项; what it is made of is not known here
    doubts: tuple[DocumentDoubt, ...] = ()

    def valid_on(self, day: date) -> bool:
        """From its first to its last day, both of them included."""
        begun = self.issued is None or self.issued <= day
        return begun and (self.expires is None or day <= self.expires)

    def __repr__(self) -> str:
        return f"IdDocument({self.layout.name}, doubts={[doubt.value for doubt in self.doubts]})"


# Fields that are text as they stand; all others have a type of their own.
PLAIN: Final = frozenset({
    "name", "nation", "nationality", "address", "issuer", "pass_number", "issue_count", "renewals",
    "version", "authority", "older_number_link",
})  # fmt: skip


def parse(text: bytes, *, newest_address: bytes = b"") -> IdDocument:
    """A document from its reader's 256 bytes, and the address that was added later (UTF-16LE).

    Raises `DocumentLayoutUnknown`, `DocumentMalformed`.
    """
    if len(text) != TEXT_SIZE:
        raise DocumentMalformed(field="text", reason="length")
    layout = layout_of(text)
    read = _read(text, layout)
    values = {name: legible.text for name, legible in read.items()}
    newest = utf_16(newest_address)
    document = IdDocument(
        layout=layout,
        number=_number(values["number"], layout),
        sex=_sex(values["sex"]),
        birth=days.day(values["birth"]),
        issued=days.first_day(values["issued"]),
        expires=None if _is_long_term(values["expires"]) else days.last_day(values["expires"]),
        latin_name=values.get("latin_name", "") + values.get("latin_name_rest", ""),
        newest_address=newest.text,
        doubts=(),
        **{name: value for name, value in values.items() if name in PLAIN},
    )
    doubts = [*_doubts(document, values)]
    if not all(legible.whole for legible in read.values()):
        doubts.append(DocumentDoubt.TEXT)
    if not newest.whole:
        doubts.append(DocumentDoubt.NEWEST_ADDRESS)
    return replace(document, doubts=tuple(doubts))


def layout_of(text: bytes) -> DocumentLayout:
    """Which of the four it is. Raises `DocumentLayoutUnknown`."""
    flag = text[FLAG_AT : FLAG_AT + 2]
    if flag not in FLAGS:
        letter = flag[:1].decode("ascii", "replace")
        known = flag[1:] == b"\0" and letter.isascii() and letter.isalpha()
        raise DocumentLayoutUnknown(flag=letter if known else "?")
    return FLAGS[flag]


def _read(text: bytes, layout: DocumentLayout) -> dict[str, Legible]:
    """Every field as text without its padding."""
    read, at = {}, 0
    for name, size in LAYOUTS[layout]:
        if name not in ("-", "flag"):
            read[name] = utf_16(text[at : at + size])
        at += size
    return read


def _is_long_term(written: str) -> bool:
    return "".join(written.split()) in LONG_TERMS


def _is_end(written: str) -> bool:
    return _is_long_term(written) or days.day(written) is not None


def _number(value: str, layout: DocumentLayout) -> str:
    number = canonical.digits(value)
    if not (NUMBERS[layout].fullmatch(number) and canonical.id_number(number)):
        raise DocumentMalformed(field="number", reason="form")
    return number


def _sex(value: str) -> Sex:
    return Sex(value) if value in SEXES else Sex.UNKNOWN


def _doubts(document: IdDocument, values: Mapping[str, str]) -> Iterator[DocumentDoubt]:
    if NATIONAL.fullmatch(document.number):
        yield from _number_doubts(document)
    if not document.name and not document.latin_name:
        yield DocumentDoubt.NAME
    if PRIVATE_USE.search(document.name):
        yield DocumentDoubt.PRIVATE_CHARACTER
    if values["sex"] not in SEXES:
        yield DocumentDoubt.SEX
    if document.birth is None:
        yield DocumentDoubt.BIRTH
    first, last = document.issued, document.expires
    if first is not None and last is not None and last < first:
        yield DocumentDoubt.DATES
    if days.day(values["issued"]) is None or not _is_end(values["expires"]):
        yield DocumentDoubt.VALIDITY


def _number_doubts(document: IdDocument) -> Iterator[DocumentDoubt]:
    """GB 11643-1999: 7th to 14th digit the day of birth, an odd 17th a man."""
    number = document.number
    if not IdNumber.holds(number):
        yield DocumentDoubt.NUMBER_CHECK
    if document.birth is not None and number[6:14] != document.birth.isoformat().replace("-", ""):
        yield DocumentDoubt.NUMBER_BIRTH
    told = Sex.MALE if int(number[16]) % 2 else Sex.FEMALE
    if document.sex in (Sex.MALE, Sex.FEMALE) and document.sex is not told:
        yield DocumentDoubt.NUMBER_SEX
