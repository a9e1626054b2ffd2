"""Is this a code that its issuer and its phone made, for now? Bytes, root keys and clock → verdict.

Pure, and in the order of spec transit-qr.md: cheap checks first, the SM2 verifications last; each
check has its own reason. A good certificate is remembered, so that it costs no third verification.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache, partial
from itertools import product
from typing import Final

from agent.identify.ministry_codes.layout import (
    LONGEST_FIELD,
    SEPARATOR,
    ThreeLevel,
    TwoLevel,
    three_level,
    two_level,
)
from agent.messages.reasons import Reason
from offline_store.clock import CHINA, ClockReading
from offline_store.lists.keys import Keys, PublicKey
from trust import canonical
from trust.engine import BadKey
from trust.sm2 import Sm2, Verifier

OLDEST_VERSION: Final = 0x80
ANCIENT_VERSION: Final = 0x55  # two-level only
LONGEST_VALIDITY: Final = 1200  # seconds
AHEAD: Final = 20  # seconds that a phone's clock may be before ours
ANY: Final = "*"  # in a pair of issuers
CERTIFICATES: Final = 64  # remembered; a city sees a few dozen issuers

# tag, service, begin, algorithms, key length of a certificate
_FIXED: Final = (0x24, b"\x01\x01\x00\x00", 0x12, 0x04, 0x04, 0x00, 0x21)


class _CertificateForged(Exception):
    """Raised, because what is raised is not remembered."""


class Often:
    """A key that may come again and again. It is made ready (`Sm2.verifier`) when it comes a second
    time, so that the first holder of an issuer does not wait for that. Raises nothing of the
    bytes."""

    def __init__(self, sm2: Sm2, public: bytes) -> None:
        """`public`: 64 bytes X‖Y."""
        self._sm2 = sm2
        self._public = public
        self._ready: Verifier | None = None
        self._came = False

    def verify(self, message: bytes, signature: bytes) -> bool:
        """As `Sm2.verify` with this key, under the standard's identity."""
        if self._ready is None and self._came:
            self._ready = self._sm2.verifier(self._public)
        self._came = True
        if self._ready is None:
            return self._sm2.verify(self._public, message, signature)
        return self._ready.verify(message, signature)


class Certificates:
    """Issuers' certificates: the root's signature checked, the verdict on the last good ones
    remembered. Bad ones are not: a person who shows many must not push the good ones out."""

    def __init__(self, sm2: Sm2, most: int = CERTIFICATES) -> None:
        self.sm2 = sm2
        self.issuer: Callable[[bytes], Often] = lru_cache(most)(self._issuer)
        """Of a certificate that is signed, by its key's 33 bytes. Raises `BadKey`."""
        self._root: Callable[[bytes], Often] = lru_cache(most)(partial(Often, sm2))
        self._require_signed = lru_cache(most)(self._judge)

    def is_signed(self, signed: bytes, signature: bytes, root: bytes) -> bool:
        """Whether `root` (64 bytes) signed `signed` with `signature` (64 bytes r‖s)."""
        try:
            self._require_signed(signed, signature, root)
        except _CertificateForged:
            return False
        return True

    def _judge(self, signed: bytes, signature: bytes, root: bytes) -> None:
        if not self._root(root).verify(signed, signature):
            raise _CertificateForged

    def _issuer(self, key: bytes) -> Often:
        return Often(self.sm2, self.sm2.decompress(key))


class OtherIssuers:
    """Which issuer's certificate may stand before another one's account data: pairs as the settings
    have them (`config.model.OfflineCodes.other_issuers`)."""

    def __init__(self, pairs: Iterable[str] = ()) -> None:
        self._pairs = frozenset(tuple(pair.upper().split(":")) for pair in pairs)

    def allow(self, certificate: bytes, account: bytes) -> bool:
        """Both as they stand in the code, 4 bytes each."""
        if certificate == account:
            return True
        signs, named = ((issuer.hex().upper(), ANY) for issuer in (certificate, account))
        return any(pair in self._pairs for pair in product(signs, named))


NO_OTHER_ISSUERS: Final = OtherIssuers()


@dataclass(frozen=True)
class CodeCase:
    """A three-level code and what it is judged by."""

    code: ThreeLevel
    now: int  # unix seconds
    roots: Keys
    certificates: Certificates
    others: OtherIssuers

    @property
    def root(self) -> PublicKey | None:
        """The key of the root that the code's certificate names; None: the terminal has none of
        that number."""
        return self.roots.get(self.code.certificate.root)

    @cached_property
    def issuer(self) -> Often:
        """Raises `BadKey`."""
        return self.certificates.issuer(self.code.certificate.key)

    @cached_property
    def user_key(self) -> bytes:
        """Raises `BadKey`."""
        return self.certificates.sm2.decompress(self.code.head.key)


@dataclass(frozen=True)
class CodeCheck:
    """One line of the specification: the reason of a code that does not pass it."""

    reason: Reason
    passes: Callable[[CodeCase], bool]


def _header(case: CodeCase) -> bool:
    found = case.code.certificate
    return (
        found.tag,
        found.service,
        found.begin,
        found.hash_algorithm,
        found.key_algorithm,
        found.key_parameter,
        found.key_length,
    ) == _FIXED and last_second(found.expires) is not None


def _certificate_signed(case: CodeCase) -> bool:
    signature = case.code.certificate.signature
    root = case.root
    return root is not None and case.certificates.is_signed(case.code.for_root, signature, root.key)


def _issuer_key_usable(case: CodeCase) -> bool:
    return _usable(lambda: case.issuer)


def _issuer_signed(case: CodeCase) -> bool:
    code = case.code
    return case.issuer.verify(code.for_issuer, code.tail.issuer_signature)


def _user_key_usable(case: CodeCase) -> bool:
    return _usable(lambda: case.user_key)


def _user_signed(case: CodeCase) -> bool:
    code = case.code
    return case.certificates.sm2.verify(case.user_key, code.for_user, code.tail.user_signature)


# In the order of the specification; what stands before the first of them, the lengths, is
# `layout.three_level`'s.
CHECKS: Final[Sequence[CodeCheck]] = (
    CodeCheck(Reason.CODE_VERSION, lambda case: case.code.head.version >= OLDEST_VERSION),
    CodeCheck(
        Reason.CODE_FORM,
        lambda case: case.code.tail.first_separator == case.code.tail.second_separator == SEPARATOR,
    ),
    CodeCheck(Reason.CODE_CERTIFICATE, _header),
    CodeCheck(
        Reason.CODE_CERTIFICATE_EXPIRED,
        lambda case: (last_second(case.code.certificate.expires) or 0) >= case.now,
    ),
    CodeCheck(Reason.CODE_ROOT_UNKNOWN, lambda case: case.root is not None),
    CodeCheck(
        Reason.CODE_ROOT_EXPIRED,
        lambda case: case.root is not None and case.now < case.root.expires,
    ),
    CodeCheck(Reason.CODE_ACCOUNT, lambda case: names_account(case.code.head.account)),
    CodeCheck(
        Reason.CODE_ISSUER_OTHER,
        lambda case: case.others.allow(case.code.certificate.issuer, case.code.head.issuer),
    ),
    CodeCheck(Reason.CODE_KEY_EXPIRED, lambda case: case.code.head.key_expires >= case.now),
    CodeCheck(Reason.CODE_ISSUER_FIELD, lambda case: case.code.head.length <= LONGEST_FIELD),
    CodeCheck(Reason.CODE_VALIDITY, lambda case: case.code.head.validity <= LONGEST_VALIDITY),
    CodeCheck(Reason.CODE_FUTURE, lambda case: case.code.tail.generated <= case.now + AHEAD),
    CodeCheck(
        Reason.CODE_STALE,
        lambda case: case.code.tail.generated + case.code.head.validity >= case.now,
    ),
    CodeCheck(Reason.CODE_CERTIFICATE_FORGED, _certificate_signed),
    CodeCheck(Reason.CODE_KEY_INVALID, _issuer_key_usable),
    CodeCheck(Reason.CODE_ISSUER_FORGED, _issuer_signed),
    CodeCheck(Reason.CODE_KEY_INVALID, _user_key_usable),
    CodeCheck(Reason.CODE_USER_FORGED, _user_signed),
)


def verify_three_level(
    content: bytes,
    roots: Keys,
    certificates: Certificates,
    clock: ClockReading,
    checks: Sequence[CodeCheck] = CHECKS,
    others: OtherIssuers = NO_OTHER_ISSUERS,
) -> ThreeLevel | Reason:
    """The code when it passes every check, else the reason of the first that it does not."""
    code = three_level(content)
    if code is None:
        return Reason.CODE_LENGTH
    if clock.quality == "unset":
        return Reason.CODE_CLOCK_UNSET
    case = CodeCase(code, clock.time_ms // 1000, roots, certificates, others)
    return next((check.reason for check in checks if not check.passes(case)), code)


def verify_two_level(
    content: bytes, issuers: Keys, sm2: Sm2, clock: ClockReading
) -> TwoLevel | Reason:
    """As `verify_three_level`; the issuer's key comes from a list instead of a certificate."""
    code = two_level(content)
    if code is None:
        return Reason.CODE_LENGTH
    if code.version != ANCIENT_VERSION and code.version < OLDEST_VERSION:
        return Reason.CODE_VERSION
    if clock.quality == "unset":
        return Reason.CODE_CLOCK_UNSET
    if not names_card(code.card):  # it is the account that the code stands for
        return Reason.CODE_ACCOUNT
    now = clock.time_ms // 1000
    issuer = issuers.get(int.from_bytes(code.issuer))
    if issuer is None:
        return Reason.CODE_ROOT_UNKNOWN
    if now >= issuer.expires:
        return Reason.CODE_ROOT_EXPIRED
    return _two_level_times(code, now) or _two_level_signatures(code, issuer.key, sm2) or code


def _two_level_times(code: TwoLevel, now: int) -> Reason | None:
    if code.key_expires < now:
        return Reason.CODE_KEY_EXPIRED
    if code.validity > LONGEST_VALIDITY:
        return Reason.CODE_VALIDITY
    if code.generated > now + AHEAD:
        return Reason.CODE_FUTURE
    return Reason.CODE_STALE if code.generated + code.validity < now else None


def _two_level_signatures(code: TwoLevel, issuer: bytes, sm2: Sm2) -> Reason | None:
    if not sm2.verify(issuer, code.for_issuer, code.issuer_signature):
        return Reason.CODE_ISSUER_FORGED
    try:
        user = sm2.decompress(code.key)
    except BadKey:
        return Reason.CODE_KEY_INVALID
    return None if sm2.verify(user, code.for_user, code.user_signature) else Reason.CODE_USER_FORGED


def last_second(expires: bytes) -> int | None:
    """Unix seconds of the last second, in China, of a month MMYY in BCD; None: no such month."""
    digits = expires.hex()
    if not digits.isdecimal() or not 1 <= int(digits[:2]) <= 12:
        return None
    month, year = int(digits[:2]), 2000 + int(digits[2:])
    following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=CHINA)
    return int(following.timestamp()) - 1


def names_account(account: bytes) -> bool:
    """Printable ASCII, and not all of it filling: that would be one account of many people."""
    named = canonical.account(account)
    return bool(named) and all(0x20 <= octet <= 0x7E for octet in named)


def names_card(number: bytes) -> bool:
    """A card account number is there: 0 and F alone are what stands where there is none."""
    return bool(number.hex().strip("0f"))


def _usable(key: Callable[[], object]) -> bool:
    try:
        key()
    except BadKey:
        return False
    return True
