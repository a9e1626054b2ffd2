"""How a card or a reader departs from the specification, as data: no branch without a row here."""

from dataclasses import dataclass
from enum import Enum


class Addressing(Enum):
    """How a record is named in READ RECORD (spec social-security-card.md, Commands)."""

    SFI_AND_TAG = "sfi-tag"  # P1 tag, P2 SFI<<3: one command per record
    SELECT_AND_TAG = "select-tag"  # SELECT EF, then P1 tag, P2 00
    SFI_AND_NUMBER = "sfi-number"  # P1 record number, P2 SFI<<3 | 4


@dataclass(frozen=True)
class Rewrite:
    """Commands that begin with `prefix` are sent with `instead` in its place (same length)."""

    prefix: bytes
    instead: bytes

    def __post_init__(self) -> None:
        if len(self.prefix) != len(self.instead):
            raise ValueError("a rewrite keeps the length")


@dataclass(frozen=True)
class Quirks:
    """The switches of one kind of card behind one kind of reader."""

    le_zero: bool = True  # T=1, contactless: a case 4 command ends with Le 00
    rewrites: tuple[Rewrite, ...] = ()  # e.g. 00A402 -> 00A400, "P1=00 is also seen"
    internal_key_version: int | None = None  # 0088 with Lc 11: this byte after the original
    applications_by_fid: bool = False  # DF01 … by SELECT P1=00 with DF01, not by its AID
    addressing: tuple[Addressing, ...] = tuple(Addressing)  # tried in this order, once per card


STANDARD = Quirks()
