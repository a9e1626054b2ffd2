"""JSON Schemas (draft 2020-12) of every message and of the event body, made from the structs.

They are kept as files in `schemas/` for developers that implement the other end without Python; a
test compares them with the structs. `python -m sync.contract.schemas` writes them anew.
"""

import inspect
import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from offline_store.events.row import Row
from offline_store.events.version_1 import Event1
from sync.contract import messages, services
from trust.envelope import Statement
from world import World
from world.real import RealWorld

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# File name → (type, title). `items` is the inflated second part of an event batch.
SHAPES: Mapping[str, tuple[Any, str]] = {
    "event": (Row, "Text of one row of a journal"),
    "event-1": (Event1, "Text of one row of a journal, version 1"),
    "batch-header": (messages.BatchHeader, "First line of an event batch"),
    "items": (tuple[messages.Item, ...], "Inflated items of an event batch"),
    "manifest": (Statement, "Manifest of an envelope"),
    "receipt": (messages.Receipt, "Payload of a receipt envelope"),
    "state": (messages.State, "Birth, farewell or will of a terminal"),
    "applied": (messages.Applied, "What became of an envelope"),
    "hsm-request": (services.HsmRequest, "A message for the city's HSM"),
    "hsm-answer": (services.HsmAnswer, "What the city's HSM answers"),
    "status-request": (services.StatusRequest, "How do holder, card and business stand"),
    "status-answer": (services.StatusAnswer, "How holder, card and business stand"),
    "code-request": (services.CodeRequest, "Who stands behind a scanned code"),
    "code-answer": (services.CodeAnswer, "Who stands behind a scanned code, if anybody"),
    "sign-in-request": (services.SignInRequest, "A sign-in by scanning: begin, poll, cancel"),
    "sign-in-answer": (services.SignInAnswer, "How a sign-in by scanning stands"),
}


def generate() -> dict[str, dict[str, Any]]:
    """Name → schema."""
    return {name: _schema(name, shape, title) for name, (shape, title) in SHAPES.items()}


def _schema(name: str, shape: Any, title: str) -> dict[str, Any]:
    made = msgspec.json.schema(shape)
    if name == "items":
        made |= {"minItems": 1, "maxItems": messages.MAX_ITEMS}
    for part in made.get("$defs", {}).values():
        part["description"] = inspect.cleandoc(part["description"])
        for field in part.get("properties", {}).values():
            if "pattern" in field:  # Python's end of the text, as ECMA-262 writes it
                field["pattern"] = field["pattern"].replace(r"\Z", "$")
    return {"$schema": DIALECT, "$id": f"{name}.json", "title": title, **made}


def write(world: World, folder: Path) -> None:
    """Put all schemas into the folder."""
    for name, schema in generate().items():
        text = msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"
        world.replace_file(folder / f"{name}.json", text, permissions=0o644)


def main() -> int:
    """Write the schemas into the package's own folder. Exit status 0."""
    with resources.as_file(resources.files("sync.contract") / "schemas") as folder:
        write(RealWorld(), folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
