"""What the APDUs of a trace mean: lines in, steps out, with the names of the tables.

A command with its GET RESPONSEs, or sent again with the length that 6Cxx named, is one step. Names
are keys: `agent/messages` has the words. What no table knows stays bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from apdu import status
from apdu.channel import CardMute
from apdu.command import Response
from apdu.crypto import Algorithm
from apdu.redaction import (
    AIDS,
    GET_RESPONSE,
    INTERNAL_AUTHENTICATE,
    MASTER_FILE,
    READ_RECORD,
    SELECT,
    SSSE_RECORDS,
    UPDATE_RECORD,
)
from apdu.social_security.files import Generation
from apdu.social_security.keys import IRK, KEYS
from apdu.social_security.records import RecordFault, decode, value_of
from apdu.tlv import TlvFault, parse_fci
from apdu.trace import Exchange, KeyAnswer, Trace

COMMANDS: Final[Mapping[tuple[int, int], str]] = {
    (0x00, 0xA4): "select",
    (0x00, 0xB2): "read-record",
    (0x00, 0xB0): "read-binary",
    (0x00, 0xDC): "update-record",
    (0x00, 0xD6): "update-binary",
    (0x00, 0x84): "get-challenge",
    (0x00, 0x88): "internal-authenticate",
    (0x00, 0x82): "external-authenticate",
    (0x00, 0x20): "verify-pin",
    (0x80, 0x5E): "change-pin",
    (0x84, 0x24): "set-pin",
    (0x84, 0x1E): "block-application",
    (0x84, 0x16): "block-card",
    (0x00, 0xC0): "get-response",
}
UNKNOWN: Final = "unknown"
IN_A_FILE: Final = frozenset({SELECT, READ_RECORD, 0xB0, UPDATE_RECORD, 0xD6})
_KEY_NAMES: Final[Mapping[tuple[str, int], str]] = {
    (key.application, key.kid): key.name for key in KEYS.values()
}


@dataclass(frozen=True)
class DecodedStep:
    """One command, whole, or one answer of the key server. Empty is what does not apply.

    `command`: a key of the texts' section `command`; `value`: decoded text, or hex of what is not
    text; `exchanges`: raw APDUs that it took; times in microseconds.
    """

    at: int
    took: int
    command: str
    header: str = ""  # CLA INS P1 P2, hex
    application: str = ""
    file: str = ""  # "EF06"
    record: str = ""  # tag, hex, or "#" and the number
    key: str = ""
    sent: str = ""  # data of the command, hex
    value: str = ""
    sw: str = ""
    status: str = ""  # symbolic name of the status word
    tries: int | None = None
    fault: str = ""  # code of what came instead of an answer
    exchanges: int = 1


def steps(trace: Trace) -> Sequence[DecodedStep]:
    """All of a trace, in order."""
    place = _Place(trace)
    return [place.step(chain) for chain in _chains(trace)]


def _chains(trace: Trace) -> Iterator[Sequence[Exchange] | KeyAnswer]:
    chain: list[Exchange] = []
    for line in trace.lines:
        if isinstance(line, Exchange) and chain and _goes_on(chain[-1], line):
            chain.append(line)
            continue
        if chain:
            yield chain
            chain = []
        if isinstance(line, Exchange):
            chain.append(line)
        else:
            yield line
    if chain:
        yield chain


def _goes_on(before: Exchange, line: Exchange) -> bool:
    sw1 = before.answer[-4:-2]
    if line.command.startswith(f"00{GET_RESPONSE:02X}"):
        return sw1 in ("61", "6C")
    return sw1 == "6C" and line.command[:8] == before.command[:8]


class _Place:
    """Where on the card the trace stands."""

    def __init__(self, trace: Trace) -> None:
        known = {generation.value: generation for generation in Generation}
        self._generation = known.get(trace.header.generation, Generation.V3)
        self._application = ""
        self._file = ""

    def step(self, chain: Sequence[Exchange] | KeyAnswer) -> DecodedStep:
        if isinstance(chain, KeyAnswer):
            return DecodedStep(
                at=chain.at,
                took=0,
                command=f"key-{chain.asked}",
                key=chain.key,
                value=chain.answer,
                fault=chain.fault,
            )
        command = bytes.fromhex(chain[0].command)
        answers = [bytes.fromhex(line.answer) for line in chain]
        data, sw = _whole(answers)
        cla, ins, p1, p2 = command[:4].ljust(4, b"\0")
        sent = command[5:] if len(command) > 5 else b""
        sent = sent[: command[4]] if sent else sent
        if ins == SELECT:
            self._select(sent, sw)
        record = self._address(ins, p1, p2)
        return DecodedStep(
            at=chain[0].at,
            took=chain[-1].at + chain[-1].took - chain[0].at,
            command=COMMANDS.get((cla, ins), UNKNOWN),
            header=command[:4].hex().upper(),
            application=self._application,
            file=self._file if ins in IN_A_FILE else "",
            record=record,
            key=self._key(ins, p2),
            sent=sent.hex().upper(),
            value=self._value(ins, sent if ins == UPDATE_RECORD else data),
            sw=f"{sw:04X}" if sw is not None else "",
            status=status.lookup(sw).name if sw is not None else "",
            tries=status.tries_left(sw) if sw is not None else None,
            fault=chain[-1].fault,
            exchanges=len(chain),
        )

    def _select(self, name: bytes, sw: int | None) -> None:
        if len(name) == 2 and name[0] not in (0x3F, 0xDF):
            self._file = name.hex().upper()
            return
        self._file = ""
        known = "SSSE" if name == MASTER_FILE else AIDS.get(name, name.hex().upper())
        self._application = known if sw == status.OK else ""

    def _address(self, ins: int, p1: int, p2: int) -> str:
        """The record that is meant; a short file identifier in the command names the file."""
        if ins in (0xB0, 0xD6) and p1 & 0x80:
            self._file = f"EF{p1 & 0x1F:02X}"
        if ins not in (READ_RECORD, UPDATE_RECORD):
            return ""
        if p2 >> 3:
            self._file = f"EF{p2 >> 3:02X}"
        return f"#{p1}" if p2 & 0x04 else f"{p1:02X}"

    def _key(self, ins: int, p2: int) -> str:
        if ins == INTERNAL_AUTHENTICATE:
            return IRK.name
        if ins != 0x82:
            return ""
        return _KEY_NAMES.get((self._application, p2), f"KID {p2:02X}")

    def _value(self, ins: int, data: bytes) -> str:
        if ins == SELECT and data:
            return _template(data)
        record = SSSE_RECORDS.get(data[0]) if data and self._application == "SSSE" else None
        if ins in (READ_RECORD, UPDATE_RECORD) and record is not None:
            try:
                return decode(record, value_of(record, data), self._generation)
            except RecordFault:
                return data.hex().upper()
        return data.hex().upper()


def _whole(answers: Sequence[bytes]) -> tuple[bytes, int | None]:
    """Data of all answers, and the last status word, if there is one."""
    try:
        responses = [Response.parse(answer) for answer in answers]
    except CardMute:
        return b"".join(answers), None
    return b"".join(response.data for response in responses), responses[-1].sw


def _template(data: bytes) -> str:
    """The algorithm that an FCI names; without one, or when it is no FCI, its bytes."""
    try:
        algorithm = parse_fci(data).algorithm
    except TlvFault:
        return data.hex().upper()
    names = {int(known.code): known.value for known in Algorithm}
    return data.hex().upper() if algorithm is None else names.get(algorithm, f"{algorithm:02X}")
