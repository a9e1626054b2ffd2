"""Signatures of questions and answers: HMAC-SM3 (GB/T 15852.2) and SM2 (GB/T 32918.2).

Keys come from the key store at each use, so that a new one needs no restart, and are seen nowhere
else.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Final

from agent.status_check.faults import BadSignature
from agent.status_check.mapping import Signature
from trust import curve
from trust.keystore import KeyStore
from trust.secrets import HMAC_KEY, PRIVATE_KEY, PUBLIC_KEY, SecretForm, read_secret
from trust.sm2 import Sm2
from trust.sm3 import hmac_sm3

LONGEST: Final = 512  # characters of a signature


def in_order(fields: Mapping[str, str]) -> bytes:
    """`name=value` of all that is not empty, sorted by name, joined by "&"."""
    return "&".join(f"{name}={fields[name]}" for name in sorted(fields) if fields[name]).encode()


class Signer:
    """One mapping's signature of one direction. `service` is for faults."""

    def __init__(self, service: str, how: Signature, keys: KeyStore, sm2: Sm2 | None) -> None:
        """`sm2` must be there when `how` wants it."""
        self._service = service
        self.how = how
        self._keys = keys
        self._sm2 = sm2

    def sign(self, message: bytes) -> str:
        """Raises the faults of `read_secret`, `Sm2Failed`."""
        key = read_secret(self._keys, self.how.secret, signing_key(self.how))
        if self._sm2 is None:
            return self._written(hmac_sm3(key, message))
        raw = self._sm2.sign(key, message, identity=self.how.identity.encode())
        der = curve.signature_der(raw) if self.how.form == "der" else None
        return self._written(der or raw)

    def require_signed(self, message: bytes, text: str) -> None:
        """Raises `BadSignature`, the faults of `read_secret`."""
        key = read_secret(self._keys, self.how.secret, verifying_key(self.how))
        signature = self._read(text)
        if self._sm2 is None:
            good = hmac.compare_digest(hmac_sm3(key, message), signature)
        else:
            raw = self._raw(signature)
            identity = self.how.identity.encode()
            good = self._sm2.verify(key, message, raw, identity=identity)
        if not good:
            raise BadSignature(service=self._service)

    def _raw(self, signature: bytes) -> bytes:
        if self.how.form == "raw":
            return signature
        try:
            return curve.signature_raw(signature)
        except ValueError as error:
            raise BadSignature(service=self._service) from error

    def _written(self, signature: bytes) -> str:
        if self.how.encoding == "hex":
            return signature.hex()
        return base64.b64encode(signature).decode("ascii")

    def _read(self, text: str) -> bytes:
        try:
            if len(text) > LONGEST:
                raise ValueError("longer than any signature")
            if self.how.encoding == "hex":
                return bytes.fromhex(text)
            return base64.b64decode(text, validate=True)
        except (ValueError, binascii.Error) as error:
            raise BadSignature(service=self._service) from error


def signing_key(how: Signature) -> SecretForm:
    """Of the secret with which questions are signed."""
    return PRIVATE_KEY if how.method == "sm2" else HMAC_KEY


def verifying_key(how: Signature) -> SecretForm:
    """Of the secret by which answers are verified."""
    return PUBLIC_KEY if how.method == "sm2" else HMAC_KEY
