"""A receipt printer that speaks ESC/POS: on a serial line, behind a socket, or as /dev/usb/lp*.

receipt → bytes (`drivers.counter.receipt`) → status asked → sent in small pieces → confirmed. Every
step has its time limit, and what keeps paper from coming out is said by name. What the printer says
is told apart by `drivers.counter.answers`.
"""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from msgspec import Meta
from msgspec.structs import replace

from drivers.contract import (
    DeviceBusy,
    DeviceFault,
    DeviceLost,
    DeviceProtocol,
    Options,
    Receipt,
)
from drivers.counter.answers import BURST, Answers, is_answer
from drivers.counter.receipt import Cut, Form, rendered
from drivers.counter.signs import Encoding
from drivers.io.device_file import DeviceFile, is_device_file, open_device_file
from drivers.io.keeper import ManagedDevice
from drivers.io.line import LineOptions, OpenLine, open_line
from drivers.io.ports import find_port, is_address
from drivers.options import typed
from world import World

PIECE: Final = 256  # bytes written at once: 0.3 s at 9600 baud
ANSWER_WITHIN: Final = 1.0  # seconds; real-time status is answered at once, even while printing
TURN_WITHIN: Final = 2.0  # seconds that another receipt may take before ours is refused
PRINT_WITHIN: Final = 30.0  # seconds for one receipt from first byte to confirmation
FINISHED: Final = b"\x1dr\x01"  # GS r 1: answered in its turn, after all that was sent before
LATE_WITHIN: Final = 3.0  # seconds for what a printer with new paper still has of the last receipt
GREETED_WITHIN: Final = 2.0  # seconds for all that it says to the first question …
MOST_SAID: Final = 256  # … and bytes
ASK_AGAIN: Final = 10  # turns of `ANSWER_WITHIN` until the question counts as lost


class PrinterPaper(DeviceFault):
    """The paper has run out."""

    code = "printer.paper"


class PrinterCover(DeviceFault):
    """Its cover is open."""

    code = "printer.cover"


class PrinterOffline(DeviceFault):
    """It does not print, for a reason that it does not tell: feed button, knife, heat."""

    code = "printer.offline"


# DLE EOT n → bits of the answer, and what they mean (ESC/POS: 4 paper sensors, 2 why it is offline,
# 1 printer status). In this order: the first that is set is the cause.
STATUS: Final[Sequence[tuple[bytes, Sequence[tuple[int, type[DeviceFault]]]]]] = (
    (b"\x10\x04\x04", ((0x60, PrinterPaper),)),
    (b"\x10\x04\x02", ((0x04, PrinterCover), (0x20, PrinterPaper))),
    (b"\x10\x04\x01", ((0x08, PrinterOffline),)),
)


class EscposOptions(LineOptions, frozen=True, kw_only=True):
    """`port`: a serial port, `socket://host:9100`, or `/dev/usb/lp*`. `status`: "full" asks before
    and waits until the last line is out, "realtime" asks before and after without waiting, "none"
    asks nothing, for printers that cannot answer."""

    columns: Annotated[int, Meta(ge=16, le=80)] = 32
    encoding: Encoding = "gb18030"
    cut: Cut = "partial"
    module: Annotated[int, Meta(ge=1, le=16)] = 6
    status: Literal["full", "realtime", "none"] = "full"


class EscposPrinter(ManagedDevice[OpenLine | DeviceFile]):
    """See `drivers.contract.Printer`. Counters: `printed`, `failed`, `unasked` (what it said
    without a question)."""

    RESTARTS = True

    def __init__(self, world: World, name: str, options: Options) -> None:
        super().__init__(world, name)
        self._options = typed(options, EscposOptions, device=name)
        self._form = Form(
            self._options.columns, self._options.encoding, self._options.cut, self._options.module
        )
        self._printing = world.lock()
        self._answers = Answers(world)
        self._owed = 0  # answers to FINISHED, by a printer that had stopped before

    # Any thread

    def print(self, receipt: Receipt) -> None:
        """See `drivers.contract.Printer`. Raises `PrinterPaper`, `PrinterCover`, `PrinterOffline`,
        `ReceiptTooLong`, `DeviceSilent`, `DeviceLost`, `DeviceBusy` among others."""
        data = rendered(receipt, self._form, device=self.name)
        if not self._printing.acquire(TURN_WITHIN):
            raise DeviceBusy(device=self.name, holder="onecard")
        printed = False
        try:
            with self._held() as port:
                trouble = self._printed(port, data)
            if trouble is not None:  # the printer's, not the connection's
                raise trouble
            printed = True
        finally:
            self._count("printed" if printed else "failed")
            self._printing.release()

    def _printed(self, port: OpenLine | DeviceFile, data: bytes) -> DeviceFault | None:
        """Send it; what kept it from being printed."""
        deadline = self._world.monotonic() + PRINT_WITHIN
        asks = self._options.status != "none"
        trouble = self._trouble(port) if asks else None
        if trouble is not None:
            return trouble
        self._drain()
        for at in range(0, len(data), PIECE):
            if self._world.monotonic() > deadline:
                raise self._silent(port)
            port.write(data[at : at + PIECE], marks=True)
            trouble = self._trouble(port) if asks and self._answers.unasked else None
            if trouble is not None:
                return trouble
        if self._options.status == "full":
            return self._finished(port, deadline)
        return self._trouble(port) if asks else None

    def _drain(self) -> None:
        """A printer that had stopped in the middle and has gone on since answers late: that is not
        about this receipt. One that forgot what it had to print never answers."""
        while self._owed and (late := self._answers.in_turn(LATE_WITHIN)):
            self._owed = max(0, self._owed - late)
        self._owed = 0
        self._answers.forget_turns()

    def _finished(self, port: OpenLine | DeviceFile, deadline: float) -> DeviceFault | None:
        """Wait until the last line is out, and the printer can go on. While it still prints, it is
        asked so every second."""
        self._ask_finished(port)
        waited = 0
        while self._world.monotonic() < deadline:
            answered = self._answers.in_turn(ANSWER_WITHIN)
            # Also when it seems to have answered: that may have been the last byte of a status
            # whose beginning was lost, or the last breath of a line.
            trouble = self._trouble(port)
            if trouble is not None:
                return trouble
            if 1 <= answered <= self._owed:
                self._owed -= answered
                return None
            waited += 1
            if answered or waited % ASK_AGAIN == 0:
                # More came than was asked for, the rest of a status whose beginning was lost; or
                # the question was.
                self._owed = 0 if answered else self._owed
                self._ask_finished(port)
        raise self._silent(port)

    def _ask_finished(self, port: OpenLine | DeviceFile) -> None:
        port.write(FINISHED, marks=True)
        self._owed += 1

    def _trouble(self, port: OpenLine | DeviceFile) -> DeviceFault | None:
        """Why the printer does not print now. Raises `DeviceSilent` when it does not tell. What it
        told unasked is asked again here, so that noise is no trouble."""
        self._answers.forget()
        for command, causes in STATUS:
            answer = self._status(port, command)
            for bits, fault in causes:
                if answer & bits:
                    return fault(device=self.name)
        return None

    def _status(self, port: OpenLine | DeviceFile, command: bytes) -> int:
        answer = self._answers.status(lambda: port.write(command, marks=True), ANSWER_WITHIN)
        if answer is None:
            raise self._silent(port)
        return answer

    def _silent(self, port: OpenLine | DeviceFile) -> DeviceFault:
        if self._answers.over:
            return DeviceLost(device=self.name, port=port.attached)
        return port.silent()

    # The device's thread

    def _open(self) -> OpenLine | DeviceFile:
        port = find_port(self._world, self._options.port, device=self.name)
        if not is_address(port) and is_device_file(self._world, port):
            return open_device_file(self._world, port, device=self.name)
        return open_line(self._world, replace(self._options, port=port), device=self.name)

    def _greet(self, connection: OpenLine | DeviceFile) -> None:
        if self._options.status != "none":
            self._check(connection)
        self._owed = 0
        self._answers.begin()  # before anybody can print

    def _check(self, connection: OpenLine | DeviceFile) -> None:
        """A printer that can answer does so at once, also without paper; what comes in a stream is
        no answer, but boot text."""
        connection.write(STATUS[-1][0], marks=True)
        until = self._world.monotonic() + GREETED_WITHIN
        said = more = connection.read(ANSWER_WITHIN)
        while more and len(said) <= MOST_SAID and self._world.monotonic() < until:
            more = connection.read(BURST)
            said += more
        if not said:
            raise connection.silent()
        if more or not is_answer(said):  # also what never ends
            raise DeviceProtocol(device=self.name, port=connection.attached, problem="status")

    def _serve(self, connection: OpenLine | DeviceFile) -> None:
        try:
            while True:
                self._count("unasked", self._answers.take(connection.read()))
        finally:
            self._answers.end()
