"""The card of one presence at its reader: opened once, under the watchdog, and down on every way
out."""

from agent.equipment.watchdog import Watch
from drivers.contract import CardHandle, CardReader


class PoweredCard:
    """The card of one presence, and of no later one: opened once under the watch, powered down on
    every way out."""

    def __init__(self, reader: CardReader, count: int, watch: Watch) -> None:
        self._reader = reader
        self._count = count
        self._watch = watch
        self._handle: CardHandle | None = None

    def __enter__(self) -> "PoweredCard":
        return self

    def open(self) -> CardHandle:
        """Power the card, once. Raises `apdu.channel` faults and `DeviceFault`."""
        if self._handle is None:
            self._handle = self._watch.opening(lambda: self._reader.open(self._count))
        return self._handle

    def __exit__(self, *exception: object) -> None:
        if self._handle is not None:
            self._handle.close()
