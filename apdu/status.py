"""Status words as data, and the faults that they become.

A fault carries the status word and the header of the command that earned it, never its data.
"""

from dataclasses import dataclass
from typing import ClassVar

from apdu.command import Command, Response
from world import Fault

SPEC = "spec social-security-card.md, Commands"
ISO = "ISO/IEC 7816-4, 5.6"
TRANSIT = "spec transit-card.md, Files"

OK = 0x9000
WRONG_DATA = 0x6A80
FILE_NOT_FOUND = 0x6A82
RECORD_NOT_FOUND = 0x6A83
KEY_NOT_FOUND = 0x6A88

INS_VERIFY = 0x20
INS_CHANGE_PIN = 0x5E
INS_EXTERNAL_AUTHENTICATE = 0x82
INS_SELECT = 0xA4


@dataclass(frozen=True)
class StatusWord:
    """One row: symbolic name, meaning, where that is written."""

    name: str
    meaning: str
    source: str


TABLE: dict[int, StatusWord] = {
    0x9000: StatusWord("OK", "done", ISO),
    0x6283: StatusWord("INVALIDATED", "the selected file or application is locked", TRANSIT),
    0x6284: StatusWord("FCI_FORMAT", "the selected application is locked", TRANSIT),
    0x6581: StatusWord("MEMORY", "writing to the card's memory failed", SPEC),
    0x6700: StatusWord("LENGTH", "wrong length", SPEC),
    0x6901: StatusWord("STATE", "not possible in this state", SPEC),
    0x6981: StatusWord("FILE_TYPE", "the command does not fit the file's structure", SPEC),
    0x6982: StatusWord("SECURITY_STATUS", "security status not satisfied", SPEC),
    0x6983: StatusWord("BLOCKED", "the key or PIN is blocked", SPEC),
    0x6984: StatusWord("CHALLENGE_USED", "the challenge was used or never asked for", SPEC),
    0x6985: StatusWord("CONDITIONS", "conditions of use not satisfied", SPEC),
    0x6988: StatusWord("MAC", "the secure messaging MAC is wrong", SPEC),
    0x6A80: StatusWord("WRONG_DATA", "wrong data", SPEC),
    0x6A81: StatusWord("NOT_SUPPORTED", "card blocked, or function not supported", SPEC),
    0x6A82: StatusWord("FILE_NOT_FOUND", "file or application not found", SPEC),
    0x6A83: StatusWord("RECORD_NOT_FOUND", "record not found", SPEC),
    0x6A86: StatusWord("P1_P2", "wrong P1 or P2", SPEC),
    0x6A88: StatusWord("KEY_NOT_FOUND", "key not found", SPEC),
    0x6B00: StatusWord("OFFSET", "wrong offset, or wrong P1 or P2", SPEC),
    0x6D00: StatusWord("INS", "instruction not supported", SPEC),
    0x6E00: StatusWord("CLA", "class not supported", SPEC),
    0x9302: StatusWord("MAC_INVALID", "the MAC is wrong", SPEC),
    0x9303: StatusWord("APPLICATION_BLOCKED", "the application is blocked for good", SPEC),
    0x9401: StatusWord("BALANCE", "the balance is too small", SPEC),
    0x9402: StatusWord("COUNTER", "the transaction counter is used up", SPEC),
    0x9403: StatusWord("KEY_INDEX", "key index not supported", SPEC),
    0x9406: StatusWord("NO_PROOF", "the asked proof is not there", SPEC),
}
FAMILIES: dict[int, StatusWord] = {
    0x61: StatusWord("MORE", "more data waits (GET RESPONSE)", SPEC),
    0x6C: StatusWord("LE", "repeat with the Le in SW2", SPEC),
}
TRIES = StatusWord("TRIES_LEFT", "wrong; SW2's low half says how many tries are left", SPEC)
UNKNOWN = StatusWord("UNKNOWN", "not in the table", ISO)

# SELECT answers these for a card or application that was locked (spec transit-card.md, Files).
LOCKED_ON_SELECT = frozenset({0x6283, 0x6284, 0x6983, 0x6A81, 0x9303})


def lookup(sw: int) -> StatusWord:
    """The row of a status word, families included; `UNKNOWN` when there is none."""
    if tries_left(sw) is not None:
        return TRIES
    return TABLE.get(sw) or FAMILIES.get(sw >> 8, UNKNOWN)


def tries_left(sw: int) -> int | None:
    """The tries that 63Cx leaves, or None for any other status word."""
    return sw & 0xF if sw >> 4 == 0x63C else None


class StatusFault(Fault):
    """The card refused a command. Facts: `sw` and `command` (header) as hex, `status` by name."""

    code: ClassVar[str] = "card.status"

    def __init__(self, command: Command, sw: int, **facts: str | int) -> None:
        super().__init__(
            sw=f"{sw:04X}", command=command.header.hex().upper(), status=lookup(sw).name, **facts
        )
        self.sw = sw
        self.header = command.header


class SecurityStatusNotSatisfied(StatusFault):
    """6982: the file wants a PIN or a key first."""

    code = "card.security-status"


class CardBlocked(StatusFault):
    """6983 on a key, 9303, or a SELECT that says "locked"."""

    code = "card.blocked"


class WrongPin(StatusFault):
    """63Cx to VERIFY or CHANGE PIN. `tries` are left. (National interface: -51.)"""

    code = "card.wrong-pin"

    def __init__(self, command: Command, sw: int) -> None:
        self.tries = sw & 0xF
        super().__init__(command, sw, tries=self.tries)


class PinBlocked(StatusFault):
    """6983 to VERIFY or CHANGE PIN, or no try left when it was asked. (National interface: -52.)"""

    code = "card.pin-blocked"


class ExternalAuthenticationRefused(StatusFault):
    """63Cx to EXTERNAL AUTHENTICATE: the card did not believe this terminal. `tries` are left."""

    code = "card.terminal-refused"

    def __init__(self, command: Command, sw: int) -> None:
        self.tries = sw & 0xF
        super().__init__(command, sw, tries=self.tries)


def fault(command: Command, sw: int) -> StatusFault:
    """The fault that a status word other than 9000 means for this command."""
    if command.ins in (INS_VERIFY, INS_CHANGE_PIN):
        if tries_left(sw) is not None:
            return WrongPin(command, sw)
        if sw == 0x6983:
            return PinBlocked(command, sw)
    if command.ins == INS_EXTERNAL_AUTHENTICATE and tries_left(sw) is not None:
        return ExternalAuthenticationRefused(command, sw)
    if sw in (0x6983, 0x9303) or (command.ins == INS_SELECT and sw in LOCKED_ON_SELECT):
        return CardBlocked(command, sw)
    if sw == 0x6982:
        return SecurityStatusNotSatisfied(command, sw)
    return StatusFault(command, sw)


def data_of(command: Command, response: Response) -> bytes:
    """The answer's data when it ends with 9000. Raises a `StatusFault` otherwise."""
    if response.sw != OK:
        raise fault(command, response.sw)
    return response.data
