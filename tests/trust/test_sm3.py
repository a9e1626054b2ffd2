"""SM3 and HMAC-SM3 against the standard's examples, a second library and plain Python."""

import gmssl_pyx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import pure_sm3
from trust.sm3 import KeyedSm3, hmac_sm3, sm3


@pytest.mark.parametrize(
    ("data", "digest"),
    [  # GB/T 32905-2016 A.1, A.2
        (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
    ],
)
def test_examples_of_the_standard(data: bytes, digest: str) -> None:
    assert sm3(data).hex() == digest
    assert pure_sm3.sm3(data).hex() == digest


@given(st.binary(max_size=300), st.binary(max_size=150))
def test_two_libraries_and_plain_python_agree(data: bytes, key: bytes) -> None:
    assert sm3(data) == gmssl_pyx.sm3_hash(data) == pure_sm3.sm3(data)
    if key:
        keyed = KeyedSm3(key)
        assert hmac_sm3(key, data) == gmssl_pyx.sm3_hmac(key, data) == keyed.mac(data)
        assert keyed.mac(data) == keyed.mac(data)  # nothing is left of the one before


@given(st.lists(st.binary(max_size=100)))
def test_parts_are_hashed_as_one(parts: list[bytes]) -> None:
    assert sm3(*parts) == sm3(b"".join(parts))
