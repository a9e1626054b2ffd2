"""Bytes in, SM3 digest or HMAC-SM3 out (GB/T 32905-2016; HMAC of GB/T 15852.2)."""

import hashlib
import hmac
from typing import IO

_STEP = 64 * 1024  # bytes that are read at once
# By the system's libcrypto, as SM2: in half of the time that `cryptography`'s own one takes.
# OpenSSL looks an algorithm up by its name each time that one is made: a third of a digest.
_EMPTY = hashlib.new("sm3")


def sm3(*parts: bytes) -> bytes:
    """The 32-byte digest of all parts, one behind the other. While a large one is hashed, other
    threads run."""
    state = _EMPTY.copy()
    for part in parts:
        state.update(part)
    return state.digest()


def sm3_of_file(file: IO[bytes]) -> bytes:
    """The 32-byte digest of what is left to read of an open file. Raises `OSError`."""
    state = _EMPTY.copy()
    while part := file.read(_STEP):
        state.update(part)
    return state.digest()


def hmac_sm3(key: bytes, data: bytes) -> bytes:
    """The 32-byte MAC; a key of any length."""
    return hmac.digest(key, data, "sm3")


class KeyedSm3:
    """HMAC-SM3 under one key, which is taken in once: for a key that many MACs are made with. Any
    thread."""

    def __init__(self, key: bytes) -> None:
        self._empty = hmac.new(key, digestmod="sm3")

    def mac(self, data: bytes) -> bytes:
        """The 32 bytes that `hmac_sm3` gives."""
        state = self._empty.copy()
        state.update(data)
        return state.digest()
