"""What a vehicle has to know after a power cut, in one small file: line, way, stop, shift.

The journal is the truth about shifts: the file says up to which row it was read, and what is behind
that row is read again. A file that is lost or broken costs only the stop, which the next one mends.
"""

from pathlib import Path

import msgspec

from agent.fares.lines import Direction
from offline_store.events.reference import Reference
from world import World
from world.foreign import Undecodable, decoded

NAME = "journey.json"


class OpenShift(msgspec.Struct, frozen=True, kw_only=True):
    """A shift that was begun and not ended."""

    id: str  # 16 hex
    driver: str  # person reference, 64 hex
    opened_ms: int
    after: Reference | None  # row behind which its rides are counted


class JourneyMemory(msgspec.Struct, frozen=True, kw_only=True):
    """All that survives."""

    line: str = ""
    direction: Direction = "up"
    stop: str = ""
    manual_until_ms: int = 0  # 0: the stop is not chosen by hand
    shift: OpenShift | None = None
    at: Reference | None = None  # newest shift event that is in here; None: none was


class MemoryFile:
    """One file, replaced whole."""

    def __init__(self, world: World, data: Path) -> None:
        self._world = world
        self._path = data / NAME

    def read(self) -> JourneyMemory:
        """What was kept; nothing where there is none, or it cannot be read: what the file lacks,
        the journal and the next stop give back."""
        try:
            with self._world.open(self._path, "rb") as file:
                return decoded(file.read(), JourneyMemory)
        except (OSError, Undecodable):
            return JourneyMemory()

    def write(self, memory: JourneyMemory) -> None:
        """Durable on return. Raises `OSError`."""
        self._world.replace_file(self._path, msgspec.json.encode(memory))
