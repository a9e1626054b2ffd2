"""Cards that are wrong: each wraps a good one, inside (what the card says) or outside (the bytes).

Inside wrappers are processors, so that each interface still dresses the lie properly (61xx, 6Cxx);
outside wrappers are cards. `start` counts raw APDUs from 0 since the card was made; what happens at
one insertion only (pulled out, mute this time) is the bridge's, `simulators.vpcd.Faults`.
"""

from collections.abc import Callable

from simulators.cards.contract import NO_ANSWER, Answer, Apdu, Card, Processor, RandomSource

SELECT, READ_RECORD, INTERNAL_AUTHENTICATE = 0xA4, 0xB2, 0x88


class Lying:
    """A processor whose answers to one instruction are rewritten."""

    def __init__(self, processor: Processor, ins: int, lie: Callable[[bytes], bytes]) -> None:
        self._processor = processor
        self._ins = ins
        self._lie = lie

    def reset(self) -> None:
        self._processor.reset()

    def process(self, apdu: Apdu) -> Answer:
        answer = self._processor.process(apdu)
        if apdu.ins != self._ins or not answer.data:
            return answer
        return Answer(self._lie(answer.data), answer.sw)


def wrong_cryptogram(processor: Processor) -> Processor:
    """One bit of the answer to INTERNAL AUTHENTICATE is wrong."""
    return Lying(processor, INTERNAL_AUTHENTICATE, lambda data: bytes([data[0] ^ 1]) + data[1:])


def wrong_record_lengths(processor: Processor, *, by: int) -> Processor:
    """Records are `by` bytes longer (00 appended) or, negative, shorter than their length says."""

    def lie(data: bytes) -> bytes:
        return data + bytes(by) if by >= 0 else data[:by]

    return Lying(processor, READ_RECORD, lie)


def malformed_fci(processor: Processor, fci: bytes) -> Processor:
    """SELECT of a name answers `fci` whatever was selected."""
    return Lying(processor, SELECT, lambda data: fci)


class _Wrapped:
    """A card around a card: all goes through until `start` APDUs have gone by."""

    def __init__(self, card: Card, start: int = 0) -> None:
        self._card = card
        self._start = start
        self._count = 0

    @property
    def atr(self) -> bytes:
        return self._card.atr

    def power_on(self) -> None:
        self._card.power_on()

    def power_off(self) -> None:
        self._card.power_off()

    def transmit(self, command: bytes) -> bytes:
        count, self._count = self._count, self._count + 1
        return self._faulty(command) if count >= self._start else self._card.transmit(command)

    def _faulty(self, command: bytes) -> bytes:
        raise NotImplementedError


class Mute(_Wrapped):
    """Never answers from APDU `start` on; a new power-on does not help."""

    def _faulty(self, command: bytes) -> bytes:
        return NO_ANSWER


class Slow(_Wrapped):
    """Lets `pause()` pass (the caller's sleep) before each answer from APDU `start` on."""

    def __init__(self, card: Card, pause: Callable[[], None], start: int = 0) -> None:
        super().__init__(card, start)
        self._pause = pause

    def _faulty(self, command: bytes) -> bytes:
        self._pause()
        return self._card.transmit(command)


class Garbage(_Wrapped):
    """Answers 1 to 300 bytes of chance from APDU `start` on; one byte is no valid answer."""

    def __init__(self, card: Card, random: RandomSource, start: int = 0) -> None:
        super().__init__(card, start)
        self._random = random

    def _faulty(self, command: bytes) -> bytes:
        size = 1 + int.from_bytes(self._random(2), "big") % 300
        return self._random(size)


class EndlessChain(_Wrapped):
    """From APDU `start` on there is always more: 16 bytes and 6110 (SW1 61), or 6Cxx with another
    length each time (SW1 6C)."""

    def __init__(self, card: Card, sw1: int, start: int = 0) -> None:
        super().__init__(card, start)
        self._sw1 = sw1

    def _faulty(self, command: bytes) -> bytes:
        if self._sw1 == 0x61:
            data = bytes(16) if command[1:2] == b"\xc0" else b""
            return data + b"\x61\x10"
        return bytes([0x6C, 1 + self._count % 255])
