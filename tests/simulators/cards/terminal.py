"""A terminal's side for the tests of the simulated cards: short commands, and the city's keys."""

from simulators.cards import (
    Algorithm,
    Card,
    Generation,
    Holder,
    Interface,
    SocialSecurityCardOs,
    face,
    operating_system,
)
from simulators.ceremony import CardOrder, KeyAuthority, card_number

SSSE = "7378312E73682EC9E7BBE1B1A3D5CF"
CITY = KeyAuthority()
HOLDER = Holder("519900190001010011", "测试甲", "1", "01", "519900", "19000101")
SERIAL = "000001AC"
PIN = "123456"

ALGORITHM_OF = {
    Generation.V1: Algorithm.DES3,
    Generation.V2: Algorithm.DES3,
    Generation.V3: Algorithm.SM4,
}


def order(generation: Generation = Generation.V3, **changes: object) -> CardOrder:
    fields: dict[str, object] = {
        "holder": HOLDER,
        "generation": generation,
        "algorithm": ALGORITHM_OF[generation],
        "serial": SERIAL,
        "card_number": card_number("X0000001"),
        "pin": PIN,
    }
    return CardOrder(**(fields | changes))  # type: ignore[arg-type]


class Desk:
    """One card on the desk, powered, spoken to in hex. `send` follows 61xx like a terminal."""

    def __init__(self, card: Card, inside: SocialSecurityCardOs, algorithm: Algorithm) -> None:
        self.card = card
        self.inside = inside
        self.algorithm = algorithm
        card.power_on()

    def send(self, command: str) -> str:
        answer = self.card.transmit(bytes.fromhex(command))
        while answer[-2:-1] == b"\x61":
            more = self.card.transmit(bytes.fromhex("00C00000") + answer[-1:])
            answer = answer[:-2] + more
        return answer.hex().upper()

    def status(self, command: str) -> str:
        return self.send(command)[-4:]

    def select(self, aid: str = SSSE) -> str:
        return self.status(f"00A40400{len(aid) // 2:02X}{aid}")

    def challenge(self) -> bytes:
        return bytes.fromhex(self.send("0084000008")[:-4])

    def cryptogram(self, key: str, factor: bytes, original: bytes) -> bytes:
        return CITY.authentication_data(
            self.algorithm, key, CITY.historical(SERIAL), factor=factor, original=original
        )

    def authenticate(self, key: str, kid: int) -> str:
        """EXTERNAL AUTHENTICATE done right: challenge A, B, cryptogram; the status word."""
        original, factor = self.challenge(), self.challenge()
        return self.present(kid, self.cryptogram(key, factor, original), original)

    def present(self, kid: int, cryptogram: bytes, original: bytes) -> str:
        return self.status(f"008200{kid:02X}10{cryptogram.hex()}{original.hex()}")

    def verify(self, pin: str = PIN) -> str:
        bcd = pin + "F" * (len(pin) % 2)
        return self.status(f"00200000{len(bcd) // 2:02X}{bcd}")


def desk(
    generation: Generation = Generation.V3,
    interface: Interface = Interface.CONTACT,
    **changes: object,
) -> Desk:
    """A fresh card, powered on, nothing selected."""
    made = order(generation, **changes)
    spec = CITY.card_spec(made)
    inside = operating_system(spec)
    return Desk(face(inside, spec.historical, interface), inside, made.algorithm)


def selected(
    generation: Generation = Generation.V3,
    interface: Interface = Interface.CONTACT,
    **changes: object,
) -> Desk:
    """As `desk`, with the environment selected."""
    made = desk(generation, interface, **changes)
    assert made.select() == "9000"
    return made
