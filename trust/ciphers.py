"""SM4 and 3DES by `cryptography`: bytes in, bytes out.

The library takes 9 MiB and some 40 ms, so it is loaded at the first use: a terminal that has just
started has sealed nothing yet, and computes nothing for a card whose PSAM does.
"""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from types import ModuleType

TAG: Final = 16  # bytes behind a GCM ciphertext
BLOCK: Final = {"sm4": 16, "3des": 8}  # bytes


@dataclass(frozen=True)
class BlockCipher:
    """A cipher with its key: 16 bytes for SM4, 24 for 3DES."""

    name: Literal["sm4", "3des"]
    key: bytes

    @property
    def block_size(self) -> int:
        """Bytes."""
        return BLOCK[self.name]

    def ecb(self, data: bytes) -> bytes:
        """Whole blocks, each enciphered by itself."""
        library = _library()
        encryptor = library.Cipher(self._algorithm(), library.modes.ECB()).encryptor()
        enciphered: bytes = encryptor.update(data)
        return enciphered

    def cbc(self, data: bytes) -> bytes:
        """Whole blocks, chained from a block of 00."""
        library = _library()
        mode = library.modes.CBC(bytes(self.block_size))
        enciphered: bytes = library.Cipher(self._algorithm(), mode).encryptor().update(data)
        return enciphered

    def _algorithm(self) -> object:
        if self.name == "sm4":
            return _library().algorithms.SM4(self.key)
        from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES

        return TripleDES(self.key)


def sealed(key: bytes, nonce: bytes, data: bytes, beside: bytes) -> bytes:
    """SM4-GCM: ciphertext ‖ tag (16 bytes), over `data` and `beside`, which stays in clear."""
    library = _library()
    encryptor = library.Cipher(library.algorithms.SM4(key), library.modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(beside)
    body: bytes = encryptor.update(data) + encryptor.finalize()
    tag: bytes = encryptor.tag
    return body + tag


def opened(key: bytes, nonce: bytes, data: bytes, beside: bytes) -> bytes | None:
    """What was `sealed`; None where key, nonce, `beside` or a bit of `data` is another."""
    from cryptography.exceptions import InvalidTag

    library = _library()
    mode = library.modes.GCM(nonce, data[-TAG:])
    decryptor = library.Cipher(library.algorithms.SM4(key), mode).decryptor()
    decryptor.authenticate_additional_data(beside)
    try:
        clear: bytes = decryptor.update(data[:-TAG]) + decryptor.finalize()
    except InvalidTag:
        return None
    return clear


@cache
def _library() -> "ModuleType":
    return import_module("cryptography.hazmat.primitives.ciphers")
