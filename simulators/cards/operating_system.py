"""The operating system of a social security card: commands to files, under rights.

A right ("PIN" or a key's name) is won by VERIFY or EXTERNAL AUTHENTICATE and lost with SELECT of an
application and with power. Source: spec social-security-card.md, Files and Commands.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from simulators.cards.base import OperatingSystem, require_parameters
from simulators.cards.ciphers import Suite, padded
from simulators.cards.contract import Answer, Apdu, RandomSource
from simulators.cards.files import Application, ElementaryFile, Refused
from simulators.cards.layout import PIN

CHALLENGE_SIZES = (4, 8, 16)
FACTOR = 8
BLOCKING_KEY = 0x05  # BK
PROCESS_KEY = 0x02  # STK: protects 8424 (L)
PUK = "PUK"
MAC = 4
KeyUse = Literal["internal", "external", "mac"]


@dataclass
class Tries:
    """A finite number of wrong presentations; a right one gives them all back."""

    limit: int
    left: int

    @classmethod
    def of(cls, limit: int) -> "Tries":
        return cls(limit, limit)

    def require(self) -> None:
        if not self.left:
            raise Refused(0x6983)

    def right(self) -> None:
        self.left = self.limit

    def wrong(self) -> int:
        """One try less; the status word that says how many are left."""
        self.left -= 1
        return 0x63C0 | self.left


@dataclass
class CardKey:
    """A key of one application: for 0088 (internal), 0082 (external) or 84xx (mac)."""

    name: str
    kid: int
    use: KeyUse
    value: bytes = field(repr=False)
    tries: Tries


@dataclass
class Pin:
    """The holder's PIN: one for the whole card. No digits: no PIN was set."""

    digits: str | None = field(repr=False)
    tries: Tries


class SocialSecurityCardOs(OperatingSystem):
    """See the module. What is not volatile (files, tries, PIN, blocks) outlives `reset`."""

    def __init__(
        self,
        applications: list[Application],
        keys: Mapping[str, list[CardKey]],
        suite: Suite,
        pin: Pin,
        random: RandomSource,
        *,
        key_version_byte: bool = False,
    ) -> None:
        """`keys` by application name. `key_version_byte`: 0088 wants Lc 11 instead of 10."""
        super().__init__(applications)
        self.pin = pin
        self._keys = keys
        self._suite = suite
        self._random = random
        self._internal_size = 17 if key_version_byte else 16
        self._challenge: bytes | None = None
        self._previous: bytes | None = None  # the challenge that the command before asked for
        self.offer(
            {
                (0x00, 0xB2): self._read_record,
                (0x00, 0xDC): self._update_record,
                (0x00, 0xD6): self._update_binary,
                (0x00, 0x84): self._get_challenge,
                (0x00, 0x88): self._internal_authenticate,
                (0x00, 0x82): self._external_authenticate,
                (0x00, 0x20): self._verify_pin,
                (0x80, 0x5E): self._change_pin,
                (0x84, 0x24): self._restore_pin,
                (0x84, 0x1E): self._block_application,
                (0x84, 0x16): self._block_card,
            }
        )

    def key(self, application: str, name: str) -> CardKey:
        return next(one for one in self._keys[application] if one.name == name)

    def reset(self) -> None:
        super().reset()
        self._challenge = None

    def process(self, apdu: Apdu) -> Answer:
        # A challenge lives for exactly one following command, whatever that is.
        self._previous, self._challenge = self._challenge, None
        return super().process(apdu)

    # -- files

    def _read_record(self, apdu: Apdu) -> bytes:
        if apdu.data:
            raise Refused(0x6700)
        file, number, tag = self._record_address(apdu)
        self.require(file.read)
        return file.record(number=number, tag=tag)

    def _update_record(self, apdu: Apdu) -> bytes:
        file, number, tag = self._record_address(apdu)
        self.require(file.write)
        if len(apdu.data) < 2:
            raise Refused(0x6700)
        file.update_record(apdu.data, number=number, tag=tag)
        return b""

    def _record_address(self, apdu: Apdu) -> tuple[ElementaryFile, int | None, int | None]:
        """File, number, tag. P2 = SFI<<3 | 4: P1 is a number; SFI<<3: a tag; SFI 0: this file."""
        sfi, mode = apdu.p2 >> 3, apdu.p2 & 7
        if mode not in (0, 4) or sfi == 31 or (mode == 4 and not apdu.p1):
            raise Refused(0x6A86)
        file = self.tree.select_sfi(sfi) if sfi else self.tree.current_file()
        return (file, apdu.p1, None) if mode == 4 else (file, None, apdu.p1)

    def _update_binary(self, apdu: Apdu) -> bytes:
        file, offset = self.binary_address(apdu)
        self.require(file.write)
        if not apdu.data:
            raise Refused(0x6700)
        file.update_binary(offset, apdu.data)
        return b""

    # -- authentication

    def _get_challenge(self, apdu: Apdu) -> bytes:
        require_parameters(apdu, 0x0000)
        if apdu.data or apdu.le not in CHALLENGE_SIZES:
            raise Refused(0x6700)
        self._challenge = self._random(apdu.le)
        return self._challenge

    def _factor(self) -> bytes:
        """A challenge of 8 bytes that the command just before asked for."""
        if self._previous is None or len(self._previous) != FACTOR:
            raise Refused(0x6984)
        return self._previous

    def _internal_authenticate(self, apdu: Apdu) -> bytes:
        require_parameters(apdu, 0x0000)
        if len(apdu.data) != self._internal_size:
            raise Refused(0x6700)
        key = self._find_key(apdu.p2, "internal")
        return self._authentication_data(key, factor=apdu.data[:8], original=apdu.data[8:16])

    def _external_authenticate(self, apdu: Apdu) -> bytes:
        if apdu.p1:
            raise Refused(0x6A86)
        if len(apdu.data) != 16:
            raise Refused(0x6700)
        key = self._find_key(apdu.p2, "external")
        key.tries.require()
        factor = self._factor()
        self._rights.discard(key.name)
        expected = self._authentication_data(key, factor=factor, original=apdu.data[8:])
        if not hmac.compare_digest(expected, apdu.data[:8]):
            raise Refused(key.tries.wrong())
        key.tries.right()
        self._rights.add(key.name)
        return b""

    def _authentication_data(self, key: CardKey, *, factor: bytes, original: bytes) -> bytes:
        process_key = self._suite.process_key(key.value, factor)
        return self._suite.authentication_data(process_key, original)

    def _verify_pin(self, apdu: Apdu) -> bytes:
        require_parameters(apdu, 0x0000)
        if not apdu.data:
            return self._pin_state()
        if not 2 <= len(apdu.data) <= 8:
            raise Refused(0x6700)
        self._check_pin(apdu.data)
        self._rights.add(PIN)
        return b""

    def _pin_state(self) -> bytes:
        if self.pin.digits is None:
            return b""
        raise Refused(0x63C0 | self.pin.tries.left)

    def _check_pin(self, presented: bytes) -> None:
        """BCD, F padded. Counts a wrong one."""
        if self.pin.digits is None:
            raise Refused(0x6A88)
        self.pin.tries.require()
        self._rights.discard(PIN)
        if not hmac.compare_digest(_digits(presented).encode(), self.pin.digits.encode()):
            raise Refused(self.pin.tries.wrong())
        self.pin.tries.right()

    def _change_pin(self, apdu: Apdu) -> bytes:
        require_parameters(apdu, 0x0100)
        old, _, new = apdu.data.partition(b"\xff")
        if not 2 <= len(old) <= 8 or not 2 <= len(new) <= 8 or not _digits(new).isdecimal():
            raise Refused(0x6A80)
        self._check_pin(old)
        self.pin.digits = _digits(new)
        return b""

    def _restore_pin(self, apdu: Apdu) -> bytes:
        """8424: P2 00 gives the tries back, P2 01 sets a new PIN (enciphered block ‖ MAC)."""
        if apdu.p1p2 not in (0x0000, 0x0001):
            raise Refused(0x6A86)
        anew = apdu.p2 == 0x01
        if len(apdu.data) != MAC + (self._suite.block if anew else 0):
            raise Refused(0x6700)
        if PUK not in self._rights:
            raise Refused(0x6982)
        process_key = self._check_mac(apdu, PROCESS_KEY)
        self._rights -= {PUK, PIN}
        if anew:
            self.pin.digits = _new_pin(self._suite.decrypt(process_key, apdu.data[:-MAC]))
        elif self.pin.digits is None:
            raise Refused(0x6A88)
        self.pin.tries.right()
        return b""

    # -- blocking

    def _block_application(self, apdu: Apdu) -> bytes:
        require_parameters(apdu, 0x0001)
        self._check_mac(apdu, BLOCKING_KEY, alone=True)
        self.require_application().blocked = True
        self.reset()
        return b""

    def _block_card(self, apdu: Apdu) -> bytes:
        require_parameters(apdu, 0x0000)
        self._check_mac(apdu, BLOCKING_KEY, alone=True)
        self.blocked = True
        self.reset()
        return b""

    def _check_mac(self, apdu: Apdu, kid: int, *, alone: bool = False) -> bytes:
        """The process key, once the MAC over header and data is right; `alone`: without data.

        The last challenge is the factor (L).
        """
        if len(apdu.data) < MAC or (alone and len(apdu.data) != MAC):
            raise Refused(0x6700)
        key = self._find_key(kid, "mac")
        key.tries.require()
        process_key = self._suite.process_key(key.value, self._factor())
        header = bytes([apdu.cla, apdu.ins, apdu.p1, apdu.p2, len(apdu.data)])
        covered = padded(header + apdu.data[:-MAC], self._suite.block)
        if not hmac.compare_digest(self._suite.mac(process_key, covered), apdu.data[-MAC:]):
            key.tries.wrong()
            raise Refused(0x6988)
        key.tries.right()
        return process_key

    def _find_key(self, kid: int, use: KeyUse) -> CardKey:
        for key in self._keys[self.require_application().name]:
            if key.kid == kid and key.use == use:
                return key
        raise Refused(0x6A88)


def _digits(bcd: bytes) -> str:
    return bcd.hex().upper().rstrip("F")


def _new_pin(block: bytes) -> str:
    """`length ‖ BCD ‖ 80 00…`; a full block has no padding."""
    size, rest = block[0], block[1:]
    digits, padding = _digits(rest[:size]), rest[size:]
    if not 2 <= size <= 8 or size > len(rest) or not digits.isdecimal():
        raise Refused(0x6A80)
    if padding and padding != b"\x80".ljust(len(padding), b"\0"):
        raise Refused(0x6A80)
    return digits
