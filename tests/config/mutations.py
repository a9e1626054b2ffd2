"""Settings that went wrong in some way: every shipped document, changed at any of its places."""

import copy
import datetime
import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from config.load import merge, profiles

EXAMPLE = Path(__file__).parents[2] / "packaging" / "onecard.toml"
# A key or the head of a table that the example shows without using it.
SHOWN = re.compile(r"^# (?=\[+[a-z_.]+\]+$|[a-z_]+ = )")

Place = tuple[str | int, ...]
Document = dict[str, Any]

WORDS = ("", "x", "X", "-", "中", "ZH", "zh", "door", "entry", "\x00", "a.b", "a..b", "A" * 5000)
ODD: Sequence[object] = (
    *WORDS,
    "/nowhere",
    "/dev/null",
    "socket://a..b:99999",
    "[",
    "*",
    True,
    0,
    -1,
    1,
    2**31,
    10**30,
    0.0,
    -0.0,
    1e-300,
    1e308,
    float("nan"),
    float("inf"),
    [],
    [[]],
    [0],
    ["door", "door"],
    [{}],
    [{"name": "x"}, 1],
    {},
    {"": ""},
    {"zh": 1},
    {"name": {"name": []}},
    datetime.datetime(2026, 1, 1),
    datetime.date(1, 1, 1),
    datetime.time(),
)


def documents() -> list[Document]:
    """All of them good: the shipped example as it is, and with all that it shows in use; each
    profile, under a few settings and as one file with them."""
    text = EXAMPLE.read_text(encoding="utf-8")
    example = tomllib.loads(text)
    whole = _in_use(text)
    whole["readers"].append({"name": "door-out", "match": "*", "interface": "contactless"})
    found = [example, whole]
    for name in profiles():
        own = tomllib.loads((files("config") / "profiles" / f"{name}.toml").read_text("utf-8"))
        few = {key: example[key] for key in ("terminal", "sync")}
        few["transit"] = {"line": "1", "station": "M11"}
        few["readers"] = [
            {"name": reader, "match": "*", "interface": "contactless"}
            for lane in own["lanes"]
            for reader in lane["readers"]
        ]
        found += [{**few, "profile": name}, merge(own, few)]
    return found


def _in_use(text: str) -> Document:
    """What is shown behind `#` is used, as far as it is TOML beside what is used already."""
    used: list[str] = []
    for line in text.splitlines():
        shown = SHOWN.sub("", line)
        try:
            tomllib.loads("\n".join([*used, shown]))
        except tomllib.TOMLDecodeError:
            shown = line
        used.append(shown)
    return tomllib.loads("\n".join(used))


def places(value: object, at: Place = ()) -> Iterator[Place]:
    """Everything inside, tables and arrays among it."""
    inside: Sequence[tuple[str | int, object]] = []
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value))
    for key, item in inside:
        yield (*at, key)
        yield from places(item, (*at, key))


@st.composite
def mutated(draw: st.DrawFn) -> Document:
    """One of `documents`, changed at one to four places."""
    document = copy.deepcopy(draw(st.sampled_from(DOCUMENTS)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.sampled_from([*places(document)] or [("x",)]))
        here = _at(document, at)
        alike = [odd for odd in ODD if type(odd) is type(here)]
        odd = draw(st.sampled_from(alike or ODD) | st.sampled_from(ODD))
        _change(document, at, draw(st.sampled_from(CHANGES)), odd)
    return document


def _at(document: Document, at: Place) -> object:
    here: Any = document
    for key in at:
        here = here[key] if at != ("x",) else None
    return here


def _change(document: Document, at: Place, how: str, odd: object) -> None:
    *way, last = at
    owner: Any = document
    for key in way:
        owner = owner[key]
    if isinstance(owner, list) and isinstance(last, int):
        if how == "without":
            del owner[last]
        elif how == "twice":
            owner.append(copy.deepcopy(owner[last]))
        else:
            owner[last] = copy.deepcopy(odd)
    elif how == "without":
        owner.pop(last, None)
    elif how in ("renamed", "twice"):
        name = odd if isinstance(odd, str) else str(last).upper()
        owner[name] = copy.deepcopy(owner.get(last))
        if how == "renamed" and name != last:
            owner.pop(last, None)
    else:
        owner[last] = copy.deepcopy(odd)


DOCUMENTS = documents()
CHANGES = ("value", "value", "renamed", "without", "twice")


def toml(document: Document) -> str:
    """As a file of one line for each key at its top."""
    return "".join(f"{_key(key)} = {_written(value)}\n" for key, value in document.items())


def _written(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list():
            return f"[{', '.join(map(_written, value))}]"
        case dict():
            inside = ", ".join(f"{_key(key)} = {_written(item)}" for key, item in value.items())
            return f"{{{inside}}}"
        case datetime.date() | datetime.time():
            return value.isoformat()
        case _:
            return str(value)


def _key(key: str) -> str:
    return json.dumps(key, ensure_ascii=False)
