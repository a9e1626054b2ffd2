"""When each list came: a list's handler, which notes the time of what was brought into force.

The lists themselves have versions only; how old one is says whether a terminal still hears of
losses. What is not known is left out.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from offline_store.clock import Clock
from sync.applier import Handler
from trust.envelope import Envelope
from world import World
from world.foreign import Undecodable, decoded

NAME: Final = "arrived.json"


class Arrival(msgspec.Struct, frozen=True):
    """Of one version of a list."""

    version: int
    time_ms: int


class Arrivals:
    """All kinds of lists of a terminal."""

    def __init__(self, world: World, clock: Clock, data: Path) -> None:
        """Reads `data`/arrived.json."""
        self._world = world
        self._clock = clock
        self._file = data / NAME
        self._known = self._read()  # replaced whole
        self._noting = world.lock()

    def noting(self, handler: Handler) -> "NotingHandler":
        """The handler, and the time noted of what it installs."""
        return NotingHandler(handler, self)

    def times(self, held: Mapping[str, int]) -> Mapping[str, int]:
        """Unix milliseconds by name of those versions, where they are known."""
        known = self._known
        return {
            name: known[name].time_ms
            for name, version in held.items()
            if name in known and known[name].version == version
        }

    def note(self, name: str, version: int) -> None:
        """A disk that takes nothing keeps no list from being used."""
        with self._noting:
            arrival = Arrival(version, self._clock.read().time_ms)
            self._known = {**self._known, name: arrival}
            try:
                self._world.replace_file(self._file, msgspec.json.encode(self._known))
            except OSError:
                return  # known until the agent ends

    def _read(self) -> dict[str, Arrival]:
        try:
            with self._world.open(self._file, "rb") as file:
                return decoded(file.read(), dict[str, Arrival])
        except (OSError, Undecodable):
            return {}


class NotingHandler:
    """See `sync.applier.Handler`."""

    def __init__(self, handler: Handler, arrivals: Arrivals) -> None:
        self._handler = handler
        self._arrivals = arrivals

    def versions(self) -> Mapping[str, int]:
        return self._handler.versions()

    def install(self, envelope: Envelope) -> None:
        self._handler.install(envelope)
        self._arrivals.note(envelope.manifest.name, envelope.manifest.version)
