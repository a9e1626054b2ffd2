"""The transit PSAM: purchase roots by algorithm and version, one session, a number per session.

8070 begins a session and ends the one before; 8072 compares a MAC2 with that session alone.
Source: spec transit-card.md, Purchase with PSAM. No PIN.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from simulators.cards.base import OperatingSystem
from simulators.cards.contract import Apdu, Card
from simulators.cards.files import Application, BinaryFile, Refused
from simulators.cards.layout import Condition
from simulators.cards.purse_codes import ALGORITHM_BYTES, Purchase, PurseCodes, Truncation
from simulators.cards.transport import ContactFace

MASTER_FILE, T_UNION, CITY_UNION = 0x3F00, 0x8011, 0x1001
REQUEST = 0x24  # bytes of 8070's data
FREE, NEVER = Condition.parse("free"), Condition.parse("never")
HISTORICAL = bytes.fromhex("005452414E53495453414D0000")  # "TRANSITSAM"


@dataclass(frozen=True)
class TransitPsamSpec:
    """Everything that makes one. `terminal`: 6 bytes, `serial`: the 14 of 0015. `roots`: MPK by
    algorithm byte and key version. `issuers`: of whose cards it has keys; None: of all.
    `sequence`: the number of the last session that there was."""

    terminal: bytes
    serial: bytes
    roots: Mapping[tuple[int, int], bytes] = field(repr=False)
    key_index: int = 1
    application: int = T_UNION
    issuers: frozenset[bytes] | None = None
    sequence: int = 0
    mac2_refusal: int = 0x63CF  # or 9302
    truncation: Truncation = "left"


class TransitPsamOs(OperatingSystem):
    """See the module. `sequence` outlives power."""

    def __init__(self, spec: TransitPsamSpec) -> None:
        common = _files({0x15: spec.serial, 0x16: spec.terminal})
        master = Application("MF", b"", MASTER_FILE, common, b"")
        own = _files({0x17: bytes([spec.key_index])})
        purse = Application("purse", b"", spec.application, own, b"", master)
        super().__init__([master, purse])
        self.spec = spec
        self.sequence = spec.sequence
        self._mac2: bytes | None = None  # what the session's card has to answer
        self.offer({(0x80, 0x70): self._begin, (0x80, 0x72): self._verify})

    def reset(self) -> None:
        super().reset()
        self._mac2 = None

    def _select(self, apdu: Apdu) -> bytes:
        if apdu.p1 or apdu.p2 or len(apdu.data) != 2:
            raise Refused(0x6A86)
        entered = self._enter(self.tree.directory(int.from_bytes(apdu.data, "big")))
        self._mac2 = None
        return entered

    def _begin(self, apdu: Apdu) -> bytes:
        self._mac2 = None
        if self.require_application().name != "purse":
            raise Refused(0x6985)
        if apdu.p1p2:
            raise Refused(0x6A86)
        if len(apdu.data) != REQUEST:
            raise Refused(0x6700)
        data = apdu.data
        version, algorithm, serial, issuer = data[18], data[19], data[20:28], data[28:36]
        root = self._root(algorithm, version, issuer)
        codes = PurseCodes(ALGORITHM_BYTES[algorithm], self.spec.truncation)
        amount = int.from_bytes(data[6:10], "big")
        purchase = Purchase(amount, data[10], self.spec.terminal, data[11:18])
        self.sequence += 1
        key = codes.card_key(root, issuer, serial)
        seq = int.from_bytes(data[4:6], "big")
        session = codes.session_key(key, data[:4], seq, self.sequence)
        self._mac2 = codes.mac2(session, purchase)
        return self.sequence.to_bytes(4, "big") + codes.mac1(session, purchase)

    def _root(self, algorithm: int, version: int, issuer: bytes) -> bytes:
        served = self.spec.issuers is None or issuer in self.spec.issuers
        if not served or algorithm not in {known for known, _ in self.spec.roots}:
            raise Refused(0x6A88)
        if (algorithm, version) not in self.spec.roots:
            raise Refused(0x9403)
        return self.spec.roots[algorithm, version]

    def _verify(self, apdu: Apdu) -> bytes:
        if apdu.p1p2:
            raise Refused(0x6A86)
        if len(apdu.data) != 4:
            raise Refused(0x6700)
        if self._mac2 is None:
            raise Refused(0x6985)
        if not hmac.compare_digest(self._mac2, apdu.data):
            raise Refused(self.spec.mac2_refusal)
        self._mac2 = None
        return b""


def transit_psam(inside: TransitPsamOs) -> Card:
    """The PSAM as its slot meets it."""
    return ContactFace(inside, HISTORICAL)


def _files(contents: Mapping[int, bytes]) -> list[BinaryFile]:
    return [BinaryFile(fid, FREE, NEVER, bytearray(value)) for fid, value in contents.items()]
