"""Why a tap ended as it did: the stable codes that the journal keeps and the platform counts.

`reasons.toml` ─▶ one `ReasonRow` a code: what it means for the journal, the person and the staff.
"""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

from drivers.contract import Beep, Lamp
from offline_store.events.happened import Verdict

Words = dict[Literal["zh", "en"], str]


class Reason(StrEnum):
    """The codes of our own; a scene of another package has more. What each means, its row says."""

    ACCEPTED = "accepted"
    ACCEPTED_EXIT = "accepted-exit"
    BLACKLISTED = "blacklisted"
    CARD_EXPIRED = "card-expired"
    CARD_NOT_YET_VALID = "card-not-yet-valid"
    AUTHENTICATION_FAILED = "authentication-failed"
    CARD_SERIAL = "card-serial"
    UNKNOWN_CARD = "unknown-card"
    REPEATED = "repeated"
    NOT_STORED = "not-stored"
    NOT_DECIDED = "not-decided"
    CARD_GONE = "card-gone"
    CARD_MUTE = "card-mute"
    CARD_PROTOCOL = "card-protocol"
    LEFT_LYING = "left-lying"
    TWO_CARDS = "two-cards"
    CARD_BLOCKED = "card-blocked"
    CARD_UNREADABLE = "card-unreadable"
    PSAM_MISSING = "psam-missing"
    PSAM_UNSUITABLE = "psam-unsuitable"
    PLATFORM_UNREACHABLE = "platform-unreachable"
    PLATFORM_SILENT = "platform-silent"
    HSM_UNSUITABLE = "hsm-unsuitable"
    READER_GONE = "reader-gone"
    READER_BUSY = "reader-busy"
    READER_RELEASED = "reader-released"
    READER_ABSENT = "reader-absent"
    READER_AMBIGUOUS = "reader-ambiguous"
    READER_DENIED = "reader-denied"
    READER_UNREACHABLE = "reader-unreachable"
    READER_SILENT = "reader-silent"
    READER_STUCK = "reader-stuck"
    READER_PROTOCOL = "reader-protocol"
    CODE_UNKNOWN = "code-unknown"
    CODE_NOT_HERE = "code-not-here"
    CODE_UNRESOLVED = "code-unresolved"
    CODE_EXPIRED = "code-expired"
    CODE_USED = "code-used"
    CODE_FORGED = "code-forged"
    CODE_FOREIGN = "code-foreign"
    CODE_NOT_FOUND = "code-not-found"
    CODE_UNANSWERED = "code-unanswered"
    CODE_CLOCK_UNSET = "code-clock-unset"
    CODE_LEFT_LYING = "code-left-lying"
    CODE_LENGTH = "code-length"
    CODE_VERSION = "code-version"
    CODE_FORM = "code-form"
    CODE_CERTIFICATE = "code-certificate"
    CODE_CERTIFICATE_EXPIRED = "code-certificate-expired"
    CODE_ROOT_UNKNOWN = "code-root-unknown"
    CODE_ROOT_EXPIRED = "code-root-expired"
    CODE_ACCOUNT = "code-account"
    CODE_ISSUER_OTHER = "code-issuer-other"
    CODE_KEY_EXPIRED = "code-key-expired"
    CODE_ISSUER_FIELD = "code-issuer-field"
    CODE_VALIDITY = "code-validity"
    CODE_FUTURE = "code-future"
    CODE_STALE = "code-stale"
    CODE_CERTIFICATE_FORGED = "code-certificate-forged"
    CODE_KEY_INVALID = "code-key-invalid"
    CODE_ISSUER_FORGED = "code-issuer-forged"
    CODE_USER_FORGED = "code-user-forged"
    CODE_TOO_SOON = "code-too-soon"
    CODE_SEEN = "code-seen"
    CODE_INTERVAL = "code-interval"
    CODE_OVER_LIMIT = "code-over-limit"
    TICKET_NOT_YET = "ticket-not-yet"
    TICKET_OVER = "ticket-over"
    TICKET_ELSEWHERE = "ticket-elsewhere"
    TICKET_USED = "ticket-used"
    DOCUMENT_UNREADABLE = "document-unreadable"
    CARD_LOST = "card-lost"
    CARD_CANCELLED = "card-cancelled"
    CARD_NOT_ACTIVE = "card-not-active"
    HOLDER_DECEASED = "holder-deceased"
    NOT_ELIGIBLE = "not-eligible"
    STATUS_UNKNOWN = "status-unknown"
    OFFLINE_LIMIT = "offline-limit"
    PAID = "paid"
    TORN_RECOVERED = "torn-recovered"
    DRIVER = "driver"
    SHIFT_OPENED = "shift-opened"
    SHIFT_CLOSED = "shift-closed"
    LOW_BALANCE = "low-balance"
    PAY_AGAIN = "pay-again"
    NOT_PAID = "not-paid"
    PAYMENT_REFUSED = "payment-refused"
    PAYMENT_FORGED = "payment-forged"
    CARD_PROVED = "card-proved"
    CARD_UNPROVED = "card-unproved"
    PAYMENT_GREY = "payment-grey"
    WRONG_CITY = "wrong-city"
    NO_FARE = "no-fare"
    CARD_NOT_TAKEN = "card-not-taken"
    NO_PURSE = "no-purse"
    TRIP_BEGUN = "trip-begun"
    TRIP_ENDED = "trip-ended"
    TRIP_AGAIN = "trip-again"
    RIDE_AGAIN = "ride-again"
    TRIP_OPEN = "trip-open"
    NOT_ENTERED = "not-entered"
    ENTRY_UNKNOWN = "entry-unknown"
    OVERSTAYED = "overstayed"
    TAKE_CARD_AWAY = "take-card-away"
    OUT_OF_SERVICE = "out-of-service"
    WELCOME = "welcome"


class ReasonRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One reason; see the head of `reasons.toml`."""

    verdict: Verdict | None = None
    lamp: Lamp
    beep: Beep
    exit: int
    voice: str = ""
    words: Words
    meaning: Words
    remedy: Words


@cache
def table() -> Mapping[str, ReasonRow]:
    """`reasons.toml` as it is shipped."""
    return rows_of((files("agent.messages") / "reasons.toml").read_text(encoding="utf-8"))


def rows_of(text: str) -> Mapping[str, ReasonRow]:
    """Code → row, of a table in that form. Raises `tomllib.TOMLDecodeError`,
    `msgspec.ValidationError`."""
    return msgspec.convert(tomllib.loads(text), dict[str, ReasonRow])
