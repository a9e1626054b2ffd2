"""The PN532's commands, one conversation at a time: command → ACK → answer, each with its limit.

Source: NXP UM0701-02, chapter 7. A thread that talks to the chip holds its `flight`.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from drivers.contract import DeviceFault, DeviceProtocol, DeviceSilent
from drivers.io.flight import Flight
from drivers.io.line import LineEchoes, OpenLine
from drivers.pn532 import frames
from drivers.pn532.frames import ChipAck, Frame, Garbled, Information
from drivers.pn532.target import Target, targets
from world import World

GET_FIRMWARE_VERSION: Final = 0x02
SAM_CONFIGURATION: Final = 0x14
RF_CONFIGURATION: Final = 0x32
DATA_EXCHANGE: Final = 0x40
COMMUNICATE_THRU: Final = 0x42
LIST_PASSIVE_TARGET: Final = 0x4A
RELEASE: Final = 0x52
SELECT: Final = 0x54

IC: Final = 0x32  # what GetFirmwareVersion names first
NORMAL_MODE: Final = bytes.fromhex("010001")  # no SAM at the chip; time unused; P70_IRQ driven
FIELD, FIELD_OFF, FIELD_ON = 0x01, b"\x00", b"\x01"  # RFConfiguration item
MAX_RETRIES, ATR_AND_PSL = 0x05, bytes.fromhex("FF01")  # item; the chip's own defaults
FOR_EVER: Final = 0xFF  # MxRtyPassiveActivation
A_LOOK: Final = 0x02  # a card at the edge of the field may miss the first call
TYPE_A: Final = 0x00  # BrTy: 106 kbit/s
MOST: Final = 2  # targets that the chip can hold
ALL: Final = b"\x00"

MORE: Final = 0x40  # in Tg and in the status: the APDU goes on
ERROR: Final = 0x3F  # in the status
WITHOUT_ANSWER: Final = -1
# Status bytes that speak of the card or of the air between (UM0701-02, 7.1); others of the chip.
BY_THE_CARD: Final = frozenset(
    {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x09, 0x0A, 0x0B, 0x13, 0x23, 0x29, 0x2A, 0x2B}
)
MOST_DATA: Final = 262  # bytes of an APDU in one frame, beside TFI, command and Tg
LONGEST_ANSWER: Final = 65_538  # of an extended APDU
# R(NAK) with block number 0: a card answers R(ACK), or its last block again, and stays as it is
# (ISO/IEC 14443-4, PICC presence check, method 2). The chip's own Diagnose 06 is said to fail
# with some cards (libnfc, pn53x.c, "Diagnose06 failed completely with a JCOP31 on a PN532").
ARE_YOU_THERE: Final = b"\xb2"

ACK_WITHIN: Final = 0.5  # seconds; the chip needs 15 ms, a USB adapter and a busy box some more
ANSWER_WITHIN: Final = 2.0
# The longest time that a card may take for one block is 4.95 s (ISO/IEC 14443-4, 7.2). What the
# watchdog has given up is called off sooner: nobody waits for it, and the chip may have lost power.
CARD_WITHIN: Final = 6.0
GIVEN_UP_WITHIN: Final = 1.5
PAUSE: Final = 0.5  # seconds within a frame until the rest counts as lost
REPEATS: Final = 2  # how often a garbled answer is asked for again
NOISE: Final = 1024  # bytes that are no frame until it is no PN532, or not its baud rate
FIELD_RESET: Final = 0.0052  # seconds without field after which every card has forgotten all
RESTLESS: Final = 0.05  # seconds between calls to a chip that does not wait by itself


class CardFailed(Exception):
    """The card did not answer properly; `status` is the chip's word, or `WITHOUT_ANSWER`."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status:02X}")


class Chip:
    """A PN532 on an open line; see `drivers.io.keeper.DeviceConnection`."""

    def __init__(
        self,
        world: World,
        line: OpenLine,
        *,
        flight: Flight,
        device: str,
        count: Callable[[str], None],
    ) -> None:
        """`count` is told what the line does wrong, for `status().counters`."""
        self._world = world
        self._line = line
        self._flight = flight
        self._device = device
        self._count = count
        self._parser = frames.Parser()
        self._arrived: deque[Frame] = deque()
        self._retries: int | None = None
        self._called_back = world.event()
        self.attached = line.attached

    def interrupt(self) -> None:
        """Make a wait for an answer or a `pause` raise `Interrupted`. Any thread."""
        self._called_back.set()
        self._line.interrupt()

    def rest(self, seconds: float) -> None:
        """Leave the chip to others for a while; `interrupt` ends it."""
        self._called_back.wait(seconds)

    def close(self) -> None:
        """Leave the chip idle and its field off, without waiting for its word."""
        with self._flight.grounded():
            with suppress(DeviceFault):  # it may have gone, and so we are here
                self._line.write(frames.ACK + self._framed(RF_CONFIGURATION, _item(FIELD_OFF)))
            self._line.close()

    def wake(self) -> None:
        """Wake it, call off what it was doing, and make it a reader with its field off.

        Raises `DeviceSilent`, `DeviceProtocol` (no PN532), `DeviceLost`.
        """
        self._line.discard()
        self._parser = frames.Parser()  # what came before is not ours: boot text, noise
        self._arrived.clear()
        self._retries = None
        self._line.write(frames.WAKE_UP, marks=True)
        self._line.write(frames.ACK)
        try:
            self._ask(SAM_CONFIGURATION, NORMAL_MODE)
        except (DeviceSilent, LineEchoes):  # it may sleep through the first word
            self._line.write(frames.WAKE_UP, marks=True)
            self._ask(SAM_CONFIGURATION, NORMAL_MODE)
        ic = self._ask(GET_FIRMWARE_VERSION)[:1]
        if ic != bytes((IC,)):
            raise DeviceProtocol(device=self._device, found=ic.hex().upper())
        self.field_off()

    def field_off(self) -> None:
        """Every card loses its power and forgets all."""
        self._ask(RF_CONFIGURATION, _item(FIELD_OFF))

    def power_down(self) -> None:
        """Release the cards and take their power."""
        self._ask(RELEASE, ALL, CARD_WITHIN)  # what became of a card that has left is all the same
        self.field_off()

    def await_card(self, seconds: float) -> bool:
        """The chip itself calls until some card answers: no polling by us. False when none came.

        One card only: whether it would go on calling for a second one is nowhere said.
        """
        self._field_on(FOR_EVER)
        self._send(LIST_PASSIVE_TARGET, bytes((1, TYPE_A)))
        answer = self._answer(LIST_PASSIVE_TARGET, seconds)
        if answer is None:
            self._line.write(frames.ACK)  # calls it off; what still comes is skipped
            return False
        if answer[:1] in (b"", b"\x00"):
            self._world.wait(RESTLESS)
            return False
        return True

    def inventory(self) -> Sequence[Target]:
        """Who is in the field, at most two, freshly powered and activated."""
        self.field_off()
        self._world.wait(FIELD_RESET)
        self._field_on(A_LOOK)
        answer = self._ask(LIST_PASSIVE_TARGET, bytes((MOST, TYPE_A)))
        try:
            return targets(answer)
        except ValueError as error:
            raise DeviceProtocol(device=self._device, found="targets") from error

    def select(self, number: int) -> None:
        """Speak to this one of two. Raises `CardFailed`."""
        self._checked(self._ask(SELECT, bytes((number,)), CARD_WITHIN))

    def is_there(self) -> bool:
        """Whether the selected card still is, without changing it."""
        for _ in range(2):
            answer = self._ask(COMMUNICATE_THRU, ARE_YOU_THERE)
            if answer and not answer[0] & ERROR:
                return True
        return False

    def exchange(self, number: int, command: bytes) -> bytes:
        """One APDU. Raises `CardFailed`."""
        last = max(0, len(command) - 1) // MOST_DATA * MOST_DATA
        for at in range(0, last, MOST_DATA):
            self._data(number | MORE, command[at : at + MOST_DATA])
        answer, more = self._data(number, command[last:])
        while more:
            part, more = self._data(number, b"")
            answer += part
            if len(answer) > LONGEST_ANSWER or (more and not part):  # it would never end
                raise CardFailed(WITHOUT_ANSWER)
        return answer

    def _data(self, tg: int, data: bytes) -> tuple[bytes, bool]:
        """One InDataExchange: what came, and whether there is more."""
        self._send(DATA_EXCHANGE, bytes((tg,)) + data)
        frame = self._awaited(DATA_EXCHANGE)
        if not isinstance(frame, Information):
            self._line.write(frames.ACK)  # calls it off
            raise CardFailed(WITHOUT_ANSWER)
        answer = frame.content[2:]
        return self._checked(answer), bool(answer[0] & MORE)

    def _awaited(self, code: int) -> Frame | None:
        """The card's answer, as it came: a garbled one is not asked for again, because a chip that
        was still at work might repeat the answer before it."""
        deadline = self._world.monotonic() + CARD_WITHIN
        while (rest := deadline - self._world.monotonic()) > 0:
            frame = self._frame_for(code, self._world.monotonic() + min(rest, GIVEN_UP_WITHIN))
            if frame is not None or self._flight.hangs:
                return frame
        return None

    def _checked(self, answer: bytes) -> bytes:
        """What follows a good status. Raises `CardFailed`, `DeviceProtocol`."""
        error = answer[0] & ERROR if answer else WITHOUT_ANSWER
        if error in BY_THE_CARD:
            raise CardFailed(error)
        if error:
            raise DeviceProtocol(device=self._device, status=f"{error & 0xFF:02X}")
        return answer[1:]

    def _field_on(self, retries: int) -> None:
        if self._retries != retries:
            value = bytes((MAX_RETRIES,)) + ATR_AND_PSL + bytes((retries,))
            self._ask(RF_CONFIGURATION, value)
            self._retries = retries
        self._ask(RF_CONFIGURATION, _item(FIELD_ON))

    # Conversation

    def _ask(self, code: int, data: bytes = b"", within: float = ANSWER_WITHIN) -> bytes:
        """Command and answer. Raises `DeviceSilent`, `DeviceProtocol`, `DeviceLost`."""
        self._send(code, data)
        answer = self._answer(code, within)
        if answer is None:
            raise self._line.silent()
        return answer

    def _send(self, code: int, data: bytes) -> None:
        """Send a command and see it acknowledged; what an earlier one still had to say is skipped.

        It is never sent twice: the acknowledgement may be all that was lost.
        """
        self._line.write(self._framed(code, data), marks=True)
        deadline = self._world.monotonic() + ACK_WITHIN
        while (frame := self._next(deadline)) is not None:
            if isinstance(frame, ChipAck):
                return
        raise self._line.silent()

    def _answer(self, code: int, within: float) -> bytes | None:
        """The answer to the command under way; None when there is none in time."""
        deadline = self._world.monotonic() + within
        frame = self._frame_for(code, deadline)
        for _ in range(REPEATS):
            if isinstance(frame, Garbled):
                self._line.write(frames.NACK)
                frame = self._frame_for(code, deadline)
        if isinstance(frame, Garbled):
            raise DeviceProtocol(device=self._device, found="garbled")
        return None if frame is None else frame.content[2:]

    def _frame_for(self, code: int, deadline: float) -> Information | Garbled | None:
        """The next frame that is the answer to `code` or cannot be read; others are skipped."""
        while (frame := self._next(deadline)) is not None:
            if isinstance(frame, Garbled):
                self._count("garbled")
                return frame
            if isinstance(frame, Information):
                if frame.content == frames.SYNTAX_ERROR:
                    raise DeviceProtocol(device=self._device, found="syntax")
                if frame.content[:2] == bytes((frames.FROM_CHIP, code + 1)):
                    return frame
        return None

    def _next(self, deadline: float) -> Frame | None:
        """The next frame; None after `deadline`. Raises `DeviceProtocol` for a line of noise."""
        while not self._arrived:
            rest = deadline - self._world.monotonic()
            if rest <= 0:
                return None
            data = self._line.read(min(rest, PAUSE) if self._parser.partial else rest)
            if data:
                self._arrived.extend(self._parser.feed(data))
            elif self._parser.partial:
                self._parser.give_up()
                return Garbled()
            if self._parser.noise > NOISE:
                raise DeviceProtocol(device=self._device, found="noise")
        return self._arrived.popleft()

    def _framed(self, code: int, data: bytes) -> bytes:
        return frames.frame(bytes((frames.FROM_HOST, code)) + data)


def _item(value: bytes) -> bytes:
    return bytes((FIELD,)) + value
