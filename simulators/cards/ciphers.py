"""The card's and the PSAM's cryptography: keys of a level to keys of the next, and cryptograms.

Written from spec social-security-card.md, Cryptography, apart from `apdu`, so that a mistake on one
side shows as a refused card and cannot cancel out.
"""

from enum import Enum
from typing import Protocol

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES128, SM4


class Algorithm(Enum):
    """Values are those of tag 86 in the FCI."""

    DES3 = 1
    SSF33 = 2  # simulated by a stand-in, see `StandInForSsf33`
    SM4 = 3


class Suite(Protocol):
    """One family of formulas. Keys are 16 bytes; factor, original, level factors 8 bytes."""

    @property
    def block(self) -> int:
        """Bytes of one block: 8 or 16."""
        ...

    def child(self, key: bytes, factor: bytes) -> bytes:
        """The 16-byte key one level below."""
        ...

    def process_key(self, key: bytes, factor: bytes) -> bytes: ...

    def encrypt(self, process_key: bytes, block: bytes) -> bytes:
        """One block under a process key, as the PSAM's CIPHER DATA gives it."""
        ...

    def decrypt(self, process_key: bytes, block: bytes) -> bytes:
        """The inverse of `encrypt`."""
        ...

    def authentication_data(self, process_key: bytes, original: bytes) -> bytes:
        """The 8 bytes of 0088 and 0082."""
        ...

    def mac(self, process_key: bytes, data: bytes) -> bytes:
        """4 bytes: IV 0, CBC over data that is already a multiple of the block."""
        ...


class TripleDes:
    """3DES for the keys, single DES under the 8-byte process key."""

    block = 8

    def child(self, key: bytes, factor: bytes) -> bytes:
        return _des(key, factor) + _des(key, _inverted(factor))

    def process_key(self, key: bytes, factor: bytes) -> bytes:
        return _des(key, factor)

    def encrypt(self, process_key: bytes, block: bytes) -> bytes:
        return _des(process_key, block)

    def decrypt(self, process_key: bytes, block: bytes) -> bytes:
        return Cipher(TripleDES(process_key * 3), modes.ECB()).decryptor().update(block)

    def authentication_data(self, process_key: bytes, original: bytes) -> bytes:
        return _des(process_key, original)

    def mac(self, process_key: bytes, data: bytes) -> bytes:
        return _chain(self, process_key, data)[:4]


class _Block128:
    """The formulas of SM4 and SSF33 around any cipher with 16-byte keys and blocks."""

    block = 16

    def __init__(self, cipher: type[SM4] | type[AES128]) -> None:
        self._cipher = cipher

    def child(self, key: bytes, factor: bytes) -> bytes:
        return self.encrypt(key, factor + _inverted(factor))

    def process_key(self, key: bytes, factor: bytes) -> bytes:
        return self.encrypt(key, factor + bytes(8))

    def encrypt(self, process_key: bytes, block: bytes) -> bytes:
        return Cipher(self._cipher(process_key), modes.ECB()).encryptor().update(block)

    def decrypt(self, process_key: bytes, block: bytes) -> bytes:
        return Cipher(self._cipher(process_key), modes.ECB()).decryptor().update(block)

    def authentication_data(self, process_key: bytes, original: bytes) -> bytes:
        whole = self.encrypt(process_key, original + bytes(8))
        return _xor(whole[:8], whole[8:])

    def mac(self, process_key: bytes, data: bytes) -> bytes:
        last = _chain(self, process_key, data)
        return _xor(_xor(last[0:4], last[4:8]), _xor(last[8:12], last[12:16]))


class Sm4(_Block128):
    def __init__(self) -> None:
        super().__init__(SM4)


class StandInForSsf33(_Block128):
    """NOT SSF33: that cipher is unpublished. AES-128 in SSF33's place, on simulated cards and
    PSAMs only, so that the way "the PSAM computes it, the terminal never does" can be walked."""

    def __init__(self) -> None:
        super().__init__(AES128)


SUITES: dict[Algorithm, Suite] = {
    Algorithm.DES3: TripleDes(),
    Algorithm.SSF33: StandInForSsf33(),
    Algorithm.SM4: Sm4(),
}


def padded(data: bytes, block: int) -> bytes:
    """80 00… up to a whole number of blocks."""
    return data + b"\x80" + bytes(-(len(data) + 1) % block)


def _chain(suite: Suite, key: bytes, data: bytes) -> bytes:
    last = bytes(suite.block)
    for start in range(0, len(data), suite.block):
        last = suite.encrypt(key, _xor(last, data[start : start + suite.block]))
    return last


def _des(key: bytes, block: bytes) -> bytes:
    """3DES under 16 bytes; under 8 bytes repeated it is single DES."""
    key24 = key * 3 if len(key) == 8 else key + key[:8]
    return Cipher(TripleDES(key24), modes.ECB()).encryptor().update(block)


def _inverted(data: bytes) -> bytes:
    return bytes(byte ^ 0xFF for byte in data)


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
