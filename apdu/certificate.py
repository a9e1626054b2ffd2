"""An X.509 certificate with SM2 and SM3 (RFC 5280; GB/T 20518): DER in, its facts out, and the way
from it to a root that the caller trusts.

`cryptography` does not know the curve, so the few fields are walked here. Malformed DER is a fault.
"""

import re
from calendar import timegm
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from apdu import der
from apdu.der import DerFault, Node
from trust import curve
from trust.sm2 import Sm2
from world import Fault

SM2_WITH_SM3: Final = "1.2.156.10197.1.501"
EC_PUBLIC_KEY: Final = "1.2.840.10045.2.1"
SM2_CURVE: Final = "1.2.156.10197.1.301"
BASIC_CONSTRAINTS, KEY_USAGE = "2.5.29.19", "2.5.29.15"
UNDERSTOOD: Final = frozenset({BASIC_CONSTRAINTS, KEY_USAGE, "2.5.29.14", "2.5.29.35"})
COMMON_NAME: Final = "2.5.4.3"
_CHARSETS: Final = {0x1E: "utf-16-be"}  # BMPString; the others are UTF-8 or part of it
CERT_SIGN: Final = 0x04  # keyCertSign, bit 5 of the first byte
LONGEST_CHAIN: Final = 4
VERSION, EXTENSIONS = 0xA0, 0xA3


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
    """Names are DER, to be compared; times are Unix seconds."""

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
    def understood(self) -> bool:
        """No extension is critical and unknown here (RFC 5280, 4.2)."""
        return all(one.oid in UNDERSTOOD for one in self.extensions if one.critical)

    def _extension(self, oid: str) -> bytes | None:
        return next((one.value for one in self.extensions if one.oid == oid), None)


@dataclass(frozen=True)
class Extension:
    oid: str
    critical: bool
    value: bytes = field(repr=False)


def verify_chain(
    certificate: Certificate,
    intermediates: Sequence[Certificate],
    roots: Sequence[Certificate],
    *,
    sm2: Sm2,
    now: int,
) -> tuple[Certificate, ...]:
    """The chain from `certificate` to one of `roots`, all of it valid at `now` (Unix seconds).

    A root is trusted because the caller gives it; its own signature says nothing. Raises
    `CertificateUntrusted`.
    """
    chain = [certificate]
    while True:
        at, current = len(chain) - 1, chain[-1]
        _require_usable(current, at, now)
        if any(current.raw == root.raw for root in roots):
            return tuple(chain)
        if len(chain) == LONGEST_CHAIN:
            raise CertificateUntrusted(which=at, reason="too-long")
        chain.append(_issuer(current, [*roots, *intermediates], at, sm2))


def _require_usable(certificate: Certificate, at: int, now: int) -> None:
    if now < certificate.not_before:
        raise CertificateUntrusted(which=at, reason="not-yet-valid")
    if now > certificate.not_after:
        raise CertificateUntrusted(which=at, reason="expired")
    if not certificate.understood:
        raise CertificateUntrusted(which=at, reason="extension")
    if at and not certificate.may_issue(at - 1):
        raise CertificateUntrusted(which=at, reason="not-a-ca")


def _issuer(
    certificate: Certificate, candidates: Sequence[Certificate], at: int, sm2: Sm2
) -> Certificate:
    named = [one for one in candidates if one.subject == certificate.issuer]
    if not named:
        raise CertificateUntrusted(which=at, reason="issuer")
    for one in named:
        if sm2.verify(one.public, certificate.signed, certificate.signature):
            return one
    raise CertificateUntrusted(which=at, reason="signature")


class _Shape(Exception):
    """The DER holds, and is not a certificate's."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _certificate(raw: bytes) -> Certificate:
    signed, algorithm, signature = _sequence(der.parse(raw), "certificate", 3, 3)
    version, serial, own_algorithm, issuer, validity, subject, key, *rest = _sequence(
        signed, "tbs", 7, 10
    )
    if version.tag != VERSION or version.content != b"\x02\x01\x02":
        raise _Shape("version")
    if own_algorithm.raw != algorithm.raw:
        raise _Shape("algorithm")
    if _oid(_sequence(algorithm, "algorithm", 1, 2)[0]) != SM2_WITH_SM3:
        raise _Shape("algorithm")
    begins, ends = _sequence(validity, "validity", 2, 2)
    return Certificate(
        raw=raw,
        signed=signed.raw,
        signature=_signature(signature),
        serial=_content(serial, der.INTEGER, "serial"),
        issuer=_named(issuer),
        subject=_named(subject),
        issuer_name="" if issuer.raw == subject.raw else _common_name(issuer),
        not_before=_time(begins),
        not_after=_time(ends),
        public=_public(key),
        extensions=_extensions(rest),
    )


def _sequence(node: Node, reason: str, fewest: int, most: int) -> tuple[Node, ...]:
    if node.tag != der.SEQUENCE or not fewest <= len(node.children) <= most:
        raise _Shape(reason)
    return node.children


def _content(node: Node, tag: int, reason: str) -> bytes:
    if node.tag != tag or not node.content:
        raise _Shape(reason)
    return node.content


def _named(node: Node) -> bytes:
    if node.tag != der.SEQUENCE:
        raise _Shape("name")
    return node.raw


def _common_name(name: Node) -> str:
    """RFC 5280, 4.1.2.4, as printable characters, at most 64."""
    for parts in name.children:
        for part in parts.children:
            kind, *value = part.children or (part,)
            if kind.tag == der.OID and _oid(kind) == COMMON_NAME and value:
                charset = _CHARSETS.get(value[0].tag, "utf-8")
                text = value[0].content.decode(charset, "replace")
                return "".join(sign for sign in text if sign.isprintable())[:64]
    return ""


def _signature(node: Node) -> bytes:
    bits = _bits(node, "signature")
    try:
        return curve.signature_raw(bits)
    except ValueError:
        raise _Shape("signature") from None


def _public(node: Node) -> bytes:
    algorithm, key = _sequence(node, "key", 2, 2)
    kind, parameters = _sequence(algorithm, "key", 2, 2)
    if _oid(kind) != EC_PUBLIC_KEY or _oid(parameters) != SM2_CURVE:
        raise _Shape("key")
    return point(_bits(key, "key"))


def point(raw: bytes) -> bytes:
    """64 bytes X‖Y of `04 ‖ X ‖ Y`. Raises `_Shape` unless it is on the curve."""
    if len(raw) != 65 or raw[0] != 0x04 or not curve.is_public(raw[1:]):
        raise _Shape("point")
    return raw[1:]


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
    month, day, hour, minute, second = (
        int(text[at : at + 2]) for at in range(digits, len(text) - 1, 2)
    )
    if not (
        year and 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 60
    ):
        raise _Shape("time")
    return timegm((year, month, day, hour, minute, second))


def _extensions(nodes: Sequence[Node]) -> tuple[Extension, ...]:
    """The last field of a version 3 certificate; the unique identifiers before it are skipped."""
    for node in nodes:
        if node.tag == EXTENSIONS:
            if len(node.children) != 1:
                raise _Shape("extensions")
            found = tuple(map(_extension, _sequence(node.children[0], "extensions", 1, 32)))
            if len({one.oid for one in found}) != len(found):
                raise _Shape("extensions")
            return found
        if node.tag not in (0x81, 0x82):
            raise _Shape("tbs")
    return ()


def _extension(node: Node) -> Extension:
    parts = _sequence(node, "extension", 2, 3)
    critical = len(parts) == 3
    if critical and _content(parts[1], der.BOOLEAN, "extension") != b"\xff":
        raise _Shape("extension")
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
    whole = limit[0].tag == der.INTEGER and len(limit[0].content) == 1
    return limit[0].content[0] if whole else None


def _signs_certificates(value: bytes) -> bool:
    try:
        node = der.parse(value)
    except DerFault:
        return False
    return (
        node.tag == der.BIT_STRING and len(node.content) > 1 and bool(node.content[1] & CERT_SIGN)
    )
