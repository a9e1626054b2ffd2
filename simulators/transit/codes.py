"""Ministry of Transport codes as the made-up city's phones show them: good ones, and each defect.

Root, issuer and phone hold made-up keys. A defect that is not one of a signature is signed over
again, so that it is the only thing wrong. Source: spec transit-qr.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from agent.messages.reasons import Reason
from offline_store.clock import CHINA
from offline_store.lists.keys import Keys, PublicKey
from trust import curve
from trust.sm2 import Sm2

NOW: Final = 1_780_000_000  # unix seconds: 2026-05-29 in China
ROOT_INDEX: Final = 7
TWO_LEVEL_ISSUER: Final = 0x00510102
FAR: Final = 2_000_000_000  # unix seconds: nothing here expires before
ROOT, ISSUER, PHONE, STRANGER = (bytes([number]) * 32 for number in (0x11, 0x22, 0x33, 0x44))


@dataclass(frozen=True)
class Order:
    """What a code is to say; the defaults make a good one at `NOW`."""

    version: int = 0x80
    tag: int = 0x24
    service: bytes = bytes.fromhex("01010000")
    root: int = ROOT_INDEX
    certificate_expires: bytes = bytes.fromhex("1229")  # MMYY
    key_length: int = 0x21
    account: bytes = b"6210510000000017"
    card: bytes = bytes.fromhex("31045100000000000017")
    issuer: bytes = bytes.fromhex("51010000")  # of the account; the certificate's is that one
    limit: int = 2000  # fen
    key_expires: int = FAR
    validity: int = 60
    own_field: bytes = b"route 5"
    separator: int = 0x15
    generated: int = NOW
    issuer_public: bytes | None = None  # 33 bytes in place of the issuer's
    user_public: bytes | None = None  # 33 bytes in place of the phone's
    root_signer: bytes = ROOT
    issuer_signer: bytes = ISSUER
    user_signer: bytes = PHONE


GOOD: Final = Order()


class Phones:
    """Makes codes; slow and careless with keys, as a simulator may be."""

    def __init__(self, sm2: Sm2) -> None:
        self._sm2 = sm2
        self._certificates: dict[tuple[object, ...], bytes] = {}

    def roots(self, *, expires: int = FAR) -> Keys:
        """The signed list `ministry-roots`."""
        return {ROOT_INDEX: PublicKey(ROOT_INDEX, expires, self._sm2.public(ROOT))}

    def two_level_issuers(self, *, expires: int = FAR) -> Keys:
        """The signed list `ministry-issuers`."""
        key = self._sm2.public(ISSUER)
        return {TWO_LEVEL_ISSUER: PublicKey(TWO_LEVEL_ISSUER, expires, key)}

    def three_level(self, order: Order = GOOD) -> bytes:
        """A V2 code, 332+L bytes."""
        own = order.own_field
        signed = b"".join(
            (
                self._certificate(order),
                order.account,
                order.card,
                order.issuer,
                bytes.fromhex("51020000"),
                b"\x01",
                order.limit.to_bytes(3),
                order.user_public or self.compressed(PHONE),
                order.key_expires.to_bytes(4),
                order.validity.to_bytes(2),
                bytes([len(own)]),
                own,
            )
        )
        head = bytes([order.version]) + (329 + len(own)).to_bytes(2)
        separator = bytes([order.separator])
        for_user = b"".join(
            (
                head,
                signed,
                separator,
                self._sm2.sign(order.issuer_signer, signed),
                order.generated.to_bytes(4),
            )
        )
        return for_user + separator + self._sm2.sign(order.user_signer, for_user)

    def two_level(self, order: Order = GOOD) -> bytes:
        """A V1 code, 226 bytes."""
        block = b"".join(
            (
                bytes(24),
                order.card,
                bytes(7),
                order.user_public or self.compressed(PHONE),
                order.key_expires.to_bytes(4),
                order.validity.to_bytes(2),
            )
        )
        for_user = b"".join(
            (
                bytes(2),
                block,
                b"\x15",
                self._sm2.sign(order.issuer_signer, block),
                bytes(2),
                order.generated.to_bytes(4),
            )
        )
        head = bytes([order.version]) + (223).to_bytes(2) + b"\x01"
        head += TWO_LEVEL_ISSUER.to_bytes(4)
        return head + for_user + b"\x15" + self._sm2.sign(order.user_signer, for_user)

    def compressed(self, private: bytes) -> bytes:
        """The 33-byte public key."""
        public = self._sm2.public(private)
        return bytes([2 | public[-1] & 1]) + public[:32]

    def _certificate(self, order: Order) -> bytes:
        key = order.issuer_public or self.compressed(ISSUER)
        said = (order.tag, order.service, order.root, order.certificate_expires, order.key_length)
        known = (*said, key, order.root_signer)
        if known not in self._certificates:
            signed = b"".join(
                (
                    b"\x12",
                    bytes.fromhex("51010000"),
                    order.certificate_expires,
                    bytes.fromhex("000042"),
                    b"\x04\x04\x00",
                    bytes([order.key_length]),
                    key,
                )
            )
            head = bytes([order.tag]) + order.service + bytes([order.root])
            self._certificates[known] = head + signed + self._sm2.sign(order.root_signer, signed)
        return self._certificates[known]


@dataclass(frozen=True)
class Defect:
    """One thing that is wrong: how the code comes about, and what it is refused with. `roots`: the
    signed list as it then is; None: as always."""

    reason: Reason
    make: Callable[[Phones], bytes]
    roots_expire: int = FAR


def _ordered(reason: Reason, **changes: object) -> Defect:
    order = replace(GOOD, **changes)  # type: ignore[arg-type]
    return Defect(reason, lambda phones: phones.three_level(order))


def _damaged(reason: Reason, damage: Callable[[bytes], bytes]) -> Defect:
    return Defect(reason, lambda phones: damage(phones.three_level()))


def off_curve() -> bytes:
    """33 bytes in the form of a compressed key, with an X that no point has."""
    x = next(x for x in range(1, 100) if curve.decompressed(b"\x02" + x.to_bytes(32)) is None)
    return b"\x02" + x.to_bytes(32)


def month(year: int, number: int) -> int:
    """Unix seconds at which a month begins in China."""
    return int(datetime(year, number, 1, tzinfo=CHINA).timestamp())


def _with_last(code: bytes, r: bytes, s: bytes) -> bytes:
    return code[:-64] + (r or code[-64:-32]) + (s or code[-32:])


_N: Final = curve.N.to_bytes(32)
_L: Final = 197  # offset of the length of the issuer's own field

# Every single defect of the specification's list.
DEFECTS: Final[Mapping[str, Defect]] = {
    "shorter than it says": _damaged(Reason.CODE_LENGTH, lambda code: code[:-1]),
    "longer than it says": _damaged(Reason.CODE_LENGTH, lambda code: code + b"\0"),
    "own field of another length": _damaged(
        Reason.CODE_LENGTH, lambda code: code[:_L] + bytes([code[_L] ^ 1]) + code[_L + 1 :]
    ),
    "version": _ordered(Reason.CODE_VERSION, version=0x7F),
    "separator": _ordered(Reason.CODE_FORM, separator=0x16),
    "certificate tag": _ordered(Reason.CODE_CERTIFICATE, tag=0x25),
    "certificate service": _ordered(Reason.CODE_CERTIFICATE, service=bytes.fromhex("01020000")),
    "certificate key length": _ordered(Reason.CODE_CERTIFICATE, key_length=0x40),
    "certificate month": _ordered(Reason.CODE_CERTIFICATE, certificate_expires=b"\x13\x29"),
    "certificate expired": _ordered(
        Reason.CODE_CERTIFICATE_EXPIRED, certificate_expires=bytes.fromhex("0426")
    ),
    "root unknown": _ordered(Reason.CODE_ROOT_UNKNOWN, root=ROOT_INDEX + 1),
    "root expired": Defect(Reason.CODE_ROOT_EXPIRED, Phones.three_level, roots_expire=NOW),
    "account of blanks": _ordered(Reason.CODE_ACCOUNT, account=b" " * 16),
    "account not printable": _ordered(Reason.CODE_ACCOUNT, account=b"621051000000001\x7f"),
    "issuer of the account": _ordered(Reason.CODE_ISSUER_OTHER, issuer=b"\x33\x01\0\0"),
    "key expired": _ordered(Reason.CODE_KEY_EXPIRED, key_expires=NOW - 1),
    "own field too long": _ordered(Reason.CODE_ISSUER_FIELD, own_field=bytes(33)),
    "validity too long": _ordered(Reason.CODE_VALIDITY, validity=1201),
    "made in the future": _ordered(Reason.CODE_FUTURE, generated=NOW + 21),
    "stale": _ordered(Reason.CODE_STALE, generated=NOW - 61),
    "certificate forged": _ordered(Reason.CODE_CERTIFICATE_FORGED, root_signer=STRANGER),
    "issuer key off the curve": _ordered(Reason.CODE_KEY_INVALID, issuer_public=off_curve()),
    "issuer forged": _ordered(Reason.CODE_ISSUER_FORGED, issuer_signer=STRANGER),
    "user key off the curve": _ordered(Reason.CODE_KEY_INVALID, user_public=off_curve()),
    "user forged": _ordered(Reason.CODE_USER_FORGED, user_signer=STRANGER),
    "r too high": _damaged(Reason.CODE_USER_FORGED, lambda code: _with_last(code, _N, b"")),
    "s too high": _damaged(Reason.CODE_USER_FORGED, lambda code: _with_last(code, b"", _N)),
    "r and s zero": _damaged(
        Reason.CODE_USER_FORGED, lambda code: _with_last(code, bytes(32), bytes(32))
    ),
}
