"""Scenes: what a terminal is for. A scene looks (in the store's turn) and decides (purely)."""

from collections.abc import Callable, Mapping

from agent.scenes.library_gate import LibraryGate
from agent.scenes.port import Decision, Lists, Scene, State, Turn
from config.model import Scene as SceneSettings

KINDS: Mapping[str, Callable[[SceneSettings], Scene]] = {LibraryGate.kind: LibraryGate}


def scene_for(settings: SceneSettings) -> Scene:
    """The scene that the configuration names; `config.load` allows no other."""
    return KINDS[settings.kind](settings)


__all__ = [
    "KINDS",
    "Decision",
    "Lists",
    "Scene",
    "State",
    "Turn",
    "scene_for",
]
