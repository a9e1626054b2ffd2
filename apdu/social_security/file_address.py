"""fileAddr, writeData and cardInfo of the national interface: text in, values out, and back.

Grammar (spec sscard-interface.md; M: four public callers agree on it):

    fileAddr  = file { file }                        "SSSEEF05|07|$SSSEEF06|08|09|$"
    file      = name [ ":" row ] { "|" item } [ "|" ] "$"
    name      = ("SSSE" | "3F00" | "MF" | "DFxx") "EFxx"
    item      = "" | tag | tag ":" ordinal | offset ":" length

Numbers are hexadecimal. What an item means depends on the file: in a record file `40:2` is the
second record with tag 40 (M: two public callers); in a transparent file `offset:length` (L), and no
item, or one without a colon, is the whole file (M: callers write `SSSEEF08|$` and `SSSEEF08|01|$`);
in a cyclic file a row's number, 1 the newest, and no item is all rows.

writeData and what a read returns have the same shape, with values where the items stand:
`SSSEEF06|…|…|$`; a file's name may be left out. Rows of a cyclic file are divided by `|`, a value's
parts by `^`. Empty fields are kept.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from trust import canonical
from world import Fault

MAX_ADDRESS: Final = 1024  # characters
MAX_DATA: Final = 20 * 1024
MAX_FILES: Final = 32
MAX_ITEMS: Final = 64

_NAME = re.compile(r"((SSSE|3F00|MF|DF0[1-9])EF([0-9A-F]{2}))(?::([0-9A-F]{1,2}))?")
_ITEM = re.compile(r"([0-9A-F]{1,4})(?::([0-9A-F]{1,4}))?")
_SSSE_NAMES = frozenset({"SSSE", "3F00", "MF"})


class FileAddressFault(Fault):
    """fileAddr, writeData or cardInfo cannot be what it should be. (National interface: -23.)

    Facts: `what` ("address", "data", "card-info"), `reason`, `file` (its place, counted from 1).
    """

    code = "card.file-address"

    def __init__(self, what: str, reason: str, file: int = 0) -> None:
        super().__init__(what=what, reason=reason, file=file)


@dataclass(frozen=True)
class FileItem:
    """One item of a file: `number` is a tag, an offset or a row; None where it is left empty."""

    number: int | None
    second: int | None = None  # after the colon: an ordinal, or a length
    text: str = ""  # as it was spelled


@dataclass(frozen=True)
class FileAddress:
    """One file: `application` is "SSSE" or "DF01" …, `fid` EF05 as 0xEF05."""

    application: str
    fid: int
    items: tuple[FileItem, ...]
    name: str  # as it was spelled

    @property
    def sfi(self) -> int:
        """The short file identifier, the last five bits of `fid`."""
        return self.fid & 0x1F


@dataclass(frozen=True)
class FileData:
    """A file's values, one per item; of a file named without items, one per row or the one."""

    address: FileAddress
    values: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, repr=False)
class CardInfo:
    """卡识别码 and 卡号 of the card that the caller means; an empty one is not compared."""

    card_id: str
    card_number: str


def parse_address(text: str) -> tuple[FileAddress, ...]:
    """fileAddr. Raises `FileAddressFault`."""
    if len(text) > MAX_ADDRESS:
        raise FileAddressFault("address", "too-long")
    sections = _sections("address", text)
    return tuple(_file(section, at) for at, section in enumerate(sections, 1))


def format_address(files: Sequence[FileAddress]) -> str:
    """The inverse of `parse_address`."""
    return "".join(
        f"{file.name}|" + "".join(f"{item.text}|" for item in file.items) + "$" for file in files
    )


def parse_data(text: str, files: Sequence[FileAddress]) -> tuple[FileData, ...]:
    """writeData for these files. Raises `FileAddressFault`: a value too many or too few."""
    if len(text) > MAX_DATA:
        raise FileAddressFault("data", "too-long")
    sections = _sections("data", text)
    if len(sections) != len(files):
        raise FileAddressFault("data", "files")
    return tuple(
        _values(section, file, at)
        for at, (section, file) in enumerate(zip(sections, files, strict=True), 1)
    )


def format_data(files: Sequence[FileData]) -> str:
    """What a read returns: names and values. Raises `FileAddressFault` for a value that would be
    taken for two."""
    for at, file in enumerate(files, 1):
        if any(mark in value for value in file.values for mark in "|$"):
            raise FileAddressFault("data", "divider", at)
    return "".join(
        f"{file.address.name}|" + "".join(f"{value}|" for value in file.values) + "$"
        for file in files
    )


def parse_card_info(text: str) -> CardInfo:
    """`card id|card number|`, each of which may be empty, not both. Raises `FileAddressFault`."""
    fields = text.split("|")
    if len(fields) not in (2, 3) or (len(fields) == 3 and fields[2]):
        raise FileAddressFault("card-info", "fields")
    card_id, card_number = canonical.digits(fields[0]), canonical.card_number(fields[1])
    if not card_id and not card_number:
        raise FileAddressFault("card-info", "empty")
    if card_id and not re.fullmatch("[0-9A-F]{32}", card_id):
        raise FileAddressFault("card-info", "card-id")
    return CardInfo(card_id, card_number)


def _sections(what: str, text: str) -> list[str]:
    """The texts before each "$", which ends a file."""
    *sections, rest = text.split("$")
    if rest:
        raise FileAddressFault(what, "end", len(sections) + 1)
    if not sections:
        raise FileAddressFault(what, "empty")
    if len(sections) > MAX_FILES:
        raise FileAddressFault(what, "files")
    return sections


def _fields(section: str) -> list[str]:
    """The fields of one file; the pipe at the end ends the last one."""
    fields = section.split("|")
    return fields[:-1] if fields[-1] == "" and len(fields) > 1 else fields


def _file(section: str, at: int) -> FileAddress:
    name, *items = _fields(section)
    match = _NAME.fullmatch(name)
    if match is None:
        raise FileAddressFault("address", "file", at)
    if len(items) > MAX_ITEMS:
        raise FileAddressFault("address", "items", at)
    name, application, fid, row = match.groups()
    parsed = tuple(_item(item, at) for item in items)
    if row is not None:
        if parsed:
            raise FileAddressFault("address", "row", at)
        parsed = (FileItem(int(row, 16), None, row),)
    return FileAddress(
        "SSSE" if application in _SSSE_NAMES else application, 0xEF00 | int(fid, 16), parsed, name
    )


def _item(text: str, at: int) -> FileItem:
    if not text:
        return FileItem(None)
    match = _ITEM.fullmatch(text.upper())
    if match is None:
        raise FileAddressFault("address", "item", at)
    number, second = match.groups()
    return FileItem(int(number, 16), None if second is None else int(second, 16), text)


def _values(section: str, file: FileAddress, at: int) -> FileData:
    values = _fields(section)
    if values[0].partition(":")[0] == file.name:
        values = values[1:]
    if len(values) != (len(file.items) or 1):
        raise FileAddressFault("data", "values", at)
    return FileData(file, tuple(values))
