"""The holder's PIN: digits in a buffer of the caller's, to the commands that carry it.

Source: spec social-security-card.md, Commands (0020, 805E, 8424). Each command spends one of few
tries when it is refused, so none is ever sent twice, and before one is sent the tries left are
asked, which costs none. What of a PIN can be wiped, and what not: docs/decisions.md.
"""

from typing import Final

from apdu import status
from apdu.command import Command
from apdu.crypto import Algorithm
from apdu.social_security.card import SocialSecurityCard
from apdu.status import PinBlocked
from world import Fault

SHORTEST, LONGEST = 4, 16  # digits: Lc 02–08, BCD, of every generation
ASK_TRIES: Final = Command(0x00, 0x20, 0x00, 0x00)  # Lc 00
UNBLOCK_HEADER: Final = bytes.fromhex("8424000004")
RELOAD_HEADERS: Final = {8: bytes.fromhex("842400010C"), 16: bytes.fromhex("8424000114")}
MAC_BYTES = 4


class PinFormFault(Fault):
    """No PIN has that form; nothing was sent. Fact: `reason` ("length", "digits").

    (National interface: -33.)
    """

    code = "card.pin-form"


class PinNotSet(Fault):
    """The card has no PIN, so none can open anything or be changed."""

    code = "card.pin-not-set"


class SecuredCommandFault(Fault):
    """What the key server gave is not the command that it was asked for; nothing was sent.

    Fact: `header` that was asked for, hex.
    """

    code = "card.secured-command"


def bcd(digits: bytearray) -> bytes:
    """ASCII digits as BCD, F padded. Raises `PinFormFault`."""
    if not SHORTEST <= len(digits) <= LONGEST:
        raise PinFormFault(reason="length")
    if any(not 0x30 <= digit <= 0x39 for digit in digits):
        raise PinFormFault(reason="digits")
    packed = bytearray((len(digits) + 1) // 2)
    for at, digit in enumerate(digits):
        packed[at // 2] |= (digit & 0xF) << (0 if at % 2 else 4)
    if len(digits) % 2:
        packed[-1] |= 0xF
    taken = bytes(packed)
    wipe(packed)
    return taken


def wipe(digits: bytearray) -> None:
    """Overwrite and empty a buffer."""
    for at in range(len(digits)):
        digits[at] = 0
    digits.clear()


def tries_left(card: SocialSecurityCard) -> int | None:
    """How many wrong entries the card still takes; None: it has no PIN. Costs no try."""
    answer = card.send(ASK_TRIES)
    if answer.ok:
        return None
    if answer.sw == 0x6983:
        return 0
    left = status.tries_left(answer.sw)
    if left is None:
        raise status.fault(ASK_TRIES, answer.sw)
    return left


def require_tries(card: SocialSecurityCard) -> int:
    """At least 1. Raises `PinBlocked` at none, `PinNotSet`."""
    left = tries_left(card)
    if left is None:
        raise PinNotSet
    if not left:
        raise PinBlocked(ASK_TRIES, 0x6983)
    return left


def verify(card: SocialSecurityCard, digits: bytearray) -> None:
    """VERIFY PIN, once. Raises `WrongPin`, `PinBlocked`, `PinFormFault`."""
    card.do(Command(0x00, 0x20, 0x00, 0x00, bcd(digits)))


def change(card: SocialSecurityCard, old: bytearray, new: bytearray) -> None:
    """CHANGE PIN, once. Raises `WrongPin`, `PinBlocked`, `PinFormFault`."""
    card.do(Command(0x80, 0x5E, 0x01, 0x00, bcd(old) + b"\xff" + bcd(new)))


def reload_header(algorithm: Algorithm) -> bytes:
    """CLA INS P1 P2 Lc of the command that sets a PIN anew: one enciphered block and the MAC."""
    return RELOAD_HEADERS[algorithm.block]


def send_secured(card: SocialSecurityCard, header: bytes, command: bytes) -> None:
    """An 8424 as the key server made it, once, if it is what was asked for.

    A key server is not to send what it likes to the card. Raises `SecuredCommandFault`.
    """
    if command[:5] != header or len(command) != 5 + header[4]:
        raise SecuredCommandFault(header=header.hex().upper())
    card.do(Command.parse(command))


def longest_reloaded(algorithm: Algorithm) -> int:
    """Digits of a PIN that `pin_block` can hold: 14 with blocks of 8 bytes, 16 with those of 16."""
    return min(LONGEST, 2 * (algorithm.block - 1))


def pin_block(new_pin: bytes, block: int) -> bytes:
    """What is enciphered: length ‖ BCD, F padded ‖ 80 00… up to the block (M: public callers).

    A full block is not padded (L). Raises `PinFormFault` for a PIN that needs more than one block.
    """
    digits = bytearray(new_pin)
    packed = bcd(digits)
    wipe(digits)
    data = bytes((len(packed),)) + packed
    if len(data) < block:
        data = (data + b"\x80").ljust(block, b"\0")
    if len(data) != block:
        raise PinFormFault(reason="length")
    return data
