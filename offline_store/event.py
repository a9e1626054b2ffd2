"""One event of the journal: what is written once, hashed, sent and never changed.

The body is the JSON text of `Event` (UTF-8, field order of this class, no spaces); its hash is
SM3 over exactly these bytes, so that whoever holds the text can check it, in any language.
Numbers are integers only.
"""

from typing import Literal

import msgspec

EventKind = Literal[
    "tap",
    "intent",
    "payment-end",
    "passage",
    "recovery",
    # A visit that did not happen is returned: `refers` names its tap or payment. A recovery that
    # refers to it takes it back.
    "give-back",
    "checkpoint",
    "alarm",
    # An identity was handed to a program (with verdict "refused": withheld from it): to whom, what
    # for, which fields.
    "disclosure",
]
ClockQuality = Literal["synchronised", "holdover", "unset"]
Verdict = Literal["accepted", "refused", "unknown"]
Subject = Literal["holder", "card", "business"]

# `Check.status`, beside which every other word stands against somebody:
NORMAL = "normal"
UNKNOWN = "unknown"  # nobody answered, or whoever did does not know
NOT_ASKED = "not-asked"  # whoever answered has nothing to do with this subject

# `Draft.detail`: accepted although no status service answered; "own", or "foreign" for a card of
# another province.
OFFLINE = "offline"
# `Draft.detail` of a payment end: where its intent stands, when that is in an earlier epoch.
INTENT_EPOCH, INTENT_SEQ = "intent_epoch", "intent_seq"
# `Draft.detail` of a recovery or passage: the row that it is about, if that is in an earlier epoch.
ABOUT_EPOCH, ABOUT_SEQ = "epoch", "seq"
WAS_SEQ = "was_seq"  # `Draft.detail` of an event that is entered again: where it stood
# `Draft.detail`: what is odd about a card or document and refuses nobody; codes, with commas.
DOUBTS = "doubts"
CARD_KIND = "card_kind"  # `Draft.detail`: of the terminal's kinds of cards, where one was used
STATUS_FAULT = "status_fault"  # `Draft.detail`: why no status service answered; a fault's code


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


class Draft(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the deciding room hands in; the store adds chain, time-independent order and seals."""

    kind: EventKind
    time_ms: int  # wall clock, unix milliseconds
    clock: ClockQuality
    boot: str
    up_ms: int = 0  # how long that boot had lasted: no clock that is set changes it; 0: not told
    lane: str = ""
    scene: str = ""
    credential: str = ""  # "card-contact", "card-contactless", "code:NAME", "id-card", ""
    card: str = ""  # card reference: HMAC-SM3(city key, card id), 64 hex
    person: str = ""  # person reference: HMAC-SM3(city key, social security number), 64 hex
    code: str = ""  # of a code or ticket that was verified here: reference by `trust.sm3`, 64 hex
    verdict: Verdict | None = None
    reason: str = ""
    authentication: Authentication | None = None
    checks: tuple[Check, ...] = ()
    application: str = ""  # registered application code (应用目录)
    amounts: dict[str, int] = {}  # fen
    evidence: dict[str, str] = {}  # TAC …; hex
    lists: dict[str, int] = {}  # list name → version used
    state: dict[str, int | str] = {}  # what the decision read in its turn
    stages_us: dict[str, int] = {}  # stage → microseconds, up to decide
    refers: int | None = None  # the earlier seq this event is about
    detail: dict[str, int | str] = {}

    @property
    def asked(self) -> bool:
        """A status service answered for it: later taps may go by that (`Turn.last_standing`). One
        that gave no answer leaves a `STATUS_FAULT`, one that knows nothing no answer."""
        return STATUS_FAULT not in self.detail and any(
            check.answered and check.status != UNKNOWN for check in self.checks
        )

    @property
    def used_code(self) -> str:
        """The code that it uses up: what was refused or is unknown uses none."""
        return self.code if self.verdict == "accepted" or self.kind == "intent" else ""


class Event(Draft, frozen=True, kw_only=True, omit_defaults=True):
    """A draft with its place in the chain."""

    v: int  # version of this shape: 1
    terminal: str
    epoch: str  # 32 hex
    seq: int  # 1, 2, 3 … gapless within the epoch
    prev: str  # hash of the event before, 64 hex
    sealed: str = ""  # SM3 of the sealed identity's bytes, empty when there is none


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A stored row: the event's exact text, its hash and its MAC under the forward key of `seq`."""

    epoch: str
    seq: int
    body: str
    hash: str
    mac: str

    def event(self) -> Event:
        """The decoded body. Raises `msgspec.ValidationError` when it is not an event."""
        return msgspec.json.decode(self.body, type=Event)


def about(event: Event) -> tuple[str, int] | None:
    """Epoch and seq of the row that a recovery or a give-back is about; None: it names none.

    A row that was not executed may be in the epoch before, when its file was damaged as well.
    """
    if event.kind == "recovery" and ABOUT_SEQ in event.detail:
        return str(event.detail[ABOUT_EPOCH]), int(event.detail[ABOUT_SEQ])
    return None if event.refers is None else (event.epoch, event.refers)
