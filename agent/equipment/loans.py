"""Scanners and cameras lent to another program on request: released now, taken back when they are
given back, or when the time is up, so that a program that ended badly leaves no lane blind."""

import logging
from collections.abc import Mapping

from drivers.contract import CodeSource
from world import Event, Fault, World

LOG = logging.getLogger("onecard.devices")


class DeviceUnknown(Fault):
    """No scanner of that name can be lent. Facts: `device`, `known`."""

    code = "device.unknown"


class Loans:
    """Who has which device until when; `lend` and `take_back` from any thread."""

    def __init__(self, world: World, scanners: Mapping[str, CodeSource]) -> None:
        self._world = world
        self._scanners = scanners
        # Over what follows, and over what is asked of the devices: the end of one loan and the
        # beginning of the next never mix.
        self._guard = world.lock()
        self._open: dict[str, Event] = {}  # set when the loan has ended

    def lend(self, name: str, seconds: float) -> None:
        """The device is closed on return, for at most `seconds`; a second loan of it replaces the
        first. Raises `DeviceUnknown`."""
        scanner = self._scanner(name)
        ended = self._world.event()
        with self._guard:
            before = self._open.get(name)
            self._open[name] = ended
            if before is not None:
                before.set()
            scanner.release()
        LOG.info("device %s: lent for %d s", name, seconds)
        self._world.spawn(lambda: self._await(name, ended, seconds), name=f"loan {name}")

    def take_back(self, name: str) -> None:
        """Nothing happens to what was not lent. Raises `DeviceUnknown`."""
        self._scanner(name)
        with self._guard:
            self._end(name)

    def stop(self) -> None:
        """End the waiting; the devices are about to be stopped themselves."""
        with self._guard:
            loans, self._open = self._open, {}
        for ended in loans.values():
            ended.set()

    def _await(self, name: str, ended: Event, seconds: float) -> None:
        if ended.wait(seconds):
            return
        with self._guard:
            if self._open.get(name) is ended:  # and not the next loan already
                self._end(name)

    def _end(self, name: str) -> None:
        """Under the guard."""
        ended = self._open.pop(name, None)
        if ended is not None:
            ended.set()
            self._scanners[name].take_back()
            LOG.info("device %s: taken back", name)

    def _scanner(self, name: str) -> CodeSource:
        scanner = self._scanners.get(name)
        if scanner is None:
            raise DeviceUnknown(device=name, known=", ".join(sorted(self._scanners)) or "–")
        return scanner
