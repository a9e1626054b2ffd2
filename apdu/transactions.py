"""The card's own log of medical payments (DF04 EF08): rows in, what iReadDebitRecord tells out.

The columns are M (tables of two public programs), the order of the three amounts and what the
national interface adds up are L: spec sscard-interface.md, iReadDebitRecord.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from apdu.file_address import FileAddress, FileData
from apdu.values import PARTS

TRANSACTIONS = FileAddress("DF04", 0xEF08, (), "DF04EF08")


@dataclass(frozen=True)
class Transaction:
    """One payment; `time` is YYYYMMDDHHMMSS, amounts are cents."""

    sequence: int
    kind: str
    terminal: str  # 12 digits
    time: str
    account: int
    own: int
    pool: int

    @classmethod
    def of(cls, value: str) -> "Transaction":
        """From one value of the file, as `CardSession.read` gives it."""
        sequence, kind, terminal, time, account, own, pool = value.split(PARTS)
        return cls(int(sequence, 16), kind, terminal, time, int(account), int(own), int(pool))

    @property
    def total(self) -> int:
        return self.account + self.own + self.pool

    def interface(self) -> str:
        """`seq ^ terminal ^ YYYYMMDDHHMMSS ^ total ^ account+pool ^`."""
        fields = (
            f"{self.sequence}",
            self.terminal,
            self.time,
            f"{self.total}",
            f"{self.account + self.pool}",
        )
        return "".join(field + PARTS for field in fields)


def transactions_of(data: Sequence[FileData]) -> tuple[Transaction, ...]:
    """All rows of what was read of `TRANSACTIONS`, newest first."""
    return tuple(Transaction.of(value) for file in data for value in file.values)


def interface_text(transactions: Sequence[Transaction]) -> str:
    """What iReadDebitRecord returns: a row, `|`, the next row, `|`."""
    return "".join(one.interface() + "|" for one in transactions)
