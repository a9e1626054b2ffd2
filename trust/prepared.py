"""SM2 verification on libcrypto's curve functions: (x, y) = s·G + t·Q, e + x = r mod n.

Quicker than EVP_DigestVerify, which makes a group for each key. With a key that comes again and
again both points are known beforehand, so libcrypto's tables save the doublings too. Only public
values. Source: GB/T 32918.2-2016, 7.1; openssl EC_GROUP_copy(3), EC_POINT_add(3).
"""

import ctypes
import weakref
from contextlib import ExitStack

from trust import curve
from trust.engine import Sm2Failed
from trust.sm3 import sm3

NID_SM2 = 1172
_UNCOMPRESSED = 4
_pointer, _int, _size, _bytes = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t, ctypes.c_char_p

# Both deprecated since 3.0: without them all is right, and slower.
TABLES = "EC_GROUP_precompute_mult"
PROJECTIVE = "EC_POINT_get_Jprojective_coordinates_GFp"
DISPENSABLE = frozenset({TABLES, PROJECTIVE})

# name → result, arguments
FUNCTIONS: dict[str, tuple[type | None, tuple[type, ...]]] = {
    "BN_bn2binpad": (_int, (_pointer, _bytes, _int)),
    "BN_CTX_free": (None, (_pointer,)),
    "BN_CTX_new": (_pointer, ()),
    "EC_GROUP_get0_generator": (_pointer, (_pointer,)),
    "EC_GROUP_get0_order": (_pointer, (_pointer,)),
    TABLES: (_int, (_pointer, _pointer)),
    PROJECTIVE: (_int, (_pointer, _pointer, _pointer, _pointer, _pointer, _pointer)),
    "EC_GROUP_set_generator": (_int, (_pointer, _pointer, _pointer, _pointer)),
    "EC_POINT_add": (_int, (_pointer, _pointer, _pointer, _pointer, _pointer)),
    "EC_POINT_oct2point": (_int, (_pointer, _pointer, _bytes, _size, _pointer)),
}


class Scratch:
    """What a verification computes with, made once and used again: to make it anew each time would
    take a tenth of a verification. By one thread at a time."""

    def __init__(self, library: ctypes.CDLL, group: int) -> None:
        """`group`: any of the curve. Raises `Sm2Failed`."""
        with ExitStack() as owned:
            self.numbers = own(library, owned, "BN_CTX_new")
            self.point = own(library, owned, "EC_POINT_new", group)
            self.other = own(library, owned, "EC_POINT_new", group)
            self.s = own(library, owned, "BN_bin2bn", b"", 0, None)
            self.t = own(library, owned, "BN_bin2bn", b"", 0, None)
            self.nothing = own(library, owned, "BN_bin2bn", b"", 0, None)
            self.x = own(library, owned, "BN_bin2bn", b"", 0, None)
            self.z = own(library, owned, "BN_bin2bn", b"", 0, None)
            self.encoded = ctypes.create_string_buffer(65)
            weakref.finalize(self, owned.pop_all().close)


class Scratches:
    """As many as there are threads that verify at once. Any thread."""

    def __init__(self, library: ctypes.CDLL, group: int) -> None:
        self._library = library
        self._group = group
        self._free: list[Scratch] = []

    def take(self) -> Scratch:
        """Raises `Sm2Failed`."""
        try:
            return self._free.pop()
        except IndexError:
            return Scratch(self._library, self._group)

    def give_back(self, scratch: Scratch) -> None:
        """Not after a failure: what is in it is unknown then."""
        self._free.append(scratch)


class Base:
    """A point whose multiples are wanted often: a group with it as generator, and its tables."""

    def __init__(self, library: ctypes.CDLL, point: bytes | None = None) -> None:
        """`point`: 64 bytes X‖Y on the curve; None: the curve's own generator. Some milliseconds.
        Raises `Sm2Failed`."""
        self._library = library
        self.group: int = library.EC_GROUP_new_by_curve_name(NID_SM2)
        if not self.group:
            raise failed(library, "EC_GROUP_new_by_curve_name")
        # Not freed while a thread still computes with it: that thread holds this object.
        weakref.finalize(self, library.EC_GROUP_free, self.group)
        if point is not None:
            self._generate_by(point)
        if hasattr(library, TABLES):
            must(library, TABLES, getattr(library, TABLES)(self.group, None))

    def times(self, scalar: int, result: int, scratch: Scratch) -> None:
        """`result` (EC_POINT) becomes scalar (BIGNUM) · point."""
        library, group = self._library, self.group
        # With a second point, taken zero times, libcrypto uses the tables; alone, the generator
        # would be multiplied in constant time, as for a private key.
        other, zero = library.EC_GROUP_get0_generator(group), scratch.nothing
        must(library, "EC_GROUP_get0_generator", other is not None)
        must(
            library,
            "EC_POINT_mul",
            library.EC_POINT_mul(group, result, scalar, other, zero, scratch.numbers),
        )

    def _generate_by(self, point: bytes) -> None:
        library = self._library
        with ExitStack() as owned:
            generator = own(library, owned, "EC_POINT_new", self.group)
            encoded = b"\x04" + point
            must(
                library,
                "EC_POINT_oct2point",
                library.EC_POINT_oct2point(self.group, generator, encoded, len(encoded), None),
            )
            order = library.EC_GROUP_get0_order(self.group)
            cofactor = own(library, owned, "BN_bin2bn", b"\x01", 1, None)
            must(
                library,
                "EC_GROUP_set_generator",
                library.EC_GROUP_set_generator(self.group, generator, order, cofactor),
            )


class PreparedKey:
    """One public key; safe to use from several threads at once. Raises `Sm2Failed`."""

    def __init__(
        self, library: ctypes.CDLL, generator: Base, public: bytes, scratches: Scratches
    ) -> None:
        """`public`: 64 bytes X‖Y on the curve."""
        self._library = library
        self._generator = generator
        self._key = Base(library, public)
        self._public = public
        self._scratches = scratches

    def verify(self, message: bytes, signature: bytes, identity: bytes) -> bool:
        """`signature`: 64 bytes r‖s, in range, and r+s ≠ n."""
        library, group = self._library, self._generator.group
        scratch = self._scratches.take()
        _fill(library, scratch, signature)
        self._generator.times(scratch.s, scratch.point, scratch)
        self._key.times(scratch.t, scratch.other, scratch)
        point = scratch.point
        sum_ = library.EC_POINT_add(group, point, point, scratch.other, scratch.numbers)
        must(library, "EC_POINT_add", sum_)
        e = _digest(self._public, message, identity)
        holds = _is_r(library, group, scratch, e, signature)
        self._scratches.give_back(scratch)
        return holds


def verify(
    library: ctypes.CDLL,
    group: int,
    scratches: Scratches,
    public: bytes,
    message: bytes,
    signature: bytes,
    identity: bytes,
) -> bool:
    """As `PreparedKey.verify`, for a key that may never come again. Raises `Sm2Failed`."""
    scratch = scratches.take()
    point, key, numbers = scratch.point, scratch.other, scratch.numbers
    _fill(library, scratch, signature)
    must(
        library,
        "EC_POINT_oct2point",
        library.EC_POINT_oct2point(group, key, b"\x04" + public, 65, numbers),
    )
    product = library.EC_POINT_mul(group, point, scratch.s, key, scratch.t, numbers)
    must(library, "EC_POINT_mul", product)
    holds = _is_r(library, group, scratch, _digest(public, message, identity), signature)
    scratches.give_back(scratch)
    return holds


def _fill(library: ctypes.CDLL, scratch: Scratch, signature: bytes) -> None:
    """s, and t = r + s mod n."""
    t = (int.from_bytes(signature[:32]) + int.from_bytes(signature[32:])) % curve.N
    for number, value in ((scratch.s, signature[32:]), (scratch.t, t.to_bytes(32))):
        if library.BN_bin2bn(value, 32, number) is None:
            raise failed(library, "BN_bin2bn")


def _digest(public: bytes, message: bytes, identity: bytes) -> int:
    """e."""
    return int.from_bytes(sm3(za(public, identity), message))


def _is_r(library: ctypes.CDLL, group: int, scratch: Scratch, e: int, signature: bytes) -> bool:
    """Whether R = e + x mod n is r, for the x of the scratch point s·G + t·Q.

    Without a division, which would take a fifteenth of a verification: the point is (X, Y, Z) with
    x = X/Z², and below p there are one or two x that are r - e mod n.
    """
    x = (int.from_bytes(signature[:32]) - e) % curve.N
    if not hasattr(library, PROJECTIVE):
        affine = _encoded(library, group, scratch)
        return affine is not None and int.from_bytes(affine[:32]) % curve.N == x
    given = getattr(library, PROJECTIVE)(
        group, scratch.point, scratch.x, None, scratch.z, scratch.numbers
    )
    must(library, PROJECTIVE, given)
    big_x, z = _number(library, scratch, scratch.x), _number(library, scratch, scratch.z)
    if z == 0:
        return False  # infinity
    return any((one * z * z - big_x) % curve.P == 0 for one in (x, x + curve.N) if one < curve.P)


def _number(library: ctypes.CDLL, scratch: Scratch, number: int) -> int:
    """The value of a BIGNUM."""
    size = library.BN_bn2binpad(number, scratch.encoded, 32)
    must(library, "BN_bn2binpad", size == 32)
    return int.from_bytes(scratch.encoded.raw[:32])


def decompressed(
    library: ctypes.CDLL, group: int, scratches: Scratches, public: bytes
) -> bytes | None:
    """64 bytes X‖Y of a 33-byte point; None when there is none. As `curve.decompressed`, a third
    of its time. Raises `Sm2Failed`."""
    if len(public) != 33 or public[0] not in (2, 3) or int.from_bytes(public[1:]) >= curve.P:
        return None
    scratch = scratches.take()
    point, numbers = scratch.point, scratch.numbers
    if library.EC_POINT_oct2point(group, point, public, len(public), numbers) != 1:
        library.ERR_clear_error()
        return None
    affine = _encoded(library, group, scratch)
    scratches.give_back(scratch)
    return affine


def _encoded(library: ctypes.CDLL, group: int, scratch: Scratch) -> bytes | None:
    """X‖Y of the scratch point; None for infinity, whose encoding is a single byte."""
    buffer = scratch.encoded
    size = library.EC_POINT_point2oct(
        group, scratch.point, _UNCOMPRESSED, buffer, len(buffer), scratch.numbers
    )
    must(library, "EC_POINT_point2oct", size in (1, len(buffer)))
    return buffer.raw[1:] if size == len(buffer) else None


def za(public: bytes, identity: bytes) -> bytes:
    """ZA = SM3(ENTL ‖ ID ‖ a ‖ b ‖ G ‖ public key) (5.5)."""
    return sm3((8 * len(identity)).to_bytes(2) + identity + _CURVE + public)


def own(library: ctypes.CDLL, owned: ExitStack, make: str, *arguments: object) -> int:
    """What the constructor `make` allocates, freed with `owned`."""
    made: int | None = getattr(library, make)(*arguments)
    if made is None:
        raise failed(library, make)
    owned.callback(getattr(library, _FREED_BY[make]), made)
    return made


def must(library: ctypes.CDLL, call: str, result: int) -> None:
    """Raises `Sm2Failed` unless it is 1."""
    if result != 1:
        raise failed(library, call)


def failed(library: ctypes.CDLL, call: str) -> Sm2Failed:
    """The fault of a call of libcrypto; empties OpenSSL's error queue of this thread."""
    library.ERR_clear_error()
    return Sm2Failed(library="libcrypto", call=call)


_FREED_BY = {
    "BN_bin2bn": "BN_clear_free",
    "BN_CTX_new": "BN_CTX_free",
    "EC_POINT_new": "EC_POINT_free",
}
_CURVE = b"".join(number.to_bytes(32) for number in (curve.A, curve.B, *curve.G))
