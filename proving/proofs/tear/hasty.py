"""Controls of `prove tear` at the gate: desks that let in whom they should not.

`HastyDesk` accepts a card before its proof was compared. The product's flow is left as it is; it is
handed the card's own proof as the expected one, which is what a terminal does that does not wait
for its PSAM or HSM. `TrustingDesk` takes it that a card is still there when the HSM's answer comes.
"""

import time

from agent.identify.card import CardIdentifier
from agent.stages import Stages
from apdu.channel import Transport
from apdu.social_security.authentication import (
    Authenticator,
    BasicRead,
    CardParameters,
    Mode,
    Pending,
    read_basic,
)
from apdu.social_security.keys import RKSSSE, Key
from apdu.social_security.needs import BASIC, Need
from drivers.contract import CardHandle

INTERNAL_AUTHENTICATE = b"\x00\x88"
GET_RESPONSE = b"\x00\xc0"
PROOF = 8  # bytes


class Overheard:
    """A channel that remembers what the card last answered to INTERNAL AUTHENTICATE."""

    def __init__(self, card: CardHandle) -> None:
        self._card = card
        self._awaited = False
        self.proof = b""

    @property
    def transport(self) -> Transport:
        return self._card.transport

    @property
    def atr(self) -> bytes:
        return self._card.atr

    def transmit(self, command: bytes) -> bytes:
        answer = self._card.transmit(command)
        self._awaited = command.startswith(INTERNAL_AUTHENTICATE) or (
            self._awaited and command.startswith(GET_RESPONSE)
        )
        if self._awaited and len(answer) == PROOF + 2:
            self.proof = answer[:PROOF]
        return answer


class HastyAuthenticator:
    """See `apdu.social_security.authentication.Authenticator`; asks and does not look at what is
    said."""

    def __init__(self, inner: Authenticator, card: Overheard) -> None:
        self._inner = inner
        self._card = card

    @property
    def mode(self) -> Mode:
        return self._inner.mode

    @property
    def terminal_number(self) -> str:
        return self._inner.terminal_number

    def internal(self, card: CardParameters, factor: bytes, original: bytes) -> Pending[bytes]:
        self._inner.internal(card, factor, original)
        return Agreeable(self._card)

    def external(
        self, card: CardParameters, factor: bytes, original: bytes, key: Key = RKSSSE
    ) -> Pending[bytes]:
        return self._inner.external(card, factor, original, key)

    def secured(
        self, card: CardParameters, factor: bytes, header: bytes, new_pin: bytes
    ) -> Pending[bytes]:
        return self._inner.secured(card, factor, header, new_pin)

    def release(self) -> None:
        self._inner.release()


class Agreeable:
    """A `Pending` of whatever the card says."""

    def __init__(self, card: Overheard) -> None:
        self._card = card

    def result(self) -> bytes:
        return self._card.proof


class HastyDesk(CardIdentifier):
    """See `agent.identify.card.CardIdentifier`, which it breaks."""

    def read_in_clear(
        self,
        handle: CardHandle,
        stages: Stages,
        *,
        needs: frozenset[Need] = BASIC,
        leaving: bool = False,
        reader: str = "",
    ) -> BasicRead:
        card = Overheard(handle)
        asked = HastyAuthenticator(self.authenticator(handle, leaving=leaving), card)
        return read_basic(card, asked, clock=time.monotonic, stage=stages.begin, needs=needs)


class StillThere:
    """See `agent.identify.hsm.WaitingCard`; a card that nobody asks."""

    def __init__(self, card: CardHandle) -> None:
        self.transport = card.transport
        self.atr = card.atr
        self.close = card.close

    def transmit(self, command: bytes) -> bytes:
        return b"\x90\x00"

    def present(self) -> bool:
        return True


class TrustingDesk(CardIdentifier):
    """See `agent.identify.card.CardIdentifier`, which it breaks."""

    def authenticator(self, handle: CardHandle, *, leaving: bool = False) -> Authenticator:
        return super().authenticator(StillThere(handle), leaving=leaving)
