"""The PSAM: an environment per algorithm, keys of one level each, one session key at a time.

DELIVER SESSION KEY derives down to a process key, CIPHER DATA uses it; a second DELIVER takes the
first one's place, so interleaved flows get wrong cryptograms.
Source: spec social-security-card.md, PSAM.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from simulators.cards.base import OperatingSystem
from simulators.cards.build import select_fci
from simulators.cards.ciphers import SUITES, Algorithm, Suite
from simulators.cards.contract import Apdu, Card
from simulators.cards.files import Application, BinaryFile, ElementaryFile, Refused
from simulators.cards.layout import Condition
from simulators.cards.transport import ContactFace

ENVIRONMENTS: dict[Algorithm, bytes] = {
    Algorithm.DES3: bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF"),
    Algorithm.SSF33: bytes.fromhex("7378322E73682EC9E7BBE1B1A3D5CF"),
    Algorithm.SM4: bytes.fromhex("7378332E73682EC9E7BBE1B1A3D5CF"),
}
APPLICATION = bytes.fromhex("D15600000590")
MAC, ENCRYPT, MAC_AND_ENCRYPT = 6, 7, 8
FREE, NEVER = Condition.parse("free"), Condition.parse("never")


class PsamKeyId(IntEnum):
    """The PSAM's own numbering, other than the card's KIDs (there IRK is 00).

    IRK and RKSSSE: spec, PSAM; the others as in `authority.toml`.
    """

    IRK = 0x08
    RKSSSE = 0x0A
    STK = 0x09
    PUK = 0x10
    UKSSSE = 0x12
    RK1DF01 = 0x2E
    UK1DF01 = 0x42
    UK2DF01 = 0x43
    UK3DF01 = 0x24
    UK4DF01 = 0x25
    UK5DF01 = 0x44
    RK1DF02 = 0x35
    UK1DF02 = 0x26
    RK1DF03 = 0x2B
    RK2DF03 = 0x2C
    UK1DF03 = 0x47
    UK2DF03 = 0x29
    UK3DF03 = 0x48
    RK1DF04 = 0x2D
    UK1DF04 = 0x49
    UK2DF04 = 0x2A
    RK1DF07 = 0x3D
    RK2DF07 = 0x3F
    RK3DF07 = 0xB1


@dataclass(frozen=True)
class PsamKey:
    """`level` 3: the root's key, 2: the province's, 1: the city's = diversifications to go."""

    level: int
    value: bytes = field(repr=False)


@dataclass(frozen=True)
class PsamSpec:
    """Everything that makes one PSAM. `terminal`: 12 digits (终端机编号); `keys` by `PsamKeyId`."""

    historical: bytes
    terminal: str
    keys: Mapping[Algorithm, Mapping[int, PsamKey]] = field(repr=False)


@dataclass(frozen=True)
class _Session:
    suite: Suite
    process_key: bytes
    type: int


class PsamOs(OperatingSystem):
    """See the module."""

    def __init__(self, spec: PsamSpec) -> None:
        super().__init__(_tree(spec))
        self._spec = spec
        self._session: _Session | None = None
        self._chain = b""  # of an unfinished MAC over several commands
        self.offer({(0xBF, 0xDE): self._deliver_session_key, (0x80, 0xFA): self._cipher_data})

    def reset(self) -> None:
        super().reset()
        self._forget()

    def _enter(self, application: Application) -> bytes:
        self._forget()
        return super()._enter(application)

    def _forget(self) -> None:
        self._session = None
        self._chain = b""

    def _deliver_session_key(self, apdu: Apdu) -> bytes:
        self._forget()
        application = self.require_application()
        algorithm = Algorithm[application.name.partition("/")[0]]
        suite = SUITES[algorithm]
        levels, kind = apdu.p1 >> 5, apdu.p1 & 0x1F
        key = self._spec.keys[algorithm].get(apdu.p2)
        if key is None or application.parent is None:
            raise Refused(0x6A88)
        if kind not in (MAC, ENCRYPT, MAC_AND_ENCRYPT):
            raise Refused(0x6A86)
        if levels != key.level:
            raise Refused(0x6A80)
        factors, factor = apdu.data[: 8 * levels], apdu.data[8 * levels :]
        if len(factor) != suite.block:
            raise Refused(0x6700)
        if any(factor[8:]):
            raise Refused(0x6A80)
        process_key = suite.process_key(_descend(suite, key.value, factors), factor[:8])
        self._session = _Session(suite, process_key, kind)
        return b""

    def _cipher_data(self, apdu: Apdu) -> bytes:
        """P1: 00 encrypt, 05 single MAC, 07/03/01 first, next, last part of a longer one."""
        session = self._session
        if session is None:
            raise Refused(0x6985)
        if apdu.p2 or apdu.p1 not in (0x00, 0x01, 0x03, 0x05, 0x07):
            raise Refused(0x6A86)
        if not apdu.data or len(apdu.data) % session.suite.block:
            raise Refused(0x6700)
        if apdu.p1 == 0x00:
            return self._encrypt(session, apdu.data)
        return self._mac(session, apdu.p1, apdu.data)

    def _encrypt(self, session: _Session, data: bytes) -> bytes:
        if session.type == MAC:
            raise Refused(0x6985)
        size = session.suite.block
        blocks = (data[start : start + size] for start in range(0, len(data), size))
        return b"".join(session.suite.encrypt(session.process_key, block) for block in blocks)

    def _mac(self, session: _Session, part: int, data: bytes) -> bytes:
        if session.type == ENCRYPT or (part in (0x01, 0x03) and not self._chain):
            raise Refused(0x6985)
        so_far = data if part in (0x05, 0x07) else self._chain + data
        self._chain = so_far if part in (0x07, 0x03) else b""
        return b"" if self._chain else session.suite.mac(session.process_key, so_far)


def make_psam(spec: PsamSpec) -> Card:
    return ContactFace(PsamOs(spec), spec.historical)


def _descend(suite: Suite, key: bytes, factors: bytes) -> bytes:
    """Factors come nearest the card first (L3, L2, L1); keys descend from the other end."""
    for start in range(len(factors) - 8, -1, -8):
        key = suite.child(key, factors[start : start + 8])
    return key


def _tree(spec: PsamSpec) -> list[Application]:
    """Per environment: the environment itself and its DF01; 0015 and 0016 are seen from both."""
    tree: list[Application] = []
    for algorithm in spec.keys:
        aid = ENVIRONMENTS[algorithm]
        common = _files({0x0015: bytes.fromhex("00" * 14), 0x0016: bytes.fromhex(spec.terminal)})
        environment = Application(algorithm.name, aid, 0x3F00, common, select_fci(aid))
        own = [*common, *_files({0x0019: bytes(4)})]
        name = f"{algorithm.name}/DF01"
        tree += [
            environment,
            Application(name, APPLICATION, 0xDF01, own, select_fci(APPLICATION), environment),
        ]
    return tree


def _files(contents: Mapping[int, bytes]) -> Sequence[ElementaryFile]:
    return [BinaryFile(fid, FREE, NEVER, bytearray(value)) for fid, value in contents.items()]
