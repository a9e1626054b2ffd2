"""A province's words: our question → its body and headers; its answer's bytes → our three answers.

Everything that arrives is somebody else's: whatever the bytes are, it ends in an answer or a fault,
and no fault repeats any of them.
"""

import codecs
from collections.abc import Iterator
from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

import msgspec

from agent.status_check.faults import AnswerMalformed, BadSignature, ServiceRefused, Unaskable
from agent.status_check.mapping import AnswerMapping, Mapping, Moment, Request, Subject, TimeForm
from agent.status_check.signing import Signer, in_order
from offline_store.clock import CHINA
from offline_store.events.happened import NOT_ASKED
from sync.contract.services import StatusAnswer, StatusFinding, StatusRequest
from world.foreign import Undecodable, decoded

UNKNOWN: Final = "unknown"
UNLISTED: Final = "unlisted"
COMPACT: Final = "%Y%m%d%H%M%S"
LATEST: Final = 253_402_300_799  # unix seconds: the end of the year 9999
DEEPEST: Final = 16  # objects within objects, where fields are signed


@dataclass(frozen=True, repr=False)
class PreparedRequest:
    """One question, ready to be sent."""

    target: str = ""  # query of a GET, "?" included
    body: bytes = b""
    headers: Table[str, str] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Told:
    """One answer, as it came."""

    body: bytes
    headers: Table[str, str]  # names in lower case


class Wire:
    """One mapping at work."""

    def __init__(
        self, service: str, mapping: Mapping, *, sign: Signer | None, verify: Signer | None
    ) -> None:
        self._service = service
        self._mapping = mapping
        self._sign = sign
        self._verify = verify

    def asking(self, question: StatusRequest, *, now: float, nonce: str) -> PreparedRequest:
        """Raises `Unaskable`, and what `Signer.sign` raises."""
        request = self._mapping.request
        fields = self._fields(request, question, now, nonce)
        headers = dict(request.headers)
        if self._sign is not None and self._sign.how.over == "fields":
            signature = self._sign.sign(in_order(fields))
            _place(self._sign, signature, fields, headers)
        body = _body(request, fields)
        if self._sign is not None and self._sign.how.over == "body":
            _place(self._sign, self._sign.sign(body), fields, headers)
        if request.method == "GET":
            return PreparedRequest(f"?{body.decode('ascii')}", b"", headers)
        form = "application/x-www-form-urlencoded"
        headers["Content-Type"] = "application/json" if request.format == "json" else form
        return PreparedRequest("", body, headers)

    def answer(self, told: Told, nonce: str) -> StatusAnswer:
        """Nothing of it counts before its signature does. Raises `BadSignature`, `AnswerMalformed`,
        `ServiceRefused`, and what `Signer.require_signed` raises."""
        how = self._mapping.answer
        document = self._document(told.body, "body")
        if self._verify is not None:
            self._require_signed(self._verify, told, document)
        self._require_success(how, document)
        if how.echo is not None and self._text(document, how.echo) != nonce:
            raise BadSignature(service=self._service)  # signed once, for another question
        inner = document
        if how.inside is not None:
            inner = self._document(self._text(document, how.inside).encode(), how.inside)
        at = 0 if how.at is None else self._moment(inner, how.at)
        return StatusAnswer(
            holder=self._standing(inner, how.holder, at),
            card=self._standing(inner, how.card, at),
            business=self._standing(inner, how.business, at),
        )

    # The question

    def _fields(
        self, request: Request, question: StatusRequest, now: float, nonce: str
    ) -> dict[str, str]:
        values = {
            "region": question.region,
            "card-id": question.card_id,
            "card-number": question.card_number,
            "number": question.number,
            "name": question.name,
            "business": question.business,
            "time": written(now, request.time),
            "nonce": nonce,
        }
        for source in request.required:
            if not values[source]:
                raise Unaskable(service=self._service, field=source)
        return {**request.constants, **{name: values[s] for name, s in request.fields.items()}}

    # The answer

    def _require_signed(self, verify: Signer, told: Told, document: object) -> None:
        how = verify.how
        leaves = dict(self._leaves(document)) if how.over == "fields" else {}
        if how.field is not None:
            signature = leaves.pop(how.field, "") or self._signature_field(document, how.field)
        else:
            signature = told.headers.get((how.header or "").lower(), "")
        verify.require_signed(in_order(leaves) if how.over == "fields" else told.body, signature)

    def _signature_field(self, document: object, path: str) -> str:
        try:
            return self._text(document, path)
        except AnswerMalformed as fault:
            raise BadSignature(service=self._service) from fault

    def _require_success(self, how: AnswerMapping, document: object) -> None:
        if how.success is None:
            return
        word = self._text(document, how.success.path)
        if word not in how.success.values:
            raise ServiceRefused(service=self._service, error=how.errors.get(word, UNLISTED))

    def _standing(self, document: object, how: Subject | None, at: int) -> StatusFinding:
        if how is None:
            return StatusFinding(status=NOT_ASKED)
        word = self._text(document, how.path)
        return StatusFinding(status=how.values.get(word, UNKNOWN), at=at)

    def _moment(self, document: object, how: Moment) -> int:
        moment = read(self._text(document, how.path), how.form)
        if moment is None:
            raise self._malformed(how.path)
        return moment

    def _document(self, raw: bytes, part: str) -> object:
        # A province's own ways are no fault; .NET's writers put a mark before their text.
        bare = raw.removeprefix(codecs.BOM_UTF8)
        try:
            return decoded(bare, object, strict=False)
        except Undecodable:
            raise self._malformed(part) from None  # what it says may hold what was sent

    def _text(self, document: object, path: str) -> str:
        """The value at a path. Raises `AnswerMalformed` with that path."""
        at: object = document
        for name in path.split("."):
            if isinstance(at, dict) and name in at:
                at = at[name]
            elif isinstance(at, list) and (number := _index(name)) < len(at):
                at = at[number]
            else:
                raise self._malformed(path)
        text = scalar(at)
        if text is None:
            raise self._malformed(path)
        return text

    def _leaves(self, value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
        """All values with their names; a fraction has no one way to be written, so none is
        signed."""
        if len(path) > DEEPEST:
            raise self._malformed("fields")
        if isinstance(value, dict):
            for name, item in value.items():
                yield from self._leaves(item, (*path, str(name)))
        elif isinstance(value, list):
            for number, item in enumerate(value):
                yield from self._leaves(item, (*path, str(number)))
        elif value is not None:
            text = scalar(value)
            if text is None:
                raise self._malformed("fields")
            yield ".".join(path), text

    def _malformed(self, part: str) -> AnswerMalformed:
        return AnswerMalformed(service=self._service, part=part)


def _index(name: str) -> int:
    """Of a place in an array, at most 9999; one beyond every array for what is none."""
    return int(name) if name.isdecimal() and len(name) <= 4 else LATEST


def scalar(value: object) -> str | None:
    """A text, a whole number or a truth value as a text; None for all else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    return None


def written(now: float, form: TimeForm) -> str:
    """Unix seconds in a service's form; China's time where it has a zone."""
    if form == "unix":
        return str(int(now))
    if form == "unix-ms":
        return str(int(now * 1000))
    moment = datetime.fromtimestamp(int(now), CHINA)
    return moment.strftime(COMPACT) if form == "compact" else moment.isoformat()


def read(text: str, form: TimeForm) -> int | None:
    """Unix seconds; None for what is no moment in that form."""
    try:
        if form in ("unix", "unix-ms"):
            if not (text.isascii() and text.isdecimal() and len(text) <= 15):
                return None
            seconds = int(text) // (1000 if form == "unix-ms" else 1)
        elif form == "compact":
            if not (text.isascii() and len(text) == 14):
                return None
            moment = datetime.strptime(text, COMPACT).replace(tzinfo=CHINA)
            seconds = int(moment.timestamp())
        else:
            moment = datetime.fromisoformat(text)
            seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=CHINA)).timestamp())
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds <= LATEST else None


def _body(request: Request, fields: Table[str, str]) -> bytes:
    if request.format == "form":
        return urlencode(fields).encode("ascii")
    document: dict[str, object] = {}
    for name, value in fields.items():
        *outer, last = name.split(".")
        table = document
        for step in outer:
            inner = table.setdefault(step, {})
            assert isinstance(inner, dict), "no name is a value and an object: mapping.py"
            table = inner
        table[last] = value
    return msgspec.json.encode(document)


def _place(signer: Signer, signature: str, fields: dict[str, str], headers: dict[str, str]) -> None:
    if signer.how.header is not None:
        headers[signer.how.header] = signature
    elif signer.how.field is not None:
        fields[signer.how.field] = signature
