"""The bytes of Ministry of Transport codes, as fields: three levels (V2) and two levels (V1).

Big-endian. Only where things stand is decided here; what they say is `verify`'s. Source: spec
transit-qr.md, "Ministry code, three levels" and "Two-level code" (JT/T 1179 family).
"""

from struct import Struct
from typing import Final, NamedTuple

SEPARATOR: Final = 0x15
SHORTEST: Final = 332  # bytes of a three-level code whose issuer has no field of his own
LONGEST_FIELD: Final = 32  # L, the issuer's own field
SIGNATURE: Final = 64  # r‖s
TWO_LEVEL: Final = 226  # bytes, exactly

# [0 .. 198): version, length of the rest, certificate, payment account, card account number,
# issuer, issuing platform, account type, single-trip limit, user key, its expiry, validity, L
_HEAD: Final = Struct(">BH117s16s10s4s4sB3s33sIHB")
# [198+L ..): separator, issuer's signature, generation time, separator, user's signature
_TAIL: Final = Struct(">B64sIB64s")
# tag, service, CA key index, 12, issuer, expiry MMYY, serial, 04, 04, 00, 21, key, CA signature
_CERTIFICATE: Final = Struct(">B4sBB4s2s3sBBBB33s64s")
_TWO_LEVEL: Final = Struct(">B2xB4s2x24x10s7x33sIHx64s2xIx64s")
assert (_HEAD.size, _TAIL.size, _CERTIFICATE.size) == (198, SHORTEST - 198, 117)
assert _TWO_LEVEL.size == TWO_LEVEL


class CodeHead(NamedTuple):
    """What a three-level code's issuer has signed, but for the issuer's own field."""

    version: int
    rest: int
    certificate: bytes
    account: bytes
    card: bytes
    issuer: bytes
    platform: bytes
    account_type: int
    limit: bytes
    key: bytes
    key_expires: int
    validity: int
    length: int


class Tail(NamedTuple):
    """What stands behind the issuer's own field."""

    first_separator: int
    issuer_signature: bytes
    generated: int
    second_separator: int
    user_signature: bytes


class IssuerCertificate(NamedTuple):
    """An issuer's certificate."""

    tag: int
    service: bytes
    root: int
    begin: int
    issuer: bytes
    expires: bytes  # MMYY, BCD
    serial: bytes
    hash_algorithm: int
    key_algorithm: int
    key_parameter: int
    key_length: int
    key: bytes
    signature: bytes


class ThreeLevel(NamedTuple):
    """A V2 code. `for_…`: what the signature is over."""

    content: bytes
    head: CodeHead
    tail: Tail
    certificate: IssuerCertificate

    @property
    def limit(self) -> int:
        """Of a single trip, fen."""
        return int.from_bytes(self.head.limit)

    @property
    def for_root(self) -> bytes:
        """What the root signed: bytes 6 … 52 of the issuer's certificate."""
        return self.head.certificate[6:53]

    @property
    def for_issuer(self) -> bytes:
        """What the issuer signed: from the third byte to the end of its own field."""
        return self.content[3 : _HEAD.size + self.head.length]

    @property
    def for_user(self) -> bytes:
        """What the phone signed: from the first byte to the time of generation."""
        return self.content[: _HEAD.size + self.head.length + 1 + SIGNATURE + 4]


class TwoLevel(NamedTuple):
    """A V1 code. Version, type and issuer's key id are covered by no signature."""

    content: bytes
    version: int
    type: int
    issuer: bytes
    card: bytes
    key: bytes
    key_expires: int
    validity: int
    issuer_signature: bytes
    generated: int
    user_signature: bytes

    @property
    def for_issuer(self) -> bytes:
        """What the issuer signed: bytes 10 … 89."""
        return self.content[10:90]

    @property
    def for_user(self) -> bytes:
        """What the phone signed: bytes 8 … 160, its issuer's signature among them."""
        return self.content[8:161]


def three_level(content: bytes) -> ThreeLevel | None:
    """None when the two length fields do not agree with the length. Never raises."""
    if len(content) < SHORTEST:
        return None
    head = CodeHead._make(_HEAD.unpack_from(content))
    if head.rest + 3 != len(content) or head.length + SHORTEST != len(content):
        return None
    tail = Tail._make(_TAIL.unpack_from(content, _HEAD.size + head.length))
    certificate = IssuerCertificate._make(_CERTIFICATE.unpack(head.certificate))
    return ThreeLevel(content, head, tail, certificate)


def two_level(content: bytes) -> TwoLevel | None:
    """None when it has another length. Never raises."""
    if len(content) != TWO_LEVEL:
        return None
    return TwoLevel(content, *_TWO_LEVEL.unpack(content))
