"""Scenes: what a terminal is for. A scene looks (in the store's turn) and decides (purely)."""

from collections.abc import Callable, Mapping

from agent.scenes.bus import Bus
from agent.scenes.library_gate import LibraryGate
from agent.scenes.metro_gate import MetroGate
from agent.scenes.port import Decision, Lists, Looked, Scene, Turn
from agent.scenes.service_window import ServiceWindow
from agent.transit.fares import FareSource, RideNow, no_ride
from config.model import Scene as SceneSettings

KINDS: Mapping[str, Callable[[SceneSettings, str], Scene]] = {
    Bus.kind: Bus,
    LibraryGate.kind: LibraryGate,
    MetroGate.kind: MetroGate,
    ServiceWindow.kind: ServiceWindow,
}
RIDDEN: Mapping[str, type[Bus]] = {scene.kind: scene for scene in (Bus, MetroGate)}


def scene_for(
    settings: SceneSettings,
    region: str = "",
    fares: FareSource | None = None,
    ride: RideNow = no_ride,
) -> Scene:
    """The scene that the configuration names; `config.load` allows no other. `region`: the
    terminal's own, six digits; cards of another province are foreign to it. `fares` and `ride`:
    what it costs and what is known of it, where people ride."""
    if settings.kind in RIDDEN:
        return RIDDEN[settings.kind](settings, region, fares, ride)
    return KINDS[settings.kind](settings, region)


__all__ = [
    "KINDS",
    "Decision",
    "Lists",
    "Looked",
    "Scene",
    "Turn",
    "scene_for",
]
