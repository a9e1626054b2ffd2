"""Scenes: what a terminal is for. A scene looks (in the store's turn) and decides (purely)."""

from collections.abc import Callable, Mapping

from agent.scenes.bus import Bus
from agent.scenes.library_gate import LibraryGate
from agent.scenes.port import Decision, Lists, Scene, State, Turn
from agent.scenes.service_window import ServiceWindow
from agent.transit.fares import FareSource
from config.model import Scene as SceneSettings

KINDS: Mapping[str, Callable[[SceneSettings, str], Scene]] = {
    Bus.kind: Bus,
    LibraryGate.kind: LibraryGate,
    ServiceWindow.kind: ServiceWindow,
}


def scene_for(settings: SceneSettings, region: str = "", fares: FareSource | None = None) -> Scene:
    """The scene that the configuration names; `config.load` allows no other. `region`: the
    terminal's own, six digits; cards of another province are foreign to it. `fares`: who rides for
    nothing, where people ride."""
    if settings.kind == Bus.kind:
        return Bus(settings, region, fares)
    return KINDS[settings.kind](settings, region)


__all__ = [
    "KINDS",
    "Decision",
    "Lists",
    "Scene",
    "State",
    "Turn",
    "scene_for",
]
