"""SM2 in plain Python: the yardstick of `bench sm2` and the third opinion of the tests.

Not for the product: it takes other time for other keys. Written from GB/T 32918.2-2016 alone, so
that it shares no mistake with the libraries. Points are (x, y), None is infinity.
"""

from collections.abc import Callable

from benchmarks.pure_sm3 import sm3
from trust.curve import A, B, G, N, P, signature_der, signature_raw

Point = tuple[int, int] | None
Jacobian = tuple[int, int, int]  # x = X/Z², y = Y/Z³; Z = 0 is infinity


class PureSm2:
    """`trust.engine.Engine`. `nonce` gives 32 random bytes; a test may give a known one."""

    def __init__(self, nonce: Callable[[], bytes]) -> None:
        self._nonce = nonce

    def sign(self, private: bytes, public: bytes, message: bytes, identity: bytes) -> bytes:
        d = int.from_bytes(private)
        e = digest(public, message, identity)
        while True:
            k = int.from_bytes(self._nonce())
            if not 1 <= k < N:
                continue
            point = times(k, G)
            assert point is not None  # k is below the order of G
            r = (e + point[0]) % N
            s = pow(1 + d, -1, N) * (k - r * d) % N
            der = signature_der(r.to_bytes(32) + s.to_bytes(32))
            if der is not None:
                return der

    def verify(self, public: bytes, message: bytes, der: bytes, identity: bytes) -> bool:
        raw = signature_raw(der)
        r, s = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
        key = int.from_bytes(public[:32]), int.from_bytes(public[32:])
        point = plus(times(s, G), times((r + s) % N, key))
        return point is not None and (digest(public, message, identity) + point[0]) % N == r

    def public(self, private: bytes) -> bytes:
        point = times(int.from_bytes(private), G)
        assert point is not None
        return point[0].to_bytes(32) + point[1].to_bytes(32)


def digest(public: bytes, message: bytes, identity: bytes) -> int:
    """e = SM3(ZA ‖ M) (5.5, 6.1)."""
    curve = b"".join(number.to_bytes(32) for number in (A, B, *G))
    za = sm3((8 * len(identity)).to_bytes(2) + identity + curve + public)
    return int.from_bytes(sm3(za + message))


def times(scalar: int, point: Point) -> Point:
    """scalar · point, by doubling and adding in Jacobian coordinates."""
    sum_: Jacobian = (1, 1, 0)
    for bit in bin(scalar)[2:]:
        sum_ = _doubled(sum_)
        if bit == "1" and point is not None:
            sum_ = _added(sum_, point)
    return _affine(sum_)


def plus(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return other if one is None else one
    return _affine(_added((*one, 1), other))


def _affine(point: Jacobian) -> Point:
    x, y, z = point
    if z == 0:
        return None
    inverse = pow(z, -1, P)
    return x * inverse**2 % P, y * inverse**3 % P


def _doubled(point: Jacobian) -> Jacobian:
    x, y, z = point
    if z == 0 or y == 0:
        return 1, 1, 0
    s = 4 * x * y * y % P
    m = 3 * (x - z * z) * (x + z * z) % P  # 3x² + a·z⁴ with a = -3
    new_x = (m * m - 2 * s) % P
    return new_x, (m * (s - new_x) - 8 * y**4) % P, 2 * y * z % P


def _added(point: Jacobian, other: tuple[int, int]) -> Jacobian:
    x, y, z = point
    if z == 0:
        return (*other, 1)
    h = (other[0] * z * z - x) % P
    r = (other[1] * z**3 - y) % P
    if h == 0:
        return _doubled(point) if r == 0 else (1, 1, 0)
    h2 = h * h % P
    h3 = h * h2 % P
    new_x = (r * r - h3 - 2 * x * h2) % P
    return new_x, (r * (x * h2 - new_x) - y * h3) % P, z * h % P
