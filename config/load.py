"""A TOML file becomes an `Agent`: bytes → document → profile underneath → shape → cross checks.

Whatever is wrong leaves as one `ConfigFault` that carries every problem found, so that a file is
mended in one round.
"""

import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import msgspec

from config.checks import contradictions
from config.faults import (
    ConfigAbsent,
    ConfigFault,
    ConfigInvalid,
    ConfigSyntax,
    ConfigTooLarge,
    ConfigUnreadable,
    UnknownProfile,
)
from config.model import Agent
from config.shape import departures, listed, shown
from world import World

Document = Mapping[str, object]

MAX_BYTES = 256 * 1024
_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)\Z")


def load(world: World, path: Path) -> Agent:
    """The configuration in the file `path`. Raises `ConfigFault`."""
    return parse(_read(world, path), str(path))


def read_document(world: World, path: Path) -> Document:
    """The TOML document in a file that the settings name, whatever it is about. Raises
    `ConfigFault`."""
    return _document(_read(world, path), str(path))


def parse(raw: bytes, file: str) -> Agent:
    """The configuration in a TOML file's bytes; errors call it `file`. Raises `ConfigFault`."""
    return settle(_document(raw, file), file)


def settle(document: Document, file: str) -> Agent:
    """The configuration in a decoded document. Raises `ConfigFault`."""
    whole = _with_profile(document, file)
    _refuse(departures(whole, Agent, file), file)
    agent = msgspec.convert(whole, Agent)
    _refuse(contradictions(agent, file), file)
    return agent


def profiles() -> tuple[str, ...]:
    """The names of the profiles that are shipped."""
    names = (entry.name for entry in _folder().iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def merge(base: Document, over: Document) -> dict[str, object]:
    """`over` on top of `base`: tables key by key, arrays of tables by `name`, all else replaced."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(below, value)
        elif _named_tables(below) and _named_tables(value):
            merged[key] = _merge_named(below, value)
        else:
            merged[key] = value
    return merged


def _read(world: World, path: Path) -> bytes:
    try:
        with world.open(path, "rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigAbsent(file=str(path)) from error
    except OSError as error:
        cause = error.strerror or type(error).__name__
        raise ConfigUnreadable(file=str(path), cause=cause) from error
    if len(raw) > MAX_BYTES:
        raise ConfigTooLarge(file=str(path), allowed=MAX_BYTES)
    return raw


def _document(raw: bytes, file: str) -> Document:
    text = _text(raw, file)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        line, column = (int(n) for n in place.groups()) if place else _end(text)
        cause = str(error).removesuffix(" (at end of document)")
        raise ConfigSyntax(
            file=file, line=line, column=column, cause=_PLACE.sub("", cause)
        ) from error
    except (ValueError, RecursionError) as error:
        # An integer of thousands of digits, arrays in arrays without end: TOML, but no settings.
        raise ConfigSyntax(file=file, line=1, column=1, cause=type(error).__name__) from error


def _text(raw: bytes, file: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line, column = _end(raw[: error.start].decode())
        raise ConfigSyntax(file=file, line=line, column=column, cause="not UTF-8") from error


def _end(text: str) -> tuple[int, int]:
    return text.count("\n") + 1, len(text) - text.rfind("\n")


def _with_profile(document: Document, file: str) -> Document:
    name = document.get("profile")
    if not isinstance(name, str):
        return document
    if name not in profiles():
        raise UnknownProfile(
            file=file, key="profile", found=shown(name), allowed=listed(profiles())
        )
    base = (_folder() / f"{name}.toml").read_text(encoding="utf-8")
    return merge(tomllib.loads(base), document)


def _folder() -> Traversable:
    return files("config") / "profiles"


def _merge_named(base: object, over: object) -> list[Document]:
    rest = list(_tables(over))
    merged = []
    for below in _tables(base):
        above = next((item for item in rest if item.get("name") == below["name"]), None)
        if above is not None:
            rest.remove(above)
        merged.append(merge(below, above or {}))
    return [*merged, *rest]


def _tables(value: object) -> list[Document]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _named_tables(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, Mapping) and isinstance(item.get("name"), str) for item in value
    )


def _refuse(problems: list[ConfigFault], file: str) -> None:
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise ConfigInvalid(file, problems)
