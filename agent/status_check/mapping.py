"""A province's status service as a TOML file says it: URL, fields, signature, answers, errors.

docs/status-mapping.md explains every key, with two whole files. What is wrong with a file leaves as
`ConfigFault`s with file, key, found and allowed, as the settings' own mistakes do.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from config.faults import (
    ConfigFault,
    ConfigInvalid,
    DuplicateName,
    MissingKey,
    NeedsKey,
    WrongValue,
)
from config.load import read_document
from config.model import Settings
from config.shape import departures, shown
from world import World

Url = Annotated[
    str,
    Meta(
        pattern=r"^https://[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*(:[0-9]{1,5})?(/[!-~]*)?\Z",
        description='"https://HOST:PORT/…"',
    ),
]
# Names with dots between them: into the objects of JSON, digits into its arrays (from 0).
Dotted = Annotated[
    str, Meta(pattern=r"^[^.\s]{1,64}(\.[^.\s]{1,64}){0,7}\Z", description='"a.b.c" ≤ 8')
]
Word = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}\Z", description='"a-z 0-9 -" ≤ 32')]
Secret = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z", description='"A-Z a-z 0-9 . _ -" ≤ 64')
]
Header = Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,64}\Z", description='"A-Z a-z 0-9 -" ≤ 64')]
TimeForm = Literal["unix", "unix-ms", "compact", "iso"]  # compact: 20260921120000, China
Source = Literal["region", "card-id", "card-number", "number", "name", "business", "time", "nonce"]

HTTPS: Final = 443
MOST_PORTS: Final = 65_535
LONGEST_HOST: Final = 253
ABOUT_SOMEBODY: Final = ("card-id", "card-number", "number")
_NAME: Final = re.compile(r"[^.\s]{1,64}(\.[^.\s]{1,64}){0,7}")
_HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_HEADER_VALUE: Final = re.compile(r"[ -~]{0,256}")


class Signature(Settings, frozen=True, kw_only=True):
    """How a question or an answer is signed."""

    method: Literal["hmac-sm3", "sm2"]
    secret: Secret  # name in the key store: HMAC key; SM2 private key 32, public key 64 bytes
    # body: its bytes as they are sent. fields: `name=value` of all that is not empty, sorted by
    # name, joined by "&", without the signature itself; names inside objects with dots.
    over: Literal["body", "fields"]
    header: Header | None = None  # where the signature stands; or
    field: Dotted | None = None
    encoding: Literal["hex", "base64"] = "hex"
    form: Literal["raw", "der"] = "raw"  # of an SM2 signature: r‖s, or DER
    identity: Annotated[str, Meta(min_length=1, max_length=64)] = "1234567812345678"  # SM2


class Request(Settings, frozen=True, kw_only=True):
    """The question."""

    url: Url
    method: Literal["POST", "GET"] = "POST"  # GET: the form as query
    format: Literal["json", "form"]
    fields: dict[str, Source]  # name there → what stands in it
    constants: dict[str, str] = msgspec.field(default_factory=dict)
    headers: dict[str, str] = msgspec.field(default_factory=dict)  # constant ones
    required: tuple[Source, ...] = ()  # without them there is nothing to ask
    time: TimeForm = "compact"
    sign: Signature | None = None


class Success(Settings, frozen=True, kw_only=True):
    """Where the answer says that it is one, and in which words."""

    path: Dotted
    values: Annotated[tuple[str, ...], Meta(min_length=1)]


class Subject(Settings, frozen=True, kw_only=True):
    """One of the three answers. A value that the table does not have is "unknown"."""

    path: Dotted
    values: dict[str, Word]  # their word → ours: "normal", "lost" …


class Moment(Settings, frozen=True, kw_only=True):
    """When the service knew it."""

    path: Dotted
    form: TimeForm = "compact"


class AnswerMapping(Settings, frozen=True, kw_only=True):
    """The answer: JSON."""

    inside: Dotted | None = None  # a string that is itself JSON; the subjects' paths begin in it
    success: Success | None = None
    errors: dict[str, Word] = msgspec.field(
        default_factory=dict
    )  # their code at `success.path` → ours
    holder: Subject | None = None
    card: Subject | None = None
    business: Subject | None = None
    at: Moment | None = None
    echo: Dotted | None = None  # must be the question's nonce
    verify: Signature | None = None


class Mapping(Settings, frozen=True, kw_only=True):
    """The whole file."""

    request: Request
    answer: AnswerMapping


def load_mapping(world: World, path: Path) -> Mapping:
    """Raises `ConfigFault`; with several problems one that carries them all."""
    file = str(path)
    document = read_document(world, path)
    problems = departures(document, Mapping, file)
    mapping = None if problems else msgspec.convert(document, Mapping)
    if mapping is not None:
        problems = list(_contradictions(mapping, file))
    if len(problems) > 1:
        raise ConfigInvalid(file, problems)
    if problems or mapping is None:
        raise problems[0]
    return mapping


def _contradictions(mapping: Mapping, file: str) -> Iterator[ConfigFault]:
    yield from _of_request(mapping.request, file)
    yield from _of_answer(mapping, file)


def _of_request(request: Request, file: str) -> Iterator[ConfigFault]:
    host, _, port = request.url.split("/")[2].partition(":")
    if len(host) > LONGEST_HOST or not 1 <= int(port or HTTPS) <= MOST_PORTS:
        yield _wrong(file, "request.url", request.url, '"https://HOST:1…65535/…"')
    if not set(ABOUT_SOMEBODY) & set(request.fields.values()):
        allowed = " | ".join(f'"{name}"' for name in ABOUT_SOMEBODY)
        yield MissingKey(file=file, key="request.fields", allowed=f"{{ … = {allowed} }}")
    for name in request.fields.keys() & request.constants.keys():
        yield DuplicateName(file=file, key="request.fields, request.constants", found=name)
    names = [("fields", name) for name in request.fields]
    names += [("constants", name) for name in request.constants]
    for table, name in names:
        if not _NAME.fullmatch(name):
            yield _wrong(file, f"request.{table}", name, '"a.b.c" ≤ 8')
    for outer, inner in _nested(sorted(name for _, name in names)):
        yield _wrong(file, f"request.fields.{inner}", inner, f'≠ "{outer}.…"')
    for header, value in request.headers.items():
        if not _HEADER.fullmatch(header):
            yield _wrong(file, "request.headers", header, '"A-Z a-z 0-9 -" ≤ 64')
        if not _HEADER_VALUE.fullmatch(value):
            yield _wrong(file, f"request.headers.{header}", value, "ASCII ≤ 256")
    if request.method == "GET" and request.format != "form":
        yield _wrong(file, "request.format", request.format, '"form"')
    if request.sign is not None:
        yield from _of_signature(request.sign, "request.sign", file)
        if request.method == "GET" and request.sign.over == "body":
            yield _wrong(file, "request.sign.over", "body", '"fields"')
        if request.sign.field in (*request.fields, *request.constants):
            yield DuplicateName(
                file=file, key="request.fields, request.sign.field", found=request.sign.field
            )


def _nested(names: list[str]) -> Iterator[tuple[str, str]]:
    """A name that is a value and an object at once: `a` beside `a.b`."""
    for outer in names:
        for inner in names:
            if inner.startswith(f"{outer}."):
                yield outer, inner


def _of_answer(mapping: Mapping, file: str) -> Iterator[ConfigFault]:
    answer = mapping.answer
    if answer.holder is None and answer.card is None and answer.business is None:
        yield MissingKey(file=file, key="answer.card", allowed="{ path, values }")
    yield from _of_words(answer, file)
    if answer.errors and answer.success is None:
        yield NeedsKey(file=file, key="answer.errors", allowed="answer.success")
    if answer.echo is not None and "nonce" not in mapping.request.fields.values():
        yield NeedsKey(file=file, key="answer.echo", allowed='request.fields: "nonce"')
    if answer.verify is not None:
        yield from _of_signature(answer.verify, "answer.verify", file)


def _of_words(answer: AnswerMapping, file: str) -> Iterator[ConfigFault]:
    """Nothing that a service says has two meanings, and that it says nothing has none."""
    tables = [("answer.errors", [*answer.errors])]
    for name in ("holder", "card", "business"):
        subject: Subject | None = getattr(answer, name)
        tables += [(f"answer.{name}.values", [*subject.values])] if subject else []
    if answer.success is not None:
        tables += [("answer.success.values", [*answer.success.values])]
        for word in answer.success.values:
            if word in answer.errors:
                key = "answer.success.values, answer.errors"
                yield DuplicateName(file=file, key=key, found=word)
    for key, words in tables:
        if "" in words:
            yield _wrong(file, key, "", '"…"')


def _of_signature(signature: Signature, key: str, file: str) -> Iterator[ConfigFault]:
    if (signature.header is None) == (signature.field is None):
        yield MissingKey(file=file, key=f"{key}.header", allowed=f"{key}.header | {key}.field")
    elif signature.over == "body" and signature.header is None:
        yield NeedsKey(file=file, key=f"{key}.over", allowed=f"{key}.header")


def _wrong(file: str, key: str, found: str, allowed: str) -> WrongValue:
    return WrongValue(file=file, key=key, found=shown(found), allowed=allowed)
