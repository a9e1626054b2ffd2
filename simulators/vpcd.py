"""Puts simulated cards into the readers of `simulators.pcscd`: APDUs come in from pcscd by vpcd's
protocol (two bytes of length, then a control byte or a command) and go to the card object.

What goes wrong with real cards is done here: pulled out at any byte or APDU, mute, slow, no ATR.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from simulators.cards.contract import NO_ANSWER, Card
from simulators.pcscd import Pcscd, PcscdClosed

POWER_OFF, POWER_ON, RESET, GET_ATR = 0, 1, 2, 4  # vpcd.h
# Seconds in which vpcd asks a new card for its ATR, else it has been forgotten: Linux drops
# connections without a word that were not accepted when the reader was closed.
GREETING = 1.0
TIMED_OUT = b"\0"  # our word to usb_reader.c; no card answers less than two bytes
REDIAL = 0.02  # seconds between attempts while the reader or pcscd is away
SPIN = 0.0003  # seconds before a deadline that are not slept: a sleep wakes up to that late


class Timing(Protocol):
    """What a real card and its line would take (`simulators.timing.CardTime`)."""

    @property
    def activation_seconds(self) -> float: ...

    def exchange_seconds(self, command: bytes, response: bytes) -> float: ...


class Moment(Enum):
    """When in an exchange the card leaves."""

    BEFORE = "before"  # the command does not reach it
    DURING = "during"  # it has done its work, the answer is lost
    AFTER = "after"  # the answer has arrived


@dataclass(frozen=True)
class TearAtApdu:
    """The card leaves at one moment of one APDU, counted from 0 since it was inserted."""

    apdu: int
    moment: Moment

    def at(self, moment: Moment, before: Sequence[bytes], command: bytes) -> bool:
        """Whether it leaves now, with these commands `before` this one."""
        return moment is self.moment and len(before) == self.apdu


@dataclass(frozen=True)
class TearAtInstruction:
    """The card leaves at one moment of the `nth` command with that INS, counted from 0."""

    instruction: int
    moment: Moment
    nth: int = 0

    def at(self, moment: Moment, before: Sequence[bytes], command: bytes) -> bool:
        """Whether it leaves now, with these commands `before` this one."""
        this = command[1:2] == bytes((self.instruction,))
        seen = sum(one[1:2] == command[1:2] for one in before)
        return moment is self.moment and this and seen == self.nth


@dataclass(frozen=True)
class TearAtByte:
    """The card leaves after so many bytes of commands and answers have passed. An answer that is
    not complete is lost as a whole: vpcd would take its beginning for all of it."""

    byte: int


@dataclass(frozen=True)
class Faults:
    """What is wrong with this insertion."""

    tear: TearAtApdu | TearAtInstruction | TearAtByte | None = None
    mute_from: int | None = None  # no answer from this APDU on, counted from 0; the transmit hangs
    timeout_from: int | None = None  # the same, on a reader that waits no longer and says so
    slow: float = 0.0  # seconds more for each APDU
    dead: bool = False  # no ATR at power-up


@dataclass(frozen=True)
class Exchange:
    """One APDU as the card saw it. `response` is None when there was none."""

    command: bytes
    response: bytes | None
    at: float  # time.perf_counter() when the command was complete
    seconds: float


SOUND = Faults()


class _Left(Exception):
    """The card is not in the slot any more."""


class Insertion:
    """One card in one slot, from insertion until it has left. Made by `Slot.insert`.

    `arrived` is set when the reader first has it; `trace` grows with each APDU; `muted` is set when
    the card first leaves one unanswered; `left` is set when it is out, pulled by the test or by its
    own tear.
    """

    def __init__(self, slot: "Slot", card: Card, faults: Faults, timing: Timing | None) -> None:
        self.card = card
        self.faults = faults
        self.trace: list[Exchange] = []
        self.arrived = threading.Event()
        self.muted = threading.Event()
        self.left = threading.Event()
        self._slot = slot
        self._timing = timing
        self._bytes = 0
        self._powered = False
        self._grown = threading.Condition()
        self._line: socket.socket | None = None
        self._line_lock = threading.Lock()
        self._thread = threading.Thread(target=self._live, name=f"card in {slot.reader}")
        self._thread.daemon = True

    def wait_for(self, exchanges: int, timeout: float = 60.0) -> bool:
        """Wait until that many APDUs have been answered or lost; False after `timeout` seconds."""
        with self._grown:
            return self._grown.wait_for(lambda: len(self.trace) >= exchanges, timeout)

    @property
    def powered(self) -> bool:
        """The reader gives it power now."""
        return self._powered

    def start(self) -> None:
        self._slot.port.mark(dead=self.faults.dead)
        self._thread.start()

    def pull(self) -> None:
        """Take the card out; returns when it is out."""
        self._leave()
        self._thread.join()

    # The card's own thread

    def _live(self) -> None:
        while not self.left.is_set():
            line = self._dial()
            if line is None:
                continue
            with line, contextlib.suppress(ConnectionError, TimeoutError):
                self._serve(line)
            # The reader went away or took the power; the card may still be lying there.
            self._power_off()
        self._slot.port.mark(lies=False)

    def _dial(self) -> socket.socket | None:
        try:
            line = self._slot.pcscd.dial(self._slot.reader)
        except ConnectionError:
            self.left.wait(REDIAL)
            return None
        except PcscdClosed:
            self.left.set()
            return None
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._line_lock:
            if self.left.is_set():
                line.close()
                return None
            self._line = line
        self._slot.port.ring()
        self.arrived.set()
        return line

    def _leave(self) -> None:
        with self._line_lock:
            self.left.set()
            if self._line is not None:
                with contextlib.suppress(OSError):  # the reader may have gone first
                    self._line.shutdown(socket.SHUT_RDWR)
        self._slot.port.ring()

    def _serve(self, line: socket.socket) -> None:
        """Answer pcscd until the connection ends or the card leaves."""
        line.settimeout(GREETING)
        if not line.recv(1, socket.MSG_PEEK):
            return
        line.settimeout(None)
        while (message := _receive(line)) is not None:
            if len(message) != 1:
                try:
                    # No reader waits for a card that it has not powered. pcscd 1.9 forgets to, when
                    # the handle of the card before is closed while this one is powered up
                    # (winscard.c, SCardDisconnect; eventhandler.c, EHStatusHandlerThread).
                    response = self._exchange(message) if self._powered else TIMED_OUT
                except _Left:
                    return
                _send(line, response)
                if self._tears(Moment.AFTER, message):
                    self._leave()
                    return
            elif message[0] == GET_ATR:
                _send(line, self.card.atr)
            elif message[0] == POWER_OFF:
                self._power_off()
            else:  # power on and reset, neither is answered
                self._activate()

    def _activate(self) -> None:
        started = time.perf_counter()
        self._power_off()
        self.card.power_on()
        self._powered = True
        if self._timing is not None:
            self._until(started + self._timing.activation_seconds)

    def _power_off(self) -> None:
        self._powered = False
        self.card.power_off()

    def _exchange(self, command: bytes) -> bytes:
        started = time.perf_counter()
        faults = self.faults
        self._bytes += len(command)
        if self._tears(Moment.BEFORE, command) or self._past_tear():
            self._lose(command, started)
        if self._reached(faults.timeout_from):
            self._record(Exchange(command, None, started, 0.0))
            return TIMED_OUT
        mute = self._reached(faults.mute_from)
        response = NO_ANSWER if mute else self.card.transmit(command)
        if response == NO_ANSWER:
            self.muted.set()
            self.left.wait()
            self._lose(command, started)
        seconds = faults.slow
        if self._timing is not None:
            seconds += self._timing.exchange_seconds(command, response)
        if seconds:
            self._until(started + seconds)
        self._bytes += len(response)
        if self._tears(Moment.DURING, command) or self._past_tear():
            self._lose(command, started)
        self._record(Exchange(command, response, started, time.perf_counter() - started))
        return response

    def _reached(self, apdu: int | None) -> bool:
        return apdu is not None and len(self.trace) >= apdu

    def _tears(self, moment: Moment, command: bytes) -> bool:
        """BEFORE and DURING are asked before the exchange is in the trace, AFTER when it is."""
        tear = self.faults.tear
        if tear is None or isinstance(tear, TearAtByte):
            return False
        done = len(self.trace) - (moment is Moment.AFTER)
        return tear.at(moment, [one.command for one in self.trace[:done]], command)

    def _past_tear(self) -> bool:
        tear = self.faults.tear
        return isinstance(tear, TearAtByte) and self._bytes > tear.byte

    def _lose(self, command: bytes, started: float) -> None:
        # In the trace first: whoever waits for the card to leave looks there next.
        self._record(Exchange(command, None, started, time.perf_counter() - started))
        self._leave()
        raise _Left

    def _record(self, exchange: Exchange) -> None:
        with self._grown:
            self.trace.append(exchange)
            self._grown.notify_all()

    def _until(self, deadline: float) -> None:
        """Pass the time of a slow line exactly, but leave at once when the card is pulled."""
        rest = deadline - time.perf_counter() - SPIN
        if rest > 0 and self.left.wait(rest):
            return
        while time.perf_counter() < deadline:
            pass


class Slot:
    """One reader's slot, into which cards are put one after the other."""

    def __init__(self, pcscd: Pcscd, reader: str) -> None:
        self.pcscd = pcscd
        self.reader = reader
        self.port = pcscd.ports[reader]
        self._inside: Insertion | None = None

    @property
    def attached(self) -> str:
        """The name that PC/SC clients see."""
        return self.port.attached

    @property
    def inside(self) -> Insertion | None:
        """The card that is in now."""
        inside = self._inside
        return None if inside is None or inside.left.is_set() else inside

    def insert(self, card: Card, faults: Faults = SOUND, timing: Timing | None = None) -> Insertion:
        """Put a card in; a card that is still in is taken out first."""
        self.remove()
        self._inside = Insertion(self, card, faults, timing)
        self._inside.start()
        return self._inside

    def remove(self) -> None:
        """Take out whatever is in; nothing happens when the slot is empty."""
        if self._inside is not None:
            self._inside.pull()
            self._inside = None

    def unplug(self) -> None:
        self.pcscd.unplug(self.reader)

    def plug(self) -> None:
        self.pcscd.plug(self.reader)


def _receive(line: socket.socket) -> bytes | None:
    """One message; None at the end. vpcd 3.3 sends a length and its body apart, and the kernel
    would delay the acknowledgement between them by 40 ms and more."""
    size = _receive_exactly(line, 2)
    return None if size is None else _receive_exactly(line, int.from_bytes(size))


def _receive_exactly(line: socket.socket, size: int) -> bytes | None:
    received = b""
    while len(received) < size:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        part = line.recv(size - len(received))
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        if not part:
            return None
        received += part
    return received


def _send(line: socket.socket, message: bytes) -> None:
    line.sendall(len(message).to_bytes(2) + message)
