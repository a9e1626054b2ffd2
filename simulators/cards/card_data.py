"""What is personalised into a card: the fields of EF05 and EF06, and their encoding as records."""

from dataclasses import dataclass

from simulators.cards.layout import FieldRow, Generation, fields

NAME_BYTES = 30
EXTENSION_BYTES = 20


@dataclass(frozen=True)
class Holder:
    """A made-up person. Dates are YYYYMMDD; empty fields are stored as padding."""

    number: str  # social security number, 18 characters
    name: str
    sex: str = ""  # 1, 2, 9
    nation: str = ""  # two digits
    birthplace: str = ""  # six digits
    birth: str = ""


@dataclass(frozen=True)
class CardData:
    """A card's own data. `card_id` is hex, 32 digits."""

    card_id: str
    version: str  # "3.00"; may be empty on 1.0
    card_number: str
    holder: Holder
    issued: str = ""
    expires: str = ""
    card_type: str = "3"
    organisation: str = ""

    @property
    def region(self) -> str:
        return self.card_id[:6]

    def records(self, generation: Generation, file: str, *, pad: str = "F") -> list[bytes]:
        """The records of EF05 or EF06 in order. `pad` fills `cn`; 1.0 data may have it E."""
        values = self._values()
        return [
            _record(row, values[row.name], pad) for row in fields(generation) if row.file == file
        ]

    def _values(self) -> dict[str, bytes | str]:
        name = self.holder.name.encode("gb18030")
        if len(name) > NAME_BYTES + EXTENSION_BYTES:
            raise ValueError("a name has at most 50 bytes of GBK")
        return {
            "card_id": self.card_id,
            "card_type": self.card_type,
            "version": self.version,
            "organisation": self.organisation,
            "issued": self.issued,
            "expires": self.expires,
            "card_number": self.card_number,
            "number": self.holder.number,
            "name": name[:NAME_BYTES],
            "name_extension": name[NAME_BYTES:],
            "sex": self.holder.sex,
            "nation": self.holder.nation,
            "birthplace": self.holder.birthplace,
            "birth": self.holder.birth,
        }


def _record(row: FieldRow, value: bytes | str, pad: str) -> bytes:
    if row.format == "cn":
        if not isinstance(value, str):
            raise TypeError(f"{row.name} is digits")
        stored = bytes.fromhex(value.ljust(2 * row.length, pad))
    else:
        text = value if isinstance(value, bytes) else value.encode("gb18030")
        stored = text.ljust(row.length, b"\0")
    if len(stored) != row.length:
        raise ValueError(f"{row.name} has at most {row.length} bytes")
    return bytes([row.tag, row.length]) + stored
