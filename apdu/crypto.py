"""The card's symmetric cryptography: diversified keys, process keys, authentication data, MACs.

Source: spec social-security-card.md, Cryptography. Keys and data in, bytes out; nothing is kept.
SSF33 is unpublished and is never computed here: its place is a PSAM or an HSM.
"""

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Protocol

from apdu.vectors import Vector
from trust.ciphers import BlockCipher

SOURCE = "spec social-security-card.md, Cryptography"
HISTORICAL_BYTES = 13
FACTOR = 8  # bytes of a factor, of an original, and of authentication data


class Algorithm(Enum):
    """What protects the card; `code` as in the FCI (tag 86) and in the national messages."""

    TDES = "3DES"
    SSF33 = "SSF33"
    SM4 = "SM4"

    @property
    def code(self) -> str:
        """Two hexadecimal digits, as tag 86 of the FCI and the national messages have it."""
        return _CODES[self]

    @property
    def block(self) -> int:
        """Bytes in which factors and originals travel: 8, or 16 with eight 00 behind."""
        return 8 if self is Algorithm.TDES else 16


_CODES = {Algorithm.TDES: "01", Algorithm.SSF33: "02", Algorithm.SM4: "03"}


@dataclass(frozen=True)
class LevelFactors:
    """What a root key is diversified by on its way to one card: province, city, card."""

    province: bytes  # L1
    city: bytes  # L2
    card: bytes  # L3

    vectors: ClassVar[tuple[Vector, ...]] = (
        Vector(
            "hex",
            ("519900", bytes.fromhex("00814A444686605199000001AC")),
            ("3531303030307368", "3531393930307378", "86605199000001AC"),
            SOURCE,
        ),
        Vector(
            "hex",
            ("339900", bytes.fromhex("00814A444686605199000001AC")),
            ("3333303030307368", "3333393930307378", "86605199000001AC"),
            SOURCE,
        ),
        Vector(
            "hex",
            ("330102", bytes.fromhex("00814A444686605199000001AC")),
            ("3333303030307368", "3333303130307378", "86605199000001AC"),
            SOURCE,
        ),
    )

    @classmethod
    def of(cls, region: str, historical: bytes) -> "LevelFactors":
        """From the six region digits and the 13 historical bytes."""
        city = region[:4] + "00" if region.startswith("33") else region
        return cls(
            province=region[:2].encode("ascii") + b"0000sh",
            city=city.encode("ascii") + b"sx",
            card=historical[5:],  # T6-T13
        )

    @classmethod
    def hex(cls, region: str, historical: bytes) -> tuple[str, str, str]:
        """`of`, as the specification's tables print it."""
        factors = cls.of(region, historical)
        parts = (factors.province, factors.city, factors.card)
        return parts[0].hex().upper(), parts[1].hex().upper(), parts[2].hex().upper()


class Family(Protocol):
    """One cipher's way of doing what all cards do."""

    @classmethod
    def diversify(cls, key: bytes, factor: bytes) -> bytes:
        """The child of a 16-byte key, 16 bytes. `factor`: 8 bytes, of one level."""
        ...

    @classmethod
    def card_key(cls, root: bytes, factors: LevelFactors) -> bytes:
        """The card's own key, 16 bytes: `root` diversified to province, to city, to card."""
        ...

    @classmethod
    def process_key(cls, key: bytes, factor: bytes) -> bytes:
        """The key of one exchange, from a card key (16 bytes) and an 8-byte factor: 8 bytes with
        3DES, 16 with SM4."""
        ...

    @classmethod
    def authentication_data(cls, process_key: bytes, original: bytes) -> bytes:
        """The 8 bytes that prove the process key over an 8-byte original."""
        ...

    @classmethod
    def mac(cls, process_key: bytes, data: bytes) -> bytes:
        """4 bytes: CBC from a zero IV over the data padded with 80 00 …, then folded or cut."""
        ...


class TripleDes(Family):
    """3DES cards: 16-byte keys, 8-byte process keys."""

    vectors: ClassVar[tuple[Vector, ...]] = (
        Vector(
            "card_key",
            (
                bytes.fromhex("00112233445566778899AABBCCDDEEFF"),
                LevelFactors(
                    bytes.fromhex("3531303030307368"),
                    bytes.fromhex("3531393930307378"),
                    bytes.fromhex("86605199000001AC"),
                ),
            ),
            bytes.fromhex("BDCF2343CB7B3CA0A0614648289B7736"),
            SOURCE,
        ),
        Vector(
            "diversify",
            (
                bytes.fromhex("00112233445566778899AABBCCDDEEFF"),
                bytes.fromhex("3531303030307368"),
            ),
            bytes.fromhex("5BB733BA0C26EA5E05CE5F6D5E2B2F50"),
            SOURCE,
        ),
        Vector(
            "diversify",
            (
                bytes.fromhex("5BB733BA0C26EA5E05CE5F6D5E2B2F50"),
                bytes.fromhex("3531393930307378"),
            ),
            bytes.fromhex("FE16C7DDFD3FA447346B1E50BAF95FD6"),
            SOURCE,
        ),
        Vector(
            "process_key",
            (
                bytes.fromhex("BDCF2343CB7B3CA0A0614648289B7736"),
                bytes.fromhex("0102030405060708"),
            ),
            bytes.fromhex("F073D2A2F5767AAA"),
            SOURCE,
        ),
        Vector(
            "authentication_data",
            (bytes.fromhex("F073D2A2F5767AAA"), bytes.fromhex("1112131415161718")),
            bytes.fromhex("FD4FF0D9A53588F6"),
            SOURCE,
        ),
        Vector(
            "mac",
            (
                bytes.fromhex("003238ABC57659DD"),
                bytes.fromhex("000010000600112233445520120229135100"),
            ),
            bytes.fromhex("F15CAB75"),
            "spec transit-card.md, Cryptography (MAC1)",
        ),
    )

    @classmethod
    def diversify(cls, key: bytes, factor: bytes) -> bytes:
        return _two_key_des(key).ecb(factor + _inverted(factor))

    @classmethod
    def card_key(cls, root: bytes, factors: LevelFactors) -> bytes:
        province = cls.diversify(root, factors.province)
        return cls.diversify(cls.diversify(province, factors.city), factors.card)

    @classmethod
    def process_key(cls, key: bytes, factor: bytes) -> bytes:
        return _two_key_des(key).ecb(factor)

    @classmethod
    def authentication_data(cls, process_key: bytes, original: bytes) -> bytes:
        return _single_des(process_key).ecb(original)

    @classmethod
    def mac(cls, process_key: bytes, data: bytes) -> bytes:
        return _last_cbc_block(_single_des(process_key), data)[:4]


class Sm4(Family):
    """SM4 cards: 16-byte keys and process keys; blocks are folded to the card's 8 and 4 bytes.

    The diversification's form is inferred (spec: M); its vectors are the specification's.
    """

    vectors: ClassVar[tuple[Vector, ...]] = (
        Vector(
            "card_key",
            (
                bytes.fromhex("00112233445566778899AABBCCDDEEFF"),
                LevelFactors(
                    bytes.fromhex("3531303030307368"),
                    bytes.fromhex("3531393930307378"),
                    bytes.fromhex("86605199000001AC"),
                ),
            ),
            bytes.fromhex("65FFD351EA9D9B7E2A81750D1610BF91"),
            SOURCE,
        ),
        Vector(
            "diversify",
            (
                bytes.fromhex("00112233445566778899AABBCCDDEEFF"),
                bytes.fromhex("3531303030307368"),
            ),
            bytes.fromhex("EB90C6D0D7A404ADA007458F5156301C"),
            SOURCE,
        ),
        Vector(
            "diversify",
            (
                bytes.fromhex("EB90C6D0D7A404ADA007458F5156301C"),
                bytes.fromhex("3531393930307378"),
            ),
            bytes.fromhex("983B79B51833236929ADD2DC00668882"),
            SOURCE,
        ),
        Vector(
            "process_key",
            (
                bytes.fromhex("65FFD351EA9D9B7E2A81750D1610BF91"),
                bytes.fromhex("0102030405060708"),
            ),
            bytes.fromhex("6116886046AC8BC8C211ED7C75DF67B6"),
            SOURCE,
        ),
        Vector(
            "authentication_data",
            (
                bytes.fromhex("6116886046AC8BC8C211ED7C75DF67B6"),
                bytes.fromhex("1112131415161718"),
            ),
            bytes.fromhex("9E5CB9DB1449EE48"),
            SOURCE,
        ),
    )

    @classmethod
    def diversify(cls, key: bytes, factor: bytes) -> bytes:
        return _sm4(key).ecb(factor + _inverted(factor))

    @classmethod
    def card_key(cls, root: bytes, factors: LevelFactors) -> bytes:
        province = cls.diversify(root, factors.province)
        return cls.diversify(cls.diversify(province, factors.city), factors.card)

    @classmethod
    def process_key(cls, key: bytes, factor: bytes) -> bytes:
        return _sm4(key).ecb(widened(factor))

    @classmethod
    def authentication_data(cls, process_key: bytes, original: bytes) -> bytes:
        return folded(_sm4(process_key).ecb(widened(original)))

    @classmethod
    def mac(cls, process_key: bytes, data: bytes) -> bytes:
        left = folded(cls.last_block(process_key, data))
        return _xor(left[:4], left[4:])

    @classmethod
    def last_block(cls, process_key: bytes, data: bytes) -> bytes:
        """The 16 bytes that `mac` folds."""
        return _last_cbc_block(_sm4(process_key), data)


def widened(value: bytes) -> bytes:
    """An 8-byte factor or original in a 16-byte block: eight 00 behind."""
    return value.ljust(16, b"\0")


def folded(block: bytes) -> bytes:
    """The left 8 bytes of a block XOR its right 8."""
    return _xor(block[:8], block[8:])


def _two_key_des(key: bytes) -> BlockCipher:
    return BlockCipher("3des", key + key[:8])


def _single_des(key: bytes) -> BlockCipher:
    return BlockCipher("3des", key * 3)  # EDE with three equal keys is one DES


def _sm4(key: bytes) -> BlockCipher:
    return BlockCipher("sm4", key)


def _last_cbc_block(cipher: BlockCipher, data: bytes) -> bytes:
    padded = data + b"\x80"
    padded += bytes(-len(padded) % cipher.block_size)
    return cipher.cbc(padded)[-cipher.block_size :]


def _inverted(data: bytes) -> bytes:
    return bytes(byte ^ 0xFF for byte in data)


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
