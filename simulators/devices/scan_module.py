"""Scan modules: on a serial line (continuous or on command) and as HID POS devices.

`show` holds a code before the module, `hide` takes it away. A `ScanModule` is the `Peer` of a
`PtyPort`; `plugged_at` makes that port.
"""

import binascii
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from simulators.devices.pty import PtyPort
from simulators.devices.usb import HID, INTERRUPT, Endpoint, Interface, UsbDevice

Kind = Literal["continuous", "newland", "gm65", "honeywell", "ssi", "vguang"]


@dataclass(frozen=True)
class Manual:
    """What a maker's manual prints: commands and answers, byte for byte."""

    start: bytes
    stop: bytes
    yes: bytes
    no: bytes


MANUALS: Final[dict[Kind, Manual]] = {
    "newland": Manual(
        bytes.fromhex("7E 01 30303030 40 53434E54524731 3B 03"),
        bytes.fromhex("7E 01 30303030 40 53434E54524730 3B 03"),
        bytes.fromhex("02 01 30303030 40 53434E54524731 06 3B 03"),
        bytes.fromhex("02 01 30303030 40 53434E54524731 15 3B 03"),
    ),
    "gm65": Manual(
        bytes.fromhex("7E 00 08 01 00 02 01 AB CD"),
        b"",
        bytes.fromhex("02 00 00 01 00 33 31"),
        bytes.fromhex("02 00 03 01 00 6A 61"),
    ),
    "honeywell": Manual(bytes.fromhex("16 54 0D"), bytes.fromhex("16 55 0D"), b"", b""),
    "ssi": Manual(
        bytes.fromhex("04 E4 04 00 FF 14"),
        bytes.fromhex("04 E5 04 00 FF 13"),
        bytes.fromhex("04 D0 00 00 FF 2C"),
        bytes.fromhex("05 D1 00 00 06 FF 24"),
    ),
}


class ScanModule:
    """A module on a serial line. All attributes may be changed while it works."""

    def __init__(
        self,
        kind: Kind = "continuous",
        *,
        baudrate: int = 9600,
        prefix: bytes = b"",
        suffix: bytes = b"\r",
    ) -> None:
        self.kind: Kind = kind
        self.baudrate = baudrate
        self.prefix = prefix
        self.suffix = suffix
        self.refuses = False  # answers no: it is not set to be triggered by a host
        self.says_nothing = False  # does not answer commands
        self.answer = b""  # instead of the right one
        self.armed = False
        self.starts = 0
        self.stops = 0
        self.unknown = b""  # what came and was no command
        self.changed = threading.Condition()
        self._wire: Callable[[bytes], None] = _nowhere
        self._in_view: bytes | None = None
        self._heard = b""

    def plugged_at(self, path: Path) -> PtyPort:
        """The port at which it is; not plugged yet, a context manager."""
        port = _PoweredPort(path, self)
        self._wire = port.send
        return port

    def power_off(self) -> None:
        """Unplugged: it forgets what it was told."""
        with self.changed:
            self.armed = False
            self._heard = b""

    # The person's side

    def show(self, code: bytes) -> None:
        """Hold a code before it; a continuous module reads it once, an armed one at once."""
        with self.changed:
            self._in_view = code
            if self.kind in MANUALS and not self.armed:
                return
            self.armed = False
        self._wire(self.framed(code))

    def hide(self) -> None:
        with self.changed:
            self._in_view = None

    def time_out(self) -> None:
        """An armed module has looked long enough: it goes dark without a word."""
        with self.changed:
            self.armed = False

    def say(self, data: bytes) -> None:
        """Anything, raw."""
        self._wire(data)

    def framed(self, code: bytes) -> bytes:
        """The code as it goes over the wire."""
        if self.kind == "vguang":
            return vguang_frame(0x30, code)
        return self.prefix + code + self.suffix

    # The host's side

    def received(self, data: bytes, send: Callable[[bytes], None]) -> None:
        manual = MANUALS.get(self.kind)
        if manual is None:
            self.unknown += data
            return
        self._heard += data
        while command := self._command(manual):
            self._obey(command, manual, send)

    def _command(self, manual: Manual) -> bytes:
        """The next whole command; what is none is noted and dropped."""
        commands = [command for command in (manual.start, manual.stop) if command]
        while self._heard:
            for command in commands:
                if self._heard.startswith(command):
                    self._heard = self._heard[len(command) :]
                    return command
            if any(command.startswith(self._heard) for command in commands):
                return b""
            self.unknown, self._heard = self.unknown + self._heard[:1], self._heard[1:]
        return b""

    def _obey(self, command: bytes, manual: Manual, send: Callable[[bytes], None]) -> None:
        with self.changed:
            is_start = command == manual.start
            self.starts += is_start
            self.stops += not is_start
            self.armed = is_start and not self.refuses
            code = self._in_view if self.armed else None
            if code is not None:
                self.armed = False
            self.changed.notify_all()
        if not self.says_nothing:
            send(self.answer or (manual.no if self.refuses else manual.yes))
        if code is not None:
            send(self.framed(code))


class _PoweredPort(PtyPort):
    """A port that gives its module power."""

    def __init__(self, path: Path, module: ScanModule) -> None:
        super().__init__(path, module)
        self._module = module

    def unplug(self) -> None:
        super().unplug()
        self._module.power_off()


def vguang_frame(command: int, data: bytes) -> bytes:
    """`55 AA cmd lenL lenH data xor`."""
    frame = b"\x55\xaa" + bytes([command]) + len(data).to_bytes(2, "little") + data
    check = 0
    for byte in frame:
        check ^= byte
    return frame + bytes([check])


def gm65_answer(status: int, data: int = 0) -> bytes:
    """`02 00 status 01 data CRC`."""
    body = bytes([status, 1, data])
    return b"\x02\x00" + body + binascii.crc_hqx(body, 0).to_bytes(2, "big")


def _nowhere(data: bytes) -> None:
    raise AssertionError("the module is at no port: plugged_at")


HID_POS_DESCRIPTOR: Final = bytes.fromhex(
    "068C00"  # usage page: bar code scanners
    "0902A101"  # usage: bar code scanner, application collection
    "85020912A102"  # report 2, usage: scanned data report
    "150026FF00750895389282C0C0"
)


class HidPosScanner(UsbDevice):
    """A HID POS scanner: a keyboard interface that it also has, and the scanner's own."""

    SCANNER: Final = 0x82

    def __init__(self, *, serial: str = "", port: int = 1, product: int = 0x0B6A) -> None:
        keyboard = Interface(
            0,
            [Endpoint(0x81, INTERRUPT, 8)],
            HID,
            1,
            1,
            report_descriptor=bytes.fromhex("05010906A101050719E029E7150025017501950881 02C0"),
            kernel_driver=True,
        )
        scanner = Interface(
            1,
            [Endpoint(self.SCANNER, INTERRUPT)],
            HID,
            report_descriptor=HID_POS_DESCRIPTOR,
            kernel_driver=True,
        )
        super().__init__(0x0C2E, product, [keyboard, scanner], serial=serial, port=port)

    def show(self, code: bytes, aim: str = "]Q1") -> None:
        for report in hid_pos_reports(code, aim):
            self.say(report)

    def say(self, report: bytes) -> None:
        """Any report, raw."""
        self.send(report, self.SCANNER)


def hid_pos_reports(code: bytes, aim: str = "]Q1") -> Sequence[bytes]:
    """`02 length AIM data… more`, 56 bytes of the code in each."""
    parts = [code[at : at + 56] for at in range(0, len(code), 56)] or [b""]
    return [
        bytes([2, len(part)])
        + aim.encode()
        + part.ljust(58, b"\0")
        + bytes([part is not parts[-1]])
        for part in parts
    ]
