"""Signatures of questions and answers: HMAC-SM3 (GB/T 15852.2) and SM2 (GB/T 32918.2).

Keys come from the key store at each use, so that a new one needs no restart, and are seen nowhere
else.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Final

from agent.standing.faults import BadSignature, KeysUnusable
from agent.standing.mapping import Signature
from trust import curve
from trust.engine import BadKey
from trust.keystore import KeyStore
from trust.sm2 import Sm2
from trust.sm3 import hmac_sm3

SHORTEST_HMAC_KEY: Final = 16  # bytes
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
        """Raises `KeysUnusable`, key store faults, `Sm2Failed`."""
        key = self._keys.read(self.how.secret)
        if self._sm2 is None:
            return self._written(self._mac(key, message))
        try:
            raw = self._sm2.sign(key, message, identity=self.how.identity.encode())
        except BadKey as fault:
            raise self._unusable("SM2 private key, 32 bytes") from fault
        der = curve.signature_der(raw) if self.how.form == "der" else None
        return self._written(der or raw)

    def require_signed(self, message: bytes, text: str) -> None:
        """Raises `BadSignature`, `KeysUnusable`, key store faults."""
        key = self._keys.read(self.how.secret)
        signature = self._read(text)
        if self._sm2 is None:
            good = hmac.compare_digest(self._mac(key, message), signature)
        else:
            if not curve.is_public(key):
                raise self._unusable("SM2 public key X‖Y, 64 bytes")
            raw = self._raw(signature)
            identity = self.how.identity.encode()
            good = self._sm2.verify(key, message, raw, identity=identity)
        if not good:
            raise BadSignature(service=self._service)

    def _mac(self, key: bytes, message: bytes) -> bytes:
        if len(key) < SHORTEST_HMAC_KEY:
            raise self._unusable(f"HMAC key, ≥ {SHORTEST_HMAC_KEY} bytes")
        return hmac_sm3(key, message)

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

    def _unusable(self, allowed: str) -> KeysUnusable:
        return KeysUnusable(service=self._service, secret=self.how.secret, allowed=allowed)
