"""A made-up certificate authority for the broker's TLS: right, expired and foreign certificates."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Issued:
    """Paths of two PEM files."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates with a key of its own; files go into `directory`."""

    def __init__(self, directory: Path, name: str = "Made-up City CA") -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._name = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._count = 0
        self.certificate = directory / "ca.pem"
        usage = x509.BasicConstraints(ca=True, path_length=0)
        made = _builder(
            self._name, self._name, self._key.public_key(), timedelta(days=-60), timedelta(days=30)
        )
        signed = made.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())
        self.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        name: str,
        *,
        starts: timedelta = timedelta(days=-60),
        valid: timedelta = timedelta(days=30),
    ) -> Issued:
        """A certificate for a host or a terminal, good from `starts` to `valid` from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = _builder(_name(name), self._name, key.public_key(), starts, valid)
        alternative = x509.SubjectAlternativeName([x509.DNSName(name)])
        signed = made.add_extension(alternative, critical=False).sign(self._key, hashes.SHA256())
        self._count += 1
        issued = Issued(
            self._directory / f"{name}-{self._count}.pem",
            self._directory / f"{name}-{self._count}.key",
        )
        issued.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        issued.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        issued.key.chmod(0o600)
        return issued

    def revoked(self) -> Path:
        """A list of revoked certificates, with none on it."""
        now = datetime.now(UTC)
        made = x509.CertificateRevocationListBuilder().issuer_name(self._name)
        made = made.last_update(now).next_update(now + timedelta(days=30))
        file = self._directory / "revoked.pem"
        signed = made.sign(self._key, hashes.SHA256())
        file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        return file


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    starts: timedelta,
    valid: timedelta,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + starts)
        .not_valid_after(now + max(valid, starts + timedelta(days=1)))
    )
