"""A satellite receiver (GNSS) that sends NMEA 0183 on a serial line by itself.

Bytes → `drivers.position.nmea` → `drivers.position.fixes`: one place per fix, however many
sentences tell it. Nothing is sent to the receiver.
"""

from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Meta

from drivers.contract import DeviceProtocol, DeviceSilent, Options
from drivers.contract.position import Position
from drivers.io.keeper import ManagedDevice
from drivers.io.line import LineOptions, OpenLine, open_line
from drivers.options import typed
from drivers.position.fixes import Fixes
from drivers.position.nmea import Fix, Sentences, read_fix
from world import Queue, World

MISREAD: Final = 10  # lines in a row that were no sentences: wrong baud rate, or no receiver
MOST_WAITING: Final = 4  # places that nobody has taken


class ReceiverGarbled(DeviceProtocol):
    """What comes is no NMEA 0183: wrong baud rate, or another device. Facts: `device`, `port`."""

    code = "gnss.garbled"


class NmeaOptions(LineOptions, frozen=True, kw_only=True):
    """Options of `[journey.gnss]`, besides those of a line. `silent`: seconds without a word after
    which the receiver counts as not answering; it sends at least once a second."""

    silent: Annotated[float, Meta(ge=1, le=60)] = 5.0


class NmeaReceiver(ManagedDevice[OpenLine]):
    """See `drivers.contract.position.PositionSource`. Counters: `fixes`, `others`
    (sentences that tell no place, or none now), `garbled`, `unserved`."""

    def __init__(self, world: World, name: str, options: Options) -> None:
        self._options = typed(options, NmeaOptions, device=name)
        self._events: Queue[Position] = world.queue()
        super().__init__(world, name)

    @property
    def events(self) -> Queue[Position]:
        return self._events

    def _open(self) -> OpenLine:
        return open_line(self._world, self._options, device=self.name)

    def _serve(self, connection: OpenLine) -> None:
        sentences, fixes, misread = Sentences(), Fixes(), 0
        heard_at = self._world.monotonic()
        while True:
            now = self._world.monotonic()
            silent = heard_at + self._options.silent - now
            held = fixes.patience(now)
            data = connection.read(silent if held is None else min(silent, held))
            now = self._world.monotonic()
            if data:
                heard_at = now
            elif now - heard_at >= self._options.silent:
                raise DeviceSilent(device=self.name, port=connection.attached)
            before, heard = sentences.garbled, 0
            for text in sentences.feed(data):
                heard += 1
                self._hear(fixes, text)
            self._tell(fixes.hear(None, now))
            bad = sentences.garbled - before
            self._count("garbled", bad)
            misread = 0 if heard else misread + bad
            if misread >= MISREAD:
                raise ReceiverGarbled(device=self.name, port=connection.attached)

    def _hear(self, fixes: Fixes, text: str) -> None:
        said = read_fix(text)
        if said is None:
            self._count("others")
        self._tell(fixes.hear(said, self._world.monotonic()))

    def _tell(self, fixes: Sequence[Fix]) -> None:
        """New places; what nobody has taken is enough for these."""
        for fix in fixes:
            self._count("fixes")
            if len(self._events) >= MOST_WAITING:
                self._count("unserved")
            else:
                at = self._world.monotonic()
                self._events.put(Position(self.name, fix.lat, fix.lon, at, fix.speed))
