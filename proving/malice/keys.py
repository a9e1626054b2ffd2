"""Key servers for malicious cards: what an honest one answers is known beforehand.

`Preparing` listens to a real PSAM while a good card is recorded. `KeyServer` gives the same answers
to the same questions, and to any other question what no card can know. Flows ask it in the shape of
either mode: `PsamShaped` at once, or by the product's own HSM authenticator and its messages.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import ClassVar, Final

from agent.identify.hsm import HsmAuthenticator, HsmClient
from apdu.crypto import FACTOR, Algorithm
from apdu.social_security.authentication import (
    Authenticator,
    CardParameters,
    Computed,
    Mode,
    Pending,
)
from apdu.social_security.city_keys import CityKeys
from apdu.social_security.keys import IRK, RKSSSE, STK, Key
from proving.malice.card import MaliciousCard
from simulators.ceremony import CITY_KEYS
from sync.contract.services import HsmAnswer, HsmRequest, Service, decode, encode

KEYS: Final = CityKeys.from_toml(CITY_KEYS)
TERMINAL: Final = "519900000001"
INTERNAL_AUTHENTICATE: Final = 0x88
HEADER: Final = 5  # CLA INS P1 P2 Lc

Question = tuple[str, str, str, bytes, bytes, bytes]  # key, algorithm, region, historical, factor …
Answers = Mapping[Question, bytes]


def question(key: Key, card: CardParameters, factor: bytes, data: bytes) -> Question:
    """All that a key server's answer depends on. The card's serial is in its historical bytes."""
    return (key.name, card.algorithm.value, card.region, card.historical_bytes, factor, data)


class Preparing:
    """See `apdu.social_security.authentication.Authenticator`; keeps every answer."""

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


class KeyServer:
    """`expected` is the last honest proof, `fetched` whether a flow waited for it."""

    def __init__(self, answers: Answers, card: MaliciousCard) -> None:
        self._answers = answers
        self.card = card
        self.expected = b""
        self.fetched = False

    def proof(self, asked: Question) -> bytes:
        """What the card must have answered to 0088."""
        self.fetched = True
        self.expected = self._answer(asked, FACTOR)
        return self.expected

    def cryptogram(self, asked: Question) -> bytes:
        return self._answer(asked, FACTOR)

    def secured(self, asked: Question) -> bytes:
        """A whole PIN command; `asked` ends with its header."""
        header = asked[-1]
        return self._answers.get(asked) or header + self._answer(asked, header[-1])

    def _answer(self, asked: Question, size: int) -> bytes:
        """Honest for what was prepared; for the rest bytes that depend on the whole question."""
        known = self._answers.get(asked)
        return known or blake2b(repr(asked).encode(), digest_size=size).digest()


class Credulous(KeyServer):
    """The control: it gives the card's own proof as the expected one, so that the comparison in the
    product's flow compares nothing."""

    def proof(self, asked: Question) -> bytes:
        super().proof(asked)
        return self.card.answered(INTERNAL_AUTHENTICATE)[0]


Servers = Callable[[Answers, MaliciousCard], KeyServer]


def authenticator(server: KeyServer, mode: Mode) -> Authenticator:
    """The key server as the flows of a mode know it."""
    if mode == "psam":
        return PsamShaped(server)
    return HsmAuthenticator(HsmClient(InProcess(server), within=1.0), server.card)


class PsamShaped:
    """See `apdu.social_security.authentication.Authenticator`."""

    mode: ClassVar[Mode] = "psam"
    terminal_number: ClassVar[str] = TERMINAL

    def __init__(self, server: KeyServer) -> None:
        self._server = server

    def internal(self, card: CardParameters, factor: bytes, original: bytes) -> Pending[bytes]:
        return Later(self._server.proof, question(IRK, card, factor, original))

    def external(
        self, card: CardParameters, factor: bytes, original: bytes, key: Key = RKSSSE
    ) -> Pending[bytes]:
        return Computed(self._server.cryptogram(question(key, card, factor, original)))

    def secured(
        self, card: CardParameters, factor: bytes, header: bytes, new_pin: bytes
    ) -> Pending[bytes]:
        return Computed(self._server.secured(question(STK, card, factor, header)))

    def release(self) -> None:
        """Nothing was leased."""


@dataclass
class Later:
    """The proof, when it is waited for."""

    answer: Callable[[Question], bytes]
    asked: Question = field(repr=False)

    def result(self) -> bytes:
        return self.answer(self.asked)


class InProcess:
    """See `sync.requests.Requests`: the city's HSM with nothing between."""

    def __init__(self, server: KeyServer) -> None:
        self._server = server

    def ask(self, service: Service, payload: bytes, *, within: float) -> "Told":
        return Told(self._server, payload)


@dataclass
class Told:
    """A question to the HSM that is answered when it is waited for."""

    server: KeyServer
    payload: bytes = field(repr=False)

    def result(self) -> bytes:
        message = decode(self.payload, HsmRequest).message
        return encode(HsmAnswer(message=self._answer(message.split("|"))))

    def _answer(self, fields: list[str]) -> str:
        kind, region, historical, code, *rest = fields
        card = CardParameters(_BY_CODE[code], region, bytes.fromhex(historical), "")
        if kind == "01":
            return self._proofs(card, *map(bytes.fromhex, rest[1:5]))
        values = [bytes.fromhex(value) for value in rest[1:3]]
        if kind == "02":
            asked = question(KEYS.at(rest[0]), card, *values)
            return _hex(self.server.cryptogram(asked) + values[1])
        return _hex(self.server.secured(question(STK, card, *values)))

    def _proofs(
        self, card: CardParameters, factor: bytes, original: bytes, opening: bytes, opened: bytes
    ) -> str:
        proof = self.server.proof(question(IRK, card, factor, original)) + original
        if not opened:
            return _hex(proof) + "|"
        cryptogram = self.server.cryptogram(question(RKSSSE, card, opening, opened))
        return _hex(proof) + _hex(cryptogram + opened)


_BY_CODE: Final = {algorithm.code: algorithm for algorithm in Algorithm}


def _hex(value: bytes) -> str:
    return value.hex().upper() + "|"
