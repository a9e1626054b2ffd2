"""A PN532 on a simulated port, and the field in front of it with the cards of `simulators.cards`.

The chip speaks frames on the wire's thread and works on one of its own, as the real one takes an
ACK that calls a command off while it waits for a card. Source: NXP UM0701-02. Where the manual is
silent the chip does what is worse for the host: it calls for a second card as long as for a first,
and of two cards none is selected.
"""

import itertools
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from simulators.cards.contract import NO_ANSWER, Card
from simulators.vpcd import SOUND, Exchange, Faults, Moment, TearAtByte, Timing

ACK = bytes.fromhex("0000FF00FF00")
NACK = bytes.fromhex("0000FFFF0000")
SYNTAX_ERROR = bytes.fromhex("7F")
FIRMWARE = bytes.fromhex("32010607")  # IC, version 1.6, supports 14443 A, B and 18092
MOST_DATA = 262
FOR_EVER = 0xFF
ONE_CALL = 0.005  # seconds for one call into an empty field
LATE, CONTEXT, GOOD = 0x01, 0x27, 0x00
MORE = 0x40
BABBLE = 256  # bytes at a time

Send = Callable[[bytes], None]


@dataclass
class ChipFaults:
    """What is wrong with the chip's answers. Counts go down as they are used up; -1: for ever."""

    wrong_checksum: int = 0  # DCS of an answer
    wrong_length_checksum: int = 0  # LCS of an answer
    truncated: int = 0  # only half an answer
    unacknowledged: int = 0  # commands that are done without an ACK
    unheard: int = 0  # calls that the cards in the field do not hear
    silent: bool = False  # takes everything in and says nothing
    firmware: bytes = FIRMWARE


class Tag:
    """One card in the field, from `Pn532Chip.put` until it has left. As `vpcd.Insertion`: `trace`,
    `muted`, `left`; `storage` is a card without ISO/IEC 14443-4."""

    _serial = itertools.count(1)

    def __init__(
        self,
        card: Card,
        faults: Faults,
        timing: Timing | None,
        *,
        random_identifier: bool,
        storage: bool,
        changed: threading.Condition,
    ) -> None:
        self.card = card
        self.faults = faults
        self.timing = timing
        self.storage = storage
        self.trace: list[Exchange] = []
        self.muted = threading.Event()
        self.left = threading.Event()
        self.active = False
        self._changed = changed
        self._random_identifier = random_identifier
        self.identifier = b"\x04" + next(self._serial).to_bytes(6)

    def wait_for(self, exchanges: int, timeout: float = 60.0) -> bool:
        """Wait until that many APDUs have been answered or lost; False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.trace) >= exchanges, timeout)

    @property
    def answers_calls(self) -> bool:
        """A card that is active already takes no notice of a call (ISO/IEC 14443-3)."""
        return not self.active and not self.left.is_set()

    def activate(self) -> None:
        if self._random_identifier:
            self.identifier = b"\x08" + random.randbytes(3)
        self.active = True
        self.card.power_on()

    def lose_field(self) -> None:
        self.active = False
        self.card.power_off()

    def described(self, number: int) -> bytes:
        """TgData: Tg, SENS_RES, SEL_RES, NFCID and the ATS."""
        selected = b"\x08" if self.storage else b"\x20"
        ats = b"" if self.storage or self.faults.dead else ats_of(self.card.atr)
        identifier = bytes((len(self.identifier),)) + self.identifier
        return bytes((number,)) + b"\x03\x44" + selected + identifier + ats


def ats_of(atr: bytes) -> bytes:
    """TL, T0 (frames of 256 bytes, TA, TB and TC follow), and the ATR's historical bytes."""
    body = bytes.fromhex("78778102") + atr[4 : 4 + (atr[1] & 0x0F)]
    return bytes((len(body) + 1,)) + body


@dataclass
class Job:
    """One command under way."""

    code: int
    data: bytes
    called_off: bool = False


@dataclass
class State:
    """What the chip forgets when it loses power."""

    normal: bool = False  # after SAMConfiguration
    retries: int = FOR_EVER
    targets: list[Tag] = field(default_factory=list)
    selected: Tag | None = None
    sending: bytes = b""  # an APDU in parts
    waiting: bytes = b""  # an answer in parts


class Pn532Chip:
    """See `simulators.devices.pty.Peer`. `put` and `take` cards; `lose_power` and `restore_power`;
    `faults` may be changed at any time; `babble` and `be_quiet`. `close` ends its thread."""

    def __init__(self, baudrate: int = 115_200) -> None:
        self.baudrate = baudrate
        self.faults = ChipFaults()
        self.commands: list[int] = []  # codes, as they came
        self.field = False
        self.tags: list[Tag] = []
        self._changed = threading.Condition(threading.RLock())
        self._state = State()
        self._powered = True
        self._asleep = True
        self._buffer = b""
        self._last = b""
        self._send: Send = lambda data: None
        self._jobs: deque[Job] = deque()
        self._job: Job | None = None
        self._closed = False
        self._quiet = threading.Event()
        self._babbler: threading.Thread | None = None
        self._thread = threading.Thread(target=self._work, name="pn532 chip", daemon=True)
        self._thread.start()

    # The test's hand

    def put(
        self,
        card: Card,
        faults: Faults = SOUND,
        timing: Timing | None = None,
        *,
        random_identifier: bool = False,
        storage: bool = False,
    ) -> Tag:
        """Hold a card into the field, beside those that are there."""
        tag = Tag(
            card,
            faults,
            timing,
            random_identifier=random_identifier,
            storage=storage,
            changed=self._changed,
        )
        with self._changed:
            self.tags.append(tag)
            self._changed.notify_all()
        return tag

    def take(self, *tags: Tag) -> None:
        """Take cards away, all of them without arguments."""
        with self._changed:
            for tag in tags or tuple(self.tags):
                self._leave(tag)

    def lose_power(self) -> None:
        """The module's supply fails, the port stays."""
        with self._changed:
            self._powered = False
            self._forget()

    def restore_power(self) -> None:
        """It starts in low-battery mode, and has to be woken."""
        with self._changed:
            self._powered = True

    def fall_asleep(self) -> None:
        """As if its supply had failed for a moment."""
        with self._changed:
            self._forget()

    def babble(self) -> None:
        """Instead of answers, chance without end."""
        self._quiet.clear()
        self._babbler = threading.Thread(target=self._babble, name="pn532 babble", daemon=True)
        self._babbler.start()

    def be_quiet(self) -> None:
        """No more of that."""
        self._quiet.set()
        if self._babbler is not None:
            self._babbler.join()
            self._babbler = None

    def close(self) -> None:
        self.be_quiet()
        with self._changed:
            self._closed = True
            self._forget()
        self._thread.join()

    # The wire's thread

    def received(self, data: bytes, send: Send) -> None:
        with self._changed:
            self._send = send
            if not self._powered:
                return
            if self._asleep:
                _, woken, data = data.partition(b"\x55")
                if not woken:
                    return
                self._asleep = False
            self._buffer += data
            while self._take_frame():
                pass

    def _take_frame(self) -> bool:
        """One frame off the buffer; False when there is none."""
        at = self._buffer.find(b"\x00\xff")
        if at < 0:
            self._buffer = self._buffer[-1:]
            return False
        self._buffer = self._buffer[at:]
        head = self._buffer[2:4]
        if len(head) < 2:
            return False
        if head in (b"\x00\xff", b"\xff\x00"):
            self._buffer = self._buffer[4:]
            if head == b"\x00\xff":
                self._call_off()
            else:
                self._say(self._broken(self._last))
            return True
        begin, length, checked = 4, head[0], sum(head)
        if head == b"\xff\xff":
            begin, length = 7, int.from_bytes(self._buffer[4:6])
            checked = sum(self._buffer[4:7])
        if len(self._buffer) < begin:
            return False
        body = self._buffer[begin : begin + length + 1]
        if checked & 0xFF or not 0 < length <= MOST_DATA + 3:
            self._buffer = self._buffer[2:]
            return True
        if len(body) <= length:
            return False
        if sum(body) & 0xFF:
            self._buffer = self._buffer[2:]
            return True
        self._buffer = self._buffer[begin + length + 1 :]
        self._command(body[:-1])
        return True

    def _command(self, content: bytes) -> None:
        if content[:1] != b"\xd4" or len(content) < 2:
            return
        code = content[1]
        if not self._state.normal and code != 0x14:  # low-battery mode knows nothing else
            return
        self.commands.append(code)
        self._call_off()
        if self.faults.unacknowledged:
            self.faults.unacknowledged -= self.faults.unacknowledged > 0
        else:
            self._say(ACK)
        self._jobs.append(Job(code, content[2:]))
        self._changed.notify_all()

    def _call_off(self) -> None:
        if self._job is not None:
            self._job.called_off = True
        self._jobs.clear()
        self._changed.notify_all()

    # The chip's own thread

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._closed)
                if self._closed:
                    return
                self._job = self._jobs.popleft()
            answer = self._done(self._job)
            with self._changed:
                if not self._job.called_off:
                    self._answer(self._job.code, answer)
                self._job = None

    def _done(self, job: Job) -> bytes | None:
        """The answer's data; None for a syntax error."""
        with self._changed:
            match job.code:
                case 0x02:
                    return self.faults.firmware
                case 0x14:
                    self._state.normal = True
                    return b""
                case 0x32:
                    return self._configure(job.data)
                case 0x4A:
                    return self._list(job)
                case 0x40:
                    return self._exchange(job)
                case 0x42:
                    return self._presence(job.data)
                case 0x52:
                    self._state.targets.clear()
                    self._state.selected = None
                    return bytes((GOOD,))
                case 0x54:
                    self._state.selected = self._target(job.data[0])
                    return bytes((GOOD if self._state.selected else CONTEXT,))
        return None

    def _configure(self, data: bytes) -> bytes:
        if data[:1] == b"\x01":
            self._set_field(bool(data[1] & 1))
        elif data[:1] == b"\x05":
            self._state.retries = data[3]
        return b""

    def _set_field(self, on: bool) -> None:
        if self.field and not on:
            self._state.targets.clear()
            self._state.selected = None
            for tag in self.tags:
                tag.lose_field()
        self.field = on

    def _list(self, job: Job) -> bytes:
        self._set_field(True)
        state = self._state
        state.targets.clear()
        state.selected = None
        most, rate = job.data[:2]

        def found() -> list[Tag]:
            return [tag for tag in self.tags if tag.answers_calls][: min(most, 2)]

        patience = None if state.retries == FOR_EVER else ONE_CALL * (state.retries + 1)
        if rate == 0:
            self._changed.wait_for(
                lambda: len(found()) >= most or job.called_off or self._closed, patience
            )
        if job.called_off or self._closed or rate:
            return b"\x00"
        if self.faults.unheard:
            self.faults.unheard -= self.faults.unheard > 0
            return b"\x00"
        for tag in found():
            tag.activate()
            if tag.timing is not None:
                self._pass(job, tag.timing.activation_seconds)
            state.targets.append(tag)
        state.selected = state.targets[0] if len(state.targets) == 1 else None
        described = [tag.described(at) for at, tag in enumerate(state.targets, 1)]
        return bytes((len(described),)) + b"".join(described)

    def _presence(self, data: bytes) -> bytes:
        """InCommunicateThru with an R(NAK) block: R(ACK)."""
        tag = self._state.selected
        if tag is None or not tag.active or tag.left.is_set() or data not in (b"\xb2", b"\xb3"):
            return bytes((LATE,))
        return bytes((GOOD,)) + b"\xa2"

    def _exchange(self, job: Job) -> bytes:
        tg, data = job.data[0], job.data[1:]
        state = self._state
        tag = self._target(tg & ~MORE)
        if tag is None or tag is not state.selected:
            return bytes((CONTEXT,))
        if not tag.active or tag.left.is_set():
            return bytes((LATE,))
        if tg & MORE:
            state.sending += data
            return bytes((GOOD,))
        if not state.waiting:
            command, state.sending = state.sending + data, b""
            answer = self._transmit(job, tag, command)
            if answer is None:
                return bytes((LATE,))
            state.waiting = answer
        part, state.waiting = state.waiting[:MOST_DATA], state.waiting[MOST_DATA:]
        return bytes((MORE if state.waiting else GOOD,)) + part

    def _transmit(self, job: Job, tag: Tag, command: bytes) -> bytes | None:
        """What the card says to an APDU; None when it says nothing."""
        faults, apdu, started = tag.faults, len(tag.trace), time.perf_counter()
        response: bytes | None = None
        torn = _torn(tag, command)
        if torn is Moment.BEFORE:
            self._leave(tag)
        elif faults.timeout_from is None or apdu < faults.timeout_from:
            mute = faults.mute_from is not None and apdu >= faults.mute_from
            response = NO_ANSWER if mute else tag.card.transmit(command)
            if response == NO_ANSWER:  # it asks for more time without end (ISO/IEC 14443-4, 7.3)
                response = None
                tag.muted.set()
                self._changed.wait_for(lambda: job.called_off or not tag.active or self._closed)
            else:
                took = tag.timing.exchange_seconds(command, response) if tag.timing else 0.0
                self._pass(job, took + faults.slow)
            if torn is Moment.DURING:
                self._leave(tag)
        response = None if tag.left.is_set() else response
        tag.trace.append(Exchange(command, response, started, time.perf_counter() - started))
        if torn is Moment.AFTER:
            self._leave(tag)
        self._changed.notify_all()
        return response

    def _pass(self, job: Job, seconds: float) -> None:
        """Let the card's time go by, unless somebody calls it off."""
        if seconds:
            self._changed.wait_for(lambda: job.called_off or self._closed, seconds)

    def _target(self, number: int) -> Tag | None:
        targets = self._state.targets
        return targets[number - 1] if 1 <= number <= len(targets) else None

    def _leave(self, tag: Tag) -> None:
        if tag in self.tags:
            self.tags.remove(tag)
            tag.lose_field()
            tag.left.set()
            self._changed.notify_all()

    def _forget(self) -> None:
        self._asleep = True
        self._buffer = self._last = b""
        self._set_field(False)
        self._state = State()
        self._call_off()

    # What goes out

    def _babble(self) -> None:
        while not self._quiet.wait(0.001):
            self._send(random.randbytes(BABBLE))

    def _answer(self, code: int, data: bytes | None) -> None:
        content = SYNTAX_ERROR if data is None else bytes((0xD5, code + 1)) + data
        self._last = framed(content)
        self._say(self._broken(self._last))

    def _say(self, data: bytes) -> None:
        if not self.faults.silent and self._babbler is None:
            self._send(data)

    def _broken(self, frame: bytes) -> bytes:
        faults = self.faults
        if not frame:
            return frame
        if faults.wrong_checksum:
            faults.wrong_checksum -= faults.wrong_checksum > 0
            return frame[:-2] + bytes((frame[-2] ^ 0x5A, 0))
        if faults.wrong_length_checksum:
            faults.wrong_length_checksum -= faults.wrong_length_checksum > 0
            return frame[:4] + bytes((frame[4] ^ 0x5A,)) + frame[5:]
        if faults.truncated:
            faults.truncated -= faults.truncated > 0
            return frame[: len(frame) // 2 + 1]
        return frame


def framed(content: bytes) -> bytes:
    """An information frame, extended where it has to be."""
    size = bytes((len(content),)) if len(content) <= 255 else len(content).to_bytes(2)
    marks = b"" if len(size) == 1 else b"\xff\xff"
    header = b"\x00\x00\xff" + marks + size + bytes((-sum(size) & 0xFF,))
    return header + content + bytes((-sum(content) & 0xFF, 0))


def _torn(tag: Tag, command: bytes) -> Moment | None:
    """When in this exchange the card leaves, if it does."""
    tear = tag.faults.tear
    if tear is None or isinstance(tear, TearAtByte):
        return None
    before = [one.command for one in tag.trace]
    return next((moment for moment in Moment if tear.at(moment, before, command)), None)
