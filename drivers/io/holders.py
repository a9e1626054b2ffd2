"""Who has a device file open: what /proc tells of other processes."""

from collections.abc import Sequence
from pathlib import Path

from world import World

PROC = Path("/proc")


def holders_of(world: World, path: str) -> str:
    """Processes that have the file open, as `name (pid), …`; `?` when none is seen, because it
    belongs to another user."""
    target = world.real_path(Path(path))
    found = [pid for pid in processes(world) if _has(world, pid, target)]
    return ", ".join(f"{_name(world, pid)} ({pid})" for pid in found) or "?"


def processes(world: World) -> Sequence[str]:
    """The number of each; none when there is no descriptor left to look."""
    try:
        return [entry for entry in world.list_folder(PROC) if entry.isdigit()]
    except OSError:
        return ()


def _has(world: World, pid: str, target: Path) -> bool:
    folder = PROC / pid / "fd"
    try:
        return any(world.real_path(folder / fd) == target for fd in world.list_folder(folder))
    except OSError:  # it has just ended, or we may not look at it
        return False


def _name(world: World, pid: str) -> str:
    try:
        with world.open(PROC / pid / "comm", "rb") as stream:
            name = stream.read().decode(errors="replace").strip()
    except OSError:
        return "?"
    # Anybody names his own process; what he writes must not move a technician's cursor.
    return "".join(sign if sign.isprintable() else "?" for sign in name)
