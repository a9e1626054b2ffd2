"""The HSM server's messages 01, 02 and 03: a card's values in, text out; its answer in, bytes out.

Fields stand between pipes, with one behind the last. Source: spec social-security-card.md, "The two
authentication modes". What the server computes over is given back behind each cryptogram: an answer
to something else than was asked is a fault, whatever is in it.
"""

import binascii
import re
from dataclasses import dataclass
from typing import ClassVar

from apdu.crypto import FACTOR, Algorithm
from apdu.social_security.authentication import CardParameters
from apdu.social_security.keys import STK, key_address
from apdu.vectors import Vector
from world import Fault

SOURCE = "spec social-security-card.md, The two authentication modes (a vendor's trace)"
HEADER = 5  # CLA INS P1 P2 Lc

_HEX = re.compile(r"(?:[0-9A-F]{2})*", re.ASCII | re.IGNORECASE)
_PIN = re.compile(r"[0-9]{0,16}", re.ASCII)


class HsmMessageFault(Fault):
    """Not what the HSM server answers to such a message. Fact: `what`. Never its content."""

    code = "hsm.message"


@dataclass(frozen=True, repr=False)
class Proofs:
    """An answer to message 01. `external` is empty where it was not asked for."""

    internal: bytes
    external: bytes


@dataclass(frozen=True, repr=False)
class AuthenticateCard:
    """Message 01: what the card must have answered and, on 3.0, what opens its holder's file."""

    card: CardParameters
    factor: bytes  # 8 bytes, and so are the other three
    original: bytes
    external_factor: bytes = b""  # 1.0 and 2.0: both empty
    external_original: bytes = b""

    vectors: ClassVar[tuple[Vector, ...]] = (
        Vector(
            "traced",
            (
                "32D9E876ADB31BBF",
                "DBF7A936D0D18C9E",
                "98B4D293D091C331",
                "E603E2CAADAF02B6",
                "F4A0CF965BDCEA30DBF7A936D0D18C9E|774A08EDF447A1DEE603E2CAADAF02B6|",
            ),
            (
                "01|519900|00814A444686605199000001AC|03|519900D15600000510000B26FFFFFFFF|"
                "32D9E876ADB31BBF|DBF7A936D0D18C9E|98B4D293D091C331|E603E2CAADAF02B6|",
                "F4A0CF965BDCEA30",
                "774A08EDF447A1DE",
            ),
            SOURCE,
        ),
    )

    @property
    def text(self) -> str:
        """The message as it is sent: fields in their order, each with a `|` behind it, bytes in
        hexadecimal."""
        values = (self.factor, self.original, self.external_factor, self.external_original)
        return _joined("01", *_named(self.card), self.card.card_id, *map(_hex, values))

    def answered(self, text: str) -> Proofs:
        """Raises `HsmMessageFault`."""
        internal, external = _fields(text, 2)
        return Proofs(
            _cryptogram(internal, self.original),
            _cryptogram(external, self.external_original)
            if self.external_original
            else _none(external),
        )

    @classmethod
    def traced(
        cls, factor: str, original: str, external_factor: str, external_original: str, answer: str
    ) -> tuple[str, str, str]:
        """The vendor's card, for the vector; its historical bytes are not in the trace."""
        card = CardParameters(
            Algorithm.SM4,
            "519900",
            bytes.fromhex("00814A444686605199000001AC"),
            "519900D15600000510000B26FFFFFFFF",
        )
        values = (factor, original, external_factor, external_original)
        message = cls(card, *map(bytes.fromhex, values))
        proofs = message.answered(answer)
        return message.text, _hex(proofs.internal), _hex(proofs.external)


@dataclass(frozen=True, repr=False)
class AuthenticateKey:
    """Message 02: what wins another key's right by 0082. `address`: its key address, 4 hex
    digits."""

    card: CardParameters
    address: str
    factor: bytes
    original: bytes

    @property
    def text(self) -> str:
        """The message as it is sent; form as of message 01."""
        values = (self.address, _hex(self.factor), _hex(self.original))
        return _joined("02", *_named(self.card), *values)

    def answered(self, text: str) -> bytes:
        """The cryptogram, 8 bytes. Raises `HsmMessageFault`."""
        (field,) = _fields(text, 1)
        return _cryptogram(field, self.original)


@dataclass(frozen=True, repr=False)
class SecurePin:
    """Message 03: a PIN command. `header` is CLA INS P1 P2 Lc; `new_pin` digits in ASCII, empty
    where the PIN is only unblocked. `address`: as in message 02, of the key that protects it."""

    card: CardParameters
    factor: bytes
    header: bytes
    new_pin: bytes
    address: str = key_address(STK)

    @property
    def text(self) -> str:
        """The message as it is sent. Raises `HsmMessageFault` for a PIN that is not 0 … 16
        digits."""
        pin = self.new_pin.decode("ascii", "replace")
        if not _PIN.fullmatch(pin):
            raise HsmMessageFault(what="pin")
        values = (self.address, _hex(self.factor), _hex(self.header), pin)
        return _joined("03", *_named(self.card), *values)

    def answered(self, text: str) -> bytes:
        """The whole command, `header` and as many bytes as its Lc says. Raises
        `HsmMessageFault`."""
        (field,) = _fields(text, 1)
        command = _bytes(field)
        if command[:HEADER] != self.header or len(command) != HEADER + self.header[-1]:
            raise HsmMessageFault(what="command")
        return command


def _named(card: CardParameters) -> tuple[str, str, str]:
    """The first fields of all three: region, historical bytes, algorithm."""
    return card.region, _hex(card.historical_bytes), card.algorithm.code


def _joined(*fields: str) -> str:
    return "".join(f"{field}|" for field in fields)


def _fields(text: str, count: int) -> list[str]:
    *fields, rest = text.split("|")
    if len(fields) != count or rest:
        raise HsmMessageFault(what="fields")
    return fields


def _cryptogram(field: str, original: bytes) -> bytes:
    """8 bytes, with the original that they were made over behind them."""
    value = _bytes(field)
    if len(value) != 2 * FACTOR:
        raise HsmMessageFault(what="length")
    if value[FACTOR:] != original:
        raise HsmMessageFault(what="original")
    return value[:FACTOR]


def _none(field: str) -> bytes:
    if field:
        raise HsmMessageFault(what="fields")
    return b""


def _bytes(field: str) -> bytes:
    if not _HEX.fullmatch(field):
        raise HsmMessageFault(what="hex")
    return binascii.unhexlify(field)


def _hex(value: bytes) -> str:
    return value.hex().upper()
