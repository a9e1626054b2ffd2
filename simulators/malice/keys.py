"""Key servers for malicious cards: what an honest one answers is known beforehand.

`Preparing` listens to a real key server while a good card is recorded. `PreparedKeys` gives the
same answers to the same questions; to any other question it answers what no card can know.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from apdu.authentication import Authenticator, CardParameters, Computed, Mode, Pending
from apdu.crypto import FACTOR
from apdu.keys import IRK, RKSSSE, STK, Key
from simulators.malice.card import MaliciousCard

MAC: Final = 4
INTERNAL_AUTHENTICATE: Final = 0x88

Question = tuple[str, str, str, bytes, bytes, bytes]  # key, algorithm, region, historical, factor …
Answers = Mapping[Question, bytes]


def question(key: Key, card: CardParameters, factor: bytes, data: bytes) -> Question:
    """All that a key server's answer depends on. The card's serial is in its historical bytes."""
    return (key.name, card.algorithm.value, card.region, card.historical_bytes, factor, data)


class Preparing:
    """See `apdu.authentication.Authenticator`; keeps every answer."""

    def __init__(self, inner: Authenticator) -> None:
        self._inner = inner
        self.mode: Mode = inner.mode
        self.answers: dict[Question, bytes] = {}

    @property
    def terminal_number(self) -> str:
        return self._inner.terminal_number

    def internal(self, card: CardParameters, factor: bytes, original: bytes) -> Pending[bytes]:
        answer = self._inner.internal(card, factor, original).result()
        return self._kept(question(IRK, card, factor, original), answer)

    def external(
        self, card: CardParameters, factor: bytes, original: bytes, key: Key = RKSSSE
    ) -> Pending[bytes]:
        answer = self._inner.external(card, factor, original, key).result()
        return self._kept(question(key, card, factor, original), answer)

    def secured(
        self, card: CardParameters, factor: bytes, header: bytes, new_pin: bytes
    ) -> Pending[bytes]:
        answer = self._inner.secured(card, factor, header, new_pin).result()
        return self._kept(question(STK, card, factor, header), answer)

    def release(self) -> None:
        self._inner.release()

    def _kept(self, asked: Question, answer: bytes) -> Pending[bytes]:
        self.answers[asked] = answer
        return Computed(answer)


class PreparedKeys:
    """See `apdu.authentication.Authenticator`. Of the mode `psam` it answers at once, of `hsm` when
    it is asked for the result. `expected` is the last honest proof, `fetched` whether it was asked
    for."""

    def __init__(self, answers: Answers, mode: Mode) -> None:
        self._answers = answers
        self.mode: Mode = mode
        self.terminal_number = "519900000001" if mode == "psam" else ""
        self.expected = b""
        self.fetched = False

    def internal(self, card: CardParameters, factor: bytes, original: bytes) -> Pending[bytes]:
        return _Proof(self, question(IRK, card, factor, original))

    def external(
        self, card: CardParameters, factor: bytes, original: bytes, key: Key = RKSSSE
    ) -> Pending[bytes]:
        return Computed(self.answer(question(key, card, factor, original), FACTOR))

    def secured(
        self, card: CardParameters, factor: bytes, header: bytes, new_pin: bytes
    ) -> Pending[bytes]:
        size = len(header) + (header[4] if len(header) > 4 else MAC)
        return Computed(self.answer(question(STK, card, factor, header), size))

    def release(self) -> None:
        """Nothing was leased."""

    def answer(self, asked: Question, size: int) -> bytes:
        """Honest for what was prepared; for the rest bytes that depend on the whole question."""
        known = self._answers.get(asked)
        if known is not None:
            return known
        return blake2b(repr(asked).encode(), digest_size=size).digest()


@dataclass
class _Proof:
    """The card's proof, as the key server knows it."""

    keys: PreparedKeys
    asked: Question = field(repr=False)

    def __post_init__(self) -> None:
        self.keys.expected = self.keys.answer(self.asked, FACTOR)

    def result(self) -> bytes:
        self.keys.fetched = True
        return self.keys.expected


class Credulous(PreparedKeys):
    """The control: it gives the card's own proof as the expected one, so that the comparison in the
    product's flow compares nothing."""

    def __init__(self, answers: Answers, mode: Mode, card: MaliciousCard) -> None:
        super().__init__(answers, mode)
        self._card = card

    def internal(self, card: CardParameters, factor: bytes, original: bytes) -> Pending[bytes]:
        super().internal(card, factor, original)
        return _Heard(self, self._card)


@dataclass
class _Heard:
    keys: PreparedKeys
    card: MaliciousCard

    def result(self) -> bytes:
        self.keys.fetched = True
        return self.card.answered(INTERNAL_AUTHENTICATE)[0]


KeysFor = Callable[[Answers, Mode, MaliciousCard], PreparedKeys]


def honest(answers: Answers, mode: Mode, card: MaliciousCard) -> PreparedKeys:
    """As the product has it."""
    return PreparedKeys(answers, mode)
