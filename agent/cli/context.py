"""What every command needs: the World, the texts, the settings, and one way to print."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from agent.cli.client import Client
from agent.texts import Texts, language_of
from config.load import load
from config.model import Agent as Settings
from world import Fault, World
from world.real import RealWorld

DEFAULT_CONFIG = Path("/etc/onecard/onecard.toml")


Config = Annotated[Path, typer.Option("--config", "-c", envvar="ONECARD_CONFIG")]
Json = Annotated[bool, typer.Option("--json")]


def texts_of_environment() -> Texts:
    """The language of LANG, before any configuration is read."""
    return Texts(language_of("auto", os.environ.get("LC_ALL") or os.environ.get("LANG", "")))


@dataclass
class Context:
    """One invocation. `--json` prints one JSON document; otherwise rich tables and sentences."""

    as_json: bool = False
    world: World = field(default_factory=RealWorld)
    texts: Texts = field(default_factory=texts_of_environment)
    console: Console = field(default_factory=Console)
    errors: Console = field(default_factory=lambda: Console(stderr=True))

    def settings(self, path: Path) -> Settings:
        """Raises `config.*` faults."""
        settings = load(self.world, path)
        language = language_of(settings.terminal.language, os.environ.get("LANG", ""))
        self.texts = Texts(language)
        return settings

    def client(self, settings: Settings) -> Client:
        return Client(self.world, settings.terminal.socket)

    def show(self, data: dict[str, Any], render: Callable[[Console], None]) -> None:
        """`data` for programs, `render` for people: both say the same."""
        if self.as_json:
            sys.stdout.write(msgspec.json.encode(data).decode() + "\n")
        else:
            render(self.console)

    def fail(self, fault: Fault) -> None:
        """Say what is wrong, where, and what to do now."""
        sentence = self.texts.fault(fault)
        data = {"error": fault.code, "facts": dict(fault.facts), "sentence": sentence}
        if self.as_json:
            sys.stdout.write(msgspec.json.encode(data).decode() + "\n")
        else:
            self.errors.print(f"{sentence} [{fault.code}]", highlight=False, markup=False)
