"""Keys, messages and signatures in the field's raw forms: 32, 64 (X‖Y) and 64 (r‖s) bytes.

Strict on what arrives, whichever library computes. Source: GB/T 32918.2-2016 (signature, ZA),
GB/T 32918.5-2017 (curve); spec transit-qr.md, "SM2 care".
"""

from typing import Protocol

from trust import curve
from trust.engine import BadKey, Engine, Prepared, QuickEngine, Sm2Unavailable
from trust.libcrypto import Libcrypto

ID = b"1234567812345678"  # GM/T 0009-2012, 10: the identity where none is agreed


class Verifier(Protocol):
    """One key's `Sm2.verify`. Safe to use from several threads at once."""

    def verify(self, message: bytes, signature: bytes, *, identity: bytes = ID) -> bool:
        """As `Sm2.verify`, for the one key."""
        ...


class Sm2(Protocol):
    """SM2 signatures with SM3. Safe to use from several threads at once."""

    def sign(self, private: bytes, message: bytes, *, identity: bytes = ID) -> bytes:
        """64 bytes r‖s over SM3(ZA ‖ message), another signature each time. `private` is 32 bytes.
        Raises `BadKey`; ValueError for an identity that cannot be one."""
        ...

    def verify(
        self, public: bytes, message: bytes, signature: bytes, *, identity: bytes = ID
    ) -> bool:
        """True only for a signature (64 bytes r‖s) by `public` (64 bytes X‖Y) that the standard
        accepts; whatever the bytes, never an error of theirs. With an empty identity no signature
        verifies."""
        ...

    def verifier(self, public: bytes) -> Verifier:
        """`verify` for a key that comes again and again, made ready: that costs some milliseconds
        once, and each verification may then take a fraction of the time. Raises `BadKey`."""
        ...

    def public(self, private: bytes) -> bytes:
        """The 64 bytes X‖Y that belong to the 32 bytes `private`. Raises `BadKey`."""
        ...

    def decompress(self, public: bytes) -> bytes:
        """The 64 bytes X‖Y of a key in its 33-byte form `02|03 ‖ X`. Raises `BadKey`."""
        ...


class CertificateSm2(Sm2, Protocol):
    """`Sm2`, and what certificates that others have made need besides."""

    def verify_unnamed(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """`verify` for signers that put nothing in the identity's place, as OpenSSL does where no
        identity is given. All that is signed for this product has one."""
        ...


class StrictSm2:
    """`Sm2` over an engine, which sees only what is in range, on the curve and canonical.

    Raises `Sm2Unavailable` when the engine does not know a good signature from a bad one.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._quick = engine if isinstance(engine, QuickEngine) else None
        if not self._passes_self_test():
            raise Sm2Unavailable(library=type(engine).__name__, cause="self-test")

    def sign(self, private: bytes, message: bytes, *, identity: bytes = ID) -> bytes:
        if not curve.is_identity(identity):
            raise ValueError(f"an SM2 identity has 1 to {curve.LONGEST_IDENTITY} bytes")
        public = self.public(private)  # ZA hashes it
        return curve.signature_raw(self._engine.sign(private, public, message, identity))

    def verify(
        self, public: bytes, message: bytes, signature: bytes, *, identity: bytes = ID
    ) -> bool:
        return curve.is_identity(identity) and self._holds(public, message, signature, identity)

    def verify_unnamed(self, public: bytes, message: bytes, signature: bytes) -> bool:
        return self._holds(public, message, signature, b"")

    def _holds(self, public: bytes, message: bytes, signature: bytes, identity: bytes) -> bool:
        der = curve.signature_der(signature)
        if der is None or not curve.is_public(public):
            return False
        return self._engine.verify(public, message, der, identity)

    def verifier(self, public: bytes) -> Verifier:
        if not curve.is_public(public):
            raise BadKey(key="public")
        if self._quick is None:
            return _Plain(self, public)
        return _Strict(self._quick.prepare(public))

    def public(self, private: bytes) -> bytes:
        if not curve.is_private(private):
            raise BadKey(key="private")
        return self._engine.public(private)

    def decompress(self, public: bytes) -> bytes:
        decompressed = self._quick.decompress if self._quick else curve.decompressed
        point = decompressed(public)
        if point is None or not curve.is_public(point):
            raise BadKey(key="public")
        return point

    def _passes_self_test(self) -> bool:
        """The standard's example is accepted, and refused for another message."""
        return self.verify(EXAMPLE_PUBLIC, EXAMPLE_MESSAGE, EXAMPLE_SIGNATURE) and not self.verify(
            EXAMPLE_PUBLIC, EXAMPLE_MESSAGE + b"?", EXAMPLE_SIGNATURE
        )


class _Strict:
    """`Verifier` over an engine's prepared key, which sees only what is in range."""

    def __init__(self, key: Prepared) -> None:
        self._key = key

    def verify(self, message: bytes, signature: bytes, *, identity: bytes = ID) -> bool:
        if curve.signature_der(signature) is None or not curve.is_identity(identity):
            return False
        return self._key.verify(message, signature, identity)


class _Plain:
    """`Verifier` where the engine has nothing quicker."""

    def __init__(self, sm2: Sm2, public: bytes) -> None:
        self._sm2 = sm2
        self._public = public

    def verify(self, message: bytes, signature: bytes, *, identity: bytes = ID) -> bool:
        return self._sm2.verify(self._public, message, signature, identity=identity)


def sm2() -> CertificateSm2:
    """The chosen backend: the system's libcrypto (docs/decisions.md). Raises `Sm2Unavailable`."""
    return StrictSm2(Libcrypto())


# GB/T 32918.5-2017 A.2, with `ID` as the signer's identity.
EXAMPLE_PRIVATE = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
EXAMPLE_PUBLIC = bytes.fromhex(
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
EXAMPLE_MESSAGE = b"message digest"
EXAMPLE_NONCE = bytes.fromhex("59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21")
EXAMPLE_SIGNATURE = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)
