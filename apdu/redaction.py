"""What a card and a terminal say to each other, made fit to be kept: exchanges in, exchanges out.

A state machine that is fed every exchange of a powered card: what the bytes are depends on what was
selected before. It fails closed: headers, lengths and status words stay, names of applications and
files that are in the tables stay, known records become stand-ins, challenges and cryptograms
become tokens, and all other bytes 00 (docs/decisions.md, "What a trace may keep").
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from apdu import standins, tlv
from apdu.crypto import FACTOR
from apdu.social_security.data_items import items_of
from apdu.social_security.files import (
    APPLICATIONS,
    CARD_ID,
    NAME,
    PKI_APPLICATION,
    PKI_ENVIRONMENT,
    RECORDS,
    SSSE,
    VERSION,
    FileRecord,
    Generation,
)
from apdu.social_security.records import GenerationFault, generation_of, unpadded
from apdu.standins import filler

SELECT, GET_RESPONSE, GET_CHALLENGE = 0xA4, 0xC0, 0x84
INTERNAL_AUTHENTICATE, EXTERNAL_AUTHENTICATE = 0x88, 0x82
READ_RECORD, UPDATE_RECORD = 0xB2, 0xDC
CHANGE_PIN = (0x80, 0x5E)
SET_PIN = b"\x84\x24"
PIN_BOUNDARY = b"\xff"  # between the old PIN and the new

AIDS: Final[Mapping[bytes, str]] = {
    SSSE: "SSSE",
    PKI_ENVIRONMENT: "PKI",
    PKI_APPLICATION: "CERT",
    **{application.aid: application.name for application in APPLICATIONS},
}
MASTER_FILE: Final = b"\x3f\x00"  # the SSSE
SSSE_RECORDS: Final[Mapping[int, FileRecord]] = {
    record.tag: record for records in RECORDS[Generation.V3].values() for record in records
}

OK: Final = b"\x90\x00"

Pair = tuple[bytes, bytes]


class Redactor:
    """One powered card's exchanges in order, `take` by `take`; `finish` after the last."""

    def __init__(self, serial: bytes = b"") -> None:
        """`serial`: T10–T13 of the card's ATR, if it has them."""
        self._serial = serial
        self.application = ""  # "": nothing that is known
        self.generation = ""  # until record 03 was seen
        self._file = 0  # the current EF; 0: nothing that is known
        self._open: list[Pair] = []  # a command and the GET RESPONSEs after it
        self._tokens: dict[bytes, bytes] = {}
        self._names = standins.Names()
        self._answers: Mapping[int, Callable[[bytes], bytes]] = {
            SELECT: self._template,
            GET_CHALLENGE: self.token,
            INTERNAL_AUTHENTICATE: self.token,
            READ_RECORD: self._record,
        }
        self._data: Mapping[tuple[int, int], Callable[[bytes], bytes]] = {
            (0x00, SELECT): _name,
            (0x00, INTERNAL_AUTHENTICATE): self._authentication,
            (0x00, EXTERNAL_AUTHENTICATE): self._authentication,
            (0x00, UPDATE_RECORD): self._record,
            CHANGE_PIN: _two_pins,
        }

    def take(self, command: bytes, answer: bytes) -> Sequence[Pair]:
        """What can be kept by now, oldest first: an answer that comes in pieces waits for its last
        one. `answer` is empty where none came."""
        done: list[Pair] = []
        if not (self._open and command[:2] == bytes((0x00, GET_RESPONSE))):
            done += self.finish()
        self._open.append((command, answer))
        if answer[-2:-1] not in (b"\x61", b"\x6c"):
            done += self.finish()
        return done

    def finish(self) -> Sequence[Pair]:
        """The rest, when nothing more comes."""
        chain, self._open = self._open, []
        if not chain:
            return []
        head = chain[0][0]
        answers = [answer[:-2] if len(answer) > 1 else b"" for _, answer in chain]
        status = chain[-1][1][-2:]
        shown = self._answer(head, b"".join(answers), status)
        return list(_pieces(chain, self._command(head), answers, shown))

    def token(self, value: bytes) -> bytes:
        """A challenge, a proof or a cryptogram: the same value is the same token, and nothing more
        is kept of it. Other lengths than 8 are 00."""
        if len(value) != FACTOR:
            return filler(value)
        return self._tokens.setdefault(
            value, (0xC0 << 56 | len(self._tokens) + 1).to_bytes(FACTOR, "big")
        )

    def _command(self, command: bytes) -> bytes:
        """Header, Lc and Le stay."""
        self._address(command)
        if len(command) <= 5:
            return command
        lc = command[4]
        data, rest = command[5 : 5 + lc], command[5 + lc :]
        make = self._data.get((command[0], command[1]), filler)
        return command[:5] + make(data) + (rest if len(rest) <= 1 else filler(rest))

    def _answer(self, command: bytes, data: bytes, status: bytes) -> bytes:
        self._address(command)
        ins = command[1] if len(command) > 1 and command[0] == 0x00 else -1
        if ins == SELECT:
            self._selected(command, status)
        return self._answers.get(ins, filler)(data)

    def _address(self, command: bytes) -> None:
        """READ and UPDATE RECORD may name the file beside the record."""
        if len(command) > 3 and command[1] in (READ_RECORD, UPDATE_RECORD) and command[3] >> 3:
            self._file = 0xEF00 | command[3] >> 3

    def _selected(self, command: bytes, status: bytes) -> None:
        """A file's selection leaves the application; what fails leaves nothing known."""
        name = command[5 : 5 + command[4]] if len(command) > 5 else b""
        self._file = 0
        if len(name) == 2 and name[0] not in (0x3F, 0xDF):
            self._file = int.from_bytes(name, "big") if status == OK else 0
        elif status != OK:
            self.application = ""
        elif name == MASTER_FILE:
            self.application = "SSSE"
        elif len(name) == 2:
            self.application = name.hex().upper()
        else:
            self.application = AIDS.get(name, "")

    def _record(self, raw: bytes) -> bytes:
        """`tag ‖ length ‖ value`, or a row; the value of what is in no table is 00."""
        if self.application == "SSSE" and raw and raw[0] in SSSE_RECORDS:
            size = raw[1] if len(raw) > 1 else 0
            value, beyond = raw[2 : 2 + size], raw[2 + size :]
            return raw[:2] + self._value(SSSE_RECORDS[raw[0]], value) + filler(beyond)
        generation = Generation.V1 if self.generation == "1.0" else Generation.V3
        for item in items_of(self.application, self._file, generation):
            if (raw[:1] == bytes((item.tag,))) if item.tag else len(raw) == item.size:
                return standins.item_record(item, raw)
        whole = len(raw) >= 2 and raw[1] == len(raw) - 2
        return raw[:2] + filler(raw[2:]) if whole else filler(raw)

    def _value(self, record: FileRecord, value: bytes) -> bytes:
        if record is CARD_ID:
            return standins.card_id(value, self._serial)
        if record.tag not in standins.NAMES:
            shown = standins.record_value(record, value)
            if record is VERSION:
                self.generation = _generation(shown)
            return shown
        return self._names.begin(value) if record is NAME else self._names.go_on(value)

    def _authentication(self, data: bytes) -> bytes:
        """Two values of 8 bytes, and maybe a key version behind them."""
        if len(data) not in (2 * FACTOR, 2 * FACTOR + 1):
            return filler(data)
        first, second = data[:FACTOR], data[FACTOR : 2 * FACTOR]
        return self.token(first) + self.token(second) + data[2 * FACTOR :]

    def _template(self, data: bytes) -> bytes:
        """An FCI: its structure, names that are in the tables, and the algorithm."""
        if data[:1] != bytes((tlv.FCI_TEMPLATE,)):
            return filler(data)
        try:
            tlv.parse(data)
        except tlv.TlvFault:
            return filler(data)
        return _objects(data)


def _generation(version: bytes) -> str:
    try:
        return generation_of(unpadded(version).decode("ascii")).value
    except (GenerationFault, UnicodeDecodeError):
        return ""


def _pieces(
    chain: Sequence[Pair], head: bytes, answers: Sequence[bytes], shown: bytes
) -> Iterator[Pair]:
    """The whole answer cut again as it came."""
    at = 0
    for number, ((command, answer), data) in enumerate(zip(chain, answers, strict=True)):
        status = answer[-2:] if len(answer) > 1 else filler(answer)
        kept = command if len(command) <= 5 else command[:5] + filler(command[5:])
        yield head if number == 0 else kept, shown[at : at + len(data)] + status
        at += len(data)


def _name(data: bytes) -> bytes:
    """What SELECT names: a file, or an application of the tables."""
    return data if len(data) == 2 or data in AIDS else filler(data)


def pin_command(command: bytes) -> bytes:
    """An 8424 as a key server made it: header and length stay. Anything else is 00."""
    header = command[:5] if command[:2] == SET_PIN else filler(command[:5])
    return header + filler(command[5:])


def _two_pins(data: bytes) -> bytes:
    """Where the old one ends stays, so that a replay can say the same with made-up digits."""
    old, boundary, new = data.partition(PIN_BOUNDARY)
    return filler(old) + boundary + filler(new)


def _objects(raw: bytes) -> bytes:
    """Data objects that `tlv.parse` took, each with its tag, its length, and what may be kept."""
    shown, at = b"", 0
    while at < len(raw):
        if raw[at] == 0x00:
            shown, at = shown + raw[at : at + 1], at + 1
            continue
        start, tag = at, raw[at]
        at += 1
        if tag & 0x1F == 0x1F:
            while True:
                tag, at = tag << 8 | raw[at], at + 1
                if not raw[at - 1] & 0x80:
                    break
        length, at = raw[at], at + 1
        if length >= 0x80:
            wide = length & 0x7F
            length, at = int.from_bytes(raw[at : at + wide]), at + wide
        shown += raw[start:at] + _object(tag, raw[start] & 0x20 != 0, raw[at : at + length])
        at += length
    return shown


def _object(tag: int, constructed: bool, value: bytes) -> bytes:
    if constructed:
        return _objects(value)
    if tag == tlv.ISSUER_DISCRETIONARY:
        try:
            tlv.parse(value)
        except tlv.TlvFault:
            return filler(value)
        return _objects(value)
    if tag == tlv.DF_NAME:
        return value if value in AIDS else filler(value)
    kept = tag in (tlv.ALGORITHM, tlv.SFI_OF_DIRECTORY) and len(value) == 1
    return value if kept else filler(value)
