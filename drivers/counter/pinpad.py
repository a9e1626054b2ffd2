"""A PIN pad on a serial line: one byte per key in, digits out, and nowhere else.

The device's thread reads keys into one buffer that it overwrites and feeds the question that waits;
keys without a question are forgotten. What a person entered lives in bytearrays of ours, which are
wiped on every way out. Not in our hands: the kernel's tty buffer, and the small integers that
CPython shares among all programs' bytes, which say nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from hmac import compare_digest
from typing import Final

from drivers.contract import (
    DeviceBusy,
    DeviceFault,
    DeviceLost,
    Options,
    Pin,
    PinCancelled,
    PinFault,
    PinLength,
    PinMismatch,
    PinTimeout,
)
from drivers.counter.entry import DigitEntry
from drivers.counter.own import HOLD, OwnBytes
from drivers.io.keeper import STARTS_WITHIN, ManagedDevice
from drivers.io.line import LineOptions, OpenLine, open_line
from drivers.io.wait import Interrupted
from drivers.options import Hex, OptionsFault, typed
from world import Event, World

QUIET: Final = 0.3  # seconds after which a pad that has restarted has said its boot text
KEYS_AT_ONCE: Final = 64  # bytes
LONGEST: Final = 16  # digits: social security cards take 4 to 16 (ISO 9564 PINs have 4 to 12)


class PadKey(Enum):
    """The keys that are no digit."""

    CONFIRM = "confirm"
    CANCEL = "cancel"
    BACK = "back"
    CLEAR = "clear"


class PinPadOptions(LineOptions, frozen=True, kw_only=True):
    """Bytes in hex. Keys: `digits` are those of 0 to 9 in order; of the others each byte is such a
    key. Answers: what the pad is sent, to light up, beep or show a mask; empty for nothing."""

    digits: Hex = "30 31 32 33 34 35 36 37 38 39"
    confirm: Hex = "0D"
    cancel: Hex = "1B 18"
    back: Hex = "08 7F"
    clear: Hex = "0C"
    begin: Hex = ""  # a question begins
    again: Hex = ""  # the new PIN once more
    mask: Hex = "2A"  # a digit was taken
    erase: Hex = "08 20 08"  # a digit was taken back
    end: Hex = ""  # the question is over, however


class PinQuestion:
    """One entry that somebody waits for. `outcome` is set once."""

    def __init__(self, signal: bytes, entry: DigitEntry, done: Event) -> None:
        self.signal = signal  # what the pad is sent when it begins
        self.entry = entry
        self.done = done
        self.outcome: Pin | PinFault | DeviceFault | None = None

    def settle(self, outcome: Pin | PinFault | DeviceFault) -> None:
        """End the question: what was entered so far is overwritten, and the thread that waits goes
        on."""
        self.entry.wipe()
        self.outcome = outcome
        self.done.set()


class SerialPinPad(ManagedDevice[OpenLine]):
    """See `drivers.contract.PinPad`. Counters: `asked`, `unasked` (keys without a question),
    `unknown` (bytes that are no key)."""

    RESTARTS = True

    def __init__(self, world: World, name: str, options: Options) -> None:
        super().__init__(world, name)
        self._options = typed(options, PinPadOptions, device=name)
        self._keys = _keys(self._options, name)
        self._begin = bytes.fromhex(self._options.begin)
        self._again = bytes.fromhex(self._options.again)
        self._mask = bytes.fromhex(self._options.mask)
        self._erase = bytes.fromhex(self._options.erase)
        self._end = bytes.fromhex(self._options.end)
        self._asking = world.lock()  # held by who asks
        self._answering = world.lock()  # over the question, its entry and its outcome
        self._speaking = world.lock()  # held before it: what the pad is sent comes in order
        self._question: PinQuestion | None = None
        self._own = OwnBytes(self._keys)
        self._says_text = False  # it has restarted, and says what is no key

    # Any thread

    def ask(self, *, minimum: int = 4, maximum: int = 16, timeout: float = 30.0) -> Pin:
        """See `drivers.contract.PinPad`. Raises `DeviceBusy` while another question waits."""
        with self._alone():
            return self._enter(self._begin, minimum, maximum, timeout)

    def ask_new(self, *, minimum: int = 4, maximum: int = 16, timeout: float = 30.0) -> Pin:
        """See `drivers.contract.PinPad`. `timeout` is for each of the two entries."""
        with self._alone():
            same = False
            first = self._enter(self._begin, minimum, maximum, timeout)
            try:
                with self._enter(self._again, minimum, maximum, timeout) as second:
                    same = compare_digest(first.digits, second.digits)
            finally:
                if not same:
                    first.wipe()
            if not same:
                raise PinMismatch(device=self.name)
            return first

    def cancel(self) -> None:
        """See `drivers.contract.PinPad`. Without a question nothing happens."""
        self._settle(self._cancelled())

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._asking.acquire(0.0):
            raise DeviceBusy(device=self.name, holder="onecard")
        try:
            yield
        finally:
            self._asking.release()

    def _enter(self, signal: bytes, minimum: int, maximum: int, timeout: float) -> Pin:
        """One entry, from its first key to its outcome."""
        question = PinQuestion(
            signal, DigitEntry(minimum, min(maximum, LONGEST)), self._world.event()
        )
        self._count("asked")
        try:
            with self._held() as line:
                line.discard()  # what was pressed before the question is no answer to it
                with self._speaking:  # a key that is pressed now is answered behind the signal
                    with self._answering:
                        self._question = question
                    self._send(line, signal)
            if not question.done.wait(timeout):
                self._settle(PinTimeout(device=self.name))
        finally:
            with self._answering:
                self._question = None
                question.entry.wipe()
        self._show_end()
        if isinstance(question.outcome, Pin):
            return question.outcome
        raise question.outcome or PinTimeout(device=self.name)

    def _show_end(self) -> None:
        """The pad goes dark, behind the last mask. The answer stands even if the pad has just
        gone."""
        if self._end:
            # The keeper has taken note of the fault.
            with suppress(DeviceFault), self._held() as line, self._speaking:
                self._send(line, self._end)

    def _send(self, line: OpenLine, signal: bytes) -> None:
        """Whoever speaks: in the order in which it is noted as ours."""
        with self._answering:
            self._own.sent(signal, self._world.monotonic())
        line.write(signal)

    def _settle(self, outcome: PinFault | DeviceFault) -> None:
        """End the question that waits, if one does."""
        with self._answering:
            if self._question is not None:
                self._question.settle(outcome)
                self._question = None

    # The device's thread

    def _open(self) -> OpenLine:
        return open_line(self._world, self._options, device=self.name)

    def _greet(self, connection: OpenLine) -> None:
        """Nothing can be asked of it."""
        self._own, self._says_text = OwnBytes(self._keys), False

    def _serve(self, connection: OpenLine) -> None:
        keys = bytearray(KEYS_AT_ONCE)
        try:
            while True:
                count = connection.read_into(keys, self._patience())
                with self._speaking:
                    answer = self._pressed(keys, count) if count else self._quiet()
                    if answer:
                        self._send(connection, answer)
        except DeviceFault as fault:
            self._settle(fault)
            raise
        except Interrupted:
            self._settle(DeviceLost(device=self.name, port=connection.attached))
            raise

    def _patience(self) -> float | None:
        if self._says_text:
            return QUIET
        return HOLD if self._own.holds else None

    def _pressed(self, keys: bytearray, count: int) -> bytes:
        """Feed the question with the first `count` bytes of `keys` and wipe them. What the pad is
        to be sent."""
        answer, now = b"", self._world.monotonic()
        for at in range(count):
            byte, keys[at] = keys[at], 0
            with self._answering:
                for pressed in self._own.without(byte, now):
                    answer += self._one(pressed)
        return answer

    def _quiet(self) -> bytes:
        """Nothing comes any more. A question that was asked while the pad restarted begins anew."""
        with self._answering:
            answer = b"".join(self._one(key) for key in self._own.released())
            restarted, self._says_text = self._says_text, False
            if restarted and self._question is not None:
                return self._question.signal
            return answer

    def _one(self, byte: int) -> bytes:
        """One key, or what is none. What the pad is to be sent."""
        key = self._keys.get(byte)
        if key is None and self._may_be_starting():
            self._says_text = True
        if self._question is None:
            self._count("unasked")
            return b""
        if self._says_text:
            self._question.entry.wipe()  # what came with it is no person's
        if key is None:
            self._count("unknown")
            return b""
        if self._says_text and key is not PadKey.CANCEL:
            return b""
        return self._answer(self._question, key)

    def _may_be_starting(self) -> bool:
        since = self._served_since
        return since is not None and self._world.monotonic() - since < STARTS_WITHIN

    def _answer(self, question: PinQuestion, key: int | PadKey) -> bytes:
        """One key's effect on the question."""
        entry = question.entry
        if isinstance(key, int):
            entry.add(key)
            return self._mask
        if key is PadKey.BACK:
            return self._erase if entry.back() else b""
        if key is PadKey.CLEAR:
            return self._erase * min(entry.wipe(), KEYS_AT_ONCE)
        question.settle(self._taken(entry) if key is PadKey.CONFIRM else self._cancelled())
        self._question = None
        return b""

    def _taken(self, entry: DigitEntry) -> Pin | PinFault:
        try:
            return Pin(entry.take())
        except PinLength as fault:
            return fault

    def _cancelled(self) -> PinCancelled:
        return PinCancelled(device=self.name)


def _keys(options: PinPadOptions, device: str) -> dict[int, int | PadKey]:
    """Byte → digit or key. Raises `OptionsFault` when two keys share a byte."""
    digits = bytes.fromhex(options.digits)
    if len(digits) != 10:
        raise OptionsFault(device=device, problem="digits: 10 bytes, of the keys 0 to 9")
    keys: list[tuple[int, int | PadKey]] = [(byte, digit) for digit, byte in enumerate(digits)]
    for key in PadKey:
        keys += [(byte, key) for byte in bytes.fromhex(getattr(options, key.value))]
    table = dict(keys)
    if len(table) != len(keys):
        raise OptionsFault(device=device, problem="two keys share a byte")
    return table
