"""What somebody else wrote becomes values of the wanted type, or one fault; names become JSON.

JSON or TOML → msgspec, tomllib → a struct. For hostile text (nesting, bytes that are no UTF-8,
numbers of thousands of digits) these libraries raise more than their own errors; all end here.
"""

import json
import re
import tomllib
from collections.abc import Sequence
from math import isfinite
from typing import Any, Final, TypeVar

import msgspec

from world.fault import Fault

T = TypeVar("T")

_DOTS: Final = 100  # most in one key of a TOML document
# Quoted, or a comment. A quote without an end goes on to the end of its line, so that each sign is
# looked at once. Three quotes may be the end of a text that began further up.
_ASIDE: Final = re.compile(r"""\"{3}|'{3}|"(?:\\.|[^"\\])*"?|'[^']*'?|#.*""")
_BETWEEN_KEYS: Final = re.compile(r"[=,{}\[\]]")
_SHOWN: Final = 40  # characters of a key that a problem repeats
SMALLEST, LARGEST = -(2**63), 2**63 - 1  # what SQLite, a `long` in Java and `int64` hold


class Undecodable(Fault):
    """The text is not what was expected. Fact: `problem`, which may repeat names of it."""

    code = "foreign.undecodable"


def decoded(raw: bytes | str, shape: type[T], *, strict: bool = True) -> T:
    """The value of type `shape` in one JSON document. Raises `Undecodable`.

    `strict`: two readers can only read the same out of it: no key comes twice in an object, no
    integer has more than 64 bits, and the parts that `shape` leaves alone are sound too. Without it
    the last of equal keys counts (RFC 8259, 4: what then is meant is not defined).
    """
    try:
        found = msgspec.json.decode(raw, type=shape)
        if strict:
            _READER.decode(raw if isinstance(raw, str) else raw.decode())
    except _WRONG as error:
        raise Undecodable(problem=_problem(error)) from error
    return found


def document(text: str) -> dict[str, Any]:
    """The tables of one TOML document. Raises `Undecodable`."""
    try:
        _require_short_keys(text)
        return tomllib.loads(text)
    except _WRONG as error:
        raise Undecodable(problem=_problem(error)) from error


def _require_short_keys(text: str) -> None:
    """tomllib's time grows by the square of a key's parts: seconds for `a.a.a…` of 24 KB, in which
    its caller does nothing else."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") <= _DOTS:
            continue
        # What a list holds is no key: a line of many numbers has as many dots.
        parts = _BETWEEN_KEYS.split(_ASIDE.sub("", line))
        if any(part.count(".") > _DOTS for part in parts):
            raise _TooManyParts(f"more than {_DOTS} dots in a key (at line {number}, column 1)")


def encoded(value: object) -> bytes:
    """One JSON document. What a system names in no encoding (files, devices, users) is text with
    lone surrogates to Python, which JSON has not; it is shown as `\\udcff`."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_shown(msgspec.to_builtins(value)))


def _shown(value: Any) -> Any:
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case dict():
            return {_shown(key): _shown(item) for key, item in value.items()}
        case list() | tuple():
            return [_shown(item) for item in value]
        case _:
            return value


# `ValueError` holds MsgspecError, JSONDecodeError, TOMLDecodeError and UnicodeError, and is itself
# what an integer of too many digits raises.
_WRONG: Final = (ValueError, RecursionError, OverflowError)


class _TooManyParts(ValueError):
    """A key of so many that to read it takes too long."""


class _Ambiguous(ValueError):
    """It could be read in two ways."""


def _once(pairs: Sequence[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        names = [key for key, _ in pairs]
        twice = next(key for key in names if names.count(key) > 1)
        raise _Ambiguous(f"the key {twice[:_SHOWN]} comes twice")


def _bounded(digits: str) -> int:
    number = int(digits)
    if not SMALLEST <= number <= LARGEST:
        raise _Ambiguous("an integer beyond 64 bits")
    return number


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise _Ambiguous("a number out of range")
    return number


_READER: Final = json.JSONDecoder(object_pairs_hook=_once, parse_int=_bounded, parse_float=_finite)


def _problem(error: Exception) -> str:
    """In signs and the library's words where these are about the text, never its contents."""
    match error:
        case UnicodeError():
            return "UTF-8"
        case RecursionError():
            return "nesting"
        case _:
            return str(error) or type(error).__name__
