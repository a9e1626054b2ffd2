"""What a 3.0 card's certificates are worth: read behind its proof, judged by the key store's
authorities.

Nothing of the holder is kept of a certificate: what it is for, who issued it, when it is valid, and
whether it leads to a trusted root. Source: spec social-security-card.md, Cryptography.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from apdu.certificate import (
    Certificate,
    CertificateMalformed,
    CertificateUntrusted,
    Identity,
    verify_chain,
)
from apdu.social_security.card import SocialSecurityCard
from apdu.social_security.certificates import FILES, CardCertificates, CertificateAbsent, Purpose
from apdu.social_security.files import Generation
from apdu.social_security.quirks import STANDARD, Quirks
from drivers.contract import CardHandle
from trust.keystore import KeyStore
from trust.secrets import CERTIFICATE, read_secret
from trust.sm2 import CertificateSm2
from world import Fault

ROOT: Final = "card-root-"  # names in the key store: of roots that are trusted by themselves,
ISSUER: Final = "card-ca-"  # and of authorities on the way to one
SUFFIX: Final = ".cer"

Result = Literal[
    "valid", "expired", "not-yet-valid", "unknown-issuer", "broken", "other-key", "absent"
]


class NoCardRoots(Fault):
    """The key store trusts no authority of cards. Fact: `name`, that one would have."""

    code = "certificate.no-roots"


class AuthorityUnusable(Fault):
    """A file of the key store is no certificate of an authority. Facts: `name`, `reason`."""

    code = "certificate.authority"


@dataclass(frozen=True)
class Authorities:
    """Who may have issued cards."""

    roots: Sequence[Certificate]
    intermediates: Sequence[Certificate]

    @classmethod
    def of(cls, keys: KeyStore) -> "Authorities":
        """Raises `NoCardRoots`, `AuthorityUnusable` and the faults of `read_secret`."""
        roots, intermediates = _authorities(keys, ROOT), _authorities(keys, ISSUER)
        if not roots:
            raise NoCardRoots(name=f"{ROOT}<name>{SUFFIX}")
        return cls(roots, intermediates)


@dataclass(frozen=True)
class JudgedCertificate:
    """One certificate. Its facts are empty and 0 where it could not be read."""

    purpose: Purpose
    result: Result
    issuer: str = ""
    not_before: int = 0  # Unix seconds
    not_after: int = 0
    identity: Identity | None = (
        None  # "empty": some of its chain is signed so; None: it is not whole
    )


class Judge:
    """Judges cards' certificates at the time `now` (Unix seconds)."""

    def __init__(self, authorities: Authorities, sm2: CertificateSm2, now: int) -> None:
        self._authorities = authorities
        self._sm2 = sm2
        self._now = now

    def judge(
        self, handle: CardHandle, generation: Generation, quirks: Quirks = STANDARD
    ) -> tuple[JudgedCertificate, ...]:
        """All that such a card should have; it has proved itself before. `quirks`: of its kind.

        Raises `StatusFault`, `ChainFault` and the channel's faults.
        """
        if generation is not Generation.V3:
            return tuple(JudgedCertificate(purpose, "absent") for purpose in FILES)
        try:
            found = CardCertificates(SocialSecurityCard(handle, quirks=quirks))
        except CertificateAbsent:
            return tuple(JudgedCertificate(purpose, "absent") for purpose in FILES)
        return tuple(self._judged(found, purpose) for purpose in FILES)

    def _judged(self, found: CardCertificates, purpose: Purpose) -> JudgedCertificate:
        try:
            certificate = found.certificate(purpose)
        except CertificateAbsent:
            return JudgedCertificate(purpose, "absent")
        except CertificateMalformed:
            return JudgedCertificate(purpose, "broken")
        result, identity = self._result(found, purpose, certificate)
        return JudgedCertificate(
            purpose,
            result,
            certificate.issuer_name,
            certificate.not_before,
            certificate.not_after,
            identity,
        )

    def _result(
        self, found: CardCertificates, purpose: Purpose, certificate: Certificate
    ) -> tuple[Result, Identity | None]:
        # Of the encryption key, which the authority makes, the card shows no public half.
        if purpose == "signing" and not _is_own(found, certificate):
            return "other-key", None
        try:
            chain = verify_chain(
                certificate,
                self._authorities.intermediates,
                self._authorities.roots,
                sm2=self._sm2,
                now=self._now,
            )
        except CertificateUntrusted as fault:
            return _untrusted(fault), None
        return "valid", "empty" if "empty" in chain.identities else "default"


def _is_own(found: CardCertificates, certificate: Certificate) -> bool:
    """For the key that the card shows, if it shows one at all."""
    try:
        return found.public_key() == certificate.public
    except (CertificateAbsent, CertificateMalformed):
        return False


def _untrusted(fault: CertificateUntrusted) -> Result:
    if fault.facts["which"] != 0:
        return "unknown-issuer"  # it has one, who is not to be trusted
    match fault.facts["reason"]:
        case "expired":
            return "expired"
        case "not-yet-valid":
            return "not-yet-valid"
        case "issuer":
            return "unknown-issuer"
        case _:
            return "broken"


def authority_names(keys: KeyStore) -> Sequence[str]:
    """Of the secrets that are certificates of authorities."""
    return [n for n in keys.names() if n.startswith((ROOT, ISSUER)) and n.endswith(SUFFIX)]


def _authorities(keys: KeyStore, prefix: str) -> tuple[Certificate, ...]:
    names = [name for name in authority_names(keys) if name.startswith(prefix)]
    return tuple(authority(name, read_secret(keys, name, CERTIFICATE)) for name in names)


def authority(name: str, raw: bytes) -> Certificate:
    """Of a secret in its form. Raises `AuthorityUnusable`."""
    try:
        certificate = Certificate.parse(raw, name)
    except CertificateMalformed as fault:
        raise AuthorityUnusable(name=name, reason=fault.facts["reason"]) from fault
    old_root = name.startswith(ROOT) and certificate.is_old_root
    if not (certificate.may_issue(0) or old_root):
        raise AuthorityUnusable(name=name, reason="not-a-ca")
    return certificate
