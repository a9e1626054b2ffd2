"""A SAM_V reader as a `DocumentReader`: a document is laid down, read once, and told.

Find is asked again and again, because the module says nothing by itself: the poll that its protocol
forces. A document that cannot be read is told too, so that its holder is; one that lay there before
the reader was opened is told unread, because the reader did not see it coming.
"""

from typing import Annotated, Final

from msgspec import Meta

from apdu.id_document import DocumentFault
from drivers.contract import DeviceFault, Document, Options, Unread
from drivers.idcard.module import (
    DocumentGone,
    DocumentLay,
    DocumentParts,
    DocumentUnread,
    Module,
    ModuleWire,
)
from drivers.idcard.usb import open_usb_wire
from drivers.io.keeper import ManagedDevice
from drivers.io.line import LineOptions, open_line
from drivers.io.usb import UsbMatch
from drivers.options import typed
from world import Queue, World

# Seconds that a module which has come back is looked at before it counts as ready: one that had no
# power has forgotten what it has read, and its field may take a moment to find what lies there.
SETTLES_WITHIN: Final = 2.0


class SamVOptions(LineOptions, frozen=True, kw_only=True):
    """Either `port` (serial) or `usb` ("0400:C35A", or where it is plugged: "1-2.4"). `interval`:
    seconds between two finds. `attempts`: of reading a document that lies there. `fingerprint`,
    `newest_address`: read them too."""

    port: str = ""
    baudrate: Annotated[int, Meta(ge=9600, le=115_200)] = 115_200
    usb: UsbMatch | None = None
    interval: Annotated[float, Meta(ge=0.01, le=1.0)] = 0.3
    attempts: Annotated[int, Meta(ge=1, le=9)] = 2
    fingerprint: bool = False
    newest_address: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.port) == bool(self.usb):
            raise ValueError("exactly one of `port` and `usb` is needed")


class SamVReader(ManagedDevice[Module]):
    """See `drivers.contract.DocumentReader`."""

    RESTARTS = True

    def __init__(self, world: World, name: str, options: Options) -> None:
        super().__init__(world, name)
        self._options = typed(options, SamVOptions, device=name)
        self._events: Queue[Document | Unread] = world.queue()
        self._laid = 0
        self._lies = False  # found when the module was opened
        self._opened_before = False

    @property
    def events(self) -> Queue[Document | Unread]:
        return self._events

    def _open(self) -> Module:
        return Module(self._world, self._wire(), self.name, self._count)

    def _greet(self, connection: Module) -> None:
        connection.check()
        self._lies = self._look_first(connection)
        self._opened_before = True

    def _look_first(self, module: Module) -> bool:
        """Whether a document lies there already."""
        settled = self._world.monotonic() + (SETTLES_WITHIN if self._opened_before else 0.0)
        while not module.find():
            if self._world.monotonic() >= settled:
                return False
            module.rest(self._options.interval)
        return True

    def _wire(self) -> ModuleWire:
        if self._options.usb:
            return open_usb_wire(self._world, self._options.usb, device=self.name)
        return open_line(self._world, self._options, device=self.name)

    def _serve(self, connection: Module) -> None:
        if self._lies:
            self._laid += 1
            self._tell_unread(DocumentLay(device=self.name), self._world.monotonic(), came=False)
            self._await_leaving(connection)
        while True:
            if connection.find():
                self._take(connection)
                self._await_leaving(connection)
            connection.rest(self._options.interval)

    def _await_leaving(self, module: Module) -> None:
        """Found again, it is the same document, which is no error: no hand is so quick that it
        changes two documents between two finds."""
        while module.find():
            module.rest(self._options.interval)

    def _take(self, module: Module) -> None:
        """One document, read or not."""
        self._laid += 1
        seen = self._world.monotonic()
        try:
            reading = self._read(module)
            address = self._newest_address(module)
        except DocumentFault as fault:
            self._tell_unread(fault, seen)
        except DeviceFault as fault:
            self._tell_unread(fault, seen)
            raise
        else:
            self._present()
            self._events.put(
                Document(
                    source=self.name,
                    count=self._laid,
                    text=reading.text,
                    photo=reading.photo,
                    fingerprint=reading.fingerprint,
                    newest_address=address,
                    seen=seen,
                    at=self._world.monotonic(),
                    came=True,
                )
            )

    def _read(self, module: Module) -> DocumentParts:
        """Select and read, once more while it lies there. Raises `DocumentFault`s."""
        left = self._options.attempts
        while True:
            try:
                module.select()
                return module.read(fingerprint=self._options.fingerprint)
            except DocumentUnread as fault:
                self._count("failed reads")
                left -= 1
                if not left:
                    raise
                if not module.find():
                    raise DocumentGone(device=self.name) from fault

    def _newest_address(self, module: Module) -> bytes:
        """What is on the document is enough without it, and a module may not know the question.
        Whether the module itself is well is seen at the next find."""
        if not self._options.newest_address:
            return b""
        try:
            return module.newest_address()
        except (DocumentUnread, DeviceFault):
            self._count("no newest address")
            return b""

    def _tell_unread(
        self, fault: DocumentFault | DeviceFault, seen: float, *, came: bool = True
    ) -> None:
        self._present()
        at = self._world.monotonic()
        self._events.put(Unread(self.name, self._laid, fault, seen, at, came))
