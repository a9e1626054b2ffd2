"""What stands in the files of DF01 … DF07: each record's tag, encoding and length, as data.

The specification gives these files' conditions and not their records. Source of the table (M): the
tables of two public programs for counters, which agree; EF05 and EF06 of the SSSE are in
`apdu.social_security.files`. A tag that is not here is read and shown as hex, and cannot be
written.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from apdu.social_security.files import (
    RECORDS,
    SOCIAL_SECURITY_NUMBER,
    Encoding,
    FileRecord,
    Generation,
    record_number,
)


class ValueForm(Enum):
    """How a value is written on the card; the first three are those of EF05 and EF06."""

    CN = "cn"
    AN = "an"
    HEX = "b"  # bytes as they are; also the few whose form no public source tells
    AMOUNT = "amount"  # 4 bytes, big endian: cents (L)


@dataclass(frozen=True)
class DataItem:
    """One record, or one part of one. `parts`: its value is a row of TLVs (in a record file) or of
    columns (in a cyclic file, where `tag` is 0). `first`: the number of its first record."""

    tag: int
    form: ValueForm
    size: int  # bytes of the value
    first: int
    count: int = 1  # records with this tag, one after another
    parts: "tuple[DataItem, ...]" = ()
    decides: bool = False  # whose data the file holds rests on it


# tag:form:size in hex; tag*count(…) with nested objects; rows(…) columns of a cyclic file.
_V2: Final[Mapping[str, str]] = {
    "DF01EF05": "20:an:02 21:an:50 0E:cn:03",
    "DF01EF06": "23:an:50 24:cn:03 28:an:0F 2C:an:32 2D:an:0F",
    "DF01EF07": "29:an:01 2A:cn:01",
    "DF01EF08": "2B:an:01",
    "DF01EF09": "2E:an:46 30:an:09 32:an:02",
    "DF01EF0A": "37:an:03 38:an:02 39:cn:04",
    "DF01EF15": "2A:cn:01 40*3(57:an:03 58:cn:03 59:an:28)",
    "DF02EF05": "42:an:03 41:an:03 43*2(5A:an:07 5B:an:01 5C:an:46 5D:cn:04 5E:an:10)"
    " 44*2(33:an:03 34:an:46 35:cn:04 36:an:10)",
    "DF02EF06": "4C:cn:04 4B:an:05 4D:cn:03 60:cn:04 4F:an:06 50:cn:03 3A:an:07",
    "DF02EF07": "rows(an:07 cn:04 cn:04 an:46)",
    "DF02EF09": "55:an:10 56:an:46 96:cn:04 97:cn:03",
    "DF02EF15": "99*4(10:an:03 11:cn:04 12:cn:03) 0F:cn:04 1F:cn:03",
    "DF02EF16": "rows(an:03 cn:04 cn:04 cn:04 cn:03)",
    "DF03EF05": "61:cn:03 60:cn:04 98:cn:04 62:cn:04 63:an:03 64:an:03 65:an:03 66:an:03",
    "DF03EF06": "45:an:14 46:an:02 47:an:02 48:an:01 49:an:01 67:cn:04 6B:an:3C"
    " 4A*3(13:an:02 14:an:01 15:an:14 16:cn:04 17:an:3C)",
    "DF03EF07": "70:an:03 71:cn:03 6E:cn:04 6C:cn:04 6F:cn:04 73:cn:04",
    "DF03EF15": "7A:cn:03 7B:cn:04 7C:cn:04",
    "DF03EF16": "51:cn:03 5F:an:01",
    "DF03EF17": "3B:an:14 3C:an:46 3D:an:01 3E:cn:04 3F:an:3C",
    "DF03EF18": "74:an:03 75:cn:03 76:cn:01 77:cn:04 78:cn:04",
    "DF03EF19": "79*4(18:an:03 19:cn:03 1A:cn:04 1B:cn:04 1C:b:04 1D:an:03 1E:cn:04)"
    " 75:cn:03 76:cn:01 77:cn:04 78:cn:04",
    "DF04EF05": "81:an:08 84:cn:03 87:an:11 8C:cn:01 80:cn:04 8B:an:1D 8A:an:0F 83:an:09"
    " 86:an:09 89:an:09 7D:an:09 7E:an:09 7F:an:09 8D:an:09 8E:an:09 8F:an:01",
    "DF04EF06": "90:an:01 92:b:04 93:an:02",
    # sequence, kind, terminal number, time, three amounts: account, own, pool (their order is L)
    "DF04EF08": "rows(b:02 an:01 cn:06 cn:07 amount:04 amount:04 amount:04)",
    "DF07EF05": "F0:an:02 F1:an:01 F2:cn:04 F3:an:03 F4:cn:04",
    "DF07EF06": "F5:an:03 F6:cn:04 F7:an:46",
    "DF07EF07": "F8:cn:04 F9:an:01",
}
_V1: Final[Mapping[str, str]] = {
    **_V2,  # for files that the 1.0 table does not have, or has alike
    "DF01EF05": "20:an:01 21:an:3E 22:an:12",
    "DF01EF06": "25:an:3E 26:an:12 27:cn:03 28:an:0F",
    "DF01EF07": "29:an:01",
    "DF01EF08": "2B:an:01",
    "DF01EF09": "2E:an:3E 2F:an:08 30:an:09 31:an:01 32:an:03",
    "DF01EF0A": "37:b:04 38:b:04 39:cn:04",
    "DF02EF06": "4B:cn:04 4C:cn:04 60:cn:04 4D:cn:04 4F:cn:04 50:cn:04 3A:an:07",
    "DF02EF09": "55:cn:0A 56:an:3E 95:an:08 96:cn:04 97:cn:04",
    "DF03EF05": "60:cn:04 98:cn:04 61:b:04 62:cn:04 63:an:03 64:an:03 65:b:03 66:b:03",
    "DF03EF06": "67:cn:04 68:an:3E 69:an:3E 6A:an:10 6B:an:3C",
    "DF03EF07": "6C:cn:04 6D:b:04 6E:cn:04 6F:cn:04 70:an:03 71:b:04 72:b:04 73:cn:04",
    "DF04EF05": "80:cn:04 81:an:3E 82:an:08 83:an:09 84:an:3E 85:an:08 86:an:09 87:an:3E"
    " 88:an:08 89:an:09 8A:an:0F 8B:an:0A 8C:an:01 8F:an:01",
    "DF04EF06": "90:b:04 92:b:04 93:b:04",
}

_ENTRY = re.compile(
    r"rows\((?P<columns>[^)]*)\)"
    r"|(?P<tag>[0-9A-F]{2})(?:\*(?P<count>\d))?"
    r"(?::(?P<form>\w+):(?P<size>[0-9A-F]{2})|\((?P<parts>[^)]*)\))"
)


def _parsed(text: str) -> Iterator[DataItem]:
    first = 1
    for entry in _ENTRY.finditer(text):
        if entry["columns"]:
            columns = tuple(_part("00:" + one) for one in entry["columns"].split())
            yield DataItem(0, ValueForm.HEX, sum(c.size for c in columns), 1, parts=columns)
            return
        tag, count = int(entry["tag"], 16), int(entry["count"] or 1)
        if entry["parts"]:
            parts = tuple(map(_part, entry["parts"].split()))
            size = sum(part.size + 2 for part in parts)
            yield DataItem(tag, ValueForm.HEX, size, first, count, parts)
        else:
            yield DataItem(tag, ValueForm(entry["form"]), int(entry["size"], 16), first, count)
        first += count


def _part(text: str) -> DataItem:
    tag, form, size = text.split(":")
    return DataItem(int(tag, 16), ValueForm(form), int(size, 16), 1)


def _ssse(record: FileRecord, generation: Generation) -> DataItem:
    forms = {Encoding.CN: ValueForm.CN, Encoding.AN: ValueForm.AN, Encoding.HEX: ValueForm.HEX}
    number = record_number(record, generation)
    decides = record is SOCIAL_SECURITY_NUMBER
    return DataItem(record.tag, forms[record.encoding], record.size, number, decides=decides)


DATA_ITEMS: Final[Mapping[Generation, Mapping[str, tuple[DataItem, ...]]]] = {
    generation: {
        **{
            f"SSSEEF{sfi:02X}": tuple(_ssse(record, generation) for record in records)
            for sfi, records in RECORDS[generation].items()
        },
        **{name: tuple(_parsed(text)) for name, text in table.items()},
    }
    for generation, table in (
        (Generation.V1, _V1),
        (Generation.V2, _V2),
        (Generation.V3, _V2),
    )
}


def items_of(application: str, fid: int, generation: Generation) -> tuple[DataItem, ...]:
    """The records of a file in file order, or the one row of a cyclic file; empty: not known."""
    return DATA_ITEMS[generation].get(f"{application}{fid:04X}", ())


def unknown(tag: int) -> DataItem:
    """A record of which only the tag is known: shown as hex, as long as it is."""
    return DataItem(tag, ValueForm.HEX, 0, 0)
