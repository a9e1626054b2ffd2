"""The transit PSAM: what a card said in 8050 in, MAC1 out; MAC2 in, a yes or no out.

It knows only its last session, so a MAC2 that comes after another 8070 can never be checked. It is
`agent`'s to give it to one flow at a time. Source: spec transit-card.md, Purchase with PSAM.
"""

from dataclasses import dataclass
from typing import Final

from apdu import status
from apdu.channel import CardGone, CardMute, Channel, ReaderGone
from apdu.command import Command, Response
from apdu.processors import Observer, chain
from apdu.social_security.psam import PsamMissing
from apdu.social_security.quirks import STANDARD, Quirks
from apdu.status import tries_left
from apdu.transit.faults import (
    Mac2Refused,
    PsamSessionOver,
    TransitPsamKeyVersion,
    TransitPsamLacksKey,
    TransitPsamMalformed,
    TransitPsamStatus,
    TransitPsamUnfit,
)
from apdu.transit.values import (
    AMOUNT,
    MAC,
    TERMINAL,
    Authorisation,
    Initialised,
    PsamTerminal,
    PublicInfo,
)

APPLICATIONS: Final = {"T-Union": bytes.fromhex("8011"), "City-Union": bytes.fromhex("1001")}
MASTER_FILE: Final = bytes.fromhex("3F00")
READ_NUMBER: Final = Command(0x00, 0xB0, 0x96, 0x00, expected=TERMINAL)
READ_SERIAL: Final = Command(0x00, 0xB0, 0x95, 0x00, expected=14)
READ_KEY_INDEX: Final = Command(0x00, 0xB0, 0x97, 0x00, expected=1)
NO_SESSION: Final = frozenset({0x6985, 0x6901})
KEY_VERSION: Final = 0x9403


@dataclass(frozen=True)
class Verified:
    """The PSAM's 9000 to a MAC2: the card behind that authorisation has the key of its number, and
    has made that purchase. `TransitPsam.verify` makes it, and nothing else does."""

    authorisation: Authorisation


class TransitPsam:
    """A session on the SAM slot's channel, for as long as it stays powered. A PSAM that goes is
    `PsamMissing`; make a new one on its new channel, which checks no MAC2 of the old one."""

    def __init__(
        self, channel: Channel, *, quirks: Quirks = STANDARD, observer: Observer | None = None
    ) -> None:
        self._card = chain(channel, quirks=quirks, observer=observer)
        self._terminal: PsamTerminal | None = None
        self._last: Authorisation | None = None  # whose MAC2 it can check
        self.application = ""  # "T-Union" or "City-Union", once open

    def open(self) -> PsamTerminal:
        """Who it is, and into its transit application; nothing is sent when it is open already.

        Raises `PsamMissing`, `TransitPsamUnfit`, `TransitPsamStatus`, `TransitPsamMalformed`.
        """
        if self._terminal is None:
            self._must(_select(MASTER_FILE))
            number, serial = self._read(READ_NUMBER), self._read(READ_SERIAL)
            self._enter()
            self._terminal = PsamTerminal(number, serial, self._read(READ_KEY_INDEX)[0])
        return self._terminal

    def authorise(self, card: PublicInfo, begun: Initialised, moment: str) -> Authorisation:
        """8070, which ends the session before it, whatever comes of it.

        Raises `TransitPsamLacksKey`, `TransitPsamKeyVersion`, and as `open`.
        """
        self.open()
        self._last = None
        command = Command(0x80, 0x70, 0x00, 0x00, _request(card, begun, moment), expected=8)
        answer = self._send(command)
        if answer.sw == status.KEY_NOT_FOUND:
            raise TransitPsamLacksKey(command, answer.sw, algorithm=f"{begun.algorithm:02X}")
        if answer.sw == KEY_VERSION:
            raise TransitPsamKeyVersion(command, answer.sw, version=f"{begun.key_version:02X}")
        data = _data(command, answer)
        if len(data) != 4 + MAC:
            raise TransitPsamMalformed(what="8070", length=len(data))
        self._last = Authorisation(int.from_bytes(data[:4]), data[4:], moment)
        return self._last

    def can_verify(self, authorisation: Authorisation) -> bool:
        """This was the last 8070, and its MAC2 has not been shown yet."""
        return self._last == authorisation

    def verify(self, authorisation: Authorisation, mac2: bytes) -> Verified:
        """8072, once: is this the MAC2 of a card that has paid?

        Raises `PsamSessionOver`, before anything is sent where it is known already; `Mac2Refused`;
        `PsamMissing`, `TransitPsamStatus`.
        """
        if not self.can_verify(authorisation):
            raise PsamSessionOver
        self._last = None
        command = Command(0x80, 0x72, 0x00, 0x00, mac2)
        answer = self._send(command)
        if answer.sw in NO_SESSION:
            raise PsamSessionOver
        if answer.sw == 0x9302 or tries_left(answer.sw) is not None:
            raise Mac2Refused(command, answer.sw)
        _data(command, answer)
        return Verified(authorisation)

    def _enter(self) -> None:
        for name, fid in APPLICATIONS.items():
            command = _select(fid)
            answer = self._send(command)
            if answer.sw != status.FILE_NOT_FOUND:
                _data(command, answer)
                self.application = name
                return
        raise TransitPsamUnfit

    def _read(self, command: Command) -> bytes:
        data = self._must(command)
        if len(data) != command.expected:
            raise TransitPsamMalformed(what=command.header.hex().upper(), length=len(data))
        return data

    def _must(self, command: Command) -> bytes:
        return _data(command, self._send(command))

    def _send(self, command: Command) -> Response:
        # A SAM that goes must not look like a person's card that went.
        try:
            return self._card.send(command)
        except (CardGone, CardMute, ReaderGone) as gone:
            self._last = None
            self._terminal = None
            raise PsamMissing(reason=gone.code) from gone


def _request(card: PublicInfo, begun: Initialised, moment: str) -> bytes:
    return (
        begun.random
        + begun.seq.to_bytes(2)
        + begun.amount.to_bytes(AMOUNT)
        + bytes((begun.kind.type,))
        + bytes.fromhex(moment)
        + bytes((begun.key_version, begun.algorithm))
        + card.serial
        + card.issuer
    )


def _select(fid: bytes) -> Command:
    return Command(0x00, 0xA4, 0x00, 0x00, fid, expected=256)


def _data(command: Command, answer: Response) -> bytes:
    if not answer.ok:
        raise TransitPsamStatus(command, answer.sw)
    return answer.data
