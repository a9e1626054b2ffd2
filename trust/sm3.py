"""Bytes in, SM3 digest or HMAC-SM3 out (GB/T 32905-2016; HMAC of GB/T 15852.2)."""

from cryptography.hazmat.primitives.hashes import SM3, Hash
from cryptography.hazmat.primitives.hmac import HMAC


def sm3(data: bytes) -> bytes:
    """The 32-byte digest."""
    state = Hash(SM3())
    state.update(data)
    return state.finalize()


def hmac_sm3(key: bytes, data: bytes) -> bytes:
    """The 32-byte MAC; a key of any length."""
    state = HMAC(key, SM3())
    state.update(data)
    return state.finalize()
