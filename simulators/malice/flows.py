"""The product's flows, each with a good card recorded for it, ready to be lied to.

A subject's script is recorded once from a simulated card with a real PSAM session beside it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from apdu.authentication import (
    Authenticator,
    BasicRead,
    Mode,
    PsamAuthenticator,
    read_basic,
)
from apdu.channel import Channel, Transport
from apdu.files import Generation as CardGeneration
from apdu.psam import Psam
from simulators.cards import Algorithm, Generation, Holder, Interface, face, operating_system
from simulators.ceremony import CardOrder, City, card_number
from simulators.direct import Direct
from simulators.malice.card import GOOD, MaliciousCard, Script
from simulators.malice.keys import INTERNAL_AUTHENTICATE, Answers, PreparedKeys, Preparing

CITY = City()
HOLDER = Holder("519900190001010014", "司马·阿依古丽", "1", "11", "519900", "19000101")
EXTERNAL_AUTHENTICATE = 0x82
KINDS = (
    (Generation.V1, Algorithm.DES3, Interface.CONTACT),
    (Generation.V1, Algorithm.SSF33, Interface.CONTACT),
    (Generation.V2, Algorithm.DES3, Interface.CONTACT),
    (Generation.V2, Algorithm.SM4, Interface.CONTACT),
    (Generation.V3, Algorithm.DES3, Interface.CONTACT),
    (Generation.V3, Algorithm.SM4, Interface.CONTACT),
    (Generation.V3, Algorithm.SM4, Interface.CONTACTLESS),
)
MODES: tuple[Mode, ...] = ("psam", "hsm")

Run = Callable[[Channel, Authenticator], object]
Judge = Callable[[MaliciousCard, PreparedKeys, object], bool]


@dataclass(frozen=True)
class Subject:
    """One flow on one kind of card. `wrongly` judges a flow that went to its end: True when it
    should not have."""

    name: str
    run: Run
    wrongly: Judge
    mode: Mode
    script: Script = field(repr=False)
    answers: Answers = field(repr=False)
    proven_at: int = 0  # APDU of the good conversation from which on the card has proved itself


def subjects() -> Sequence[Subject]:
    """All of them, freshly recorded; the same every time."""
    return list(_subjects())


def _subjects() -> Iterator[Subject]:
    for generation, algorithm, interface in KINDS:
        for mode in MODES:
            words = ("basic", mode, generation.value, algorithm.name, interface.value)
            yield _basic(" ".join(words), generation, algorithm, interface, mode)


def _basic(
    name: str, generation: Generation, algorithm: Algorithm, interface: Interface, mode: Mode
) -> Subject:
    order = CardOrder(HOLDER, generation, algorithm, "00000001", card_number("D2143569"))
    spec = CITY.card_spec(order)
    transport = Transport.T0 if interface is Interface.CONTACT else Transport.T1
    card = Overheard(Direct(face(operating_system(spec), spec.historical, interface), transport))
    keys = Preparing(PsamAuthenticator(Psam(Direct(CITY.psam("519900000001"), Transport.T0))))
    read_with_details(card, keys)
    return Subject(
        name=name,
        run=read_with_details,
        wrongly=wrongly_read,
        mode=mode,
        script=card.script(),
        answers=keys.answers,
    )


def read_with_details(card: Channel, keys: Authenticator) -> BasicRead:
    """The basic read with all that it can read."""
    return read_basic(card, keys, clock=float, stage=lambda name: None, details=True)


def wrongly_read(card: MaliciousCard, keys: PreparedKeys, read: object) -> bool:
    """A card that did not prove itself, or a file that this terminal had not won."""
    assert isinstance(read, BasicRead)
    proof, status = card.answered(INTERNAL_AUTHENTICATE)
    if proof != keys.expected or status != GOOD:
        return True
    opened = card.answered(EXTERNAL_AUTHENTICATE)[1] == GOOD
    return read.generation is CardGeneration.V3 and not opened


class Overheard:
    """A channel whose conversation becomes a script."""

    def __init__(self, card: Channel) -> None:
        self._card = card
        self.transport = card.transport
        self.atr = card.atr
        self._said: list[tuple[bytes, bytes]] = []

    def transmit(self, command: bytes) -> bytes:
        answer = self._card.transmit(command)
        self._said.append((command, answer))
        return answer

    def script(self) -> Script:
        commands, answers = zip(*self._said, strict=True)
        return Script(self.transport, self.atr, commands, answers)
