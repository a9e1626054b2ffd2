"""What purse, PSAM and flow say to each other: values of one purchase, typed.

Amounts are fen; a moment is 14 digits YYYYMMDDhhmmss. Source: spec transit-card.md, Purchase with
PSAM and Applications and files.
"""

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Final

from apdu import days

AMOUNT: Final = 4  # bytes of an amount, big-endian
MAC: Final = 4  # bytes of MAC1, MAC2 and TAC
TERMINAL: Final = 6  # bytes of a terminal number


class Kind(Enum):
    """How a purse pays; (8050's P1, type of the transaction)."""

    SIMPLE = (0x01, 0x06)
    COMPOSITE = (0x03, 0x09)  # with records that are written at the same moment

    @property
    def p1(self) -> int:
        """P1 of 8050: 01 simple, 03 composite."""
        return self.value[0]

    @property
    def type(self) -> int:
        """Type of the transaction, as the PSAM's 8070 and P2 of 805A have it: 06 simple, 09
        composite."""
        return self.value[1]


class ApplicationState(IntEnum):
    """File 0015: whether the application may be used."""

    INITIAL = 0x00
    ENABLED = 0x01
    STOPPED = 0x02


@dataclass(frozen=True)
class PublicInfo:
    """File 0015. `serial`: the 8 bytes by which keys are diversified. Dates are YYYYMMDD as they
    are written, not always days (`apdu.days`)."""

    issuer: bytes
    application_type: int  # 02: purse
    state: int  # see `ApplicationState`
    card_number: str = field(repr=False)  # 19 digits
    serial: bytes = field(repr=False)
    starts: str
    expires: str
    raw: bytes = field(repr=False)  # the 30 bytes

    @property
    def doubts(self) -> tuple[str, ...]:
        """What is odd about the dates, by the codes of
        `apdu.social_security.authentication.Doubt`."""
        dates = {"issue-date": self.starts, "expiry-date": self.expires}
        return tuple(code for code, written in dates.items() if days.is_odd(written.strip("F")))


@dataclass(frozen=True)
class Management:
    """File 0017. `country` and `province` as they stand (hex). `card_type`: 01 normal, 02 student,
    03 senior, 04 test, 05 military, others local to the city."""

    country: str
    province: str
    city: str
    interoperable: bool
    card_type: int


@dataclass(frozen=True)
class PsamTerminal:
    """What a transit PSAM says of itself: its terminal number, its serial, and which of a card's
    purchase keys it can answer for."""

    number: bytes
    serial: bytes
    key_index: int


@dataclass(frozen=True)
class Initialised:
    """8050's answer, and what it was asked for. `seq` is the number of this purchase before it is
    made; the proof is asked for with the one after it."""

    kind: Kind
    amount: int
    terminal: PsamTerminal
    balance: int
    seq: int
    overdraft: int
    key_version: int
    algorithm: int
    random: bytes


@dataclass(frozen=True)
class Authorisation:
    """8070's answer: the PSAM's own number for it, MAC1, and the moment that was signed."""

    sequence: int
    mac1: bytes
    moment: str


@dataclass(frozen=True)
class Debited:
    """8054's answer."""

    tac: bytes
    mac2: bytes


@dataclass(frozen=True)
class TransactionProof:
    """805A's answer; on the wire the other way round than 8054's."""

    mac2: bytes
    tac: bytes


@dataclass(frozen=True)
class LogEntry:
    """One row of 0018. `type`: 02 load, 06 purchase, 09 composite purchase; `moment`: hex, not
    always digits."""

    seq: int
    overdraft: int
    amount: int
    type: int
    terminal: bytes
    moment: str
