"""What all events have in common, and what those have in common that are about a person."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from offline_store.clock import ClockReading

EventKind = Literal[
    "tap",
    "intent",
    "payment-end",
    "passage",
    "give-back",
    "recovery",
    "alarm",
    "checkpoint",
    "disclosure",
    "shift",
    "sign-in",
]
Verdict = Literal["accepted", "refused", "unknown"]
Subject = Literal["holder", "card", "business"]

# `Check.status`, beside which every other word stands against somebody:
NORMAL = "normal"
UNKNOWN = "unknown"  # nobody answered, or whoever did does not know
LIST = "list:"  # before name@version, as the source of a check
NOT_ASKED = "not-asked"  # whoever answered has nothing to do with this subject


class Happened(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """Something that happened at the terminal. Amounts are fen, times unix milliseconds."""

    clock: ClockReading  # when it was
    reason: str = ""  # its code
    lane: str = ""
    scene: str = ""
    extra: dict[str, int | str] = {}  # of third parties, by names of their own: PACKAGE.NAME

    @property
    def kind(self) -> EventKind:
        """The name under which its struct stands in the row's text."""
        kind: EventKind = self.__struct_config__.tag  # type: ignore[assignment]
        return kind


class OfPerson(Happened, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody did it, with a card, a code or a document."""

    credential: str = ""  # "card-contact", "card-contactless", "code:NAME", "id-card" …
    card: str = ""  # card reference: HMAC-SM3(city key, card id), 64 hex
    person: str = ""  # person reference: HMAC-SM3(city key, social security number), 64 hex
    application: str = ""  # registered application code (应用目录)


class Authentication(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the credential was authenticated (卡认证)."""

    # sam-v: an ID-card reader vouches; platform: it has resolved a code; code: its signatures hold
    mode: Literal["psam", "hsm", "sam-v", "platform", "code", "none"]
    result: Literal["passed", "failed", "unfinished"]
    generation: str = ""  # "1.0", "2.0", "3.0"
    algorithm: str = ""  # "3DES", "SSF33", "SM4"
    key: str = ""  # internal key id, two hex digits
    terminal_number: str = ""  # 终端机编号 of the PSAM, 12 digits


class Check(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One answer of the status check (卡鉴权) and where it came from."""

    subject: Subject
    status: str  # "normal", "listed", "expired", "unknown" …
    source: str  # "list:blacklist@7", "card", "platform", "https:NAME", "cached:platform" …
    age_s: int = 0

    @property
    def answered(self) -> bool:
        """A status service said it for this very tap; it is not remembered from an earlier one."""
        return is_service(self.source)

    @property
    def own(self) -> bool:
        """It is the terminal's: by the credential itself, or by a signed list."""
        return self.source == "card" or self.source.startswith(LIST)

    @property
    def against(self) -> bool:
        """It says something against card, holder or business; to know nothing is not that."""
        return self.status not in (NORMAL, UNKNOWN, NOT_ASKED)

    @property
    def known(self) -> bool:
        """It says how the subject stands, well or not."""
        return self.status == NORMAL or self.against


def is_service(source: str) -> bool:
    """Whether a check's source is a status service of the platform or of a province."""
    return source == "platform" or source.startswith("https:")


class ListUsed(msgspec.Struct, frozen=True, array_like=True):
    """A signed list that a decision went by."""

    name: str
    version: int


def used(versions: Mapping[str, int]) -> tuple[ListUsed, ...]:
    """The lists of these versions."""
    return tuple(ListUsed(name, version) for name, version in versions.items())


class Checked(OfPerson, frozen=True, kw_only=True, omit_defaults=True):
    """A credential was looked at, and what is known of card, holder and business."""

    authentication: Authentication | None = None
    checks: tuple[Check, ...] = ()
    status_fault: str = ""  # why no status service answered: a fault's code
    doubts: tuple[str, ...] = ()  # what is odd about card or document and refuses nobody; codes
    lists: tuple[ListUsed, ...] = ()  # in force when it was decided, by name

    @property
    def asked(self) -> bool:
        """A status service answered for it: later taps may go by that (`Turn.last_standing`). One
        that gave no answer leaves a `status_fault`, one that knows nothing no answer."""
        return not self.status_fault and any(
            check.answered and check.status != UNKNOWN for check in self.checks
        )
