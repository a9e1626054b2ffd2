"""Controls of `prove tear` at the counter: a connection and a reader that do what may never be.

Both stand around the product's own parts. `RepeatingConnection` makes a call again whose card was
lost, as a well-meaning library would: keys and PIN are shown twice. `AssumingReader` takes it that
a command that went out was carried out: the caller hears 0 of what nobody knows.
"""

import time
from collections.abc import Sequence
from typing import Final

from agent.facade.call import CallAnswer
from agent.facade.desk import CallerConnection
from apdu.channel import CardGone, CardMute, ReaderGone, Transport
from drivers.contract import Absence, CardHandle, CardReader, DeviceStatus, Interface, Presence
from proving.proofs.tear.cards import CHANGE, RESTORE, UPDATE_BINARY, UPDATE_RECORD, VERIFY
from proving.proofs.tear.judging import DONE, GONE
from proving.proofs.tear.tally import READY_WITHIN
from simulators.site import PROMPT
from world import Queue

ASSUMED: Final = frozenset({VERIFY, CHANGE, RESTORE, UPDATE_RECORD, UPDATE_BINARY})


class RepeatingConnection(CallerConnection):
    """See `agent.facade.desk.CallerConnection`."""

    def call(self, name: str, parameters: Sequence[str | bytes]) -> CallAnswer:
        """Until the card is back, for a while."""
        end = time.monotonic() + READY_WITHIN
        while (answer := super().call(name, parameters)).result in GONE and time.monotonic() < end:
            time.sleep(PROMPT)
        return answer


class AssumingReader:
    """See `drivers.contract.CardReader`."""

    def __init__(self, reader: CardReader) -> None:
        self._reader = reader
        self.give_up = reader.give_up

    @property
    def name(self) -> str:
        return self._reader.name

    @property
    def interface(self) -> Interface:
        return self._reader.interface

    @property
    def events(self) -> Queue[Presence | Absence]:
        return self._reader.events

    def open(self, count: int | None = None) -> CardHandle:
        return AssumingHandle(self._reader.open(count))

    def status(self) -> DeviceStatus:
        return self._reader.status()


class AssumingHandle:
    """See `drivers.contract.CardHandle`."""

    def __init__(self, handle: CardHandle) -> None:
        self._handle = handle
        self.present = handle.present
        self.close = handle.close

    @property
    def transport(self) -> Transport:
        return self._handle.transport

    @property
    def atr(self) -> bytes:
        return self._handle.atr

    def transmit(self, command: bytes) -> bytes:
        try:
            return self._handle.transmit(command)
        except (CardGone, CardMute, ReaderGone):
            if (command[0], command[1]) in ASSUMED:
                return DONE
            raise
