"""The settings in force: which, since when, and why newer ones were not taken.

A terminal whose file is wrong goes on with the settings that it has; its staff have to see both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from config.faults import ConfigFault
from config.model import AgentSettings as Settings
from world import Fault


class NeedsRestart(Fault):
    """A setting that cannot change while the agent runs. Facts: `keys`."""

    code = "config.needs-restart"


class DataUnusable(Fault):
    """The folder of journal and lists, or something in it, cannot be used. Facts: `path`,
    `cause`."""

    code = "data.unusable"


@dataclass(frozen=True)
class RefusedSettings:
    """The last attempt to bring others into force."""

    time_ms: int
    fault: Fault


@dataclass
class SettingsInForce:
    """`taken_ms`: when the agent began to go by `settings`."""

    settings: Settings
    taken_ms: int
    refused: RefusedSettings | None = None

    def take(self, settings: Settings, now_ms: int) -> None:
        """Go by these from now on."""
        self.settings, self.taken_ms, self.refused = settings, now_ms, None

    def status(self) -> dict[str, Any]:
        """`taken_ms`, and `refused`: None, or `time_ms` and `problems` with code and facts each."""
        refused = self.refused
        return {
            "taken_ms": self.taken_ms,
            "refused": refused
            and {
                "time_ms": refused.time_ms,
                "problems": [
                    {"code": problem.code, "facts": dict(problem.facts)}
                    for problem in problems_of(refused.fault)
                ],
            },
        }

    def whole(self) -> dict[str, Any]:
        """`status`, and all `settings` as builtin values."""
        return {**self.status(), "settings": msgspec.to_builtins(self.settings)}


def problems_of(fault: Fault) -> Sequence[Fault]:
    """The single ones of a fault that carries several."""
    return fault.problems if isinstance(fault, ConfigFault) else (fault,)


def require_same_terminal(before: Settings, after: Settings) -> None:
    """Raises `NeedsRestart` when something differs that store and local API were made from."""
    old, new = _fixed(before), _fixed(after)
    changed = [key for key in old if old[key] != new[key]]
    if changed:
        raise NeedsRestart(keys=", ".join(changed))


def _fixed(settings: Settings) -> Mapping[str, object]:
    terminal = settings.terminal
    return {
        "terminal.id": terminal.id,
        "terminal.city": terminal.city,
        "terminal.data": terminal.data,
        "terminal.socket": terminal.socket,
        "keys": settings.keys,
    }
