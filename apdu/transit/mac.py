"""A purse's cryptography: the purchase keys of one card, and the three codes of one purchase.

Source: spec transit-card.md, Cryptography. No terminal holds these keys: cards, PSAMs and the back
office do. Here they are for the check of a TAC, and for the vectors.
"""

from typing import ClassVar, Literal

from apdu.crypto import Sm4, TripleDes
from apdu.transit.values import AMOUNT
from apdu.vectors import Vector

SOURCE = "spec transit-card.md, Cryptography"
Truncation = Literal["left", "xor"]

_KEY = bytes.fromhex("11223344556677888877665544332211")
_RANDOM = bytes.fromhex("11223344")
_PAID = bytes.fromhex("003238ABC57659DD")  # session key of the one-level purchase
_LOADED = bytes.fromhex("9B1D924E05595603")  # of the load
_MPK = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
_MTK = bytes.fromhex("89ABCDEF0123456776543210FEDCBA98")
_DPK = bytes.fromhex("CEA69AF6F0CE3E28DC87DFD861C7A3AB")
_DTK = bytes.fromhex("C92FD87BCCA837504DAE5D3487DD8097")
_SESSION = bytes.fromhex("BD4A9EA9ED283B89")
_ISSUER = bytes.fromhex("02313750FFFFFFFF")
_SERIAL = bytes.fromhex("4990600000000006")
_TERMINAL = bytes.fromhex("012300033D11")
_AT = "20250102030405"


class Des3Purse:
    """3DES purses."""

    vectors: ClassVar[tuple[Vector, ...]] = (
        Vector("session_key", (_KEY, _RANDOM, 0x0000, 0x00000001), _PAID, SOURCE),
        Vector(
            "mac1",
            (_PAID, 0x1000, 0x06, bytes.fromhex("001122334455"), "20120229135100"),
            bytes.fromhex("F15CAB75"),
            SOURCE,
        ),
        Vector("mac2", (_PAID, 0x1000), bytes.fromhex("56988A13"), SOURCE),
        # A load's session key has 8000 where a purchase's has the end of the PSAM's number.
        Vector("session_key", (_KEY, _RANDOM, 0x0000, 0x8000), _LOADED, SOURCE),
        Vector(
            "mac",
            (_LOADED, bytes.fromhex("00000000 00001000 01 001122334455")),
            bytes.fromhex("2988AE5A"),
            SOURCE,
        ),
        Vector(
            "mac1",
            (_LOADED, 0x1000, 0x01, bytes.fromhex("001122334455"), "20111221214822"),
            bytes.fromhex("3A845BF0"),
            SOURCE,
        ),
        Vector("card_key", (_MPK, _ISSUER, _SERIAL), _DPK, SOURCE),
        Vector("card_key", (_MTK, _ISSUER, _SERIAL), _DTK, SOURCE),
        Vector("session_key", (_DPK, _RANDOM, 0x0001, 0x00000005), _SESSION, SOURCE),
        Vector(
            "mac1", (_SESSION, 0xC8, 0x06, _TERMINAL, _AT), bytes.fromhex("B68C7D9E"), SOURCE
        ),
        Vector("mac2", (_SESSION, 0xC8), bytes.fromhex("7C193FB8"), SOURCE),
        Vector(
            "tac", (_DTK, 0xC8, 0x06, _TERMINAL, 0x05, _AT), bytes.fromhex("21FAC85F"), SOURCE
        ),
        Vector(
            "mac1", (_SESSION, 0xC8, 0x09, _TERMINAL, _AT), bytes.fromhex("A9BA3FA2"), SOURCE
        ),
        Vector(
            "tac", (_DTK, 0xC8, 0x09, _TERMINAL, 0x05, _AT), bytes.fromhex("5B15F798"), SOURCE
        ),
    )  # fmt: skip

    @classmethod
    def card_key(cls, root: bytes, issuer: bytes, serial: bytes) -> bytes:
        """MPK to DPK, MTK to DTK: 16 bytes, by the issuer's 8 and the card's 8."""
        return TripleDes.diversify(TripleDes.diversify(root, issuer), serial)

    @classmethod
    def session_key(cls, key: bytes, random: bytes, seq: int, sequence: int) -> bytes:
        """SESPK, 8 bytes. `seq` is the card's, `sequence` the PSAM's, of which two bytes enter."""
        return TripleDes.process_key(key, _exchange(random, seq, sequence))

    @classmethod
    def mac1(cls, session: bytes, amount: int, kind: int, terminal: bytes, moment: str) -> bytes:
        """The PSAM's word for the card, 4 bytes."""
        return cls.mac(session, _signed(amount, kind, terminal) + bytes.fromhex(moment))

    @classmethod
    def mac2(cls, session: bytes, amount: int) -> bytes:
        """The card's word for the PSAM, 4 bytes."""
        return cls.mac(session, amount.to_bytes(AMOUNT))

    @classmethod
    def tac(
        cls, key: bytes, amount: int, kind: int, terminal: bytes, sequence: int, moment: str
    ) -> bytes:
        """The card's word for the back office, 4 bytes; `key` is DTK, whose halves are added."""
        halves = bytes(a ^ b for a, b in zip(key[:8], key[8:], strict=True))
        data = _signed(amount, kind, terminal) + sequence.to_bytes(4) + bytes.fromhex(moment)
        return cls.mac(halves, data)

    @classmethod
    def mac(cls, key: bytes, data: bytes) -> bytes:
        """4 bytes under an 8-byte key."""
        return TripleDes.mac(key, data)


class Sm4Purse:
    """SM4 purses (spec: M/L): the same roles on 16-byte blocks. Descriptions differ in how a MAC
    becomes 4 bytes, so the caller says it; neither is claimed to be right."""

    def __init__(self, truncation: Truncation) -> None:
        self._truncation = truncation

    def card_key(self, root: bytes, issuer: bytes, serial: bytes) -> bytes:
        """As `Des3Purse.card_key`."""
        return Sm4.diversify(Sm4.diversify(root, issuer), serial)

    def session_key(self, key: bytes, random: bytes, seq: int, sequence: int) -> bytes:
        """16 bytes."""
        return Sm4.process_key(key, _exchange(random, seq, sequence))

    def mac1(self, session: bytes, amount: int, kind: int, terminal: bytes, moment: str) -> bytes:
        """As `Des3Purse.mac1`."""
        return self.mac(session, _signed(amount, kind, terminal) + bytes.fromhex(moment))

    def mac2(self, session: bytes, amount: int) -> bytes:
        """As `Des3Purse.mac2`."""
        return self.mac(session, amount.to_bytes(AMOUNT))

    def tac(
        self, key: bytes, amount: int, kind: int, terminal: bytes, sequence: int, moment: str
    ) -> bytes:
        """Under the whole of DTK (L)."""
        data = _signed(amount, kind, terminal) + sequence.to_bytes(4) + bytes.fromhex(moment)
        return self.mac(key, data)

    def mac(self, key: bytes, data: bytes) -> bytes:
        """4 bytes under a 16-byte key."""
        if self._truncation == "xor":
            return Sm4.mac(key, data)
        return Sm4.last_block(key, data)[:4]


def _exchange(random: bytes, seq: int, sequence: int) -> bytes:
    return random + seq.to_bytes(2) + (sequence & 0xFFFF).to_bytes(2)


def _signed(amount: int, kind: int, terminal: bytes) -> bytes:
    return amount.to_bytes(AMOUNT) + bytes((kind,)) + terminal
