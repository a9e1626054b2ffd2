"""The same call to many devices at once: the limits of those that hang do not add up."""

from collections.abc import Callable, Mapping

from world import World


def together(world: World, calls: Mapping[str, Callable[[], None]]) -> None:
    """Make all `calls`, each on a thread of its own under that name; returns when all have."""
    for task in [world.spawn(call, name=name) for name, call in calls.items()]:
        task.join()
