"""How a card or a reader departs from the specification, as data: no branch without a row here."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase

import msgspec
from msgspec.structs import replace

from apdu.social_security.records import AtrFault, HistoricalBytes


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


class CardKind(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Which cards depart, and how: a row of a terminal's settings, and of a trace. A card is of
    this kind when all holds that is given of `regions`, `generations` and `atr`."""

    name: str
    regions: tuple[str, ...] = ()  # beginnings of the six digits
    generations: tuple[str, ...] = ()  # "1.0", "2.0", "3.0"
    atr: str = ""  # shell pattern on the ATR in hex, capitals
    internal_key_version: int | None = None
    rewrites: dict[str, str] = {}  # beginning of a command in hex → what goes out instead
    applications_by_fid: bool = False
    le_zero: bool = True
    addressing: tuple[str, ...] = ()  # values of `Addressing`; empty: all, in their order

    @property
    def quirks(self) -> Quirks:
        """Raises `ValueError` for a rewrite of another length, and for an unknown addressing."""
        return Quirks(
            le_zero=self.le_zero,
            rewrites=tuple(
                Rewrite(bytes.fromhex(prefix), bytes.fromhex(instead))
                for prefix, instead in self.rewrites.items()
            ),
            internal_key_version=self.internal_key_version,
            applications_by_fid=self.applications_by_fid,
            addressing=tuple(map(Addressing, self.addressing)) or tuple(Addressing),
        )


@dataclass(frozen=True)
class Traits:
    """What is known of a card so far: its ATR from the beginning, region and generation when they
    have been read. Empty: not yet."""

    atr: bytes
    region: str = ""
    generation: str = ""


class CardKinds:
    """All kinds of a terminal; the first that a card is known to be of counts."""

    def __init__(self, rows: Sequence[CardKind] = (), otherwise: Quirks = STANDARD) -> None:
        """`otherwise`: of cards that are of no kind. Raises as `CardKind.quirks`."""
        self.rows = tuple(rows)
        self.otherwise = otherwise
        self._quirks = {row.name: row.quirks for row in self.rows}

    def find(self, traits: Traits) -> CardKind | None:
        """What is not known yet fits no row that asks for it; of the region the ATR tells the first
        four digits, which count until it has been read."""
        return next((row for row in self.rows if _fits(row, traits)), None)

    def named(self, name: str) -> Quirks:
        """Of that kind; of no kind where the name is empty."""
        return self._quirks[name] if name else self.otherwise

    def of_atr(self, atr: bytes) -> tuple[CardKind, ...]:
        """The kinds that a card with that ATR can be of, as if they asked for no ATR: all that
        matters for this card, and nothing of its serial."""
        told = Traits(atr)
        fit = (row for row in self.rows if _fits(replace(row, regions=(), generations=()), told))
        return tuple(replace(row, atr="") for row in fit)

    def asks_generation(self, traits: Traits) -> bool:
        """Whether the generation would decide which kind it is."""
        return any(
            row.generations and _fits(replace(row, generations=()), traits) for row in self.rows
        )


NO_KINDS = CardKinds()


def _fits(row: CardKind, traits: Traits) -> bool:
    if row.atr and not fnmatchcase(traits.atr.hex().upper(), row.atr):
        return False
    if row.generations and traits.generation not in row.generations:
        return False
    region = traits.region or _region_of(traits.atr)
    return not row.regions or any(region.startswith(one) for one in row.regions)


def _region_of(atr: bytes) -> str:
    """T8 and T9 (spec: Identity, ATR); empty where there are none."""
    try:
        return HistoricalBytes.of(atr)[7:9].hex()
    except AtrFault:
        return ""
