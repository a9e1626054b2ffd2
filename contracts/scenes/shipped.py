"""Scenes as `[scene]` names them, without a terminal around."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from agent.purse.pricing import FareSource, RideNow, no_ride
from agent.scenes.bus.scene import Bus
from agent.scenes.library_gate.scene import LibraryGate, LibraryOptions
from agent.scenes.metro.scene import MetroGate
from agent.scenes.port import Payer, Scene
from agent.scenes.ridden import Ridden
from agent.scenes.service_window.scene import ServiceWindow
from config.model import SceneSettings as Settings

RIDDEN: Final[Mapping[str, type[Ridden]]] = {one.kind: one for one in (Bus, MetroGate)}
STANDING: Final[Mapping[str, Callable[[Settings, str], Scene]]] = {
    "library-gate": lambda settings, region: LibraryGate(
        msgspec.convert(settings.options, LibraryOptions), settings, region
    ),
    "service-window": ServiceWindow,
}
KINDS: Final = (*RIDDEN, *STANDING)


def scene_of(
    settings: Settings,
    region: str = "",
    fares: FareSource | None = None,
    ride: RideNow = no_ride,
    payer: Payer | None = None,
) -> Scene:
    """The scene that the settings name. `region`: the terminal's own, six digits."""
    if settings.kind in RIDDEN:
        return RIDDEN[settings.kind](settings, region, fares, ride, payer)
    return STANDING[settings.kind](settings, region)
