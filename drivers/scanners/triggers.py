"""Modules that scan on command: what starts and stops them, and how they answer, as one table.

Host-triggered means: armed once, the module looks for a code, delivers it, and goes dark; or it
goes dark after a time of its own without a word. Sources: devices.md; the makers' manuals.
"""

import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Protocol = Literal["newland", "gm65", "honeywell", "ssi"]


def crc_ccitt(data: bytes) -> bytes:
    """CRC-CCITT, polynomial 1021, start 0, high byte first (GM65 family)."""
    return binascii.crc_hqx(data, 0).to_bytes(2, "big")


def twos_complement(data: bytes) -> bytes:
    """The 16-bit sum that makes everything zero, high byte first (Zebra SSI)."""
    return (-sum(data) & 0xFFFF).to_bytes(2, "big")


@dataclass(frozen=True)
class TriggerAnswer:
    """How a module answers a command: `frame` fits the whole answer with a group `status`, and
    with groups `checked` and `check` where there is a sum."""

    frame: re.Pattern[bytes]
    accepted: Sequence[bytes]  # statuses; all others are refusals
    check: Callable[[bytes], bytes] | None = None


@dataclass(frozen=True)
class Found:
    """An answer among what came: whether the command was taken, and the bytes around it."""

    accepted: bool
    rest: bytes


@dataclass(frozen=True)
class Trigger:
    """One protocol. `answer` None: the module says nothing to a command. `examples`: answers
    that the manuals print, and whether they mean yes."""

    start: bytes
    stop: bytes  # empty: there is none
    answer: TriggerAnswer | None
    examples: Sequence[tuple[bytes, bool]] = ()

    def find_answer(self, data: bytes) -> Found | None:
        """The first whole answer in `data` whose sum is right."""
        if self.answer is None:
            return Found(True, data)
        frame, check = self.answer.frame, self.answer.check
        match = frame.search(data)
        while match is not None:
            if check is None or check(match["checked"]) == match["check"]:
                accepted = match["status"] in self.answer.accepted
                return Found(accepted, data[: match.start()] + data[match.end() :])
            match = frame.search(data, match.start() + 1)
        return None


TRIGGERS: Final[dict[Protocol, Trigger]] = {
    # Newland: `~ SOH 0000 @ command ; ETX`; answered in kind after STX with ACK, NAK or ENQ.
    "newland": Trigger(
        start=bytes.fromhex("7E01303030304053434E545247313B03"),  # SCNTRG1
        stop=bytes.fromhex("7E01303030304053434E545247303B03"),  # SCNTRG0
        answer=TriggerAnswer(
            re.compile(rb"\x02\x010000@SCNTRG[01](?P<status>[\x05\x06\x15]);\x03"), [b"\x06"]
        ),
        examples=[
            (bytes.fromhex("0201303030304053434E54524731063B03"), True),
            (bytes.fromhex("0201303030304053434E54524731153B03"), False),
        ],
    ),
    # GM65: zone byte 0002 is set to 01; ABCD stands for a CRC that is not to be checked. The
    # answer's CRC runs from its type.
    "gm65": Trigger(
        start=bytes.fromhex("7E000801000201ABCD"),
        stop=b"",
        answer=TriggerAnswer(
            re.compile(
                rb"\x02\x00(?P<checked>(?P<status>[\x00-\x0f])\x01[\x00-\xff])"
                rb"(?P<check>[\x00-\xff]{2})"
            ),
            [b"\x00"],
            crc_ccitt,
        ),
        examples=[
            (bytes.fromhex("02000001003331"), True),
            (bytes.fromhex("02000101000401"), False),  # CRC wrong
            (bytes.fromhex("02000301006A61"), False),  # unknown command
        ],
    ),
    "honeywell": Trigger(start=bytes.fromhex("16540D"), stop=bytes.fromhex("16550D"), answer=None),
    # Zebra SSI: START_SESSION, STOP_SESSION; CMD_ACK, or CMD_NAK with its cause (06: host trigger
    # is not set). The module has to send raw decode data, no packets.
    "ssi": Trigger(
        start=bytes.fromhex("04E40400FF14"),
        stop=bytes.fromhex("04E50400FF13"),
        answer=TriggerAnswer(
            re.compile(
                rb"(?P<checked>[\x04\x05](?P<status>[\xd0\xd1])\x00\x00"
                rb"((?<=\xd1\x00\x00)[\x00-\xff])?)(?P<check>[\x00-\xff]{2})"
            ),
            [b"\xd0"],
            twos_complement,
        ),
        examples=[
            (bytes.fromhex("04D00000FF2C"), True),
            (bytes.fromhex("05D1000006FF24"), False),
        ],
    ),
}
