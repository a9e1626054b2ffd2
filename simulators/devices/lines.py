"""Lines and boards that behave as real ones do: a line that hears itself, a board that restarts.

Each is a `Peer` for a `PtyPort` around another peer, the device itself.
"""

import time
from collections.abc import Callable

from simulators.devices.pty import Peer

Send = Callable[[bytes], None]

# What an ESP32 says at 115200 baud whenever it restarts, whatever its program speaks.
BOOT_TEXT = (
    b"ets Jun  8 2016 00:22:57\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n"
    b"configsip: 0, SPIWP:0xee\r\nload:0x3fff0030,len:1184\r\nentry 0x400805e4\r\n"
)


class EchoingLine:
    """A two-wire adapter that hears what it sends (local echo), and the board behind, if any."""

    def __init__(self, board: Peer | None, *, baudrate: int = 9600) -> None:
        self.board = board
        self.baudrate = board.baudrate if board else baudrate
        self.powered = True  # the board, not the adapter
        self.detour = 0.0  # seconds that an echo takes, as behind a serial server
        self.swallows = 0  # bytes that the adapter does not hear after a while of silence
        self.heard = b""

    def received(self, data: bytes, send: Send) -> None:
        self.heard += data
        if self.detour:
            time.sleep(self.detour)
        send(data[self.swallows :])
        self.swallows = 0
        if self.board is not None and self.powered:
            self.board.received(data, send)


class RestartingBoard:
    """A board whose controller restarts when its port is opened (DTR through a capacitor to RST):
    for `boot` seconds it hears nothing, and may say `text` meanwhile."""

    def __init__(self, board: Peer, *, boot: float = 1.0, text: bytes = b"") -> None:
        self.board = board
        self.baudrate = board.baudrate
        self.openings = 0
        self._boot = boot
        self._text = text
        self._deaf_until = 0.0

    def port_opened(self, send: Send) -> None:
        """The wire tells: somebody has opened the port."""
        self.openings += 1
        self._deaf_until = time.monotonic() + self._boot
        send(self._text)

    def received(self, data: bytes, send: Send) -> None:
        if time.monotonic() >= self._deaf_until:
            self.board.received(data, send)
