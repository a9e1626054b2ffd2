"""Nothing of a person, of a PIN or of a key gets through, and what the flow judges stays judged."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apdu import days, standins
from apdu.redaction import SSSE_RECORDS, Redactor, pin_command
from apdu.social_security.files import NAME, NAME_EXTENSION, SSSE, FileRecord, Generation
from apdu.social_security.records import (
    AtrFault,
    CardIdentificationCode,
    CardIdFault,
    CardNumber,
    HistoricalBytes,
    IdNumber,
    RecordFault,
    legible,
    shown_text,
    unpadded,
    value_of,
)
from tests.apdu.scripted import CONTACT_ATR, CONTACTLESS_ATR
from trust import canonical

SELECT_SSSE = b"\x00\xa4\x04\x00\x0f" + SSSE
OK = b"\x90\x00"
RECORDS = st.sampled_from(list(SSSE_RECORDS.values()))
INSTRUCTIONS = st.sampled_from(
    [0xA4, 0xB2, 0xB0, 0xDC, 0xD6, 0x84, 0x88, 0x82, 0x20, 0x5E, 0x24, 0x1E, 0x16, 0xC0, 0xCA, 0x50]
)
CLASSES = st.sampled_from([0x00, 0x80, 0x84, 0xBF])


def redacted(pairs: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    redactor = Redactor()
    shown = [pair for command, answer in pairs for pair in redactor.take(command, answer)]
    return [*shown, *redactor.finish()]


def record(raw: bytes, tag: int = 0x09) -> bytes:
    """An answer to READ RECORD in the SSSE, redacted, without its status word."""
    *_, (_, answer) = redacted([(SELECT_SSSE, OK), (bytes((0, 0xB2, tag, 0x30, 0)), raw + OK)])
    return answer[:-2]


@st.composite
def exchanges(draw: st.DrawFn) -> list[tuple[bytes, bytes]]:
    """A few commands of any kind after any selection, a secret somewhere in each of them."""
    names = [SSSE, bytes.fromhex("D15600000502"), bytes.fromhex("D15600000501"), b"\x3f\x00"]
    name = draw(st.sampled_from(names))
    pairs = [(b"\x00\xa4\x04\x00" + bytes((len(name),)) + name, OK)]
    secrets = st.binary(min_size=8, max_size=8)
    for _ in range(draw(st.integers(1, 4))):
        header = bytes(
            (draw(CLASSES), draw(INSTRUCTIONS), *draw(st.binary(min_size=2, max_size=2)))
        )
        data = draw(st.binary(max_size=20)) + draw(secrets) + draw(st.binary(max_size=20))
        command = (
            header + bytes((len(data),)) + data + draw(st.sampled_from([b"", b"\0", data[:3]]))
        )
        lead = draw(
            st.sampled_from([b"", b"\x09\x1e", b"\x01\x10", b"\x6f\x20\x84\x1e", b"\x08\x12"])
        )
        answer = lead + draw(st.binary(max_size=12)) + draw(secrets) + draw(st.binary(max_size=12))
        status = draw(st.sampled_from([OK, b"\x61\x10", b"\x6c\x05", b"\x6a\x82"]))
        pairs.append((command if draw(st.booleans()) else header + b"\0", answer + status))
    return pairs


@given(exchanges())
def test_lengths_headers_and_status_words_stay(pairs: list[tuple[bytes, bytes]]) -> None:
    shown = redacted(pairs)
    assert len(shown) == len(pairs)
    for (command, answer), (told, said) in zip(pairs, shown, strict=True):
        assert (len(command), len(answer)) == (len(told), len(said))
        assert command[:5] == told[:5]
        assert answer[-2:] == said[-2:]


@given(exchanges())
def test_six_bytes_in_a_row_that_no_table_knows_never_stay(
    pairs: list[tuple[bytes, bytes]],
) -> None:
    allowed = b"".join([SSSE, bytes(64), b"?" * 64, b"\x80" * 64, b"\xff" * 16, b" " * 16])
    allowed += bytes.fromhex("D15600000501D15600000502")
    for (command, answer), (told, said) in zip(pairs, redacted(pairs), strict=True):
        for before, after in ((command[5:], told[5:]), (answer[:-2], said[:-2])):
            for at in range(len(before) - 5):
                window = before[at : at + 6]
                known = window in allowed or len(set(window)) <= 2
                assert known or window != after[at : at + 6], (window.hex(), after.hex())


@given(st.binary(min_size=8, max_size=8), st.binary(min_size=8, max_size=8))
def test_equal_cryptograms_stay_equal_and_others_stay_others(one: bytes, other: bytes) -> None:
    redactor = Redactor()
    tokens = [redactor.token(value) for value in (one, other, one)]
    assert tokens[0] == tokens[2]
    assert (tokens[0] == tokens[1]) == (one == other)


def _number_judged(
    told: str, form: Callable[[str], str], kind: type[IdNumber | CardNumber]
) -> tuple[bool, bool]:
    """Whether a number is there, and whether its check character is another."""
    return bool(form(told)), kind.fails(told)


def judged(made: FileRecord, raw: bytes, generation: Generation) -> object:
    """All that a flow finds out about a record but its content."""
    try:
        value = value_of(made, raw)
        told, whole = legible(made, value, generation)
    except RecordFault as fault:
        return dict(fault.facts)
    try:
        code = made.tag == 0x01 and bool(CardIdentificationCode.of(value))
    except CardIdFault as fault:
        code = bool(fault.facts["reason"] == "length")
    return (
        len(told) if made.encoding is not made.encoding.AN else bool(told),
        whole,
        days.is_odd(told) if made.tag in (0x05, 0x06, 0x0D) else None,
        code,
        _number_judged(told, canonical.id_number, IdNumber) if made.tag == 0x08 else None,
        _number_judged(told, canonical.card_number, CardNumber) if made.tag == 0x07 else None,
    )


@st.composite
def raw_records(draw: st.DrawFn) -> tuple[FileRecord, bytes]:
    made = draw(RECORDS)
    value = draw(
        st.one_of(
            st.binary(max_size=made.size + 2),
            st.text("0123456789X", max_size=made.size).map(str.encode),
            st.text("0Xx１ -'\n\x01|", max_size=made.size // 2).map(lambda t: t.encode("gb18030")),
            st.text("张三·AZaz09 |", max_size=made.size // 2).map(lambda t: t.encode("gb18030")),
            st.dates().map(lambda day: bytes.fromhex(f"{day:%Y%m%d}".zfill(8))),
            st.sampled_from([b"519900190001010014", b"51990019000101001x", b"519900900101001"]),
            st.sampled_from(
                [b"D2143569X", b"d2143569x", b"3.00\r\n", b"3.\n00", b"\x19\x99\x0f\xff", b"\xee"]
            ),
        )
    )
    padded = value.ljust(made.size, draw(st.sampled_from([b"\0", b"\xff", b" ", b"\xee"])))
    length = draw(st.one_of(st.just(len(padded)), st.integers(0, 255)))
    return made, bytes((draw(st.one_of(st.just(made.tag), st.integers(0, 255))), length)) + padded


@given(raw_records(), st.sampled_from(Generation))
def test_what_is_odd_about_a_record_stays_odd(
    made: tuple[FileRecord, bytes], generation: Generation
) -> None:
    kind, raw = made
    if kind not in (NAME, NAME_EXTENSION):
        assert judged(kind, record(raw, kind.tag), generation) == judged(kind, raw, generation)


@pytest.mark.parametrize("agrees", [True, False])
def test_a_serial_that_is_not_the_atrs_stays_another(*, agrees: bool) -> None:
    card_id = bytes.fromhex("519900D15600000510000B26FFFFFFFF")
    serial = card_id[8:12] if agrees else b"\0\0\1\xac"
    shown = standins.card_id(card_id, serial)
    assert (shown[8:12] == standins.SERIAL) == agrees
    assert serial not in shown
    assert card_id[8:12] not in shown


# The stand-ins, and a blank, which stays.
TELL_NOTHING = {*(sign.decode("gb18030") for sign in (standins.CHARACTER, standins.WIDE)), "\u3000"}
TELL_NOTHING.add(standins.UNSHOWN.decode("gb18030"))
NAMES = st.text(st.characters(codec="gb18030", exclude_categories=["Cc", "Cs"]), max_size=24)


@example("\xad\u3000")
@given(NAMES)
def test_a_name_keeps_its_characters_number_also_across_its_records(name: str) -> None:
    encoded = unpadded(name.encode("gb18030")[:50])
    first, rest = encoded[:30].ljust(30, b"\0"), encoded[30:].ljust(20, b"\0")
    pairs = [
        (SELECT_SSSE, OK),
        (b"\x00\xb2\x09\x30\x20", b"\x09\x1e" + first + OK),
        (b"\x00\xb2\x4e\x30\x16", b"\x4e\x14" + rest + OK),
    ]
    (_, _), (_, one), (_, two) = redacted(pairs)

    def whole(head: bytes, tail: bytes) -> object:
        shown, as_written = shown_text(unpadded(head) + unpadded(tail))
        return len(shown), as_written

    assert whole(one[2:-2], two[2:-2]) == whole(first, rest)
    kept = {sign for sign in one[2:-2].decode("gb18030", "ignore") if not sign.isascii()}
    assert kept & set(name) <= TELL_NOTHING


@pytest.mark.parametrize("tag", SSSE_RECORDS)
@pytest.mark.parametrize(
    "value",
    [b"519900199107231238", bytes.fromhex("51990019910723123F"), "司马阿依".encode("gb18030") * 3],
)
def test_what_stands_in_a_record_where_it_does_not_belong_goes_too(tag: int, value: bytes) -> None:
    shown = record(bytes((tag, len(value))) + value, tag)
    assert len(shown) == len(value) + 2
    for at in range(len(value) - 8):  # the made-up number begins like this one
        assert value[at : at + 9] != shown[2 + at : 11 + at]


@pytest.mark.parametrize(
    ("made", "kept"),
    [
        (bytes.fromhex("842400010C") + b"secret-bytes", bytes.fromhex("842400010C") + bytes(12)),
        (b"secret-bytes", bytes(12)),
        (b"", b""),
    ],
)
def test_of_a_key_servers_pin_command_only_the_header_stays(made: bytes, kept: bytes) -> None:
    assert pin_command(made) == kept


@pytest.mark.parametrize("raw", [CONTACT_ATR, CONTACTLESS_ATR])
def test_an_atr_keeps_its_maker_and_region_and_loses_its_serial(raw: bytes) -> None:
    historical = HistoricalBytes.of(standins.atr(raw))
    assert historical[:9] == HistoricalBytes.of(raw)[:9]
    assert historical[9:] == standins.SERIAL


@given(st.binary(max_size=40), st.sampled_from([b"", CONTACT_ATR[:4], CONTACTLESS_ATR[:4]]))
def test_an_atr_of_another_card_stays_another_cards(raw: bytes, lead: bytes) -> None:
    shown = standins.atr(lead + raw)
    assert len(shown) == len(lead + raw)
    try:
        HistoricalBytes.of(lead + raw)
    except AtrFault:
        assert not any(shown[2:])
