"""The product's flows, each with a good card recorded for it, ready to be lied to.

A subject's script is recorded once, from a simulated card with a real PSAM session beside it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from apdu.channel import Channel, Transport
from apdu.social_security.authentication import Authenticator, Mode, PsamAuthenticator, read_basic
from apdu.social_security.card import SocialSecurityCard
from apdu.social_security.certificates import FILES, CardCertificates
from apdu.social_security.file_address import parse_address, parse_data
from apdu.social_security.files import Generation as CardGeneration
from apdu.social_security.needs import DETAILED
from apdu.social_security.psam import Psam
from apdu.social_security.session import CardSession, open_session
from proving.malice.card import GOOD, MaliciousCard, Script
from proving.malice.keys import (
    INTERNAL_AUTHENTICATE,
    KEYS,
    TERMINAL,
    Answers,
    KeyServer,
    Preparing,
    authenticator,
)
from simulators.cards import Algorithm, Generation, Holder, Interface, face, operating_system
from simulators.cards.contents import Transaction
from simulators.ceremony import CardOrder, KeyAuthority, card_number
from simulators.channel import CardChannel

CITY: Final = KeyAuthority()
HOLDER: Final = Holder("519900190001010014", "司马·阿依古丽", "1", "11", "519900", "19000101")
PIN, NEW_PIN = b"123456", b"654321"
BOUGHT: Final = Transaction(1, TERMINAL, "20260101120000", 100, 200, 300)
Kind = tuple[Generation, Algorithm, Interface]
BASIC_KINDS: Final[Sequence[Kind]] = (
    (Generation.V1, Algorithm.DES3, Interface.CONTACT),
    (Generation.V1, Algorithm.SSF33, Interface.CONTACT),
    (Generation.V2, Algorithm.DES3, Interface.CONTACT),
    (Generation.V2, Algorithm.SM4, Interface.CONTACT),
    (Generation.V3, Algorithm.DES3, Interface.CONTACT),
    (Generation.V3, Algorithm.SM4, Interface.CONTACT),
    (Generation.V3, Algorithm.SM4, Interface.CONTACTLESS),
)
SESSION_KINDS: Final[Sequence[Kind]] = (
    (Generation.V1, Algorithm.DES3, Interface.CONTACT),
    (Generation.V2, Algorithm.DES3, Interface.CONTACT),
    (Generation.V3, Algorithm.SM4, Interface.CONTACT),
    (Generation.V3, Algorithm.SM4, Interface.CONTACTLESS),
)
MODES: Final[tuple[Mode, ...]] = ("psam", "hsm")

EXTERNAL_AUTHENTICATE = 0x82
SELECT, BY_NAME = 0xA4, 0x04
# VERIFY, UNBLOCK/RELOAD, CHANGE PIN, EXTERNAL AUTHENTICATE: each spends a try when it is refused.
TRIES: Final = (0x20, 0x24, 0x5E, EXTERNAL_AUTHENTICATE)
# What a flow has to be told 9000 before it may end well, if it sends it: the above, and writes.
RIGHTS: Final = (*TRIES, 0xDC, 0xD6)

Run = Callable[[Channel, Authenticator], CardGeneration]


@dataclass(frozen=True)
class Subject:
    """One flow on one kind of card. `run` gives the generation that it took the card for."""

    name: str
    run: Run
    mode: Mode
    script: Script = field(repr=False)
    answers: Answers = field(repr=False)
    generation: CardGeneration = CardGeneration.V3
    tries: Mapping[int, int] = field(default_factory=dict)  # sent in the good flow, by instruction
    spent: "Spent" = field(default_factory=dict)

    def wrongly(self, card: MaliciousCard, server: KeyServer, took: CardGeneration) -> bool:
        """Of a flow that went to its good end: the card had not proved itself, or a right was
        refused or never asked for. A card that says 2.0 has its holder's file free to read."""
        proof, status = card.answered(INTERNAL_AUTHENTICATE)
        if proof != server.expected or status != GOOD:
            return True
        if any(status != GOOD for ins in RIGHTS for status in card.sent(ins)):
            return True
        same = took is self.generation
        return same and any(len(card.sent(ins)) < count for ins, count in self.tries.items())

    def repeated(self, card: MaliciousCard) -> bool:
        """A key or the PIN was shown to one application more than once, or more often than in the
        good flow. A card that says 3.0 is shown a key that a 2.0 card is not, once."""
        return any(count > max(1, self.spent.get(what, 0)) for what, count in spent(card).items())


Spent = Mapping[tuple[bytes, bytes], int]  # by the name that was selected, and CLA INS P1 P2


def spent(card: MaliciousCard) -> Spent:
    """How often a command went out that spends a try when it is refused."""
    counted: Counter[tuple[bytes, bytes]] = Counter()
    selected = b""
    for command, _ in card.said:
        if command[1] == SELECT and command[2] == BY_NAME:
            selected = command[5:]
        elif command[1] in TRIES and command[4:5] > b"\0":
            counted[selected.rstrip(b"\0"), command[:4]] += 1
    return counted


def subjects() -> Sequence[Subject]:
    """All of them, freshly recorded; the same every time."""
    return list(_subjects())


def _subjects() -> Iterator[Subject]:
    for kind in BASIC_KINDS:
        yield from _recorded("basic", read_with_details, kind)
    for kind in SESSION_KINDS:
        for name, act in ACTS.items():
            if name != "certificates" or kind[0] is Generation.V3:
                yield from _recorded(name, partial(in_session, act), kind)


def _recorded(name: str, run: Run, kind: Kind) -> Iterator[Subject]:
    """The same good conversation for both modes."""
    generation, algorithm, interface = kind
    order = CardOrder(
        HOLDER,
        generation,
        algorithm,
        "00000001",
        card_number("D2143569"),
        pin=PIN.decode(),
        transactions=(BOUGHT, BOUGHT),
        certificates=generation is Generation.V3,
    )
    spec = CITY.card_spec(order)
    transport = Transport.T0 if interface is Interface.CONTACT else Transport.T1
    card = Overheard(
        CardChannel(face(operating_system(spec), spec.historical, interface), transport)
    )
    psam = Psam(CardChannel(CITY.psam(TERMINAL), Transport.T0))
    keys = Preparing(PsamAuthenticator(psam, KEYS))
    took = run(card, keys)
    script = card.script()
    good = MaliciousCard(script)
    run(good, authenticator(KeyServer(keys.answers, good), "psam"))
    for mode in MODES:
        yield Subject(
            name=" ".join((name, mode, generation.value, algorithm.name, interface.value)),
            run=run,
            mode=mode,
            script=script,
            answers=keys.answers,
            generation=took,
            tries={ins: len(good.sent(ins)) for ins in TRIES},
            spent=spent(good),
        )


def read_with_details(card: Channel, keys: Authenticator) -> CardGeneration:
    """The basic read with all that it can read."""
    read = read_basic(card, keys, clock=float, stage=lambda name: None, needs=DETAILED)
    return read.generation


def in_session(
    act: Callable[[CardSession], object], card: Channel, keys: Authenticator
) -> CardGeneration:
    """Whatever is done behind the basic authentication."""
    with open_session(card, keys, keys=KEYS) as session:
        act(session)
        return session.generation


def _read(address: str, *, pin: bool = False) -> Callable[[CardSession], object]:
    files = parse_address(address)
    return lambda session: session.read(
        files, how="pin" if pin else "key", ask_pin=lambda tries: bytearray(PIN)
    )


def _write(address: str, data: str) -> Callable[[CardSession], object]:
    files = parse_data(data, parse_address(address))
    return lambda session: session.write(files)


def _certificates(card: SocialSecurityCard) -> None:
    found = CardCertificates(card)
    found.public_key()
    for purpose in FILES:
        found.certificate(purpose)


ACTS: Final[Mapping[str, Callable[[CardSession], object]]] = {
    "read-ssse": _read("SSSEEF06|08|09|4E|0A|0D|$SSSEEF08|00:40|$"),
    "read-insurance": _read("DF03EF05|61|60|$DF02EF05|43:2|$DF01EF16|00:20|$"),
    "read-by-pin": _read("DF01EF05|20|0E|$DF04EF08|$", pin=True),
    "read-by-both": _read("DF04EF06|90|92|93|$DF07EF05|F0|$"),
    "write": _write("DF03EF05|60|$DF01EF16|00:04|$", "DF03EF05|20260101|$DF01EF16|01020304|$"),
    "verify-pin": lambda session: session.verify_pin(bytearray(PIN)),
    "change-pin": lambda session: session.change_pin(bytearray(PIN), bytearray(NEW_PIN)),
    "reload-pin": lambda session: session.reload_pin(bytearray(NEW_PIN)),
    "unblock-pin": lambda session: session.unblock_pin(),
    "certificates": lambda session: _certificates(session.card),
}


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
