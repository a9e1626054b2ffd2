"""An X.509 certificate with SM2 and SM3 (RFC 5280; GB/T 20518): DER in, its facts out, and the way
from it to a root that the caller trusts.

`cryptography` does not know the curve, so the few fields are walked here. Malformed DER is a fault.
"""

import re
from calendar import timegm
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from apdu import der, distinguished
from apdu.der import DerFault, Node
from trust import curve
from trust.sm2 import CertificateSm2
from world import Fault

SM2_WITH_SM3: Final = "1.2.156.10197.1.501"
EC_PUBLIC_KEY: Final = "1.2.840.10045.2.1"
SM2_CURVE: Final = "1.2.156.10197.1.301"
BASIC_CONSTRAINTS, KEY_USAGE = "2.5.29.19", "2.5.29.15"
# What may be critical: judged here, or no limit on what a terminal does with a certificate, which
# is to say who issued it. Nobody looks up revocation here, critical or not.
UNDERSTOOD: Final = frozenset(
    {
        BASIC_CONSTRAINTS,
        KEY_USAGE,
        "2.5.29.14",  # subject key identifier
        "2.5.29.17",  # subject alternative name
        "2.5.29.18",  # issuer alternative name
        "2.5.29.31",  # CRL distribution points
        "2.5.29.32",  # certificate policies
        "2.5.29.35",  # authority key identifier
        "2.5.29.37",  # extended key usage
    }
)
PRIME_FIELD: Final = bytes.fromhex("2a8648ce3d0101")
COFACTOR: Final = b"\x02\x01\x01"
CERT_SIGN: Final = 0x04  # keyCertSign, bit 5 of the first byte
LONGEST_CHAIN: Final = 4
VERSION, EXTENSIONS = 0xA0, 0xA3
VERSIONS: Final = {bytes((2, 1, number)): number + 1 for number in (0, 1, 2)}

Identity = Literal["default", "empty"]  # of the signer (GM/T 0009, 10); OpenSSL's is empty


class CertificateMalformed(Fault):
    """It is no certificate with SM2. Facts: `which`, `reason`."""

    code = "certificate.malformed"


class CertificateUntrusted(Fault):
    """It does not lead to a root that is trusted. Facts: `which` (its place in the chain, counted
    from 0), `reason` ("issuer", "signature", "not-yet-valid", "expired", "not-a-ca", "extension",
    "too-long")."""

    code = "certificate.untrusted"


@dataclass(frozen=True, repr=False)
class Certificate:
    """Names are in a form to be compared; times are Unix seconds."""

    raw: bytes
    signed: bytes  # TBSCertificate
    signature: bytes  # 64 bytes r‖s
    serial: bytes
    issuer: bytes
    subject: bytes
    issuer_name: str  # its common name; empty where it has none, or is the subject itself
    not_before: int
    not_after: int
    public: bytes  # 64 bytes X‖Y
    version: int = 3
    extensions: "tuple[Extension, ...]" = field(default=())

    @classmethod
    def parse(cls, raw: bytes, which: str = "") -> "Certificate":
        """Raises `CertificateMalformed`."""
        try:
            return _certificate(raw)
        except DerFault as fault:
            raise CertificateMalformed(which=which, reason=str(fault.facts["reason"])) from fault
        except _Shape as fault:
            raise CertificateMalformed(which=which, reason=fault.reason) from fault

    def may_issue(self, authorities_below: int) -> bool:
        """CA for a chain with so many CAs below it, and, where it says what its key is for, for
        certificates (RFC 5280, 4.2.1.3 and 4.2.1.9)."""
        limit = _ca_path_length(self._extension(BASIC_CONSTRAINTS) or b"")
        usage = self._extension(KEY_USAGE)
        return (
            limit is not None
            and authorities_below <= limit
            and (usage is None or _signs_certificates(usage))
        )

    @property
    def is_old_root(self) -> bool:
        """Of a version that knows no extensions, and its own issuer: trusted by itself it is an
        authority (RFC 5280, 6.1.1 d asks a root for no more than its name and key)."""
        return self.version < 3 and self.issuer == self.subject

    def signed_by(self, issuer: "Certificate", sm2: CertificateSm2) -> Identity | None:
        """Under which identity `issuer` has signed this one; None: it has not."""
        if sm2.verify(issuer.public, self.signed, self.signature):
            return "default"
        unnamed = sm2.verify_unnamed(issuer.public, self.signed, self.signature)
        return "empty" if unnamed else None

    @property
    def understood(self) -> bool:
        """No extension is critical and unknown here (RFC 5280, 4.2)."""
        return all(one.oid in UNDERSTOOD for one in self.extensions if one.critical)

    def _extension(self, oid: str) -> bytes | None:
        return next((one.value for one in self.extensions if one.oid == oid), None)


@dataclass(frozen=True)
class Extension:
    """An extension (RFC 5280, 4.1): its OID in dots, and the DER inside its OCTET STRING."""

    oid: str
    critical: bool
    value: bytes = field(repr=False)


@dataclass(frozen=True, repr=False)
class Chain:
    """From a certificate to a root that is trusted."""

    certificates: tuple[Certificate, ...]
    identities: tuple[Identity, ...]  # under which each but the last was signed


def verify_chain(
    certificate: Certificate,
    intermediates: Sequence[Certificate],
    roots: Sequence[Certificate],
    *,
    sm2: CertificateSm2,
    now: int,
) -> Chain:
    """The chain from `certificate` to one of `roots`, all of it valid at `now` (Unix seconds).

    A root is trusted because the caller gives it; its own signature says nothing. Raises
    `CertificateUntrusted`.
    """
    chain, identities = [certificate], list[Identity]()
    while True:
        at, current = len(chain) - 1, chain[-1]
        trusted = any(current.raw == root.raw for root in roots)
        _require_usable(current, at, now, trusted=trusted)
        if trusted:
            return Chain(tuple(chain), tuple(identities))
        if len(chain) == LONGEST_CHAIN:
            raise CertificateUntrusted(which=at, reason="too-long")
        issuer, identity = _issuer(current, [*roots, *intermediates], at, sm2)
        chain.append(issuer)
        identities.append(identity)


def _require_usable(certificate: Certificate, at: int, now: int, *, trusted: bool) -> None:
    if now < certificate.not_before:
        raise CertificateUntrusted(which=at, reason="not-yet-valid")
    if now > certificate.not_after:
        raise CertificateUntrusted(which=at, reason="expired")
    if not certificate.understood:
        raise CertificateUntrusted(which=at, reason="extension")
    may_issue = certificate.may_issue(at - 1) or (trusted and certificate.is_old_root)
    if at and not may_issue:
        raise CertificateUntrusted(which=at, reason="not-a-ca")


def _issuer(
    certificate: Certificate, candidates: Sequence[Certificate], at: int, sm2: CertificateSm2
) -> tuple[Certificate, Identity]:
    named = [one for one in candidates if one.subject == certificate.issuer]
    if not named:
        raise CertificateUntrusted(which=at, reason="issuer")
    for one in named:
        identity = certificate.signed_by(one, sm2)
        if identity is not None:
            return one, identity
    raise CertificateUntrusted(which=at, reason="signature")


class _Shape(Exception):
    """The DER holds, and is not a certificate's."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _certificate(raw: bytes) -> Certificate:
    signed, algorithm, signature = _sequence(der.parse(raw), "certificate", 3, 3)
    fields = _sequence(signed, "tbs", 6, 10)
    version, fields = _version(fields)
    if len(fields) < 6:
        raise _Shape("tbs")
    serial, own_algorithm, issuer, validity, subject, key, *rest = fields
    if own_algorithm.raw != algorithm.raw:
        raise _Shape("algorithm")
    if _oid(_sequence(algorithm, "algorithm", 1, 2)[0]) != SM2_WITH_SM3:
        raise _Shape("algorithm")
    begins, ends = _sequence(validity, "validity", 2, 2)
    return Certificate(
        raw=raw,
        signed=signed.raw,
        signature=_signature(signature),
        serial=_integer(serial, "serial"),
        issuer=_named(issuer),
        subject=_named(subject),
        issuer_name="" if _named(issuer) == _named(subject) else distinguished.shown(issuer),
        not_before=_time(begins),
        not_after=_time(ends),
        public=_public(key),
        version=version,
        extensions=_extensions(rest, version),
    )


def _version(fields: tuple[Node, ...]) -> tuple[int, tuple[Node, ...]]:
    """And the fields behind it. Version 1 is left out, or written in full by older software."""
    if fields[0].tag != VERSION:
        return 1, fields
    version = VERSIONS.get(fields[0].content)
    if version is None:
        raise _Shape("version")
    return version, fields[1:]


def _sequence(node: Node, reason: str, fewest: int, most: int) -> tuple[Node, ...]:
    if node.tag != der.SEQUENCE or not fewest <= len(node.children) <= most:
        raise _Shape(reason)
    return node.children


def _content(node: Node, tag: int, reason: str) -> bytes:
    if node.tag != tag or not node.content:
        raise _Shape(reason)
    return node.content


def _integer(node: Node, reason: str) -> bytes:
    """Without a byte that is not needed (X.690, 8.3.2)."""
    content = _content(node, der.INTEGER, reason)
    if len(content) > 1 and content[0] in (0x00, 0xFF) and (content[0] ^ content[1]) < 0x80:
        raise _Shape(reason)
    return content


def _named(node: Node) -> bytes:
    if node.tag != der.SEQUENCE:
        raise _Shape("name")
    return distinguished.canonical(node)


def _signature(node: Node) -> bytes:
    bits = _bits(node, "signature")
    try:
        return curve.signature_raw(bits)
    except ValueError:
        raise _Shape("signature") from None


def _public(node: Node) -> bytes:
    algorithm, key = _sequence(node, "key", 2, 2)
    kind, parameters = _sequence(algorithm, "key", 2, 2)
    if _oid(kind) not in (EC_PUBLIC_KEY, SM2_CURVE) or not _is_sm2(parameters):
        raise _Shape("key")
    return point(_bits(key, "key"))


def _is_sm2(parameters: Node) -> bool:
    """The curve by its name, or all its numbers (X9.62; OpenSSL's `-param_enc explicit`). RFC 5480
    has the name alone; numbers that are the curve's own, generator included, are it as well."""
    if parameters.tag == der.OID:
        return _oid(parameters) == SM2_CURVE
    if parameters.tag != der.SEQUENCE or not 5 <= len(parameters.children) <= 6:
        return False
    version, prime, coefficients, base, order, *cofactor = parameters.children
    if version.raw != b"\x02\x01\x01" or [one.raw for one in cofactor] not in ([], [COFACTOR]):
        return False
    kind, modulus = (*prime.children, prime, prime)[:2]
    a, b = (*coefficients.children, coefficients, coefficients)[:2]
    numbers = [int.from_bytes(one.content) for one in (modulus, a, b, order)]
    return (
        kind.content == PRIME_FIELD
        and numbers == [curve.P, curve.A, curve.B, curve.N]
        and _is_generator(base.content)
    )


def _is_generator(raw: bytes) -> bool:
    try:
        return point(raw) == b"".join(one.to_bytes(32) for one in curve.G)
    except _Shape:
        return False


def point(raw: bytes) -> bytes:
    """64 bytes X‖Y of `04 ‖ X ‖ Y`, or of the compressed form. Raises `_Shape` unless it is on the
    curve."""
    public = raw[1:] if len(raw) == 65 and raw[0] == 0x04 else curve.decompressed(raw)
    if public is None or not curve.is_public(public):
        raise _Shape("point")
    return public


def _bits(node: Node, reason: str) -> bytes:
    """A BIT STRING of whole bytes."""
    content = _content(node, der.BIT_STRING, reason)
    if content[0]:
        raise _Shape(reason)
    return content[1:]


def _oid(node: Node) -> str:
    content = _content(node, der.OID, "oid")
    if content[-1] & 0x80 or len(content) > 32:
        raise _Shape("oid")
    numbers, value = [], 0
    for byte in content:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


_TIMES: Final = {der.UTC_TIME: 2, der.GENERALIZED_TIME: 4}  # digits of the year


def _time(node: Node) -> int:
    """RFC 5280, 4.1.2.5: in UTC, with seconds, without fractions."""
    digits = _TIMES.get(node.tag)
    text = node.content.decode("ascii", "replace")
    if digits is None or not re.fullmatch(rf"[0-9]{{{digits + 10}}}Z", text, re.ASCII):
        raise _Shape("time")
    year = int(text[:digits])
    if digits == 2:
        year += 1900 if year >= 50 else 2000
    numbers = [int(text[at : at + 2]) for at in range(digits, len(text) - 1, 2)]
    try:
        return timegm(datetime(year, *numbers).timetuple())  # type: ignore[arg-type]
    except ValueError:
        raise _Shape("time") from None


def _extensions(nodes: Sequence[Node], version: int) -> tuple[Extension, ...]:
    """The last field of a version 3 certificate; the unique identifiers before it are skipped."""
    for node in nodes:
        if node.tag == EXTENSIONS:
            if len(node.children) != 1 or version != 3:
                raise _Shape("extensions")
            found = tuple(map(_extension, _sequence(node.children[0], "extensions", 1, 32)))
            if len({one.oid for one in found}) != len(found):
                raise _Shape("extensions")
            return found
        if node.tag not in (0x81, 0x82):
            raise _Shape("tbs")
    return ()


def _extension(node: Node) -> Extension:
    """`critical FALSE` is left out in DER; software of authorities writes it in full."""
    parts = _sequence(node, "extension", 2, 3)
    said = _content(parts[1], der.BOOLEAN, "extension") if len(parts) == 3 else b"\0"
    if said not in (b"\0", b"\xff"):
        raise _Shape("extension")
    critical = said == b"\xff"
    return Extension(_oid(parts[0]), critical, _content(parts[-1], der.OCTET_STRING, "extension"))


def _ca_path_length(value: bytes) -> int | None:
    """How many CAs may stand below; None: it is no CA."""
    try:
        node = der.parse(value)
    except DerFault:
        return None
    if node.tag != der.SEQUENCE or not 1 <= len(node.children) <= 2:
        return None
    authority, *limit = node.children
    if authority.tag != der.BOOLEAN or authority.content != b"\xff":
        return None
    if not limit:
        return LONGEST_CHAIN
    content = limit[0].content
    whole = limit[0].tag == der.INTEGER and len(content) == 1 and content[0] < 0x80
    return content[0] if whole else None


def _signs_certificates(value: bytes) -> bool:
    try:
        node = der.parse(value)
    except DerFault:
        return False
    return (
        node.tag == der.BIT_STRING and len(node.content) > 1 and bool(node.content[1] & CERT_SIGN)
    )
