"""Simulated cards and PSAMs of the made-up city as channels in this process, and what a test does
with them: sessions, keys, and a look at every command that went out."""

from collections.abc import Callable
from dataclasses import dataclass, field

from apdu.channel import CardMute, Transport
from apdu.social_security.authentication import PsamAuthenticator
from apdu.social_security.city_keys import CityKeys
from apdu.social_security.psam import Psam
from apdu.social_security.session import CardSession, open_session
from simulators.cards import (
    Algorithm,
    Card,
    Generation,
    Interface,
    SocialSecurityCardOs,
    face,
    operating_system,
)
from simulators.ceremony import CITY_KEYS
from tests.simulators.cards.terminal import CITY, order

TERMINAL = "519900000001"
KEYS = CityKeys.from_toml(CITY_KEYS)
CARDS = [
    (Generation.V1, Algorithm.DES3, Interface.CONTACT),
    (Generation.V2, Algorithm.DES3, Interface.CONTACT),
    (Generation.V2, Algorithm.SSF33, Interface.CONTACT),
    (Generation.V3, Algorithm.SM4, Interface.CONTACT),
    (Generation.V3, Algorithm.SM4, Interface.CONTACTLESS),
]


class InProcess:
    """A powered card as a `Channel`; `sent` is every raw command, `before` is told each."""

    def __init__(self, card: Card, transport: Transport) -> None:
        self.transport = transport
        self.card = card
        self.sent: list[bytes] = []
        self.before: Callable[[bytes], None] = lambda command: None
        card.power_on()

    @property
    def atr(self) -> bytes:
        return self.card.atr

    def transmit(self, command: bytes) -> bytes:
        self.before(command)
        self.sent.append(command)
        answer = self.card.transmit(command)
        if not answer:
            raise CardMute(answered=0)
        return answer

    def count(self, instruction: int) -> int:
        return sum(command[1] == instruction for command in self.sent)


@dataclass
class Bench:
    """One card on one channel, a complete PSAM beside it."""

    inside: SocialSecurityCardOs
    channel: InProcess
    authenticator: PsamAuthenticator
    keys: CityKeys = field(default=KEYS)

    def session(self) -> CardSession:
        return open_session(self.channel, self.authenticator, keys=self.keys)


def bench(
    generation: Generation = Generation.V3,
    algorithm: Algorithm = Algorithm.SM4,
    interface: Interface = Interface.CONTACT,
    **changes: object,
) -> Bench:
    """A fresh card of the city."""
    made = order(generation, algorithm=algorithm, **changes)
    spec = CITY.card_spec(made)
    inside = operating_system(spec)
    transport = Transport.T0 if interface is Interface.CONTACT else Transport.T1
    channel = InProcess(face(inside, spec.historical, interface), transport)
    return Bench(inside, channel, psam_authenticator())


def psam_authenticator(keys: CityKeys = KEYS) -> PsamAuthenticator:
    """A PSAM of the city with all keys of its table."""
    psam = CITY.psam(TERMINAL)
    return PsamAuthenticator(Psam(InProcess(psam, Transport.T0)), keys)
