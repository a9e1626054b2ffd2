"""What one call may have come to, judged from the card's own book and from what passed the reader.

Nothing here believes the product: what was done says the card, what it could say says the trace.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from agent.facade.call import CallAnswer
from proving.proofs.tear.business import NEW_PIN, WRONG_PIN, Business
from proving.proofs.tear.cards import (
    CHANGE,
    EXTERNAL_AUTHENTICATE,
    PIN,
    RESTORE,
    UPDATE_BINARY,
    UPDATE_RECORD,
    VERIFY,
    Content,
    Done,
)
from simulators.vpcd import Exchange

CARD_GONE: Final = -2
NO_ANSWER: Final = -4
GONE: Final = (CARD_GONE, NO_ANSWER)
PIN_ERRORS: Final = (-51, -52)
REFUSALS: Final = range(0x6000, 0xA000)  # card errors are −(status word)
DONE: Final = b"\x90\x00"
SELECT_BY_NAME: Final = b"\x00\xa4\x04"
HEADER: Final = 5  # bytes, with the length of the data
NEVER_TWICE: Final = frozenset({VERIFY, CHANGE, RESTORE, EXTERNAL_AUTHENTICATE})
SECOND_STEP: Final = 1  # counted from 0
PINS: Final = (PIN, NEW_PIN, WRONG_PIN)


@dataclass(frozen=True)
class Whole:
    """A business that nobody disturbed: how many APDUs the card got, which of them decide (counted
    from 0), what the card held before and afterwards."""

    apdus: int
    deciding: Sequence[int]
    old: Content
    new: Content


@dataclass(frozen=True)
class Seen:
    """One business: its answers, the card's book, and all that passed the reader meanwhile."""

    business: Business
    answers: Sequence[CallAnswer]
    book: Sequence[Done]
    trace: Sequence[Exchange]

    @property
    def result(self) -> int:
        return self.answers[-1].result

    @property
    def told_new_pin(self) -> bool:
        """To the caller, in his second step, for his HSM."""
        asked = self.answers[SECOND_STEP : SECOND_STEP + 1]
        return self.business.tells_new_pin and any(answer.result == 0 for answer in asked)

    @property
    def lost(self) -> bool:
        """The card carried out a deciding command, and its answer did not arrive."""
        done = sum(decides(self.business, one.head, one.apdu.data) for one in self.book)
        return done > len(self._heard())

    def false_success(self, whole: Whole, now: Content) -> bool:
        """0, and not every deciding command was done and said so, or the card does not hold it."""
        said = sum(answer == DONE for answer in self._heard())
        return self.result == 0 and (said < len(whole.deciding) or now != whole.new)

    def misnamed(self) -> bool:
        """Lost, and told as something else; or an error of the card that it has not told."""
        told = {int.from_bytes(answer[-2:], "big") for answer in self._answers()}
        if self.result in PIN_ERRORS and not any(sw & 0xFFF0 == 0x63C0 for sw in told):
            return True
        if -self.result in REFUSALS and -self.result not in told:
            return True
        return self.lost and self.result not in GONE

    def twice(self) -> int:
        """How often a key or the PIN was shown again, arrived or not."""
        shown: Counter[bytes] = Counter()
        application = b""  # a key's number is one of its application's
        for exchange in self.trace:
            if exchange.command[:3] == SELECT_BY_NAME:
                application = exchange.command[5:]
            elif head(exchange) in NEVER_TWICE and len(exchange.command) > HEADER:
                key = head(exchange) == EXTERNAL_AUTHENTICATE
                shown[exchange.command[:4] + (application if key else b"")] += 1
        return sum(count - 1 for count in shown.values())

    def _answers(self) -> Iterable[bytes]:
        return (one.response for one in self.trace if one.response is not None)

    def _heard(self) -> Sequence[bytes]:
        """The answers to deciding commands that arrived."""
        return [
            one.response
            for one in self.trace
            if one.response is not None and decides(self.business, head(one), one.command[HEADER:])
        ]


def head(exchange: Exchange) -> tuple[int, int]:
    return exchange.command[0], exchange.command[1]


def decides(business: Business, command: tuple[int, int], data: bytes) -> bool:
    """0020 without data only asks for the tries."""
    return command in business.decides and bool(data)


def half_written(whole: Whole, now: Content, book: Sequence[Done]) -> int:
    """Records that are neither old nor new; pieces of transparent files that are not as the
    commands say that were carried out, each wholly."""
    halves = 0
    for name, old in whole.old.items():
        new = whole.new[name]
        expected = list(old)
        for done in book:
            if done.file == name and done.sw == 0x9000 and done.head == UPDATE_BINARY:
                piece = slice(done.apdu.p1p2, done.apdu.p1p2 + len(done.apdu.data))
                expected[piece] = new[piece]
        records = any(done.head == UPDATE_RECORD and done.file == name for done in book)
        if records:
            halves += sum(n not in (o, w) for n, o, w in zip(now[name], old, new, strict=True))
        else:
            halves += list(now[name]) != expected
    return halves


def pins_shown(seen: Seen) -> int:
    """Answers with a PIN in them, but for the new one where it is the caller's to know."""
    shown = 0
    for number, answer in enumerate(seen.answers):
        told = seen.told_new_pin and number == SECOND_STEP
        fields = set(answer.output.split("|")) - ({NEW_PIN} if told else set())
        shown += bool(fields & set(PINS)) or (
            answer.result != 0 and any(pin in answer.output for pin in PINS)
        )
    return shown
