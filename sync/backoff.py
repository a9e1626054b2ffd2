"""How long to wait before the next attempt: doubling, capped, and never the same for two boxes."""

from world import World

FIRST = 0.5


class Backoff:
    """Full jitter over the upper half: after a power cut a whole city comes back at once."""

    def __init__(self, world: World, most: float) -> None:
        self._world = world
        self._most = most
        self._step = FIRST

    def next(self) -> float:
        """Seconds to wait now: between half and all of a step that doubles up to `most`."""
        step = min(self._step, self._most)
        self._step = min(self._step * 2, self._most)
        return step * (0.5 + chance(self._world) / 2)

    def reset(self) -> None:
        """The connection was good: the next wait is the shortest again."""
        self._step = FIRST


def chance(world: World) -> float:
    """A number from 0 up to 1."""
    return int.from_bytes(world.random(4), "big") / 2**32
