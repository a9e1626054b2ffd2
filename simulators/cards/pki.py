"""The made-up certificate authority of 3.0 cards: root, issuing CA, a card's two certificates, all
with SM2 and SM3, and the single things that can be wrong with one.

DER is written here, apart from `apdu.der`, from X.690 and RFC 5280.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from trust.sm2 import Sm2

SM2_WITH_SM3 = "1.2.156.10197.1.501"
EC_PUBLIC_KEY, SM2_CURVE, P256_CURVE = (
    "1.2.840.10045.2.1",
    "1.2.156.10197.1.301",
    "1.2.840.10045.3.1.7",
)
COMMON_NAME, BASIC_CONSTRAINTS, KEY_USAGE = "2.5.4.3", "2.5.29.19", "2.5.29.15"
CA_USAGE, SIGN_USAGE, ENCRYPT_USAGE = 0x06, 0xC0, 0x30
BEGIN, END = "20200101000000Z", "20991231235959Z"


class Defect(Enum):
    """What is wrong with a card's signing certificate, and with nothing else."""

    NONE = ""
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    SIGNATURE = "signature"
    ISSUER = "issuer"
    OTHER_KEY = "other-key"
    CRITICAL_EXTENSION = "critical-extension"
    CURVE = "curve"
    TRUNCATED = "truncated"
    TRAILING = "trailing"


@dataclass(frozen=True)
class KeyPair:
    private: bytes = field(repr=False)
    public: bytes  # 64 bytes X‖Y


class CertificateAuthority:
    """Root and issuing CA, and the certificates of cards."""

    def __init__(self, sm2: Sm2, root: bytes, issuing: bytes) -> None:
        """Two private keys of 32 bytes."""
        self._sm2 = sm2
        self._root = self._pair(root)
        self._issuing = self._pair(issuing)
        self.root = self._certificate(
            "Made-up Root", self._root, "Made-up Root", self._root, ca=True
        )
        self.issuing = self._certificate(
            "Made-up Card CA", self._issuing, "Made-up Root", self._root, ca=True
        )

    def files(
        self, serial: str, signing: bytes, encryption: bytes, defect: Defect = Defect.NONE
    ) -> Mapping[str, bytes]:
        """Contents of EF0012, 0018 and 0019 for a card with these two private keys."""
        own, other = self._pair(signing), self._pair(encryption)
        certified = other if defect is Defect.OTHER_KEY else own
        signed = self._card(serial, certified, SIGN_USAGE, defect)
        if defect is Defect.TRUNCATED:
            # The file is filled up with 00, so that a 00 that is cut off would be there again.
            signed = signed.rstrip(b"\0")[:-1]
        if defect is Defect.TRAILING:
            signed += b"\x01"
        return {
            "CERT/0012": b"\x04" + own.public,
            "CERT/0018": signed,
            "CERT/0019": self._card(serial, other, ENCRYPT_USAGE, Defect.NONE),
        }

    def _pair(self, private: bytes) -> KeyPair:
        return KeyPair(private, self._sm2.public(private))

    def _card(self, serial: str, key: KeyPair, usage: int, defect: Defect) -> bytes:
        begin = "20980101000000Z" if defect is Defect.NOT_YET_VALID else BEGIN
        end = "20210101000000Z" if defect is Defect.EXPIRED else END
        issuer = "Nobody" if defect is Defect.ISSUER else "Made-up Card CA"
        signer = key if defect is Defect.SIGNATURE else self._issuing
        return self._certificate(
            f"Card {serial}",
            key,
            issuer,
            signer,
            ca=False,
            usage=usage,
            times=(begin, end),
            curve=P256_CURVE if defect is Defect.CURVE else SM2_CURVE,
            unknown=defect is Defect.CRITICAL_EXTENSION,
        )

    def _certificate(
        self,
        subject: str,
        key: KeyPair,
        issuer: str,
        signer: KeyPair,
        *,
        ca: bool,
        usage: int = CA_USAGE,
        times: tuple[str, str] = (BEGIN, END),
        curve: str = SM2_CURVE,
        unknown: bool = False,
    ) -> bytes:
        extensions = [_extension(KEY_USAGE, _tlv(0x03, bytes((0, usage))))]
        if ca:
            extensions.append(_extension(BASIC_CONSTRAINTS, _sequence(_tlv(0x01, b"\xff"))))
        if unknown:
            extensions.append(_extension("1.2.3.4", b"\x05\x00"))
        algorithm = _sequence(_oid(SM2_WITH_SM3))
        body = _sequence(
            _tlv(0xA0, _tlv(0x02, b"\x02")),
            _tlv(0x02, b"\x01" + key.public[:7]),
            algorithm,
            _name(issuer),
            _sequence(*(_time(time) for time in times)),
            _name(subject),
            _sequence(
                _sequence(_oid(EC_PUBLIC_KEY), _oid(curve)), _tlv(0x03, b"\0\x04" + key.public)
            ),
            _tlv(0xA3, _sequence(*extensions)),
        )
        signature = self._sm2.sign(signer.private, body)
        numbers = _sequence(_integer(signature[:32]), _integer(signature[32:]))
        return _sequence(body, algorithm, _tlv(0x03, b"\0" + numbers))


def _tlv(tag: int, value: bytes) -> bytes:
    size = len(value)
    if size < 0x80:
        return bytes((tag, size)) + value
    length = size.to_bytes(1 if size < 0x100 else 2, "big")
    return bytes((tag, 0x80 | len(length))) + length + value


def _sequence(*values: bytes) -> bytes:
    return _tlv(0x30, b"".join(values))


def _integer(value: bytes) -> bytes:
    stripped = value.lstrip(b"\0") or b"\0"
    return _tlv(0x02, b"\0" * (stripped[0] >> 7) + stripped)


def _oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    encoded = bytearray()
    for number in (40 * first + second, *rest):
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.append(0x80 | number & 0x7F)
        encoded += bytes(reversed(septets))
    return _tlv(0x06, bytes(encoded))


def _name(common: str) -> bytes:
    value = _sequence(_oid(COMMON_NAME), _tlv(0x0C, common.encode()))
    return _sequence(_tlv(0x31, value))


def _time(text: str) -> bytes:
    """UTCTime until 2049, GeneralizedTime after it (RFC 5280, 4.1.2.5)."""
    if text < "2050":
        return _tlv(0x17, text[2:].encode())
    return _tlv(0x18, text.encode())


def _extension(oid: str, value: bytes) -> bytes:
    return _sequence(_oid(oid), _tlv(0x01, b"\xff"), _tlv(0x04, value))
