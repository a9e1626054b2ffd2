"""SM2 by the system's libcrypto (OpenSSL ≥ 3.0) through ctypes: no build step, any architecture.

Signing by the provider interface (EVP), all else by the curve functions that 3.0 keeps; each call
owns what it allocates and frees it on every path; ctypes lets other threads run meanwhile, and
OpenSSL's error queue is the thread's own. Source: openssl EVP_PKEY-SM2(7), EVP_SIGNATURE-SM2(7),
OSSL_PARAM(3).
"""

import ctypes
import weakref
from contextlib import ExitStack

from trust import curve, prepared
from trust.engine import Sm2Failed, Sm2Unavailable
from trust.prepared import Base, PreparedKey, Scratches

SONAMES = ("libcrypto.so.3", "libcrypto.so.4")
OLDEST = 3  # major version

_NID_SM2 = 1172
_POINT_UNCOMPRESSED = 4
_EVP_PKEY_KEYPAIR = 0x87
_UNSIGNED_INTEGER, _UTF8_STRING, _OCTET_STRING = 2, 4, 5  # OSSL_PARAM(3)
_LONGEST_SIGNATURE = 72


class _Param(ctypes.Structure):
    """OSSL_PARAM(3)."""

    _fields_ = (
        ("key", ctypes.c_char_p),
        ("data_type", ctypes.c_uint),
        ("data", ctypes.c_void_p),
        ("data_size", ctypes.c_size_t),
        ("return_size", ctypes.c_size_t),
    )


_pointer, _int, _size, _bytes = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t, ctypes.c_char_p

# name → result, arguments
_FUNCTIONS: dict[str, tuple[type | None, tuple[type, ...]]] = {
    "BN_bin2bn": (_pointer, (_bytes, _int, _pointer)),
    "BN_clear_free": (None, (_pointer,)),
    "EC_GROUP_free": (None, (_pointer,)),
    "EC_GROUP_new_by_curve_name": (_pointer, (_int,)),
    "EC_POINT_free": (None, (_pointer,)),
    "EC_POINT_mul": (_int, (_pointer, _pointer, _pointer, _pointer, _pointer, _pointer)),
    "EC_POINT_new": (_pointer, (_pointer,)),
    "EC_POINT_point2oct": (_size, (_pointer, _pointer, _int, _pointer, _size, _pointer)),
    "ERR_clear_error": (None, ()),
    "EVP_DigestSign": (_int, (_pointer, _pointer, _pointer, _bytes, _size)),
    "EVP_DigestSignInit_ex": (
        _int,
        (_pointer, _pointer, _bytes, _pointer, _bytes, _pointer, _pointer),
    ),
    "EVP_MD_CTX_free": (None, (_pointer,)),
    "EVP_MD_CTX_new": (_pointer, ()),
    "EVP_PKEY_CTX_free": (None, (_pointer,)),
    "EVP_PKEY_CTX_new_from_name": (_pointer, (_pointer, _bytes, _bytes)),
    "EVP_PKEY_CTX_set1_id": (_int, (_pointer, _bytes, _int)),
    "EVP_PKEY_free": (None, (_pointer,)),
    "EVP_PKEY_fromdata": (_int, (_pointer, _pointer, _int, _pointer)),
    "EVP_PKEY_fromdata_init": (_int, (_pointer,)),
    **prepared.FUNCTIONS,
}


class Libcrypto:
    """`trust.engine.Engine`. Raises `Sm2Unavailable`."""

    def __init__(self) -> None:
        self._library = _load()
        self._group = self._library.EC_GROUP_new_by_curve_name(_NID_SM2)
        if not self._group:
            raise Sm2Unavailable(library="libcrypto", cause="built without SM2")
        weakref.finalize(self, self._library.EC_GROUP_free, self._group)
        self._generator: Base | None = None  # made when a first key is prepared
        self._kept: Scratches | None = None  # made when a first one is wanted

    def sign(self, private: bytes, public: bytes, message: bytes, identity: bytes) -> bytes:
        library = self._library
        with ExitStack() as owned:
            key = self._key(owned, public, private)
            context = self._context(owned, key, identity)
            signature = ctypes.create_string_buffer(_LONGEST_SIGNATURE)
            size = ctypes.c_size_t(_LONGEST_SIGNATURE)
            self._must(
                "EVP_DigestSign",
                library.EVP_DigestSign(
                    context, signature, ctypes.byref(size), message, len(message)
                ),
            )
            return signature.raw[: size.value]

    def verify(self, public: bytes, message: bytes, der: bytes, identity: bytes) -> bool:
        signature = curve.signature_raw(der)
        group = self._generator.group if self._generator else self._group  # its tables help a bit
        return prepared.verify(
            self._library, group, self._scratches, public, message, signature, identity
        )

    def public(self, private: bytes) -> bytes:
        library = self._library
        with ExitStack() as owned:
            scalar = self._owned(owned, "BN_bin2bn", private, len(private), None)
            point = self._owned(owned, "EC_POINT_new", self._group)
            self._must(
                "EC_POINT_mul",
                library.EC_POINT_mul(self._group, point, scalar, None, None, None),
            )
            encoded = ctypes.create_string_buffer(65)
            size = library.EC_POINT_point2oct(
                self._group, point, _POINT_UNCOMPRESSED, encoded, len(encoded), None
            )
            self._must("EC_POINT_point2oct", size == len(encoded))
            return encoded.raw[1:]

    def prepare(self, public: bytes) -> PreparedKey:
        """See `trust.engine.QuickEngine`; some milliseconds."""
        if self._generator is None:
            self._generator = Base(self._library)
        return PreparedKey(self._library, self._generator, public, self._scratches)

    def decompress(self, public: bytes) -> bytes | None:
        return prepared.decompressed(self._library, self._group, self._scratches, public)

    @property
    def _scratches(self) -> Scratches:
        if self._kept is None:
            self._kept = Scratches(self._library, self._group)
        return self._kept

    def _key(self, owned: ExitStack, public: bytes, private: bytes) -> int:
        """An EVP_PKEY, freed with `owned`; the private half copied into libcrypto's memory."""
        library = self._library
        context = self._owned(owned, "EVP_PKEY_CTX_new_from_name", None, b"SM2", None)
        self._must("EVP_PKEY_fromdata_init", library.EVP_PKEY_fromdata_init(context))
        described, buffers = _params(
            ("group", _UTF8_STRING, b"SM2"),
            ("pub", _OCTET_STRING, b"\x04" + public),
            ("priv", _UNSIGNED_INTEGER, _native(private)),
        )
        owned.callback(_wipe, buffers)
        key = ctypes.c_void_p()
        result = library.EVP_PKEY_fromdata(context, ctypes.byref(key), _EVP_PKEY_KEYPAIR, described)
        owned.callback(library.EVP_PKEY_free, key)
        self._must("EVP_PKEY_fromdata", result)
        return key.value or 0

    def _context(self, owned: ExitStack, key: int, identity: bytes) -> int:
        """An EVP_MD_CTX made ready to sign by SM2 with SM3 under this identity."""
        library = self._library
        context = self._owned(owned, "EVP_MD_CTX_new")
        inner = ctypes.c_void_p()  # belongs to `context`
        result = library.EVP_DigestSignInit_ex(
            context, ctypes.byref(inner), b"SM3", None, None, key, None
        )
        self._must("EVP_DigestSignInit_ex", result)
        # Not by an OSSL_PARAM: the versions do not agree about its type.
        self._must(
            "EVP_PKEY_CTX_set1_id", library.EVP_PKEY_CTX_set1_id(inner, identity, len(identity))
        )
        return context

    def _owned(self, owned: ExitStack, make: str, *arguments: object) -> int:
        """What the constructor `make` allocates, freed with `owned`."""
        made: int | None = getattr(self._library, make)(*arguments)
        if made is None:
            raise self._failed(make)
        owned.callback(getattr(self._library, _FREED_BY[make]), made)
        return made

    def _must(self, call: str, result: int) -> None:
        if result != 1:
            raise self._failed(call)

    def _failed(self, call: str) -> Sm2Failed:
        self._library.ERR_clear_error()
        return Sm2Failed(library="libcrypto", call=call)


_FREED_BY = {
    "BN_bin2bn": "BN_clear_free",
    "EC_POINT_new": "EC_POINT_free",
    "EVP_MD_CTX_new": "EVP_MD_CTX_free",
    "EVP_PKEY_CTX_new_from_name": "EVP_PKEY_CTX_free",
}

_Buffer = ctypes.Array[ctypes.c_char]


def _load() -> ctypes.CDLL:
    """libcrypto with its functions typed. Raises `Sm2Unavailable`."""
    library = _first_found()
    try:
        library.OPENSSL_version_major.restype = ctypes.c_uint
        major = library.OPENSSL_version_major()
    except AttributeError as error:  # 1.1 has no such function
        raise Sm2Unavailable(library="libcrypto", cause="older than 3.0") from error
    if major < OLDEST:
        raise Sm2Unavailable(library="libcrypto", cause=f"version {major}, older than 3.0")
    for name, (result, arguments) in _FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError as error:
            if name in prepared.DISPENSABLE:
                continue
            raise Sm2Unavailable(library="libcrypto", cause=f"without {name}") from error
        function.restype, function.argtypes = result, arguments
    return library


def _first_found() -> ctypes.CDLL:
    # By soname, not by ctypes.util.find_library: that one starts ldconfig or even gcc.
    for soname in SONAMES:
        try:
            return ctypes.CDLL(soname)
        except OSError:
            continue
    raise Sm2Unavailable(library="libcrypto", cause="not installed")


def _params(*fields: tuple[str, int, bytes]) -> tuple["ctypes.Array[_Param]", list[_Buffer]]:
    """An OSSL_PARAM list and the buffers it points to, which must live as long."""
    buffers = [ctypes.create_string_buffer(value, len(value)) for _, _, value in fields]
    params = (_Param * (len(fields) + 1))()  # the last, all zero, ends the list
    for param, (key, data_type, value), buffer in zip(params, fields, buffers, strict=False):
        param.key, param.data_type = key.encode(), data_type
        param.data, param.data_size = ctypes.addressof(buffer), len(value)
    return params, buffers


def _wipe(buffers: list[_Buffer]) -> None:
    for buffer in buffers:
        ctypes.memset(buffer, 0, len(buffer))


def _native(number: bytes) -> bytes:
    """A big-endian number in the machine's byte order, as OSSL_PARAM wants integers."""
    return number[::-1] if _LITTLE_ENDIAN else number


_LITTLE_ENDIAN = ctypes.c_uint16(1).value == ctypes.c_uint16.from_buffer_copy(b"\1\0").value
