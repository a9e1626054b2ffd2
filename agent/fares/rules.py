"""The three signed lists that decide about a fare, as they stood at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from agent.fares.entitlements import ENTITLEMENTS, Entitlements, read_packed
from agent.fares.lines import LINES, LineBook, parse_lines
from agent.fares.tariff import FARES, Tariff, parse_tariff
from offline_store.lists.every import Named
from offline_store.lists.in_memory import SignedList
from world import World

T = TypeVar("T")


@dataclass(frozen=True)
class Rules:
    """What one decision goes by; `versions` belongs into its event's `lists`."""

    tariff: Tariff | None = None  # None: there never was one
    entitlements: Entitlements = field(default_factory=Entitlements)
    lines: LineBook = field(default_factory=LineBook)
    versions: dict[str, int] = field(default_factory=dict)


class RuleBook:
    """The lists of one terminal; installed by the applier, read by what decides."""

    def __init__(self, world: World, data: Path) -> None:
        """Raises `OSError`, `offline_store.faults.ListUnreadable`."""
        self._tariff: SignedList[Tariff] = SignedList(world, data, FARES, parse_tariff)
        self._entitlements: SignedList[Entitlements] = SignedList(
            world, data, ENTITLEMENTS, read_packed, child="agent.fares.pack"
        )
        self._lines: SignedList[LineBook] = SignedList(world, data, LINES, parse_lines)
        self._every = (self._tariff, self._entitlements, self._lines)

    @property
    def lists(self) -> Sequence[Named]:
        """For `offline_store.lists.every.EveryList`."""
        return self._every

    def missing(self, versions: Mapping[str, int]) -> str:
        """The name of a list that this terminal has no longer in that version; empty: none."""
        gone = (
            one.name
            for one in self._every
            if one.name in versions and not one.holds(versions[one.name])
        )
        return next(gone, "")

    def rules_of(self, versions: Mapping[str, int]) -> Rules | None:
        """As they stood once; None when this terminal has one of them no longer. A list that is not
        named was not there. Raises `ListUnreadable` when a file is not what was in force,
        `OSError`."""
        if self.missing(versions):
            return None
        tariff, people, lines = (
            _of_version(self._tariff, versions),
            _of_version(self._entitlements, versions),
            _of_version(self._lines, versions),
        )
        named = {one.name for one in self._every}
        return Rules(
            tariff=tariff,
            entitlements=people or Entitlements(),
            lines=lines or LineBook(),
            versions={name: version for name, version in versions.items() if name in named},
        )

    def rules(self) -> Rules:
        """As they stand now. Raises `ListUnreadable`: no passenger can be decided about."""
        tariff, people, lines = (
            self._tariff.standing,
            self._entitlements.standing,
            self._lines.standing,
        )
        held = {FARES: tariff, ENTITLEMENTS: people, LINES: lines}
        return Rules(
            tariff=tariff.value if tariff else None,
            entitlements=people.value if people else Entitlements(),
            lines=lines.value if lines else LineBook(),
            versions={name: one.version for name, one in held.items() if one is not None},
        )


def _of_version(signed: SignedList[T], versions: Mapping[str, int]) -> T | None:
    version = versions.get(signed.name)
    return None if version is None else signed.of_version(version)
