"""GPIO lines without a chip: what `gpiod.request_lines` gives, over a board in this process.

The chip's name stands in a folder, as under /dev; lines are a relay board's relays and inputs. It
stands in for the library and the kernel behind it: neither is tried by it.
"""

import errno
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gpiod import LineSettings
from gpiod.line import Direction as Way
from gpiod.line import Edge, Value

from drivers.contract import Direction
from simulators.devices.boards import RelayBoard, Send
from simulators.devices.pty import WireFaults


@dataclass(frozen=True)
class FakeEdge:
    line_offset: int


class FakeRequest:
    """Requested lines; see `gpiod.LineRequest`."""

    def __init__(self, chip: "GpioChip", config: Mapping[int, LineSettings]) -> None:
        self._chip = chip
        self.lines = config
        self.fd, self._feed = os.pipe()
        os.set_blocking(self.fd, False)
        self._fed = True
        for line, settings in config.items():
            if settings.direction is Way.OUTPUT:
                self.set_value(line, settings.output_value)

    def set_value(self, line: int, value: Value) -> None:
        self._chip.check()
        if not self._chip.faults.deaf:
            self._chip.board.switch(line, value is Value.ACTIVE)

    def get_value(self, line: int) -> Value:
        self._chip.check()
        return Value.ACTIVE if line in self._chip.high else Value.INACTIVE

    def read_edge_events(self) -> list[FakeEdge]:
        self._chip.check()
        return [FakeEdge(line) for line in os.read(self.fd, 64)]

    def release(self) -> None:
        self._chip.released(self)
        self.hang_up()
        os.close(self.fd)

    def edge(self, line: int) -> None:
        if line in self.lines and self.lines[line].edge_detection is Edge.RISING:
            os.write(self._feed, bytes([line]))

    def hang_up(self) -> None:
        if self._fed:
            self._fed = False
            os.close(self._feed)


class GpioBoard(RelayBoard):
    """Relays and contacts wired to the chip's lines."""

    def __init__(self, relays: Mapping[int, Direction], inputs: Mapping[str, int]) -> None:
        super().__init__(relays)
        self._inputs = inputs
        self.chip: GpioChip | None = None

    def received(self, data: bytes, send: Send) -> None:
        """No bytes flow here."""

    def cross(self, direction: Direction) -> None:
        if self.chip is not None:
            self.chip.edge(self._inputs[direction])

    def force(self) -> None:
        if self.chip is not None:
            self.chip.edge(self._inputs["forced"])


class GpioChip:
    """A chip at `path`; `request_lines` takes the place of `gpiod.request_lines`."""

    def __init__(self, path: Path, board: GpioBoard) -> None:
        self.path = path
        self.board = board
        self.faults = WireFaults()  # of which only `deaf` makes sense here
        self.high: set[int] = set()  # inputs that stay on
        self.taken: set[int] = set()  # lines that another process holds
        self._guard = threading.RLock()
        self._requests: list[FakeRequest] = []
        board.chip = self

    def plug(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch()

    def unplug(self) -> None:
        self.path.unlink(missing_ok=True)
        with self._guard:
            for request in self._requests:
                request.hang_up()

    def send(self, data: bytes) -> None:
        """No bytes flow here."""

    def check(self) -> None:
        if not self.path.exists():
            raise OSError(errno.ENODEV, "unplugged")

    def request_lines(
        self, path: str, consumer: str, config: Mapping[int, LineSettings]
    ) -> FakeRequest:
        if path != str(self.path):
            raise FileNotFoundError(errno.ENOENT, "no such chip", path)
        self.check()
        with self._guard:
            held = {line for request in self._requests for line in request.lines}
            if (held | self.taken) & set(config):
                raise OSError(errno.EBUSY, "line in use")
            request = FakeRequest(self, config)
            self._requests.append(request)
        return request

    def released(self, request: FakeRequest) -> None:
        with self._guard:
            self._requests.remove(request)

    def edge(self, line: int) -> None:
        """An input comes on for a moment."""
        with self._guard:
            for request in self._requests:
                request.edge(line)
