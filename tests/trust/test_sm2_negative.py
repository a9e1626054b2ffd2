"""No backend behind our surface accepts a signature that the standard refuses."""

import pytest

from benchmarks.pure_sm2 import PureSm2, digest, plus, times
from tests.trust.negative import GOOD, SIGNATURE, Case, R, S, cases, der_cases, sequence_of
from trust.curve import G, N, P, signature_raw
from trust.engine import BadKey
from trust.gmssl import Gmssl
from trust.libcrypto import Libcrypto
from trust.sm2 import ID, Sm2, StrictSm2
from trust.sm3 import sm3


class Ready(StrictSm2):
    """Makes each key ready first."""

    def verify(
        self, public: bytes, message: bytes, signature: bytes, *, identity: bytes = ID
    ) -> bool:
        try:
            return self.verifier(public).verify(message, signature, identity=identity)
        except BadKey:
            return False


CASES = cases()
BACKENDS: dict[str, Sm2] = {
    "libcrypto": StrictSm2(Libcrypto()),
    "libcrypto, key made ready": Ready(Libcrypto()),
    "gmssl": StrictSm2(Gmssl()),
    "pure": StrictSm2(PureSm2(bytes)),
}


def verify(backend: Sm2, case: Case) -> bool:
    return backend.verify(case.public, case.message, case.signature, identity=case.identity)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_refuses(case: Case, backend: str) -> None:
    assert not verify(BACKENDS[backend], case)


@pytest.mark.parametrize("backend", BACKENDS)
def test_control_the_unchanged_signature_is_accepted(backend: str) -> None:
    assert verify(BACKENDS[backend], GOOD)


def test_the_table_has_at_least_200_different_cases() -> None:
    different = {(case.public, case.message, case.signature, case.identity) for case in CASES}
    assert len(different) >= 200
    assert len({case.name for case in CASES}) == len(CASES)


def test_control_a_careless_verifier_is_caught() -> None:
    assert careless(GOOD)
    caught = {case.group for case in CASES if careless(case)}
    assert caught >= {"dropped zero", "trailing", "identity", "key", "forged", "digest"}


def careless(case: Case) -> bool:
    """The mistakes of the libraries named in the specification, all in one."""
    signature = case.signature.rjust(64, b"\0")
    r, s = int.from_bytes(signature[:32]) % N, int.from_bytes(signature[32:64]) % N
    x, y = int.from_bytes(case.public[:32]) % P, int.from_bytes(case.public[32:64]) % P
    point = plus(times(s, G), None if x == y == 0 else times((r + s) % N, (x, y)))
    if point is None:
        return False
    digests = {
        digest(case.public[:64], case.message, case.identity[:8191]),
        digest(case.public[:64], case.message, ID),
        int.from_bytes(sm3(case.message)),
    }
    return any((e + point[0]) % N == r for e in digests)


@pytest.mark.parametrize("name", der_cases())
def test_only_canonical_der_comes_in_from_a_library(name: str) -> None:
    with pytest.raises(ValueError, match="DER"):
        signature_raw(der_cases()[name])


def test_control_canonical_der_comes_in() -> None:
    assert signature_raw(sequence_of(R, S)) == SIGNATURE


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_key_made_ready_judges_as_before(backend: str) -> None:
    key = BACKENDS[backend].verifier(GOOD.public)
    assert key.verify(GOOD.message, GOOD.signature)
    assert not key.verify(GOOD.message + b"?", GOOD.signature)
    assert not key.verify(GOOD.message, GOOD.signature, identity=b"other")
    with pytest.raises(BadKey):
        BACKENDS[backend].verifier(bytes(64))
