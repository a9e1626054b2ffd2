"""What a terminal may ask the platform for, and what comes back: request and answer per service.

A request goes up on `…/up/request/<service>` with MQTT 5's response topic, correlation data and
message expiry; its answer comes down on `…/down/response/<service>` with the same correlation.
Plain JSON, under TLS. None of it is kept by anybody on the way, and none of it is ever logged:
requests and answers hold names, numbers, codes and cryptograms.
"""

from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

from sync.contract.messages import Part
from sync.faults import MessageMalformed, MessageTooLarge
from world.foreign import Undecodable, decoded

Service = Literal["hsm", "status", "code", "sign-in"]
SERVICES: tuple[Service, ...] = ("hsm", "status", "code", "sign-in")
MAX_SERVICE = 16 * 1024  # bytes of a request or an answer

# Of MQTT correlation data: the terminal draws it, the service gives it back.
CORRELATION_BYTES = 16

P = TypeVar("P", bound=Part)
LONGEST_SHORT: Final = 64  # characters
Short = Annotated[str, Meta(max_length=LONGEST_SHORT)]
Business = Literal["01", "02", "03", "04"]
CodeOutcome = Literal["resolved", "expired", "used", "forged", "foreign", "unknown"]


def _unshown(self: object) -> str:
    """What holds names, numbers, codes or tokens shows nothing but what it is."""
    return f"<{type(self).__name__}>"


class Answer(Part, frozen=True, kw_only=True):
    """Base of all answers. `error`: a code of the service (lower case, dashes) when it could not do
    what was asked; all else is empty then."""

    v: Literal[1] = 1
    error: Short = ""


class HsmRequest(Part, frozen=True, kw_only=True):
    """A message of the HSM server as it stands in spec social-security-card.md, trailing pipe
    included: `01|region|hist|alg|card id|int factor|int original|ext factor|ext original|`, `02|…`,
    `03|…`."""

    v: Literal[1] = 1
    message: Annotated[str, Meta(max_length=512)]

    __repr__ = _unshown


class HsmAnswer(Answer, frozen=True, kw_only=True):
    """What the HSM server answers to that message. Errors: `unknown-region`, `unknown-key`,
    `unsupported-algorithm`, `malformed`, `busy`."""

    message: Annotated[str, Meta(max_length=512)] = ""

    __repr__ = _unshown


class StatusRequest(Part, frozen=True, kw_only=True):
    """卡鉴权: how holder, card and business stand. Empty where the credential has none."""

    v: Literal[1] = 1
    region: Short = ""  # six digits
    card_id: Short = ""  # 32 hex digits
    card_number: Short = ""
    number: Short = ""  # social security number
    name: Short = ""
    business: Short = ""  # registered application code (应用目录)

    __repr__ = _unshown


class StatusFinding(Part, frozen=True, kw_only=True):
    """One of the three answers. `status` is of the open set "normal", "deceased", "lost",
    "cancelled", "stock", "ineligible", "unknown" …; `at`: unix seconds when its source knew it."""

    status: Short
    at: Annotated[int, Meta(ge=0)] = 0


class StatusAnswer(Answer, frozen=True, kw_only=True):
    """人清、卡清、业务清."""

    holder: StatusFinding = StatusFinding(status="unknown")
    card: StatusFinding = StatusFinding(status="unknown")
    business: StatusFinding = StatusFinding(status="unknown")


class ResolvedPerson(Part, frozen=True, kw_only=True):
    """The person behind a code, normalised."""

    number: Short  # social security number
    name: Short = ""
    region: Short = ""
    card_id: Short = ""  # of the card that the e-card stands for, where it is known
    card_number: Short = ""

    __repr__ = _unshown


class CodeRequest(Part, frozen=True, kw_only=True):
    """电子社保卡: a scanned code, once. `business`: 01 query, 02 payment, 03 other, 04 medical out
    of the person's region."""

    v: Literal[1] = 1
    code: Annotated[str, Meta(max_length=2048)]  # base64 of the scanned bytes
    kind: Short = ""  # the name under which the terminal's rules know it
    business: Business = "01"

    __repr__ = _unshown


class CodeAnswer(Answer, frozen=True, kw_only=True):
    """`person` only with `resolved`. A code that was resolved once is `used` ever after."""

    outcome: CodeOutcome = "unknown"
    person: ResolvedPerson | None = None

    __repr__ = _unshown


class SignInRequest(Part, frozen=True, kw_only=True):
    """扫码登录: the terminal shows a code, a person scans it with the phone, the terminal polls."""

    v: Literal[1] = 1
    act: Literal["begin", "poll", "cancel"]
    token: Short = ""  # of `begin`'s answer
    purpose: Short = ""  # "staff", … with `begin`

    __repr__ = _unshown


class SignInAnswer(Answer, frozen=True, kw_only=True):
    """`content` is what the QR code says, with `begin`; `person` with `CONFIRMED`, once."""

    state: Literal["PENDING", "SCANNED", "CONFIRMED", "EXPIRED", "INVALID"] = "INVALID"
    token: Short = ""
    content: Annotated[str, Meta(max_length=512)] = ""
    expires_in: Annotated[int, Meta(ge=0, le=3600)] = 0  # seconds
    person: ResolvedPerson | None = None

    __repr__ = _unshown


def encode(message: Part) -> bytes:
    """A question or an answer as JSON, UTF-8, in the order of its fields."""
    return msgspec.json.encode(message)


def decode(payload: bytes, shape: type[P]) -> P:
    """Raises `MessageMalformed`, `MessageTooLarge`; neither repeats what was in it."""
    name = shape.__name__
    if len(payload) > MAX_SERVICE:
        raise MessageTooLarge(message=name, limit=MAX_SERVICE)
    try:
        return decoded(payload, shape)
    except Undecodable:
        raise MessageMalformed(message=name, cause="form") from None
