"""A document against the structs of `config.model`: every departure becomes a fault of its own.

msgspec stops at the first error; a technician at a gate wants all of them in one go. So this walks
structs, arrays and tables itself and asks msgspec about the leaves only.
"""

import json
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, cast

import msgspec
from msgspec import inspect

from config.faults import (
    ConfigFault,
    MissingKey,
    NothingToSet,
    UnknownKey,
    WrongKey,
    WrongValue,
)

_SHOWN = 60  # characters of a wrong value that an error repeats
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}\Z")
_SECRET = re.compile(r"(secret|password|key)\Z")  # a pasted password or PEM text stays unsaid


def departures(
    document: Mapping[str, object], shape: type[msgspec.Struct], file: str, key: str = ""
) -> list[ConfigFault]:
    """All places where `document`, the table `key` of a file, is not a `shape`. Empty when
    `msgspec.convert` will succeed, but for what a struct's own `__post_init__` refuses."""
    return list(_struct(document, shape, key, file))


def item_key(key: str, index: int, value: object) -> str:
    """`readers[door]`, or `readers[#2]` (from 1) for an item without a proper name."""
    name = value.get("name") if isinstance(value, Mapping) else None
    if isinstance(name, str) and _NAME.match(name):
        return f"{key}[{name}]"
    return f"{key}[#{index + 1}]"


def shown(value: object, key: str = "") -> str:
    """A value as TOML would have it, short and on one line; only its type when it may be secret."""
    if isinstance(value, Mapping):
        return "table"
    if isinstance(value, list):
        return "array"
    if _SECRET.search(key) or (isinstance(value, int) and abs(value) >= 10**_SHOWN):
        return type(value).__name__
    if isinstance(value, str):
        return _cut(json.dumps(value, ensure_ascii=False))
    return _cut(str(value).lower() if isinstance(value, bool) else str(value))


def nearest(word: str, known: Sequence[str]) -> str:
    """The one of `known`, which is never empty, that looks most like `word`."""
    import difflib  # only where a file is wrong

    return difflib.get_close_matches(word, known, n=1, cutoff=0.0)[0]


def listed(words: Sequence[str]) -> str:
    """`a, b, c` for an error's `allowed`; a dash when there is none."""
    return ", ".join(words) or "–"


def _struct(
    table: Mapping[str, object], shape: type[msgspec.Struct], key: str, file: str
) -> Iterator[ConfigFault]:
    fields = {field.name: field for field in msgspec.structs.fields(shape)}
    known = sorted(fields)
    for name in table:
        if name not in fields:
            yield _unknown(name, known, key, file)
    for name, field in fields.items():
        if name in table:
            yield from _value(table[name], field.type, _join(key, name), file)
        elif field.required:
            yield MissingKey(file=file, key=_join(key, name), allowed=allowed(field.type))


def _unknown(name: str, known: Sequence[str], key: str, file: str) -> ConfigFault:
    """A key that a table does not have; some drivers take no option at all."""
    place = _join(key, _cut(name))
    if not known:
        return NothingToSet(file=file, key=place)
    return UnknownKey(file=file, key=place, nearest=nearest(name, known), allowed=listed(known))


def _value(value: object, hint: object, key: str, file: str) -> Iterator[ConfigFault]:
    info = _unwrapped(inspect.type_info(hint))
    if isinstance(info, inspect.StructType) and isinstance(value, Mapping):
        yield from _struct(value, info.cls, key, file)
    elif isinstance(info, inspect.VarTupleType) and isinstance(value, list):
        if len(value) < (info.min_length or 0):
            yield WrongValue(file=file, key=key, found=f"{len(value)} ×", allowed=allowed(hint))
        for index, item in enumerate(value):
            yield from _value(item, _arguments(hint)[0], item_key(key, index, item), file)
    elif isinstance(info, inspect.DictType) and isinstance(value, Mapping):
        names, items = _arguments(hint)
        for name, item in value.items():
            if _fits(name, names):
                yield from _value(item, items, _join(key, _cut(name)), file)
            else:
                yield _wrong_name(name, names, key, file)
    elif not _fits(value, hint):
        yield WrongValue(file=file, key=key, found=shown(value, key), allowed=allowed(hint))


def _wrong_name(name: str, hint: object, key: str, file: str) -> ConfigFault:
    """A key of a table whose keys are chosen by whoever writes it, but not of any form."""
    info = inspect.type_info(hint)
    if isinstance(info, inspect.LiteralType):
        return _unknown(name, [str(value) for value in info.values], key, file)
    return WrongKey(file=file, key=_join(key, _cut(name)), allowed=allowed(hint))


def _fits(value: object, hint: object) -> bool:
    try:
        msgspec.convert(value, cast(type[object], hint))
    except msgspec.ValidationError:
        return False
    return True


def _arguments(hint: object) -> tuple[object, ...]:
    plain = typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint
    return typing.get_args(plain)


def _unwrapped(info: inspect.Type) -> inspect.Type:
    """Without `Annotated` and without `| None`: TOML has no null, a key is there or is not."""
    if isinstance(info, inspect.Metadata):
        return _unwrapped(info.type)
    if isinstance(info, inspect.UnionType):
        kinds = [kind for kind in info.types if not isinstance(kind, inspect.NoneType)]
        return _unwrapped(kinds[0]) if len(kinds) == 1 else info
    return info


def allowed(hint: object) -> str:
    """What a type takes, in signs and TOML's own words, so that it reads in any language."""
    return _signs(inspect.type_info(hint))


def _signs(info: inspect.Type) -> str:
    match info:
        case inspect.Metadata(type=inner, extra_json_schema=extra):
            return str(extra["description"]) if extra else _signs(inner)
        case inspect.UnionType(types=types):
            return " | ".join(_signs(t) for t in types if not isinstance(t, inspect.NoneType))
        case inspect.LiteralType(values=values):
            return " | ".join(json.dumps(value) for value in values)
        case inspect.StrType(min_length=least):
            return '"…"' if least else "string"
        case inspect.IntType() | inspect.FloatType():
            return _range(info)
        case inspect.BoolType():
            return "true | false"
        case inspect.VarTupleType(item_type=item, min_length=least):
            return f"[{_signs(item)}, …]" + (f" ≥ {least} ×" if least else "")
        case inspect.TupleType(item_types=items):
            return f"[{', '.join(map(_signs, items))}]"
        case _:
            return "table"


def _range(info: inspect.IntType | inspect.FloatType) -> str:
    word = "integer" if isinstance(info, inspect.IntType) else "number"
    bounds = {">": info.gt, "≥": info.ge, "<": info.lt, "≤": info.le}
    limits = [f"{sign} {value:.9g}" for sign, value in bounds.items() if value is not None]
    return " ".join([word, *limits])


def _join(key: str, name: str) -> str:
    plain = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
    return f"{key}.{plain}" if key else plain


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
