"""The city's HSM as an `Authenticator`: a card's values go to the platform, its proofs come back.

On 3.0 one request brings both answers. The card waits meanwhile, powered and exclusively held, and
nothing is sent to it; after every wait it must be the same card that is still there. Where the flow
sends it nothing more (1.0, 2.0) it is asked to answer once: a reader may be slow to tell that a
card has left, pcscd asks some of them every 0.4 s only.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar, Final, Protocol

from apdu.channel import CardGone
from apdu.social_security.authentication import CardParameters, Computed, Mode, Pending
from apdu.social_security.city_keys import PUBLIC_KEYS_ONLY, CityKeys
from apdu.social_security.hsm_messages import (
    AuthenticateCard,
    AuthenticateKey,
    HsmMessageFault,
    Proofs,
    SecurePin,
)
from apdu.social_security.keys import RKSSSE, STK, Key
from sync.contract.services import HsmAnswer, HsmRequest, decode, encode
from sync.faults import MessageMalformed, MessageTooLarge
from sync.requests import PendingRequest, Requests
from world import Fault

ERRORS = ("unknown-region", "unknown-key", "unsupported-algorithm", "malformed")
BUSY = "busy"

# GET CHALLENGE: every card may answer it at any time, and nothing depends on that one.
SIGN_OF_LIFE: Final = bytes.fromhex("0084000004")


class WaitingCard(Protocol):
    """The card of the flow; `drivers.contract.CardHandle` is one."""

    def transmit(self, command: bytes) -> bytes:
        """See `apdu.channel.Channel`."""
        ...

    def present(self) -> bool:
        """See `drivers.contract.CardHandle`."""
        ...


class HsmRefused(Fault):
    """The city's HSM cannot serve this card. Fact: `error`, of `HsmAnswer` or "other"."""

    code = "hsm.refused"


class HsmBusy(Fault):
    """The city's HSM has too much to do just now."""

    code = "hsm.busy"


class HsmClient:
    """The way to the HSM; hands out one authenticator per flow. `within`: seconds per question;
    `keys` say how that HSM calls a key."""

    def __init__(
        self, requests: Requests, within: float, keys: CityKeys = PUBLIC_KEYS_ONLY
    ) -> None:
        self._requests = requests
        self._within = within
        self.keys = keys

    def authenticator(self, card: WaitingCard) -> "HsmAuthenticator":
        """For one flow with the card, which is looked at while an answer is awaited."""
        return HsmAuthenticator(self, card)

    def ask(self, message: str) -> PendingRequest:
        """Send one message (fields with `|` behind each). Never raises: what fails shows in
        `result`."""
        payload = encode(HsmRequest(message=message))
        return self._requests.ask("hsm", payload, within=self._within)


class HsmAuthenticator:
    """See `apdu.social_security.authentication.Authenticator`. Results raise `sync.requests`
    faults, `HsmRefused`, `HsmBusy`, `HsmMessageFault` and, when the card went while the HSM was
    waited for, `CardGone` or what its channel raises."""

    mode: ClassVar[Mode] = "hsm"
    terminal_number: ClassVar[str] = ""

    def __init__(self, desk: HsmClient, card: WaitingCard) -> None:
        self._desk = desk
        self._card = card
        self._proof: _Proof | None = None

    def internal(self, card: CardParameters, factor: bytes, original: bytes) -> Pending[bytes]:
        self._proof = _Proof(self, AuthenticateCard(card, factor, original))
        return _Part(self._proof, lambda proofs: proofs.internal)

    def external(
        self, card: CardParameters, factor: bytes, original: bytes, key: Key = RKSSSE
    ) -> Pending[bytes]:
        if key == RKSSSE and self._proof is not None and not self._proof.asked:
            self._proof.open_too(factor, original)
            return _Part(self._proof, lambda proofs: proofs.external)
        return self._answer(AuthenticateKey(card, self._desk.keys.address(key), factor, original))

    def secured(
        self, card: CardParameters, factor: bytes, header: bytes, new_pin: bytes
    ) -> Pending[bytes]:
        return self._answer(
            SecurePin(card, factor, header, new_pin, address=self._desk.keys.address(STK))
        )

    def release(self) -> None:
        """Nothing is leased; an answer that is not fetched is dropped."""

    def ask(self, message: str) -> PendingRequest:
        """As `HsmClient.ask`."""
        return self._desk.ask(message)

    def wait(self, asked: PendingRequest, *, last: bool = False) -> str:
        """The HSM server's message, with the same card still there. `last`: the card gets no
        command that needs the answer."""
        payload = asked.result()
        self.require_same_card(last=last)
        try:
            answer = decode(payload, HsmAnswer)
        except (MessageMalformed, MessageTooLarge):
            raise HsmMessageFault(what="json") from None
        if answer.error == BUSY:
            raise HsmBusy
        if answer.error:
            raise HsmRefused(error=answer.error if answer.error in ERRORS else "other")
        return answer.message

    def require_same_card(self, *, last: bool) -> None:
        """Raises `CardGone`, `CardMute`, `ReaderGone`."""
        if not self._card.present():
            raise CardGone
        if last:
            self._card.transmit(SIGN_OF_LIFE)

    def _answer(self, message: AuthenticateKey | SecurePin) -> Pending[bytes]:
        try:
            return _Answer(self, message, self.ask(message.text))
        except HsmMessageFault as fault:
            return Computed(fault=fault)


class _Proof:
    """Message 01, sent once: when all is there that it can ask for, or when it is waited for."""

    def __init__(self, hsm: HsmAuthenticator, message: AuthenticateCard) -> None:
        self._hsm = hsm
        self._message = message
        self.asked: PendingRequest | None = None
        self._opens = False

    def open_too(self, factor: bytes, original: bytes) -> None:
        """On 3.0: ask for what opens the holder's file as well, and so at once."""
        self._message = replace(self._message, external_factor=factor, external_original=original)
        self._opens = True
        self.asked = self._hsm.ask(self._message.text)

    def proofs(self) -> Proofs:
        if self.asked is None:
            self.asked = self._hsm.ask(self._message.text)
        return self._message.answered(self._hsm.wait(self.asked, last=not self._opens))


class _Part:
    """One of the two proofs."""

    def __init__(self, proof: _Proof, part: Callable[[Proofs], bytes]) -> None:
        self._proof = proof
        self._part = part

    def result(self) -> bytes:
        return self._part(self._proof.proofs())


class _Message(Protocol):
    """Message 02 or 03 of `apdu.social_security.hsm_messages`."""

    def answered(self, text: str) -> bytes:
        """The bytes that the answer's text says: a cryptogram (8), or a whole command. Raises
        `HsmMessageFault`."""
        ...


class _Answer:
    """The answer to message 02 or 03."""

    def __init__(self, hsm: HsmAuthenticator, message: _Message, asked: PendingRequest) -> None:
        self._hsm = hsm
        self._message = message
        self._asked = asked

    def result(self) -> bytes:
        return self._message.answered(self._hsm.wait(self._asked))
