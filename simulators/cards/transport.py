"""The two faces of a card: T=0 through contacts and ISO 14443-4 through the air, same inside.

A face turns bytes into an `Apdu`, asks the operating system, and forms the answer: T=0 says 61xx
and 6Cxx and has no Le beside data; the contactless face answers at once.
"""

from functools import reduce
from operator import xor

from simulators.cards.contract import NO_ANSWER, Answer, Apdu, Processor

GET_RESPONSE = 0xC0
# P3 is Le: GET BALANCE, GET CHALLENGE, READ BINARY, READ RECORD
OUTGOING = frozenset({0x5C, 0x84, 0xB0, 0xB2})
MAX_ANSWER = 256


class ContactFace:
    """T=0 (ISO/IEC 7816-3). P3 is Lc or Le, never both; answers to data wait for GET RESPONSE."""

    def __init__(self, processor: Processor, historical: bytes) -> None:
        self.atr = contact_atr(historical)
        self._processor = processor
        self._powered = False
        self._waiting = b""

    def power_on(self) -> None:
        self._processor.reset()
        self._powered = True
        self._waiting = b""

    def power_off(self) -> None:
        self._powered = False

    def transmit(self, command: bytes) -> bytes:
        if not self._powered:
            return NO_ANSWER
        if len(command) < 4:
            return _sw(0x6700)
        cla, ins, p1, p2, p3, *body = command.ljust(5, b"\0")
        if (cla, ins) == (0x00, GET_RESPONSE):
            return self._get_response(p1, p2, p3, bool(body))
        self._waiting = b""
        if ins in OUTGOING:
            if body:
                return _sw(0x6700)
            le = p3 or MAX_ANSWER
            answer = self._processor.process(Apdu(cla, ins, p1, p2, le=le))
            return _exactly(answer, le)
        if len(body) != p3:
            return _sw(0x6700)
        return self._leave(self._processor.process(Apdu(cla, ins, p1, p2, bytes(body))))

    def _leave(self, answer: Answer) -> bytes:
        if not answer.data:
            return _sw(answer.sw)
        self._waiting = answer.data
        return _sw(0x6100 | len(answer.data) & 0xFF)

    def _get_response(self, p1: int, p2: int, p3: int, body: bool) -> bytes:
        waiting, self._waiting = self._waiting, b""
        if body:
            return _sw(0x6700)
        if p1 or p2:
            return _sw(0x6A86)
        if not waiting:
            return _sw(0x6985)
        size = p3 or MAX_ANSWER
        if size > len(waiting):
            self._waiting = waiting
            return _sw(0x6C00 | len(waiting) & 0xFF)
        self._waiting = waiting[size:]
        rest = len(self._waiting)
        return waiting[:size] + _sw(0x6100 | rest & 0xFF if rest else 0x9000)


class ContactlessFace:
    """ISO 14443-4 as PC/SC shows it: Le 00 is welcome and not needed, answers come at once."""

    def __init__(self, processor: Processor, historical: bytes) -> None:
        self.atr = contactless_atr(historical)
        self._processor = processor
        self._powered = False

    def power_on(self) -> None:
        self._processor.reset()
        self._powered = True

    def power_off(self) -> None:
        self._powered = False

    def transmit(self, command: bytes) -> bytes:
        if not self._powered:
            return NO_ANSWER
        apdu = _parse(command)
        if apdu is None:
            return _sw(0x6700)
        answer = self._processor.process(apdu)
        if apdu.ins in OUTGOING and apdu.le != MAX_ANSWER and apdu.le is not None:
            return _exactly(answer, apdu.le)
        return answer.data + _sw(answer.sw)


def contact_atr(historical: bytes) -> bytes:
    """`3B6D0000` + 13 historical bytes (spec social-security-card.md, Identity, ATR)."""
    return bytes.fromhex("3B6D0000") + historical


def contactless_atr(historical: bytes) -> bytes:
    """What PC/SC part 3 synthesises: `3B8D8001` + 13 historical bytes + TCK."""
    body = bytes.fromhex("8D8001") + historical
    return b"\x3b" + body + bytes([reduce(xor, body)])


def _parse(command: bytes) -> Apdu | None:
    """A short APDU of case 1 to 4; None when the lengths do not fit."""
    if len(command) < 4:
        return None
    cla, ins, p1, p2, *rest = command
    if not rest:
        return Apdu(cla, ins, p1, p2)
    if len(rest) == 1:
        # One byte is Le. Where it was meant as Lc 00 (the PIN query `0020000000`) there is no data
        # either way.
        return Apdu(cla, ins, p1, p2, le=rest[0] or MAX_ANSWER)
    lc = rest[0]
    if not lc or len(rest) not in (1 + lc, 2 + lc):
        return None
    le = (rest[1 + lc] or MAX_ANSWER) if len(rest) == 2 + lc else None
    return Apdu(cla, ins, p1, p2, bytes(rest[1 : 1 + lc]), le)


def _exactly(answer: Answer, le: int) -> bytes:
    if answer.data and len(answer.data) != le:
        return _sw(0x6C00 | len(answer.data) & 0xFF)
    return answer.data + _sw(answer.sw)


def _sw(sw: int) -> bytes:
    return sw.to_bytes(2, "big")
