"""Scan modules that are USB HID POS devices: reports come in, codes come out.

The kernel has no driver that hands these reports on as codes; they are read over pyusb. Sources:
devices.md; HID Point of Sale Usage Tables 1.02 (usage page 8C), whose report layout all makers use.
"""

from collections.abc import Sequence
from typing import Final

from drivers.contract import Options
from drivers.io.hid import BAR_CODE_SCANNERS
from drivers.io.usb import HID_CLASS, UsbMatch, UsbPipes, Wanted, open_usb
from drivers.options import DriverOptions, typed
from drivers.scanners.framing import STALE, Discarded, Framed, Outcome
from drivers.scanners.source import (
    LONGEST_CODE,
    SAME_CODE_WINDOW,
    SETTLED_WITHIN,
    Limit,
    Prefixes,
    Scanner,
    ScannerGarbled,
    Window,
)
from world import World

REPORT: Final = 64  # bytes: 02, length, AIM identifier, data, more
REPORT_ID: Final = 0x02
AIM: Final = slice(2, 5)
DATA_AT: Final = 5
MOST_DATA: Final = 56  # bytes in one report
MORE_AT: Final = 63  # 01: the code goes on in the next report

SCANNER: Final = Wanted(
    "interrupt", outputs=False, interface_class=HID_CLASS, usage_page=BAR_CODE_SCANNERS
)


class Reports:
    """Puts a code together from its reports; see `drivers.scanners.framing.Framer`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._code = bytearray()
        self._seen = 0.0
        self._going_on = False  # the last report said that there is more
        self._overlong = False

    @property
    def patience(self) -> float | None:
        return STALE if self._going_on else None

    def feed(self, data: bytes, at: float) -> Sequence[Outcome]:
        """One report, or empty bytes after `patience`."""
        if not data:
            return self._broken_off()
        if len(data) != REPORT or data[0] != REPORT_ID or data[1] > MOST_DATA or data[MORE_AT] > 1:
            return [*self._broken_off(), Discarded("garbled")]
        if not self._going_on:
            self._seen = at
        self._going_on = data[MORE_AT] == 1
        outcomes = self._add(data[DATA_AT : DATA_AT + data[1]])
        return [*outcomes, *([] if self._going_on else self._ended(data[AIM]))]

    def _add(self, part: bytes) -> Sequence[Outcome]:
        if len(self._code) + len(part) > self._limit:
            # Told each time the limit is full: an endless one is many.
            self._code.clear()
            self._overlong = True
            return [Discarded("overruns")]
        self._code += part
        return []

    def _ended(self, aim: bytes) -> Sequence[Outcome]:
        content, whole = bytes(self._code), not self._overlong
        self._code.clear()
        self._overlong = False
        return [Framed(content, self._seen, _symbology(aim))] if content and whole else []

    def _broken_off(self) -> Sequence[Outcome]:
        broken = self._going_on
        self._code.clear()
        self._going_on = self._overlong = False
        return [Discarded("incomplete")] if broken else []


class HidPosOptions(DriverOptions, frozen=True, kw_only=True):
    """`usb`: "vid:pid" or "vid:pid:serial", shell patterns allowed in each part, or where it is
    plugged ("1-2.4"); `|` between alternatives. `window`: seconds in which the same code is one
    code. `limit`: bytes; a longer code is dropped and counted. `prefixes`: taken off where a code
    begins with one."""

    usb: UsbMatch
    prefixes: Prefixes = ()
    window: Window = SAME_CODE_WINDOW
    limit: Limit = LONGEST_CODE


class HidPosScanner(Scanner[UsbPipes]):
    """Entry point `hid-pos-scanner`."""

    def __init__(self, world: World, name: str, options: Options) -> None:
        self._options = typed(options, HidPosOptions, device=name)
        super().__init__(world, name, window=self._options.window, prefixes=self._options.prefixes)

    def _open(self) -> UsbPipes:
        return open_usb(self._world, self._options.usb, SCANNER, device=self.name)

    def _greet(self, connection: UsbPipes) -> None:
        """Let go by what was shown before we listened, and what is coming in: its first reports may
        have gone to somebody else, so that nothing is whole until one was the last of its code, or
        a silence after which a code is given up. Raises `ScannerGarbled` when neither comes."""
        connection.discard()
        until = self._world.monotonic() + SETTLED_WITHIN
        while report := connection.read(STALE):
            self._count("incomplete")
            if len(report) == REPORT and not report[MORE_AT]:
                break
            if self._world.monotonic() >= until:
                raise ScannerGarbled(device=self.name, port=connection.attached)

    def _serve(self, connection: UsbPipes) -> None:
        reports = Reports(self._options.limit)
        while True:
            data = connection.read(reports.patience)
            self._take(reports.feed(data, self._world.monotonic()), connection.attached)


def _symbology(aim: bytes) -> str:
    """`]Q1`; empty for what is no AIM identifier."""
    return aim.decode() if aim[:1] == b"]" and aim.isascii() and aim[1:].isalnum() else ""
