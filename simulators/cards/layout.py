"""`layout.toml` typed: the applications, files, keys and fields of one generation of card."""

from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib import resources
from typing import Literal

import msgspec

PIN = "PIN"


class Generation(Enum):
    V1 = "1.0"
    V2 = "2.0"
    V3 = "3.0"


GenerationName = Literal["1.0", "2.0", "3.0"]
ALL: tuple[GenerationName, ...] = ("1.0", "2.0", "3.0")


class _Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the table's rows."""


class KeyRow(_Row, frozen=True, kw_only=True):
    name: str
    kid: int
    use: Literal["internal", "external", "mac"]


class FileRow(_Row, frozen=True, kw_only=True):
    fid: str
    kind: Literal["records", "binary", "cyclic"]
    read: str
    write: str
    read_3: str | None = None  # where generation 3.0 differs
    size: int = 0  # bytes of a binary file, rows of a cyclic one
    records: str = ""  # see `simulators.cards.contents`
    records_1: str = ""  # where generation 1.0 has others
    row: str = ""  # of a cyclic file


class ApplicationRow(_Row, frozen=True, kw_only=True):
    name: str
    aid: str
    fid: str
    keys: tuple[KeyRow, ...] = ()
    files: tuple[FileRow, ...] = ()
    generations: tuple[GenerationName, ...] = ALL


class FieldRow(_Row, frozen=True, kw_only=True):
    """One record of EF05 or EF06; `name` is the attribute of `CardData` that fills it."""

    file: str
    tag: int
    name: str
    format: Literal["an", "cn"]
    length: int
    generations: tuple[GenerationName, ...] = ALL


class _Table(_Row, frozen=True, kw_only=True):
    application: tuple[ApplicationRow, ...]
    field: tuple[FieldRow, ...]


@dataclass(frozen=True)
class Condition:
    """What opens a file: any one of the alternatives, each a set of rights held at once."""

    alternatives: tuple[frozenset[str], ...]

    @classmethod
    def parse(cls, text: str) -> "Condition":
        if text == "free":
            return cls((frozenset(),))
        if text == "never":
            return cls(())
        return cls(tuple(frozenset(part.split(" and ")) for part in text.split(" or ")))

    def met(self, rights: set[str]) -> bool:
        return any(needed <= rights for needed in self.alternatives)

    @property
    def names(self) -> frozenset[str]:
        return frozenset().union(*self.alternatives)


@cache
def applications(generation: Generation) -> tuple[ApplicationRow, ...]:
    return tuple(row for row in _table().application if generation.value in row.generations)


@cache
def fields(generation: Generation) -> tuple[FieldRow, ...]:
    return tuple(row for row in _table().field if generation.value in row.generations)


def read_condition(row: FileRow, generation: Generation) -> Condition:
    stricter = row.read_3 if generation is Generation.V3 else None
    return Condition.parse(stricter or row.read)


@cache
def _table() -> _Table:
    text = resources.files(__package__).joinpath("layout.toml").read_text("utf-8")
    return msgspec.toml.decode(text, type=_Table)
