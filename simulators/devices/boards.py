"""Gate boards on a simulated wire: they switch relays or arms, answer, and tell what they sense.

Each is a `Peer` for a `PtyPort`; what is wrong with the wire (drop, garble, mute) is the port's. A
board keeps every switch with its time, calls `on_open` when it lets somebody through, and is told
by `cross` and `force` what happens at its sensors.
"""

import queue
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from drivers.contract import Direction

Send = Callable[[bytes], None]
OnOpen = Callable[[Direction], None]


@dataclass(frozen=True)
class Switch:
    """A relay went on or off; `at` in seconds of `time.monotonic`."""

    relay: int
    on: bool
    at: float


class GateBoard(ABC):
    """What all boards have in common: who they let through, and their sensors."""

    baudrate = 9600

    def __init__(self) -> None:
        self.opened: queue.Queue[Direction] = queue.Queue()  # each opening, in order
        self.on_open: OnOpen = lambda direction: None
        self.senses = True

    @abstractmethod
    def received(self, data: bytes, send: Send) -> None: ...

    @abstractmethod
    def cross(self, direction: Direction) -> None:
        """Somebody goes through."""

    @abstractmethod
    def force(self) -> None:
        """Somebody moves the leaf or arm by force."""

    def _open(self, direction: Direction) -> None:
        self.opened.put(direction)
        self.on_open(direction)


class RelayBoard(GateBoard):
    """Relays by number, each opening one direction."""

    def __init__(self, relays: Mapping[int, Direction]) -> None:
        super().__init__()
        self._opens = relays
        self._guard = threading.Lock()
        self._on: set[int] = set()
        self.switches: list[Switch] = []

    def is_on(self) -> bool:
        """Whether any relay is on."""
        with self._guard:
            return bool(self._on)

    def pulses(self, relay: int) -> Sequence[float]:
        """How long the relay was on, each time it was and is no more; seconds."""
        with self._guard:
            switches = [switch for switch in self.switches if switch.relay == relay]
        return [off.at - on.at for on, off in zip(switches[::2], switches[1::2], strict=False)]

    def switch(self, relay: int, on: bool) -> None:
        with self._guard:
            if (relay in self._on) == on:
                return
            (self._on.add if on else self._on.discard)(relay)
            self.switches.append(Switch(relay, on, time.monotonic()))
        if on and relay in self._opens:
            self._open(self._opens[relay])


class ModbusBoard(RelayBoard):
    """Modbus RTU, or MBAP when `tcp`: coils 05 and 01, inputs 02, and the timed coil 05 02xx.

    People break one beam after another. An input that came on stays on until it was read once, then
    is off until it was read once: so no test depends on how often the host polls.
    """

    def __init__(
        self,
        relays: Mapping[int, Direction],
        inputs: Mapping[str, int] | None = None,
        *,
        unit: int = 1,
        tcp: bool = False,
    ) -> None:
        super().__init__(relays)
        self._inputs = inputs or {}
        self._unit = unit
        self._tcp = tcp
        self._heard = b""
        self._beams: deque[int | None] = deque()  # the input that is on, one reading each
        self.refuses = 0  # exception code that answers everything
        self.requests: list[bytes] = []  # PDUs, as they came

    def received(self, data: bytes, send: Send) -> None:
        self._heard = (self._heard + data)[-4096:]
        while frame := self._next_frame():
            head, unit, pdu = frame
            if unit == self._unit:
                self.requests.append(pdu)
                send(self._wrapped(head, self._answer(pdu)))

    def cross(self, direction: Direction) -> None:
        self._press(self._inputs[direction])

    def force(self) -> None:
        self._press(self._inputs["forced"])

    def _press(self, number: int) -> None:
        with self._guard:
            self._beams.extend((number, None))

    def _next_frame(self) -> tuple[bytes, int, bytes] | None:
        """(transaction, unit, PDU) of the next request; all that are understood have 5 bytes."""
        if self._tcp:
            if len(self._heard) < 12:
                return None
            frame, self._heard = self._heard[:12], self._heard[12:]
            return frame[:2], frame[6], frame[7:]
        for at in range(len(self._heard) - 7):
            frame = self._heard[at : at + 8]
            if crc(frame[:-2]) == frame[-2:]:
                self._heard = self._heard[at + 8 :]
                return b"", frame[0], frame[1:6]
        return None

    def _wrapped(self, head: bytes, pdu: bytes) -> bytes:
        body = bytes([self._unit]) + pdu
        if self._tcp:
            return head + b"\x00\x00" + len(body).to_bytes(2, "big") + body
        return body + crc(body)

    def _answer(self, pdu: bytes) -> bytes:
        function, address, value = pdu[0], pdu[1:3], int.from_bytes(pdu[3:5], "big")
        if self.refuses:
            return bytes([function | 0x80, self.refuses])
        if function == 5 and address[0] == 0x02:
            self._timed(address[1], value / 10)
            return pdu
        if function == 5:
            self.switch(address[1], value == 0xFF00)
            return pdu
        if function in (1, 2):
            packed = sum(1 << number for number in self._read(function) if number < value)
            size = (value + 7) // 8
            return bytes([function, size]) + packed.to_bytes(size, "little")
        return bytes([function | 0x80, 1])

    def _read(self, function: int) -> set[int]:
        """The coils or inputs that are on."""
        with self._guard:
            if function == 1:
                return set(self._on)
            number = self._beams.popleft() if self._beams else None
            return set() if number is None else {number}

    def _timed(self, relay: int, seconds: float) -> None:
        self.switch(relay, True)
        timer = threading.Timer(seconds, self.switch, (relay, False))
        timer.daemon = True
        timer.start()


class LcusBoard(RelayBoard):
    """Four bytes in, nothing out. Relays count from 1."""

    def __init__(self, relays: Mapping[int, Direction]) -> None:
        super().__init__(relays)
        self._heard = b""

    def received(self, data: bytes, send: Send) -> None:
        self._heard += data
        while len(self._heard) >= 4:
            start, relay, on, check = self._heard[:4]
            if start == 0xA0 and (start + relay + on) & 0xFF == check:
                self._heard = self._heard[4:]
                self.switch(relay, bool(on))
            else:
                self._heard = self._heard[1:]

    def cross(self, direction: Direction) -> None:
        """It has no inputs: nobody hears of it."""

    def force(self) -> None:
        """See `cross`."""


class TellingBoard(GateBoard):
    """A board that sends frames of its own; a report that comes before a host is lost. `opens` and
    `reports` are whole frames."""

    def __init__(
        self, opens: Mapping[bytes, Direction], reports: Mapping[str, bytes] | None = None
    ) -> None:
        super().__init__()
        self._opens = opens
        self._reports = reports or {}
        self._heard = b""
        self._send: Send = lambda data: None
        self.answers = True

    def cross(self, direction: Direction) -> None:
        self._send(self._reports[direction])

    def force(self) -> None:
        self._send(self._reports["forced"])


class TripodBoard(TellingBoard):
    """`EB 01 40 00 AA` and `EB 01 41 00 AB`."""

    def received(self, data: bytes, send: Send) -> None:
        self._send = send
        self._heard += data
        while len(self._heard) >= 5:
            frame = self._heard[:5]
            if frame in self._opens:
                self._heard = self._heard[5:]
                if self.answers:
                    send(frame)
                self._open(self._opens[frame])
            else:
                self._heard = self._heard[1:]


class SwingBoard(TellingBoard):
    """`02 type length content 04`, answered by an empty frame of the same type."""

    def received(self, data: bytes, send: Send) -> None:
        self._send = send
        self._heard += data
        while len(self._heard) >= 4:
            size = self._heard[2] + 4
            frame = self._heard[:size]
            if self._heard[0] != 2 or (len(frame) == size and frame[-1] != 4):
                self._heard = self._heard[1:]
            elif len(frame) < size:
                return
            else:
                self._heard = self._heard[size:]
                self._take(frame, send)

    def _take(self, frame: bytes, send: Send) -> None:
        if self.answers:
            send(bytes([0x02, frame[1], 0x00, 0x04]))
        if frame in self._opens:
            self._open(self._opens[frame])


def crc(data: bytes) -> bytes:
    """CRC-16 of Modbus, low byte first; bit by bit, so that it shares nothing with the product."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return value.to_bytes(2, "little")
