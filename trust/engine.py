"""What a library must offer to stand behind `trust.sm2`, and how it fails.

An engine gets only what `trust.curve` has checked, and speaks DER, as the libraries do.
"""

from typing import Protocol, runtime_checkable

from world import Fault


class Sm2Unavailable(Fault):
    """The library for SM2 is missing, too old, or fails its self-test. Facts: library, cause."""

    code = "sm2.unavailable"


class Sm2Failed(Fault):
    """The library failed on sound input, as when memory has run out. Facts: library, call."""

    code = "sm2.failed"


class BadKey(Fault):
    """Not an SM2 key: wrong length, out of range, or off the curve. Facts: key (which kind)."""

    code = "sm2.bad-key"


class Engine(Protocol):
    """One library. Keys are 32 and 64 bytes, in range and on the curve; only `verify` is ever
    asked under the empty identity.

    Safe to use from several threads at once. Raises `Sm2Failed`.
    """

    def sign(self, private: bytes, public: bytes, message: bytes, identity: bytes) -> bytes:
        """A DER signature over SM3(ZA ‖ message), the nonce from the library's own generator.
        `private` is 32 bytes, `public` the 64 bytes X‖Y of the same key."""
        ...

    def verify(self, public: bytes, message: bytes, der: bytes, identity: bytes) -> bool:
        """Whether `der` (canonical DER) is a signature by `public` (64 bytes X‖Y) over SM3(ZA ‖
        message)."""
        ...

    def public(self, private: bytes) -> bytes:
        """The 64 bytes X‖Y of d·G, for the 32 bytes d."""
        ...


class Prepared(Protocol):
    """One key made ready. Safe to use from several threads at once. Raises `Sm2Failed`."""

    def verify(self, message: bytes, signature: bytes, identity: bytes) -> bool:
        """As `Engine.verify` for this key. `signature`: 64 bytes r‖s, in range, r+s ≠ n."""
        ...


@runtime_checkable
class QuickEngine(Protocol):
    """What an engine may offer beside `Engine`. Raises `Sm2Failed`."""

    def prepare(self, public: bytes) -> Prepared:
        """A key (64 bytes) made ready for many verifications."""
        ...

    def decompress(self, public: bytes) -> bytes | None:
        """64 bytes X‖Y of the 33 bytes `02|03 ‖ X`; None when no point has that X."""
        ...
