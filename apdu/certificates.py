"""A 3.0 card's certificates: out of its PKI application, and what they say about the card.

EF0012 is the card's public key, EF0018 its signing and EF0019 its encryption certificate (M). They
are public data: a chain that holds says who issued them, not that this card is no copy; that is
what the internal authentication is for. Source: spec social-security-card.md, Cryptography.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from apdu import der
from apdu.card_files import CardFiles
from apdu.certificate import Certificate, CertificateMalformed, verify_chain
from apdu.files import PKI_APPLICATION, PKI_ENVIRONMENT
from apdu.social_security import ABSENT, SocialSecurityCard
from apdu.status import StatusFault
from trust import curve
from trust.sm2 import Sm2
from world import Fault

PUBLIC_KEY, SIGNING, ENCRYPTION = 0x0012, 0x0018, 0x0019
POINT_BYTES: Final = 65  # 04 ‖ X ‖ Y
PADDING: Final = b"\x00\xff"  # behind a certificate, up to the file's end


class CertificateAbsent(Fault):
    """The card has no certificate application, or not that file. Fact: `which`."""

    code = "certificate.absent"


class CertificateOfAnotherKey(Fault):
    """The signing certificate is not for the card's public key (EF0012)."""

    code = "certificate.other-key"


@dataclass(frozen=True, repr=False)
class CardCertificates:
    """`public` is EF0012's point, 64 bytes X‖Y."""

    public: bytes
    signing: Certificate
    encryption: Certificate

    def verify(
        self,
        intermediates: Sequence[Certificate],
        roots: Sequence[Certificate],
        *,
        sm2: Sm2,
        now: int,
    ) -> None:
        """Both lead to a root that is valid at `now` (Unix seconds), and the signing certificate is
        for this card's key. Raises `CertificateUntrusted`, `CertificateOfAnotherKey`."""
        if self.signing.public != self.public:
            raise CertificateOfAnotherKey
        for certificate in (self.signing, self.encryption):
            verify_chain(certificate, intermediates, roots, sm2=sm2, now=now)


def read_certificates(card: SocialSecurityCard) -> CardCertificates:
    """Enters the PKI environment, so rights won in the SSSE are lost.

    Raises `CertificateAbsent`, `CertificateMalformed`, `StatusFault`, `ChainFault` and the
    channel's faults.
    """
    for name in (PKI_ENVIRONMENT, PKI_APPLICATION):
        with _present("application"):
            card.select_by_name(name)
    return CardCertificates(
        public=_point(_file(card, PUBLIC_KEY)),
        signing=_certificate(_file(card, SIGNING), "EF0018"),
        encryption=_certificate(_file(card, ENCRYPTION), "EF0019"),
    )


@contextmanager
def _present(which: str) -> Iterator[None]:
    try:
        yield
    except StatusFault as fault:
        if fault.sw in ABSENT:
            raise CertificateAbsent(which=which) from fault
        raise


def _file(card: SocialSecurityCard, fid: int) -> bytes:
    with _present(f"EF{fid:04X}"):
        card.select_file(fid)
        return CardFiles(card, card.generation).binary(0, None)


def _point(raw: bytes) -> bytes:
    point = raw[:POINT_BYTES]
    if point[:1] != b"\x04" or not curve.is_public(point[1:]):
        raise CertificateMalformed(which="EF0012", reason="point")
    return point[1:]


def _certificate(raw: bytes, which: str) -> Certificate:
    try:
        size = der.length_of(raw)
    except der.DerFault as fault:
        raise CertificateMalformed(which=which, reason=str(fault.facts["reason"])) from fault
    if raw[size:].strip(PADDING):
        raise CertificateMalformed(which=which, reason="trailing")
    return Certificate.parse(raw[:size], which)
