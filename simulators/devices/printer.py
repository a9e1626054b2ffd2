"""A receipt printer on a simulated port: ESC/POS bytes in, receipts that a test can read out.

It prints line by line, may run out of paper in the middle, and answers status as its table says.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from simulators.devices.pty import PtyPort

# Command → how many bytes follow it (ESC/POS). GS ( k and GS V are cut out by hand.
FOLLOWED_BY = {
    b"\x1b@": 0,
    b"\x1b!": 1,
    b"\x1bE": 1,
    b"\x1ba": 1,
    b"\x1bd": 1,
    b"\x1bt": 1,
    b"\x1c&": 0,
    b"\x1c.": 0,
    b"\x1dr": 1,
}
BOLD_ON = b"\x1bE\x01"
PAPER_ENDS = bytes.fromhex("18000C0F")  # GS a: offline, paper end


@dataclass
class Printed:
    """One piece of paper, from cut to cut."""

    lines: list[str] = field(default_factory=list)
    emphasised: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    cut: str = ""

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


class PrinterPeer:
    """The printer; see `simulators.devices.pty.Peer`. Set its troubles at any time."""

    def __init__(self, baudrate: int = 9600) -> None:
        self.baudrate = baudrate
        self.paper_lines = -1  # how many are left; -1: enough
        self.cover_open = False
        self.offline = False
        self.answers = True
        self.stops_at_once = True  # at the roll's end; False: what needs no paper is still done
        self.tells = False  # automatic status back: four bytes when the paper ends
        self.tells_lost = 0  # how many of these do not arrive
        self.receipts: list[Printed] = []
        self.unknown: list[bytes] = []
        self.received_bytes = bytearray()
        self._changed = threading.Condition()
        self._paper = Printed()
        self._waiting = bytearray()
        self._row = bytearray()
        self._chinese = False
        self._bold = False
        self._code = ""

    def received(self, data: bytes, send: Callable[[bytes], None]) -> None:
        with self._changed:
            self.received_bytes += data
            self._waiting += data
            answers = self._real_time() + self._in_turn()
            self._changed.notify_all()
        if answers and self.answers:
            send(answers)

    def await_receipts(self, count: int, within: float = 60.0) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: len(self.receipts) >= count, within)

    def _real_time(self) -> bytes:
        """DLE EOT is taken out of the stream wherever it stands, and answered at once."""
        answers = b""
        while (at := self._waiting.find(b"\x10\x04")) >= 0 and at + 2 < len(self._waiting):
            answers += bytes([self._status(self._waiting[at + 2])])
            del self._waiting[at : at + 3]
        return answers

    def _status(self, number: int) -> int:
        bits = 0x12
        if number == 1 and (self.offline or not self._prints()):
            bits |= 0x08
        if number == 2:
            bits |= 0x04 * self.cover_open | 0x20 * (self.paper_lines == 0)
        if number == 4 and self.paper_lines == 0:
            bits |= 0x6C
        return bits

    def _prints(self) -> bool:
        return not self.cover_open and not self.offline and self.paper_lines != 0

    def _needs_no_paper(self) -> bool:
        return not self.stops_at_once and self._waiting[0] in b"\x1b\x1c\x1d"

    def _in_turn(self) -> bytes:
        """All that is whole, as long as there is paper."""
        answers = b""
        while (size := self._whole()) and (self._prints() or self._needs_no_paper()):
            piece = bytes(self._waiting[:size])
            del self._waiting[:size]
            left = self.paper_lines
            answers += self._obey(piece)
            if self.tells and left > 0 and self.paper_lines == 0:
                answers += PAPER_ENDS[self.tells_lost :]
        return answers

    def _whole(self) -> int:
        """How long the next command or sign is; 0 while it is not all there."""
        waiting = self._waiting
        if not waiting or waiting[0] not in b"\x10\x1b\x1c\x1d":
            return min(1, len(waiting))
        if len(waiting) < 3 and waiting[:2] not in FOLLOWED_BY:
            return 0
        if waiting[:3] == b"\x1d(k":
            size = 5 + int.from_bytes(waiting[3:5], "little")
            return size if len(waiting) >= max(5, size) else 0
        if waiting[:2] == b"\x1dV":
            size = 4 if waiting[2] in (65, 66) else 3
        else:
            size = 2 + FOLLOWED_BY.get(bytes(waiting[:2]), 0)
        return size if len(waiting) >= size else 0

    def _obey(self, piece: bytes) -> bytes:
        if len(piece) == 1:
            self._sign(piece)
        elif piece[:2] == b"\x1d(":
            self._two_dimensional(piece[5:])
        elif piece[:2] == b"\x1dV":
            self._cut("full" if piece[2] in (0, 48, 65) else "partial")
        elif piece[:2] == b"\x1b@":
            self._row.clear()
            self._chinese = self._bold = False
        elif piece[:2] in (b"\x1c&", b"\x1c."):
            self._chinese = piece == b"\x1c&"
        elif piece[:2] == b"\x1bE":
            self._bold = piece == BOLD_ON
        elif piece[:2] == b"\x1dr":
            return bytes([0x0C if self.paper_lines == 0 else 0x00])
        elif piece[:2] not in FOLLOWED_BY:
            self.unknown.append(piece)
        return b""

    def _sign(self, sign: bytes) -> None:
        if sign != b"\n":
            self._row += sign
            return
        line = self._row.decode("gb18030" if self._chinese else "cp437", errors="replace")
        self._row.clear()
        self._paper.lines.append(line)
        if self._bold:
            self._paper.emphasised.append(line)
        self.paper_lines -= self.paper_lines > 0

    def _two_dimensional(self, function: bytes) -> None:
        """GS ( k: 1P0… stores a QR code's text, 1Q0 prints it."""
        if function[:3] == b"1P0":
            self._code = function[3:].decode("utf-8", errors="replace")
        elif function[:2] == b"1Q":
            self._paper.codes.append(self._code)

    def _cut(self, how: str) -> None:
        self._paper.cut = how
        self.receipts.append(self._paper)
        self._paper = Printed()


class PrinterSimulator:
    """The printer, its wire and its plug (`port.plug`, `port.unplug`, `port.faults`); a context
    manager. For a device file (`…/lp0`) the baud rate is a pty's own, 38 400."""

    def __init__(self, path: Path, baudrate: int = 9600) -> None:
        self.peer = PrinterPeer(baudrate)
        self.port = PtyPort(path, self.peer)

    def __enter__(self) -> "PrinterSimulator":
        self.port.plug()
        return self

    def __exit__(self, *exception: object) -> None:
        self.port.unplug()
