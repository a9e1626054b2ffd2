"""What the tests of the flow share: an authenticator that is told its answers, conversations of
made-up cards, and a diary in which card and authenticator write in one order."""

from dataclasses import dataclass, field

from apdu.channel import Channel
from apdu.social_security.authentication import (
    Authenticator,
    BasicRead,
    CardParameters,
    Mode,
    Stage,
    read_basic,
)
from apdu.social_security.keys import RKSSSE, Key
from apdu.social_security.needs import BASIC, Need
from apdu.social_security.quirks import STANDARD, Quirks
from world import Fault

SELECT = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
FCI_SM4 = "6F1C840F7378312E73682EC9E7BBE1B1A3D5CFA50988011E9F0C03860103"
FCI_3DES = "6F1C840F7378312E73682EC9E7BBE1B1A3D5CFA50988011E9F0C03860101"
CARD_ID = "519900D15600000510000B26FFFFFFFF"
NUMBER = b"519900190001010014".hex()
NAME = "张三".encode("gbk").ljust(30, b"\0").hex()
EXTENSION = bytes(20).hex()

A, B = "DBF7A936D0D18C9E", "32D9E876ADB31BBF"  # the vendor's trace, spec "The two modes"
C, D = "E603E2CAADAF02B6", "98B4D293D091C331"
INTERNAL, EXTERNAL = "F4A0CF965BDCEA30", "774A08EDF447A1DE"

HOLDER = [
    ("00B2083014", f"0812{NUMBER}9000"),
    ("00B2093020", f"091E{NAME}9000"),
]
EXTENDED = [*HOLDER, ("00B24E3016", f"4E14{EXTENSION}9000")]
DETAILS = [
    ("00B20A3003", "0A01319000"),
    ("00B20B3003", "0B01019000"),
    ("00B20C3005", "0C035199009000"),
    ("00B20D3006", "0D04190001019000"),
]


def issuer(version: str) -> list[tuple[str, str]]:
    return [
        ("00B2032806", f"0304{version.encode().hex()}9000"),
        ("00B207280B", f"0709{b'D2143569X'.hex()}9000"),
        ("00B2052806", "0504202001019000"),
        ("00B2062806", "0604209912319000"),
    ]


def until_proof(fci: str, le: str = "00") -> list[tuple[str, str]]:
    return [
        (SELECT + le, fci + "9000"),
        ("00B2012812", f"0110{CARD_ID}9000"),
        ("0084000008", A + "9000"),
        ("0084000008", B + "9000"),
        (f"0088000010{B}{A}{le}", INTERNAL + "9000"),
    ]


OPENING = [
    ("0084000008", C + "9000"),
    ("0084000008", D + "9000"),
    (f"0082000A10{EXTERNAL}{C}", "9000"),
]
CARD_3_0 = [*until_proof(FCI_SM4), *issuer("3.00"), *OPENING, *EXTENDED]
CARD_2_0 = [*until_proof(FCI_3DES), *issuer("2.00"), *EXTENDED]
CARD_1_0 = [*until_proof(FCI_3DES), *issuer("1.00"), *HOLDER]


@dataclass
class Told:
    """Its answer: `value`, or the fault instead; asking for it is written down."""

    diary: list[str]
    name: str
    value: bytes
    fault: Fault | None

    def result(self) -> bytes:
        self.diary.append(f"result {self.name}")
        if self.fault is not None:
            raise self.fault
        return self.value


@dataclass
class FakeAuthenticator:
    """An `Authenticator` that knows the answers beforehand."""

    internal_answer: bytes = bytes.fromhex(INTERNAL)
    external_answer: bytes = bytes.fromhex(EXTERNAL)
    diary: list[str] = field(default_factory=list)
    fault: Fault | None = None
    mode: Mode = "psam"
    terminal_number: str = "519900000001"
    asked: list[tuple[CardParameters, bytes, bytes]] = field(default_factory=list)

    def internal(self, card: CardParameters, factor: bytes, original: bytes) -> Told:
        return self._ask("internal", self.internal_answer, card, factor, original)

    def external(
        self, card: CardParameters, factor: bytes, original: bytes, key: Key = RKSSSE
    ) -> Told:
        return self._ask("external", self.external_answer, card, factor, original)

    def secured(self, card: CardParameters, factor: bytes, header: bytes, new_pin: bytes) -> Told:
        return self._ask("secured", header + bytes(4), card, factor, header)

    def release(self) -> None:
        self.diary.append("release")

    def _ask(
        self, name: str, answer: bytes, card: CardParameters, factor: bytes, original: bytes
    ) -> Told:
        self.diary.append(f"ask {name}")
        self.asked.append((card, factor, original))
        return Told(self.diary, name, answer, self.fault)


class Ticking:
    """A clock that advances a millisecond each time it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


def read(
    channel: Channel,
    authenticator: Authenticator | None = None,
    *,
    stages: list[Stage] | None = None,
    needs: frozenset[Need] = BASIC,
    quirks: Quirks = STANDARD,
) -> BasicRead:
    return read_basic(
        channel,
        authenticator or FakeAuthenticator(),
        clock=Ticking(),
        stage=(stages if stages is not None else []).append,
        needs=needs,
        quirks=quirks,
    )
