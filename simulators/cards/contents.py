"""Made-up contents of the applications' files: from the table's record texts to stored bytes.

A record text is `20 an 2 | 40 x3 [57 an 3 + 58 cn 3]`: tag, format and bytes, or a tag that stands
so many times and holds a row of TLVs. A row of a cyclic file has no tags: `b 2 + an 1`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

REPEATED = re.compile(r"([0-9A-F]{2}) x(\d) \[([^]]*)\]")


@dataclass(frozen=True)
class Transaction:
    """One row of DF04 EF08. `time` is YYYYMMDDHHMMSS, amounts are cents."""

    sequence: int
    terminal: str  # 12 digits
    time: str
    account: int
    own: int
    pool: int
    kind: str = "2"

    @property
    def row(self) -> bytes:
        """28 bytes: sequence, kind, terminal, time, three amounts."""
        amounts = (self.account, self.own, self.pool)
        return (
            self.sequence.to_bytes(2, "big")
            + self.kind.encode("ascii")
            + bytes.fromhex(self.terminal + self.time)
            + b"".join(amount.to_bytes(4, "big") for amount in amounts)
        )


def records(text: str) -> Iterator[bytes]:
    """The records of a file, in order."""
    for entry in text.split(" | "):
        repeated = REPEATED.fullmatch(entry)
        if repeated is None:
            yield _object(entry, 1)
            continue
        tag, count, inside = repeated.groups()
        for number in range(1, int(count) + 1):
            value = b"".join(_object(one, number) for one in inside.split(" + "))
            yield bytes([int(tag, 16), len(value)]) + value


def row(text: str) -> bytes:
    """One row of a cyclic file."""
    columns = (column.split() for column in text.split(" + "))
    return b"".join(made_up(form, int(size), f"C{at}") for at, (form, size) in enumerate(columns))


def _object(text: str, number: int) -> bytes:
    tag, form, size = text.split()
    value = made_up(form, int(size), f"{number}{tag}")
    return bytes([int(tag, 16), len(value)]) + value


def made_up(form: str, size: int, text: str) -> bytes:
    """A value that fills its field as a real one would: text and its padding, a date, bytes."""
    if form == "an":
        return text.encode("ascii")[:size].ljust(size, b"\0")
    if form == "cn":
        return bytes.fromhex("19000101" * 4)[:size]
    return b"\x01" * size
