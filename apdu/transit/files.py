"""Files of fixed fields, as tables: bytes in, named values out, and back again.

The files that are the same everywhere are in `layouts/national.toml`; records that cities fill
differently (001A) are a table each, so that a new city is a data file. Source of the shipped
tables: spec transit-card.md, Applications and files.
"""

import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from world import Fault
from world.foreign import Undecodable, document

ANYWHERE: Final = "*"  # a table for every city that has none of its own
NATIONAL: Final = "national.toml"
HEX: Final = re.compile(r"([0-9A-F]{2})*")

Industry = Literal["rail", "bus"]
Value = int | str  # int for kind "int", digits for "bcd", upper case hex for "hex" and "const"
BLANK: Final = b"\0\xff"  # what a file or record holds that was never written


class LayoutFault(Fault):
    """A layout table cannot be used. Facts: `layout`, `field`, `reason`."""

    code = "transit.layout"


class LayoutUnknown(Fault):
    """No table says how that city's record is laid out. Facts: `city`, `industry`."""

    code = "transit.layout-unknown"


class TransitRecordFault(Fault):
    """A record does not fit its table. Facts: `layout`, `field`, `reason`."""

    code = "transit.record"


class Field(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One field; `offset` and `length` in bytes, `value` (hex) of a constant one only."""

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*\Z")]
    offset: Annotated[int, Meta(ge=0)]
    length: Annotated[int, Meta(ge=1)]
    kind: Literal["bcd", "int", "hex", "const"]
    value: str = ""

    @property
    def end(self) -> int:
        """Offset of the first byte behind the field."""
        return self.offset + self.length


class Layout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record of `size` bytes in the file `sfi`. `number`: where READ RECORD finds it; `id`: P1 of
    80DC, 00 for a cyclic file. Made by `Layouts` or `national`, which check it."""

    name: str
    size: Annotated[int, Meta(ge=1, le=255)]
    fields: tuple[Field, ...]
    sfi: Annotated[int, Meta(ge=0, le=30)] = 0
    number: Annotated[int, Meta(ge=0, le=255)] = 0
    id: Annotated[int, Meta(ge=0, le=255)] = 0
    industry: Industry | None = None
    cities: tuple[str, ...] = ()  # four digits each, or "*"

    def decode(self, raw: bytes, digits: Container[str] | None = None) -> Mapping[str, Value]:
        """Every field by name. `digits`: the fields of kind "bcd" by which the caller decides, None
        all; any other may hold what it likes, and is told as it stands (hex).

        Raises `TransitRecordFault`: length, BCD, constants.
        """
        if len(raw) != self.size:
            raise TransitRecordFault(layout=self.name, field="", reason="length")
        return {
            field.name: self._read(
                field, raw[field.offset : field.end], digits is None or field.name in digits
            )
            for field in self.fields
        }

    def encode(self, values: Mapping[str, Value], base: bytes | None = None) -> bytes:
        """A record of `values`; bytes that no value names stay as in `base`, else 00.

        Raises `TransitRecordFault`: an unknown field, a value that does not fit.
        """
        record = bytearray(self.size) if base is None else bytearray(base)
        if len(record) != self.size:
            raise TransitRecordFault(layout=self.name, field="", reason="length")
        known = {field.name for field in self.fields}
        for name in values:
            if name not in known:
                raise TransitRecordFault(layout=self.name, field=name[:32], reason="unknown")
        for field in self.fields:
            if field.kind == "const":
                record[field.offset : field.end] = bytes.fromhex(field.value)
            elif field.name in values:
                record[field.offset : field.end] = self._written(field, values[field.name])
        return bytes(record)

    def check(self) -> None:
        """Raises `LayoutFault`: fields beyond the record, over each other, named twice, constants
        of another length, cities that are no four digits."""
        end = 0
        for field in sorted(self.fields, key=lambda one: one.offset):
            if field.offset < end:
                raise LayoutFault(layout=self.name, field=field.name, reason="overlap")
            end = field.end
            if end > self.size:
                raise LayoutFault(layout=self.name, field=field.name, reason="beyond")
            if field.kind == "const" and not _is_hex(field.value, field.length):
                raise LayoutFault(layout=self.name, field=field.name, reason="constant")
        for name, times in Counter(field.name for field in self.fields).items():
            if times > 1:
                raise LayoutFault(layout=self.name, field=name, reason="twice")
        for city in self.cities:
            if city != ANYWHERE and not re.fullmatch(r"[0-9]{4}", city):
                raise LayoutFault(layout=self.name, field="cities", reason="city")

    def _read(self, field: Field, raw: bytes, digits: bool) -> Value:
        shown = raw.hex().upper()
        if field.kind == "int":
            return int.from_bytes(raw)
        if field.kind == "bcd" and digits and not shown.isdecimal():
            raise TransitRecordFault(layout=self.name, field=field.name, reason="digits")
        if field.kind == "const" and shown != field.value:
            raise TransitRecordFault(layout=self.name, field=field.name, reason="constant")
        return shown

    def _written(self, field: Field, value: Value) -> bytes:
        match value, field.kind:
            case int(), "int" if 0 <= value < 1 << 8 * field.length:
                return value.to_bytes(field.length)
            case str(), "hex" if _is_hex(value, field.length):
                return bytes.fromhex(value)
            case str(), "bcd" if _is_hex(value, field.length) and value.isdecimal():
                return bytes.fromhex(value)
        raise TransitRecordFault(layout=self.name, field=field.name, reason="value")


class Layouts:
    """The city tables that a terminal knows."""

    def __init__(self, layouts: Iterable[Layout]) -> None:
        self._layouts: dict[tuple[str, str], Layout] = {}
        for layout in layouts:
            for city in layout.cities:
                place = (city, layout.industry or "")
                if place in self._layouts:
                    reason = f"twice, {city} in {self._layouts[place].name}"
                    raise LayoutFault(layout=layout.name, field="cities", reason=reason)
                self._layouts[place] = layout

    @classmethod
    def of(cls, texts: Mapping[str, str]) -> "Layouts":
        """From TOML by file name. Raises `LayoutFault`."""
        return cls(parse(name, text) for name, text in texts.items())

    @classmethod
    def shipped(cls, more: Mapping[str, str] | None = None) -> "Layouts":
        """Those in `layouts/`, and `more` of the city's own. Raises `LayoutFault`."""
        return cls.of({**_shipped(), **(more or {})})

    def find(self, city: str, industry: Industry) -> Layout:
        """The city's own table, else the one for all. Raises `LayoutUnknown`."""
        for place in (city, ANYWHERE):
            layout = self._layouts.get((place, industry))
            if layout is not None:
                return layout
        raise LayoutUnknown(city=city[:4], industry=industry)


class _National(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is the same on every card: 0015, 0017, 0018, 001E."""

    public: Layout
    management: Layout
    log: Layout
    trip: Layout


def parse(name: str, text: str) -> Layout:
    """One table. Raises `LayoutFault`."""
    try:
        layout = msgspec.convert(document(text), Layout)
    except Undecodable as fault:
        reason = str(fault.facts["problem"])
        raise LayoutFault(layout=name, field="", reason=reason[:120]) from fault
    except msgspec.ValidationError as error:  # its text names places, not contents
        raise LayoutFault(layout=name, field="", reason=str(error)[:120]) from error
    layout.check()
    if layout.industry is None or not layout.cities:
        raise LayoutFault(layout=layout.name, field="cities", reason="nowhere")
    return layout


@cache
def national() -> _National:
    """The national tables, read once."""
    text = (resources.files(__package__) / "layouts" / NATIONAL).read_text("utf-8")
    tables = msgspec.toml.decode(text, type=_National)
    for layout in (tables.public, tables.management, tables.log, tables.trip):
        layout.check()
    return tables


@cache
def _shipped() -> Mapping[str, str]:
    return {
        entry.name: entry.read_text("utf-8")
        for entry in (resources.files(__package__) / "layouts").iterdir()
        if entry.name.endswith(".toml") and entry.name != NATIONAL
    }


def _is_hex(value: str, length: int) -> bool:
    return len(value) == 2 * length and HEX.fullmatch(value) is not None
