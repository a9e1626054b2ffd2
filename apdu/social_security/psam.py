"""The PSAM: a key's path down to a card and two 8-byte values in, authentication data out.

Source: spec social-security-card.md, PSAM and "Which mode". One PSAM serves one flow at a time
(interleaved sessions give wrong cryptograms): who uses it leases it, see `agent.psam.leases`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final

from apdu import status
from apdu.channel import CardGone, CardMute, Channel, ReaderGone
from apdu.command import Command, Response
from apdu.crypto import FACTOR, Algorithm, LevelFactors, folded
from apdu.processors import Observer, chain
from apdu.social_security.city_keys import CityKeys
from apdu.social_security.keys import Key
from apdu.social_security.quirks import STANDARD, Quirks
from apdu.status import StatusFault
from world import Fault

ENVIRONMENTS: dict[Algorithm, bytes] = {
    Algorithm.TDES: bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF"),  # the MF
    Algorithm.SSF33: bytes.fromhex("7378322E73682EC9E7BBE1B1A3D5CF"),
    Algorithm.SM4: bytes.fromhex("7378332E73682EC9E7BBE1B1A3D5CF"),
}
DF01 = bytes.fromhex("D15600000590")
SFI_TERMINAL_NUMBER = 0x16  # file 0016, 6 bytes BCD
MAC_TYPE, ENCRYPT_TYPE, MAC_AND_ENCRYPT_TYPE = 6, 7, 8  # usage byte = levels << 5 | type
CIPHER_ENCRYPT, CIPHER_MAC = 0x00, 0x05  # CIPHER DATA's P1
MAC_BYTES: Final = 4
LEVELS = (3, 2, 1)  # a national, a provincial, a city key: that many diversifications to the card


@dataclass(frozen=True)
class PsamKey:
    """A key in the PSAM: its id there, which is not the card's KID, and its type of usage."""

    name: str
    id: int
    usage: int = ENCRYPT_TYPE

    IRK: ClassVar["PsamKey"]  # spec, PSAM
    RKSSSE: ClassVar["PsamKey"]

    @classmethod
    def of(cls, key: Key, keys: CityKeys, algorithm: Algorithm) -> "PsamKey":
        """Raises `PsamLacksKey` when no table has its id."""
        number = keys.psam_id(key)
        if number is None:
            raise PsamLacksKey(algorithm=algorithm.value, key=key.name)
        return cls(key.name, number, keys.psam_usage(key))


PsamKey.IRK = PsamKey("IRK", 0x08)
PsamKey.RKSSSE = PsamKey("RKSSSE", 0x0A)


class PsamUnable(Fault):
    """This PSAM cannot serve this card. Exactly these faults lead to the HSM (spec, Which mode)."""

    code = "psam.unable"
    interface_error: ClassVar[int]


class PsamMissing(PsamUnable):
    """No PSAM answers in the slot, or what answers is none. Fact: `reason`."""

    code = "psam.missing"
    interface_error = -2201


class PsamLacksAlgorithm(PsamUnable):
    """It has no environment for the card's algorithm. Fact: `algorithm`."""

    code = "psam.lacks-algorithm"
    interface_error = -2202


class PsamLacksReadKey(PsamUnable):
    """It has no RKSSSE, so the holder's file of a 3.0 card stays shut. Fact: `algorithm`."""

    code = "psam.lacks-read-key"
    interface_error = -2203


class PsamLacksKey(PsamUnable):
    """6A88: it has no such key. Facts: `algorithm`, `key`."""

    code = "psam.lacks-key"
    interface_error = -27272


class PsamKeyLevel(PsamUnable):
    """It takes the key at no level that serves this card's city. Facts: `algorithm`, `key`."""

    code = "psam.key-level"
    interface_error = -24


class PsamStatus(StatusFault):
    """It refused a command for a reason that no HSM mends."""

    code = "psam.status"


class PsamMalformed(Fault):
    """It answered in another form than the specification's. Fact: `what`."""

    code = "psam.malformed"


class PsamBusy(Fault):
    """Another flow held it for the whole time that this one could wait."""

    code = "psam.busy"


class Psam:
    """A session on the SAM slot's channel. Used by one flow, and one thread, at a time. `home`: the
    region, six digits, whose keys it has where it has no national ones; empty: not known."""

    def __init__(
        self,
        channel: Channel,
        *,
        quirks: Quirks = STANDARD,
        observer: Observer | None = None,
        home: str = "",
    ) -> None:
        self._home = LevelFactors.of(home, b"") if home else None
        self._card = chain(channel, quirks=quirks, observer=observer)
        self._current: Algorithm | None = None
        self._lacking: set[Algorithm] = set()
        self._levels: dict[tuple[Algorithm, PsamKey], int] = {}
        self._terminal_number = ""

    @property
    def terminal_number(self) -> str:
        """终端机编号, 12 digits; empty until the PSAM was opened once."""
        return self._terminal_number

    def probe(self) -> tuple[Algorithm, ...]:
        """The algorithms it has environments for; the last of them stays open.

        Raises `PsamMissing` when there is none, `PsamStatus`, `PsamMalformed`.
        """
        found = [algorithm for algorithm in Algorithm if self._has(algorithm)]
        if not found:
            raise PsamMissing(reason="no-environment")
        return tuple(found)

    def open(self, algorithm: Algorithm) -> None:
        """Enter the algorithm's environment and its DF01, unless that is where it stands.

        Raises `PsamMissing`, `PsamLacksAlgorithm`, `PsamStatus`, `PsamMalformed`.
        """
        if self._current is algorithm:
            return
        if algorithm in self._lacking:
            raise PsamLacksAlgorithm(algorithm=algorithm.value)
        self._current = None
        environment = _select_by_name(ENVIRONMENTS[algorithm])
        answer = self._send(environment)
        if answer.sw == status.FILE_NOT_FOUND:
            self._lacking.add(algorithm)
            raise PsamLacksAlgorithm(algorithm=algorithm.value)
        _expect_ok(environment, answer)
        self._must(_select_by_name(DF01))
        if not self._terminal_number:
            self._terminal_number = self._read_terminal_number()
        self._current = algorithm

    def compute(
        self,
        algorithm: Algorithm,
        key: PsamKey,
        factors: LevelFactors,
        factor: bytes,
        original: bytes,
    ) -> bytes:
        """The 8 bytes of authentication data of a card's key over an 8-byte factor and original.

        Raises `PsamUnable` and its kinds, `PsamStatus`, `PsamMalformed`.
        """
        self.open(algorithm)
        size = algorithm.block
        self._deliver_session_key(algorithm, key, factors, factor.ljust(size, b"\0"))
        data = self._encrypt(original.ljust(size, b"\0"))
        return data if size == FACTOR else folded(data)

    def secured(
        self,
        algorithm: Algorithm,
        key: PsamKey,
        factors: LevelFactors,
        factor: bytes,
        header: bytes,
        block: bytes,
    ) -> bytes:
        """`header` ‖ `block` enciphered, unless it is empty ‖ MAC 4 over both: a whole command.

        `block` is one block of the algorithm (`apdu.social_security.pin.pin_block`); the MAC's
        input is padded with 80 00… (M: public callers; IV 0 as spec, Cryptography). Raises as
        `compute`.
        """
        self.open(algorithm)
        size = algorithm.block
        self._deliver_session_key(algorithm, key, factors, factor.ljust(size, b"\0"))
        command = header + (self._encrypt(block) if block else b"")
        padded = command + b"\x80"
        padded += bytes(-len(padded) % size)
        mac = self._must(Command(0x80, 0xFA, CIPHER_MAC, 0x00, padded, expected=MAC_BYTES))
        if len(mac) < MAC_BYTES:
            raise PsamMalformed(what="mac")
        return command + mac[:MAC_BYTES]

    def _encrypt(self, block: bytes) -> bytes:
        data = self._must(Command(0x80, 0xFA, CIPHER_ENCRYPT, 0x00, block, expected=len(block)))
        if len(data) != len(block):
            raise PsamMalformed(what="cryptogram")
        return data

    def _deliver_session_key(
        self, algorithm: Algorithm, key: PsamKey, factors: LevelFactors, factor: bytes
    ) -> None:
        """DELIVER SESSION KEY at the level that this key is known to have, else at each. Below what
        the card's city needs it would answer, and make a forgery of a good card."""
        known = self._levels.get((algorithm, key))
        least = self._least(factors)
        for level in _starting_with(known, [level for level in LEVELS if level >= least]):
            path = (factors.card, factors.city, factors.province)[:level]
            command = Command(0xBF, 0xDE, level << 5 | key.usage, key.id, b"".join(path) + factor)
            answer = self._send(command)
            if answer.sw == status.WRONG_DATA:
                continue
            if answer.sw == status.KEY_NOT_FOUND:
                raise _lacks(algorithm, key)
            self._ok(command, answer)
            self._levels[algorithm, key] = level
            return
        raise PsamKeyLevel(algorithm=algorithm.value, key=key.name)

    def _least(self, factors: LevelFactors) -> int:
        """1: a key of our own city serves that card, 2: of our province, 3: only a national one."""
        if self._home is None or factors.city == self._home.city:
            return 1
        return 2 if factors.province == self._home.province else 3

    def _read_terminal_number(self) -> str:
        digits = self._must(Command(0x00, 0xB0, 0x80 | SFI_TERMINAL_NUMBER, 0x00, expected=6)).hex()
        if len(digits) != 12 or not digits.isdecimal():
            raise PsamMalformed(what="terminal-number")
        return digits

    def _has(self, algorithm: Algorithm) -> bool:
        try:
            self.open(algorithm)
        except PsamLacksAlgorithm:
            return False
        return True

    def _must(self, command: Command) -> bytes:
        return self._ok(command, self._send(command))

    def _ok(self, command: Command, answer: Response) -> bytes:
        if not answer.ok:
            self._current = None  # where it stands now is anybody's guess
        return _expect_ok(command, answer)

    def _send(self, command: Command) -> Response:
        # A SAM that goes must not look like a person's card that went.
        try:
            return self._card.send(command)
        except (CardGone, CardMute, ReaderGone) as gone:
            self._current = None
            raise PsamMissing(reason=gone.code) from gone


def _select_by_name(name: bytes) -> Command:
    return Command(0x00, 0xA4, 0x04, 0x00, name, expected=256)


def _expect_ok(command: Command, answer: Response) -> bytes:
    if not answer.ok:
        raise PsamStatus(command, answer.sw)
    return answer.data


def _starting_with(first: int | None, levels: Iterable[int]) -> list[int]:
    return sorted(levels, key=lambda level: (level != first, -level))


def _lacks(algorithm: Algorithm, key: PsamKey) -> PsamUnable:
    if key.name == PsamKey.RKSSSE.name:
        return PsamLacksReadKey(algorithm=algorithm.value)
    return PsamLacksKey(algorithm=algorithm.value, key=key.name)
