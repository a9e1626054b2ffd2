"""The product's counter in this process, on a real pcscd: the desk of the national interface, one
caller at it, and a PIN pad on a serial line with somebody before it who types."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from agent.equipment.reader_queue import ReaderQueue
from agent.facade.call import CallAnswer
from agent.facade.desk import CallDispatcher, CallerConnection
from agent.facade.disclosure import DisclosureBook
from agent.facade.means import CardServices
from agent.facade.standing import StatusReader
from config.model import FacadeClient
from drivers.contract import CardReader, DeviceState
from simulators.cards import Interface
from simulators.ceremony import CITY_KEYS
from simulators.devices.pty import PtyPort
from simulators.devices.typist import AGAIN, BEGIN, Typist
from simulators.people import Cast
from simulators.site import PSAM, READERS, until
from simulators.terminal import AT, LocalTerminal, reader_tables

LEASE: Final = 30.0  # seconds
PIN_TIMEOUT: Final = 5.0
CALLER: Final = FacadeClient(
    name="business",
    user="business",
    purpose="made-up work",
    capabilities=("identity", "files", "write", "pin", "pin-clear"),
)
COUNTER_READERS: Final = (*AT.values(), PSAM)

Connect = Callable[[CallDispatcher, FacadeClient, str], CallerConnection]
Around = Callable[[CardReader], CardReader]


class LocalCounter(LocalTerminal):
    """One counter lane at the first contactless and the contact reader, and a PSAM's slot. `me` is
    the caller. `connect` and `around` make other connections and readers than the product's."""

    def __init__(
        self,
        cast: Cast,
        folder: Path,
        *,
        connect: Connect = CallerConnection,
        around: Around = lambda reader: reader,
    ) -> None:
        port = folder / "pinpad"
        super().__init__(cast, folder, _configuration(port), authority=CITY_KEYS)
        self.typist = Typist()
        self.log = Overhearing()
        self._pad = PtyPort(port, self.typist)
        self._connect = connect
        self._around = around

    def open_gate(self, stack: ExitStack) -> None:
        """See `LocalTerminal`."""
        logging.getLogger().addHandler(self.log)
        stack.callback(logging.getLogger().removeHandler, self.log)
        stack.enter_context(self._pad)
        stack.callback(self.service.close)
        self.service.open()
        for seat in self.gate.seats:
            seat.reader = self._around(seat.reader)
        parts, service = self.parts, self.service
        unasked = StatusReader(None, parts.references, "", "record")
        cards = service.cards.authenticator
        self.calls = CallDispatcher(
            seats=self.gate.seats,
            means=CardServices(self.world, cards, parts.city_keys, "COUNTER-1", unasked),
            watchdog=service.watchdog,
            results=service.results,
            book=DisclosureBook(parts.clock, parts.store, parts.references, unasked),
            lease=LEASE,
            pin_timeout=PIN_TIMEOUT,
            require=lambda capability: None,
        )
        stack.callback(self.calls.close)
        self.me = self._connect(self.calls, CALLER, "user:business uid:1000 pid:7")
        until(self._pad_ready, "the PIN pad is not ready")

    def seat(self, interface: Interface) -> ReaderQueue:
        """The lane's reader for that kind of card."""
        name = READERS[AT[interface]][0]
        return next(seat for seat in self.gate.seats if seat.reader.name == name)

    def call(self, function: str, *parameters: str) -> CallAnswer:
        """See `agent.facade.desk.CallerConnection.call`."""
        return self.me.call(function, parameters)

    def _pad_ready(self) -> bool:
        return all(placed.status.state is DeviceState.READY for placed in self.gate.devices())


class Overhearing(logging.Handler):
    """All that is logged meanwhile, at any level."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def _configuration(pad: Path) -> str:
    """TOML, as a technician would write it."""
    return f"""
[scene]
kind = "library-gate"

{reader_tables(COUNTER_READERS)}
[[pinpads]]
name = "pad"
driver = "serial-pinpad"
options = {{ port = "{pad}", begin = "{BEGIN.hex()}", again = "{AGAIN.hex()}" }}

[[prompts]]
name = "panel"

[[lanes]]
name = "counter"
direction = "counter"
readers = {[READERS[reader][0] for reader in AT.values()]}
pinpad = "pad"
prompts = ["panel"]
taps = false
"""
