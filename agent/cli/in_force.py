"""What the running agent goes by, when its file cannot be used."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from agent.cli.client import Client, DaemonAbsent, DaemonDenied, DaemonRefused, DaemonUnclear
from config.load import socket_named
from config.model import AgentSettings as Settings
from world import World

NO_WORD = (DaemonAbsent, DaemonDenied, DaemonRefused, DaemonUnclear)  # also of an older agent


@dataclass(frozen=True)
class ShownSettings:
    """`taken_ms`: since when, unix milliseconds."""

    settings: Settings
    taken_ms: int


def told_by_the_agent(world: World, path: Path) -> ShownSettings | None:
    """None when no agent answers, or not with settings."""
    try:
        told = Client(world, socket_named(world, path)).get("/v1/settings")
        settings = msgspec.convert(told["settings"], Settings)
        return ShownSettings(settings, int(told["taken_ms"]))
    except NO_WORD:
        return None
    except (KeyError, TypeError, ValueError):  # of another version; `ValidationError` is the last
        return None
