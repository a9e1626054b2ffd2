"""A purse's and a transit PSAM's cryptography, from the cards' side.

Written from spec transit-card.md, Cryptography, apart from `apdu.transit.mac`, so that a mistake on
one side shows as a refused MAC and cannot cancel out.
"""

from dataclasses import dataclass
from typing import Literal

from simulators.cards.ciphers import SUITES, Algorithm, padded

Truncation = Literal["left", "xor"]
ALGORITHM_BYTES = {0x00: Algorithm.DES3, 0x04: Algorithm.SM4}  # 04: invented; the spec is silent
CODE = 4  # bytes


@dataclass(frozen=True)
class Purchase:
    """What MAC1 and TAC are over. `moment` is date 4 and time 3, BCD."""

    amount: int
    type: int
    terminal: bytes
    moment: bytes

    @property
    def head(self) -> bytes:
        return self.amount.to_bytes(4, "big") + bytes([self.type]) + self.terminal


@dataclass(frozen=True)
class PurseCodes:
    """One algorithm's formulas; `truncation` matters for SM4 only."""

    algorithm: Algorithm = Algorithm.DES3
    truncation: Truncation = "left"

    @property
    def identifier(self) -> int:
        """The algorithm byte of 8050 and 8070."""
        return next(byte for byte, one in ALGORITHM_BYTES.items() if one is self.algorithm)

    def card_key(self, root: bytes, issuer: bytes, serial: bytes) -> bytes:
        suite = SUITES[self.algorithm]
        return suite.child(suite.child(root, issuer), serial)

    def session_key(self, key: bytes, random: bytes, seq: int, sequence: int) -> bytes:
        low = (sequence & 0xFFFF).to_bytes(2, "big")
        return SUITES[self.algorithm].process_key(key, random + seq.to_bytes(2, "big") + low)

    def mac1(self, session: bytes, purchase: Purchase) -> bytes:
        return self._mac(session, purchase.head + purchase.moment)

    def mac2(self, session: bytes, purchase: Purchase) -> bytes:
        return self._mac(session, purchase.amount.to_bytes(4, "big"))

    def tac(self, key: bytes, purchase: Purchase, sequence: int) -> bytes:
        if self.algorithm is Algorithm.DES3:
            key = bytes(left ^ right for left, right in zip(key[:8], key[8:], strict=True))
        return self._mac(key, purchase.head + sequence.to_bytes(4, "big") + purchase.moment)

    def _mac(self, key: bytes, data: bytes) -> bytes:
        suite = SUITES[self.algorithm]
        data = padded(data, suite.block)
        if suite.block == 8 or self.truncation == "xor":
            return suite.mac(key, data)
        last = bytes(suite.block)
        for start in range(0, len(data), suite.block):
            block = data[start : start + suite.block]
            last = suite.encrypt(key, bytes(a ^ b for a, b in zip(last, block, strict=True)))
        return last[:CODE]
