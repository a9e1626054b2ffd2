"""Who else uses PC/SC: processes with libpcsclite in them. PC/SC itself does not tell who holds a
reader, so these are the ones that can."""

import os

from drivers.io.holders import PROC, processes
from world import World

LIBRARY = b"libpcsclite"


def users_of_pcsc(world: World) -> str:
    """Other processes that have loaded libpcsclite, as `name (pid), …`; `?` when none is seen,
    because it has ended or belongs to another user."""
    own = str(os.getpid())
    pids = (pid for pid in processes(world) if pid != own)
    found = [
        f"{_read(world, pid, 'comm').decode(errors='replace').strip()} ({pid})"
        for pid in pids
        if LIBRARY in _read(world, pid, "maps")
    ]
    return ", ".join(found) or "?"


def _read(world: World, pid: str, file: str) -> bytes:
    """Empty for a process that has just ended or that we may not look at."""
    try:
        with world.open(PROC / pid / file, "rb") as stream:
            return stream.read()
    except OSError:
        return b""
