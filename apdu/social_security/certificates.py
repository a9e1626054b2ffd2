"""A 3.0 card's certificates: out of its PKI application, and what they say about the card.

EF0012 is the card's public key, EF0018 its signing and EF0019 its encryption certificate (M). They
are public data: a chain that holds says who issued them, not that this card is no copy; that is
what the internal authentication is for. Source: spec social-security-card.md, Cryptography.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Literal

from apdu import der
from apdu.certificate import Certificate, CertificateMalformed
from apdu.social_security.card import NOT_GIVEN, SocialSecurityCard
from apdu.social_security.card_files import CardFiles
from apdu.social_security.files import PKI_APPLICATION, PKI_ENVIRONMENT
from apdu.status import StatusFault
from trust import curve
from world import Fault

Purpose = Literal["signing", "encryption"]

PUBLIC_KEY: Final = 0x0012
FILES: Final[Mapping[Purpose, int]] = {"signing": 0x0018, "encryption": 0x0019}
POINT_BYTES: Final = 65  # 04 ‖ X ‖ Y
PADDING: Final = b"\x00\xff"  # behind a certificate, up to the file's end


class CertificateAbsent(Fault):
    """The card has no certificate application, not that file, or nothing in it. Fact: `which`."""

    code = "certificate.absent"


class CardCertificates:
    """The certificate application of a powered card, entered: rights won in the SSSE are lost.

    Every method raises `CertificateAbsent`, `CertificateMalformed`, `StatusFault`, `ChainFault` and
    the channel's faults.
    """

    def __init__(self, card: SocialSecurityCard) -> None:
        self._card = card
        for name in (PKI_ENVIRONMENT, PKI_APPLICATION):
            with _present("application"):
                card.select_by_name(name)

    def public_key(self) -> bytes:
        """EF0012, of the card's signing key: 64 bytes X‖Y."""
        point = self._file(PUBLIC_KEY)[:POINT_BYTES]
        if point[:1] != b"\x04" or not curve.is_public(point[1:]):
            raise CertificateMalformed(which="EF0012", reason="point")
        return point[1:]

    def certificate(self, purpose: Purpose) -> Certificate:
        """Unverified."""
        fid = FILES[purpose]
        return _certificate(self._file(fid), _name(fid))

    def _file(self, fid: int) -> bytes:
        with _present(_name(fid)):
            self._card.select_file(fid)
            raw = CardFiles(self._card, self._card.generation).binary(0, None)
        if not raw.strip(PADDING):
            raise CertificateAbsent(which=_name(fid))
        return raw


@contextmanager
def _present(which: str) -> Iterator[None]:
    try:
        yield
    except StatusFault as fault:
        if fault.sw in NOT_GIVEN:  # what is kept back is not there for this terminal
            raise CertificateAbsent(which=which) from fault
        raise


def _name(fid: int) -> str:
    return f"EF{fid:04X}"


def _certificate(raw: bytes, which: str) -> Certificate:
    try:
        size = der.length_of(raw)
    except der.DerFault as fault:
        raise CertificateMalformed(which=which, reason=str(fault.facts["reason"])) from fault
    if raw[size:].strip(PADDING):
        raise CertificateMalformed(which=which, reason="trailing")
    return Certificate.parse(raw[:size], which)
