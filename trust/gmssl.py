"""SM2 by gmssl-pyx (GmSSL in C): the second opinion of differential tests, never in the product.

It is in the `dev` extra only. Source: gmssl_pyx/gmsslext.pyi.
"""

from trust.engine import Sm2Failed, Sm2Unavailable
from trust.libcrypto import Libcrypto


class Gmssl:
    """`trust.engine.Engine`. Raises `Sm2Unavailable` where gmssl-pyx is not installed."""

    def __init__(self) -> None:
        try:
            import gmssl_pyx
        except ImportError as error:
            raise Sm2Unavailable(library="gmssl-pyx", cause="not installed") from error
        self._library = gmssl_pyx
        self._libcrypto = Libcrypto()

    def sign(self, private: bytes, public: bytes, message: bytes, identity: bytes) -> bytes:
        try:
            return bytes(self._library.sm2_sign(private, public, message, signer_id=identity))
        except self._library.GmsslInnerError as error:
            raise Sm2Failed(library="gmssl-pyx", call="sm2_sign") from error

    def verify(self, public: bytes, message: bytes, der: bytes, identity: bytes) -> bool:
        try:
            return bool(self._library.sm2_verify(public, message, der, signer_id=identity))
        except self._library.GmsslInnerError as error:
            raise Sm2Failed(library="gmssl-pyx", call="sm2_verify") from error

    def public(self, private: bytes) -> bytes:
        """By libcrypto: gmssl-pyx makes key pairs, but does not derive a public key."""
        return self._libcrypto.public(private)
