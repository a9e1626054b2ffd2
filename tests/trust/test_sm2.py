"""The standard's example, and three implementations that must agree."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.pure_sm2 import PureSm2, digest
from trust import curve
from trust.engine import BadKey, Sm2Unavailable
from trust.gmssl import Gmssl
from trust.libcrypto import Libcrypto
from trust.sm2 import (
    EXAMPLE_MESSAGE,
    EXAMPLE_NONCE,
    EXAMPLE_PRIVATE,
    EXAMPLE_PUBLIC,
    EXAMPLE_SIGNATURE,
    ID,
    Sm2,
    StrictSm2,
    sm2,
)

# Any nonce will do that is not known outside; the standard's is known.
BACKENDS: Mapping[str, Sm2] = {
    "libcrypto": sm2(),
    "gmssl": StrictSm2(Gmssl()),
    "pure": StrictSm2(PureSm2(lambda: EXAMPLE_NONCE)),
}

privates = st.integers(1, curve.N - 2).map(lambda number: number.to_bytes(32))
identities = st.binary(min_size=1, max_size=80)


@pytest.mark.parametrize("name", BACKENDS)
def test_example_of_the_standard(name: str) -> None:
    backend = BACKENDS[name]
    assert backend.public(EXAMPLE_PRIVATE) == EXAMPLE_PUBLIC
    assert backend.verify(EXAMPLE_PUBLIC, EXAMPLE_MESSAGE, EXAMPLE_SIGNATURE)
    assert backend.verify(EXAMPLE_PUBLIC, EXAMPLE_MESSAGE, EXAMPLE_SIGNATURE, identity=ID)
    prefix = b"\x03" if EXAMPLE_PUBLIC[-1] & 1 else b"\x02"
    assert backend.decompress(prefix + EXAMPLE_PUBLIC[:32]) == EXAMPLE_PUBLIC


def test_reference_makes_the_standards_signature_from_the_standards_nonce() -> None:
    e = "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640"
    assert digest(EXAMPLE_PUBLIC, EXAMPLE_MESSAGE, ID).to_bytes(32).hex() == e
    assert BACKENDS["pure"].sign(EXAMPLE_PRIVATE, EXAMPLE_MESSAGE) == EXAMPLE_SIGNATURE


@settings(max_examples=25, deadline=None)
@given(privates, st.binary(max_size=200), identities, st.integers(0, 511))
def test_each_accepts_what_the_others_sign_and_nothing_next_to_it(
    private: bytes, message: bytes, identity: bytes, bit: int
) -> None:
    public = BACKENDS["pure"].public(private)
    for signer in BACKENDS.values():
        assert signer.public(private) == public
        signature = signer.sign(private, message, identity=identity)
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        for verifier in BACKENDS.values():
            assert verifier.verify(public, message, signature, identity=identity)
            assert not verifier.verify(public, message, bytes(changed), identity=identity)
            assert not verifier.verify(public, message, signature, identity=identity + b"\0")
            assert not verifier.verify(public, message + b"\0", signature, identity=identity)


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=80) | st.just(EXAMPLE_PUBLIC),
    st.binary(max_size=40),
    st.binary(max_size=80) | st.binary(min_size=64, max_size=64),
    st.binary(max_size=40),
)
def test_whatever_the_bytes_it_is_false_and_no_error(
    public: bytes, message: bytes, signature: bytes, identity: bytes
) -> None:
    assert not BACKENDS["libcrypto"].verify(public, message, signature, identity=identity)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40) | st.binary(min_size=32, max_size=32).map(lambda x: b"\x02" + x))
def test_decompressing_gives_a_point_with_that_x_and_parity_or_a_fault(compressed: bytes) -> None:
    try:
        point = BACKENDS["libcrypto"].decompress(compressed)
    except BadKey:
        return
    assert curve.is_public(point)
    assert compressed == bytes((2 | point[-1] & 1,)) + point[:32]


@settings(max_examples=40, deadline=None)
@given(privates)
def test_decompressing_undoes_compressing(private: bytes) -> None:
    backend = BACKENDS["libcrypto"]
    public = backend.public(private)
    assert backend.decompress(bytes((2 | public[-1] & 1,)) + public[:32]) == public


X_WITHOUT_POINT = next(
    x.to_bytes(32) for x in range(1, 99) if curve.decompressed(b"\x02" + x.to_bytes(32)) is None
)


@pytest.mark.parametrize(
    "compressed",
    [
        b"",
        b"\0",
        b"\0" * 33,
        b"\x02" + X_WITHOUT_POINT,
        b"\x03" + X_WITHOUT_POINT,
        b"\x02" + curve.P.to_bytes(32),
        b"\x02" + b"\xff" * 32,
        b"\x04" + EXAMPLE_PUBLIC[:32],
        b"\x01" + EXAMPLE_PUBLIC[:32],
        EXAMPLE_PUBLIC[:32],
        b"\x02" + EXAMPLE_PUBLIC[:32] + b"\0",
        EXAMPLE_PUBLIC,
        b"\x04" + EXAMPLE_PUBLIC,
    ],
)
def test_what_is_no_compressed_point_is_refused(compressed: bytes) -> None:
    with pytest.raises(BadKey):
        sm2().decompress(compressed)


@pytest.mark.parametrize(
    "private",
    [
        b"",
        bytes(32),
        b"\x01",
        bytes(31) + b"\x01\0",
        (curve.N - 1).to_bytes(32),
        curve.N.to_bytes(32),
        b"\xff" * 32,
        EXAMPLE_PRIVATE + b"\0",
        EXAMPLE_PRIVATE[1:],
        EXAMPLE_PRIVATE.hex().encode(),
    ],
)
@pytest.mark.parametrize("name", BACKENDS)
def test_what_is_no_private_key_is_refused_and_not_shown(name: str, private: bytes) -> None:
    with pytest.raises(BadKey) as caught:
        BACKENDS[name].public(private)
    assert caught.value.facts == {"key": "private"}
    with pytest.raises(BadKey) as caught:
        BACKENDS[name].sign(private, b"")
    assert caught.value.facts == {"key": "private"}


@pytest.mark.parametrize("private", [1, 2, curve.N - 2])
def test_the_ends_of_the_range_of_private_keys_work(private: int) -> None:
    key = private.to_bytes(32)
    for signer in BACKENDS.values():
        signature = signer.sign(key, b"x")
        assert all(one.verify(one.public(key), b"x", signature) for one in BACKENDS.values())


@pytest.mark.parametrize("identity", [b"", bytes(8191)])
def test_signing_needs_an_identity(identity: bytes) -> None:
    with pytest.raises(ValueError, match="identity"):
        sm2().sign(EXAMPLE_PRIVATE, b"x", identity=identity)


def test_the_longest_identity_and_a_long_message_agree() -> None:
    identity, message = b"i" * curve.LONGEST_IDENTITY, bytes(1 << 20)
    for signer in BACKENDS.values():
        signature = signer.sign(EXAMPLE_PRIVATE, message, identity=identity)
        for verifier in BACKENDS.values():
            assert verifier.verify(EXAMPLE_PUBLIC, message, signature, identity=identity)


def test_a_nonce_is_never_used_twice() -> None:
    signatures = {sm2().sign(EXAMPLE_PRIVATE, b"x")[:32] for _ in range(20)}
    assert len(signatures) == 20


class YesSayer(Libcrypto):
    def verify(self, public: bytes, message: bytes, der: bytes, identity: bytes) -> bool:
        return True


class NoSayer(Libcrypto):
    def verify(self, public: bytes, message: bytes, der: bytes, identity: bytes) -> bool:
        return False


@pytest.mark.parametrize("engine", [YesSayer, NoSayer])
def test_an_engine_that_cannot_tell_good_from_bad_is_not_used(engine: type[Libcrypto]) -> None:
    with pytest.raises(Sm2Unavailable) as caught:
        StrictSm2(engine())
    assert caught.value.facts == {"library": engine.__name__, "cause": "self-test"}
