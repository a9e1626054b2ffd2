"""Every parser of what comes from outside, with good inputs to start from.

A parser takes bytes and answers or raises a `Fault`; `odd` makes an odd input of a good one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from agent.facade import wire
from apdu import days, id_document, legible, status, tlv, trace
from apdu.certificate import Certificate
from apdu.command import Command, Response
from apdu.crypto import Algorithm
from apdu.redaction import Redactor
from apdu.social_security import file_address
from apdu.social_security.authentication import CardParameters
from apdu.social_security.city_keys import CityKeys
from apdu.social_security.data_items import items_of
from apdu.social_security.files import RECORDS, FileRecord, Generation
from apdu.social_security.hsm_messages import AuthenticateCard, AuthenticateKey, SecurePin
from apdu.social_security.records import (
    CardIdentificationCode,
    CardNumber,
    HistoricalBytes,
    IdNumber,
    decode,
    generation_of,
    value_of,
)
from apdu.social_security.values import readable
from proving.malice.card import Script
from proving.malice.mutators import TEXTS
from simulators.ceremony import CITY_KEYS, KeyAuthority
from sync.contract import services
from trust import canonical

Parse = Callable[[bytes], object]


@dataclass(frozen=True)
class Parser:
    """One of them, by a name that may be shown."""

    name: str
    parse: Parse
    good: Sequence[bytes] = field(repr=False)


def parsers(scripts: Sequence[Script]) -> Sequence[Parser]:
    """All of them; what cards said in `scripts` are their good inputs."""
    said = [answer for script in scripts for answer in script.answers]
    asked = [command for script in scripts for command in script.commands]
    templates = [answer[:-2] for answer in said if answer[:1] == b"\x6f"]
    records = [answer[:-2] for answer in said if len(answer) > 4]
    return [
        Parser("tlv", tlv.parse, templates),
        Parser("fci", tlv.parse_fci, templates),
        *(_record(generation, record, records) for generation, record in _all_records()),
        Parser("card-id", CardIdentificationCode.of, [r[2:] for r in records if len(r) == 18]),
        Parser("atr", HistoricalBytes.of, [script.atr for script in scripts]),
        Parser("numbers", _numbers, [b"519900190001010014", b"D2143569X"]),
        Parser(
            "text", _text, [text.encode("gb18030").ljust(30, b"\0") for text in ("张三", "李𠮷")]
        ),
        Parser("day", _day, [b"20340229", b"99999999", "２０３４０２２９".encode()]),
        Parser("value", _value, [bytes.fromhex("2002b2e2"), bytes.fromhex("40345703313233580312")]),
        Parser("generation", lambda raw: generation_of(raw.decode("latin-1")), [b"3.00", b"1.00"]),
        Parser("command", Command.parse, asked),
        Parser("response", _status, said),
        Parser("id-document", id_document.parse, _documents()),
        Parser("file-address", _address, [ADDRESS]),
        Parser("file-data", _data, ["SSSEEF06|张三|$DF03EF05|1^2||$".encode("gb18030")]),
        Parser("card-info", _card_info, [b"519900D15600000500000001FFFFFFFF|D2143569X|"]),
        Parser("certificate", Certificate.parse, _certificates()),
        Parser("city-keys", _city_keys, [CITY_KEYS.encode()[:400]]),
        Parser("hsm-card", _answered(CARD_QUESTION), [HSM_PROOFS]),
        Parser("hsm-key", _answered(KEY_QUESTION), [HSM_PROOFS[:33]]),
        Parser("hsm-pin", _answered(PIN_QUESTION), [b"8424000004F15CAB75|"]),
        Parser("service", _service, [services.encode(services.HsmAnswer(message="F4A0|"))]),
        Parser("facade-call", wire.read_call, _bodies(wire.call("iReadCard", [b"1", b"", b"A|"]))),
        Parser("facade-answer", wire.read_answer, _bodies(wire.answer(-21, b"|".join(TEXTS)))),
        Parser("trace", trace.parse, [_line(script) for script in scripts[:1]]),
        Parser("redaction", _redacted, said),
    ]


def odd(chance: Random, good: Sequence[bytes]) -> bytes:
    """A good input with one to four things wrong, or bytes of chance."""
    if not chance.getrandbits(4):
        return chance.randbytes(chance.getrandbits(chance.choice((2, 4, 8))))
    raw = bytearray(chance.choice(good))
    for _ in range(1 + chance.getrandbits(2)):
        at = int(chance.random() * (len(raw) + 1))
        match chance.getrandbits(3):
            case 0:
                del raw[at:]
            case 1:
                del raw[at : at + 1 + chance.getrandbits(2)]
            case 2:
                raw[at:at] = chance.choice(TEXTS)
            case 3:
                raw[at:at] = chance.randbytes(1 + chance.getrandbits(3))
            case 4:
                raw[at : at + 1] = bytes((chance.choice((0x00, 0x7F, 0x80, 0x81, 0x82, 0xFF)),))
            case 5:
                raw += chance.choice(good)
            case _:
                raw[at : at + 1] = chance.randbytes(1)
    return bytes(raw)


def _all_records() -> Sequence[tuple[Generation, FileRecord]]:
    return [
        (generation, record)
        for generation, files in RECORDS.items()
        for records in files.values()
        for record in records
    ]


def _record(generation: Generation, record: FileRecord, good: Sequence[bytes]) -> Parser:
    own = [raw for raw in good if raw[0] == record.tag]
    own.append(bytes((record.tag, record.size)) + b"0" * record.size)
    name = f"record {record.tag:02X} {generation.value}"
    return Parser(name, lambda raw: decode(record, value_of(record, raw), generation), own)


def _text(raw: bytes) -> object:
    return legible.gb18030(raw), legible.utf_16(raw)


def _day(raw: bytes) -> object:
    written = raw.decode("utf-8", "replace")
    return days.first_day(written), days.last_day(written), days.is_odd(written)


def _value(raw: bytes) -> object:
    """As the first record of DF01 EF05, and as one of parts."""
    items = *items_of("DF01", 0xEF05, Generation.V2)[:1], *items_of("DF01", 0xEF15, Generation.V2)
    return [readable(item, raw, 0xEF05, Generation.V2, set()) for item in items]


def _numbers(raw: bytes) -> object:
    digits = raw.decode("latin-1")
    canonical.card_number(digits), canonical.id_number(raw.decode("utf-8", "replace"))
    return IdNumber.holds(digits), CardNumber.holds(digits)


_VERIFY: Final = Command(0x00, 0x20, 0x00, 0x00, b"\0\0")


def _status(raw: bytes) -> object:
    response = Response.parse(raw)
    return status.lookup(response.sw), status.data_of(_VERIFY, response)


ADDRESS: Final = b"SSSEEF06|08|09|4E|$DF01EF15|40:2|$DF04EF08:1$3F00EF08|00:40|$"


def _address(raw: bytes) -> object:
    files = file_address.parse_address(raw.decode("gb18030", "replace"))
    return file_address.format_address(files)


def _data(raw: bytes) -> object:
    files = file_address.parse_address("SSSEEF06|09|$DF03EF05|61|60|$")
    return file_address.parse_data(raw.decode("gb18030", "replace"), files)


def _card_info(raw: bytes) -> object:
    return file_address.parse_card_info(raw.decode("gb18030", "replace"))


def _city_keys(raw: bytes) -> object:
    return CityKeys.from_toml(raw.decode("latin-1"))


CARD: Final = CardParameters(Algorithm.SM4, "519900", bytes(13), "0" * 32)
ORIGINALS: Final = bytes.fromhex("DBF7A936D0D18C9E"), bytes.fromhex("E603E2CAADAF02B6")
CARD_QUESTION: Final = AuthenticateCard(CARD, bytes(8), ORIGINALS[0], bytes(8), ORIGINALS[1])
KEY_QUESTION: Final = AuthenticateKey(CARD, "0006", bytes(8), ORIGINALS[0])
PIN_QUESTION: Final = SecurePin(CARD, bytes(8), bytes.fromhex("8424000004"), b"")
HSM_PROOFS: Final = b"F4A0CF965BDCEA30DBF7A936D0D18C9E|774A08EDF447A1DEE603E2CAADAF02B6|"


def _answered(question: AuthenticateCard | AuthenticateKey | SecurePin) -> Parse:
    return lambda raw: question.answered(raw.decode("latin-1"))


def _service(raw: bytes) -> object:
    return services.decode(raw, services.HsmAnswer)


def _certificates() -> Sequence[bytes]:
    """The made-up authority's own."""
    authority = KeyAuthority().certificate_authority
    return [authority.root, authority.issuing]


def _documents() -> Sequence[bytes]:
    """A resident's document, made up."""
    fields = (
        ("某", 30), ("1", 2), ("11", 4), ("19000101", 16), ("某", 70), ("519900190001010014", 36),
        ("某", 30), ("20200101", 16), ("20991231", 16), ("", 36),
    )  # fmt: skip
    return [b"".join(text.ljust(size // 2).encode("utf-16-le") for text, size in fields)]


def _bodies(frame: bytes) -> Sequence[bytes]:
    return [frame[4:]]


def _line(script: Script) -> bytes:
    header = trace.TraceHeader(
        agent="0",
        flow=trace.Flow("basic"),
        transport="T=0",
        atr=script.atr.hex().upper(),
        mode="psam",
    )
    said = zip(script.commands, script.answers, strict=True)
    lines = [trace.Exchange(0, 0, c.hex().upper(), a.hex().upper()) for c, a in said]
    return bytes(trace.Trace(header, lines[:3]))


def _redacted(raw: bytes) -> object:
    """What comes out is as long as what went in, and ends as it did."""
    redactor = Redactor()
    redactor.take(b"\x00\xa4\x00\x00\x02\x3f\x00", b"\x90\x00")
    ((command, answer),) = [*redactor.take(b"\x00\xb2\x09\x30\x20", raw), *redactor.finish()]
    assert len(command) == 5
    assert len(answer) == len(raw)
    return answer
