"""A TOML file becomes `AgentSettings`: bytes → document → profile underneath → shape → checks.

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
    ConfigEncoding,
    ConfigFault,
    ConfigInvalid,
    ConfigSyntax,
    ConfigTooLarge,
    ConfigUnreadable,
    UnknownProfile,
)
from config.model import USUAL_SOCKET, AgentSettings
from config.shape import departures, listed, shown
from world import World, cause_of, foreign
from world.text import NotText, end_of, text_of

Document = Mapping[str, object]

MAX_BYTES = 256 * 1024
_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)\Z")
_HEAD = re.compile(r"\s*\[+\s*(?P<name>[\w.-]*)")
_SOCKET = re.compile(r"\s*(?P<key>[\w.]+)\s*=\s*[\"'](?P<socket>/[!-~]{1,106}?)[\"']")
_AT_END = " (at end of document)"


def load(world: World, path: Path) -> AgentSettings:
    """The configuration in the file `path`. Raises `ConfigFault`."""
    return parse(_read(world, path), str(path))


def read_document(world: World, path: Path) -> Document:
    """The TOML document in a file that the settings name, whatever it is about. Raises
    `ConfigFault`."""
    return _document(_read(world, path, regular=True), str(path))


def parse(raw: bytes, file: str) -> AgentSettings:
    """The configuration in a TOML file's bytes; errors call it `file`. Raises `ConfigFault`."""
    return settle(_document(raw, file), file)


def settle(document: Document, file: str) -> AgentSettings:
    """The configuration in a decoded document. Raises `ConfigFault`."""
    whole = _with_profile(document, file)
    _refuse(departures(whole, AgentSettings, file), file)
    agent = msgspec.convert(whole, AgentSettings)
    _refuse(contradictions(agent, file), file)
    return agent


def socket_named(world: World, path: Path) -> str:
    """Where the agent of that file answers, as far as a file tells that may be wrong: by what looks
    like `terminal.socket` in it, else the usual place."""
    try:
        raw = _read(world, path)
    except ConfigFault:
        return USUAL_SOCKET
    table = ""
    for line in raw.decode(errors="replace").splitlines():
        if head := _HEAD.match(line):
            table = head["name"]
        found = _SOCKET.match(line)
        if found and f"{table}.{found['key']}".lstrip(".") == "terminal.socket":
            return found["socket"]
    return USUAL_SOCKET


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


def _read(world: World, path: Path, *, regular: bool = False) -> bytes:
    """`regular`: see `World.open`. Only the file of the command line may be a pipe: `<(…)`."""
    try:
        with world.open(path, "rb", regular=regular) as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigAbsent(file=str(path)) from error
    except OSError as error:
        cause = cause_of(error)
        raise ConfigUnreadable(file=str(path), cause=cause) from error
    if len(raw) > MAX_BYTES:
        raise ConfigTooLarge(file=str(path), allowed=MAX_BYTES)
    return raw


def _document(raw: bytes, file: str) -> Document:
    try:
        text = text_of(raw)
    except NotText as error:
        raise ConfigEncoding(
            file=file, found=error.found, line=error.line, column=error.column
        ) from error
    try:
        return foreign.document(text)
    except foreign.Undecodable as fault:
        cause, (line, column) = _placed(str(fault.facts["problem"]), text)
        raise ConfigSyntax(file=file, line=line, column=column, cause=cause) from fault


def _placed(said: str, text: str) -> tuple[str, tuple[int, int]]:
    """tomllib's words apart from the place in them."""
    if place := _PLACE.search(said):
        line, column = place.groups()
        return said[: place.start()], (int(line), int(column))
    cause = said.removesuffix(_AT_END)
    return cause, (1, 1) if cause == said else end_of(text)


def _with_profile(document: Document, file: str) -> Document:
    name = document.get("profile")
    if not isinstance(name, str):
        return document
    if name not in profiles():
        raise UnknownProfile(
            file=file, key="profile", found=shown(name), allowed=listed(profiles())
        )
    base = tomllib.loads((_folder() / f"{name}.toml").read_text(encoding="utf-8"))
    if _is_another_scene(base.get("scene"), document.get("scene")):
        del base["scene"]  # options and all: they are of its own kind
    return merge(base, document)


def _is_another_scene(base: object, over: object) -> bool:
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return False
    return "kind" in over and over["kind"] != base.get("kind")


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
