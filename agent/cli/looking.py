"""How every device is: the daemon's word, or our own look when none runs."""

from typing import Any

from agent.cli.client import DaemonAbsent, DaemonSilent
from agent.cli.context import Context
from config.model import AgentSettings as Settings


def look(context: Context, settings: Settings, *, only_readers: bool = False) -> dict[str, Any]:
    """As /v1/devices answers: `version`, `devices`, `attached`. Our own look opens each device as
    the daemon would, and leaves it again (with `only_readers` none); no card is touched."""
    try:
        return context.client(settings).get("/v1/devices")
    except DaemonSilent:
        raise
    except DaemonAbsent:
        from agent.cli.own_look import own_look  # all drivers come with it

        return own_look(context.world, settings, only_readers=only_readers)


def readers(seen: dict[str, Any]) -> list[dict[str, Any]]:
    """The card readers among the devices."""
    return [device for device in seen["devices"] if device["kind"] == "readers"]
