"""A receipt printer that speaks ESC/POS: on a serial line, behind a socket, or as /dev/usb/lp*.

receipt → bytes (`drivers.counter.receipt`) → status asked → sent in small pieces → confirmed. Every
step has its time limit, and what keeps paper from coming out is said by name.
"""

from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Annotated, Final, Literal

from msgspec import Meta

from drivers.contract import (
    DeviceBusy,
    DeviceFault,
    DeviceLost,
    DeviceSilent,
    Options,
    Receipt,
)
from drivers.counter.receipt import Cut, Encoding, Form, rendered
from drivers.io.device_file import DeviceFile, open_device_file
from drivers.io.keeper import Kept
from drivers.io.line import Line, LineOptions, open_line
from drivers.options import typed
from world import World

PIECE: Final = 256  # bytes written at once: 0.3 s at 9600 baud
ANSWER_WITHIN: Final = 1.0  # seconds; real-time status is answered at once, even while printing
TURN_WITHIN: Final = 2.0  # seconds that another receipt may take before ours is refused
PRINT_WITHIN: Final = 30.0  # seconds for one receipt from first byte to confirmation
ALLOWED_BITS: Final = 0x93  # of an answer to DLE EOT: bits 0, 1, 4, 7 are fixed …
FIXED_BITS: Final = 0x12  # … to this (ESC/POS, DLE EOT n)
FINISHED: Final = b"\x1dr\x01"  # GS r 1: answered in its turn, after all that was sent before
FINISHED_BITS: Final = 0x90  # bits 4 and 7 of its answer are 0


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


class Question:
    """One status byte that is waited for."""

    def __init__(self, world: World) -> None:
        self._guard = world.lock()
        self._answered = world.event()
        self._fits: Callable[[int], bool] | None = None
        self._answer: int | None = None
        self.over = False  # nobody will answer any more

    def ask(self, send: Callable[[], None], fits: Callable[[int], bool]) -> int | None:
        """The first byte that fits, or None when none came in time or the device went away."""
        with self._guard:
            self._fits, self._answer = fits, None
            self._answered.clear()
        send()
        self._answered.wait(ANSWER_WITHIN)
        with self._guard:
            self._fits = None
            return self._answer

    def offer(self, data: bytes) -> int:
        """What came from the printer; how many bytes nobody had asked for."""
        with self._guard:
            for byte in data:
                if self._fits is not None and self._fits(byte):
                    self._fits, self._answer = None, byte
                    self._answered.set()
                    return len(data) - 1
            return len(data)

    def begin(self) -> None:
        """The printer is there."""
        self.over = False

    def end(self) -> None:
        """The printer has gone: whoever waits need not."""
        self.over = True
        self._answered.set()


class EscposPrinter(Kept[Line | DeviceFile]):
    """See `drivers.contract.Printer`. Counters: `printed`, `failed`, `unasked` (bytes that nobody
    had asked for)."""

    def __init__(self, world: World, name: str, options: Options) -> None:
        super().__init__(world, name)
        self._options = typed(options, EscposOptions, device=name)
        self._form = Form(
            self._options.columns, self._options.encoding, self._options.cut, self._options.module
        )
        self._printing = world.lock()
        self._question = Question(world)

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

    def _printed(self, port: Line | DeviceFile, data: bytes) -> DeviceFault | None:
        """Send it; what kept it from being printed."""
        deadline = self._world.monotonic() + PRINT_WITHIN
        asks = self._options.status != "none"
        trouble = self._trouble(port) if asks else None
        if trouble is not None:
            return trouble
        for at in range(0, len(data), PIECE):
            if self._world.monotonic() > deadline:
                raise self._silent(port)
            port.write(data[at : at + PIECE])
        if self._options.status == "full":
            return self._finished(port, deadline)
        return self._trouble(port) if asks else None

    def _finished(self, port: Line | DeviceFile, deadline: float) -> DeviceFault | None:
        """Wait until the last line is out. ESC/POS tells nothing by itself, so while the printer
        still prints, it is asked every second whether it can go on."""
        while self._world.monotonic() < deadline:
            answer = self._question.ask(
                lambda: port.write(FINISHED), lambda byte: not byte & FINISHED_BITS
            )
            if answer is not None:
                return None
            trouble = self._trouble(port)
            if trouble is not None:
                return trouble
        raise self._silent(port)

    def _trouble(self, port: Line | DeviceFile) -> DeviceFault | None:
        """Why the printer does not print now. Raises `DeviceSilent` when it does not tell."""
        for command, causes in STATUS:
            answer = self._status(port, command)
            for bits, fault in causes:
                if answer & bits:
                    return fault(device=self.name)
        return None

    def _status(self, port: Line | DeviceFile, command: bytes) -> int:
        answer = self._question.ask(
            lambda: port.write(command), lambda byte: byte & ALLOWED_BITS == FIXED_BITS
        )
        if answer is None:
            raise self._silent(port)
        return answer

    def _silent(self, port: Line | DeviceFile) -> DeviceFault:
        kind = DeviceLost if self._question.over else DeviceSilent
        return kind(device=self.name, port=port.attached)

    # The device's thread

    def _open(self) -> Line | DeviceFile:
        if PurePath(self._options.port).name.startswith("lp"):
            return open_device_file(self._world, self._options.port, device=self.name)
        return open_line(self._world, self._options, device=self.name)

    def _serve(self, connection: Line | DeviceFile) -> None:
        self._question.begin()
        try:
            while True:
                self._count("unasked", self._question.offer(connection.read()))
        finally:
            self._question.end()
