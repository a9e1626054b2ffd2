"""Files of TLS as people make them, beside those of `simulators.certificates`."""

from pathlib import Path

from cryptography.hazmat.primitives import serialization

PASSPHRASE = b"made-up passphrase"


def locked(key: Path, to: Path, *, traditional: bool = False) -> Path:
    """The private key in `key` under a passphrase: PKCS #8, or OpenSSL's own older form."""
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    form = serialization.PrivateFormat
    to.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            form.TraditionalOpenSSL if traditional else form.PKCS8,
            serialization.BestAvailableEncryption(PASSPHRASE),
        )
    )
    to.chmod(0o600)
    return to
