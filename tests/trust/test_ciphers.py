"""SM4 against the standard's example and a second library; 3DES against its known answer; GCM's
seal is broken by any change; and the library is loaded at the first use only."""

import subprocess
import sys

import gmssl_pyx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trust.ciphers import TAG, BlockCipher, opened, sealed

KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
block = st.binary(min_size=16, max_size=16)


def test_sm4_is_the_standards() -> None:
    """GB/T 32907-2016, A.1."""
    expected = bytes.fromhex("681EDF34D206965E86B3E94F536E4246")
    assert BlockCipher("sm4", KEY).ecb(KEY) == expected


def test_3des_is_the_known_answer() -> None:
    """NIST SP 800-67, its example of ECB."""
    key = bytes.fromhex("0123456789ABCDEF23456789ABCDEF01456789ABCDEF0123")
    clear = b"The qufck brown fox jump"
    expected = bytes.fromhex("A826FD8CE53B855FCCE21C8112256FE668D5C05DD9B6B900")
    assert BlockCipher("3des", key).ecb(clear) == expected


@given(key=block, data=block, more=block)
def test_sm4_is_a_second_librarys(key: bytes, data: bytes, more: bytes) -> None:
    """A counter that begins with a block, over nothing, is that block enciphered."""

    def second(clear: bytes) -> bytes:
        return bytes(gmssl_pyx.sm4_ctr_encrypt(key, clear, bytes(16)))

    cipher, first = BlockCipher("sm4", key), second(data)
    assert cipher.ecb(data + more) == first + second(more)
    chained = bytes(a ^ b for a, b in zip(first, more, strict=True))
    assert cipher.cbc(data + more) == first + second(chained)


@given(data=st.binary(max_size=64), beside=st.binary(max_size=8), at=st.integers(0, 10**6))
def test_what_was_sealed_opens_and_nothing_else(data: bytes, beside: bytes, at: int) -> None:
    nonce = bytes(12)
    whole = sealed(KEY, nonce, data, beside)
    assert len(whole) == len(data) + TAG
    assert opened(KEY, nonce, whole, beside) == data
    place = at % len(whole)
    touched = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
    assert opened(KEY, nonce, touched, beside) is None
    assert opened(KEY, nonce, whole, beside + b"x") is None


@pytest.mark.parametrize(
    ("use", "loaded"), [("pass", False), ("BlockCipher('sm4', bytes(16)).ecb(bytes(16))", True)]
)
def test_the_library_is_loaded_at_the_first_use(use: str, loaded: bool) -> None:
    lines = ["import sys", "from trust.ciphers import BlockCipher", use]
    program = "\n".join([*lines, "print('cryptography' in sys.modules)"])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.decode().strip() == str(loaded)
