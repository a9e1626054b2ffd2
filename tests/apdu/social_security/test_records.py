import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.social_security import files, records
from apdu.social_security.files import FileRecord, Generation
from apdu.social_security.records import (
    AtrFault,
    CardIdentificationCode,
    CardIdFault,
    HistoricalBytes,
    RecordFault,
)
from world import Fault

V1, V2, V3 = Generation.V1, Generation.V2, Generation.V3
ALL_RECORDS = [one for rows in files.RECORDS[V3].values() for one in rows]


def read(record: FileRecord, raw: bytes, generation: Generation = V3) -> str:
    return records.decode(record, records.value_of(record, raw), generation)


def stored(record: FileRecord, value: bytes) -> bytes:
    return bytes((record.tag, len(value))) + value


@pytest.mark.parametrize(
    ("record", "value", "expected"),
    [
        (files.VERSION, b"3.00", "3.00"),
        (files.EXPIRY_DATE, bytes.fromhex("20991231"), "20991231"),
        (files.EXPIRY_DATE, bytes.fromhex("FFFFFFFF"), ""),
        (files.INITIALISER, bytes.fromhex("91560000519900FFFFFFFFFF"), "91560000519900"),
        (files.CARD_NUMBER, b"D2143569X", "D2143569X"),
        (files.NAME, "张三".encode("gbk").ljust(30, b"\x00"), "张三"),
        (files.NAME, "张三".encode("gbk").ljust(30, b"\x20"), "张三"),
        (files.NAME, "张三".encode("gbk").ljust(30, b"\xff"), "张三"),
        (files.NAME, "张三".encode("gbk") + b"\x20\x00\xff\x00", "张三"),
        (files.NAME, "㐀".encode("gb18030"), "㐀"),
        (files.NAME, b"", ""),
        (files.SEX, b"9", "9"),
    ],
)
def test_each_encoding_is_decoded_and_empty_stays_empty(
    record: FileRecord, value: bytes, expected: str
) -> None:
    assert read(record, stored(record, value)) == expected


def test_only_1_0_may_pad_with_e_without_a_doubt() -> None:
    for generation in (V1, V2, V3):
        found = records.legible(files.ISSUE_DATE, bytes.fromhex("EEEEEEEE"), generation)
        assert found == ("", generation is V1)


@pytest.mark.parametrize("value", ["20AB0101", "FFFF2034", "2034022A"])
def test_what_is_no_digit_is_told_as_it_stands_and_doubted(value: str) -> None:
    found = records.legible(files.EXPIRY_DATE, bytes.fromhex(value), V3)
    assert found == (value, False)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "short"),
        (b"\x03", "short"),
        (b"\x03\x043.0", "short"),
        (b"\x04\x043.00", "tag"),
        (b"\x03\x043.00\x00", "length"),
        (b"\x03\x053.000", "length"),
        (b"\x03\x01\x81", "text"),  # a lead byte whose character never comes
        (b"\x03\x043\x000\x01", "text"),
        (b"\x03\x033|0", "text"),
    ],
)
def test_a_record_that_cannot_be_is_a_fault(raw: bytes, reason: str) -> None:
    with pytest.raises(RecordFault) as caught:
        read(files.VERSION, raw)
    assert caught.value.facts == {"file": "EF05", "tag": "03", "reason": reason}


def test_a_fault_never_shows_the_value_that_it_is_about() -> None:
    number = files.SOCIAL_SECURITY_NUMBER
    with pytest.raises(RecordFault) as caught:
        read(number, stored(number, b"51990019000101001|"))
    assert "5199" not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    with pytest.raises(RecordFault) as caught:
        read(number, stored(number, b"51990019000101001\x81"))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@given(st.sampled_from(ALL_RECORDS), st.binary(max_size=60), st.sampled_from(Generation))
def test_any_bytes_are_a_value_or_a_fault(
    record: FileRecord, raw: bytes, generation: Generation
) -> None:
    for candidate in (raw, stored(record, raw)):
        try:
            read(record, candidate, generation)
        except Fault:
            continue


@pytest.mark.parametrize(
    ("version", "generation"), [("1.00", V1), ("2.00", V2), ("3.00", V3), ("3.0", V3), ("", V1)]
)
def test_the_first_three_characters_tell_the_generation(
    version: str, generation: Generation
) -> None:
    assert records.generation_of(version) is generation


@pytest.mark.parametrize("version", ["4.00", "3", "3.", "x"])
def test_an_unknown_generation_is_a_fault(version: str) -> None:
    with pytest.raises(records.GenerationFault):
        records.generation_of(version)


@pytest.mark.parametrize(
    "text",
    [
        "639900D15600000500BF7C7A48FB49",
        "63990AD15600000500BF7C7A48FB4966",
        "639900D15600000600BF7C7A48FB4966",
    ],
)
def test_a_card_id_of_another_form_is_a_fault(text: str) -> None:
    with pytest.raises(CardIdFault):
        CardIdentificationCode.of(bytes.fromhex(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3B",
        "3B6D0000",
        "3B6C000000814A444686605199000001",
        "3B6D000000814A444686605199000001",
        "3B6D000000814A444686605199000001ACAC",
        "3B8D800100814A444686605199000001AC47",
        "3BFFFFFFFF",
    ],
)
def test_an_atr_without_13_historical_bytes_is_a_fault(text: str) -> None:
    with pytest.raises(AtrFault):
        HistoricalBytes.of(bytes.fromhex(text))


@given(st.binary(max_size=40))
def test_any_atr_gives_13_bytes_or_a_fault(atr: bytes) -> None:
    for candidate in (atr, b"\x3b" + atr):
        try:
            assert len(HistoricalBytes.of(candidate)) == 13
        except AtrFault:
            continue


def test_record_numbers_follow_the_generation() -> None:
    order = [files.record_number(one, V3) for one in files.RECORDS[V3][6]]
    assert order == [1, 2, 3, 4, 5, 6, 7]
    assert files.record_number(files.NAME_EXTENSION, V2) == 3
    assert files.record_number(files.BIRTH_DATE, V1) == 6
    assert not files.has(files.NAME_EXTENSION, V1)
    with pytest.raises(ValueError, match="not in tuple"):
        files.record_number(files.NAME_EXTENSION, V1)


def test_only_3_0_shuts_the_holders_file() -> None:
    ef06 = {
        generation: next(one for one in rows if one.fid == 0xEF06)
        for generation, rows in files.SSSE_FILES.items()
    }
    assert ef06[V1].read == ef06[V2].read == files.FREE
    assert ef06[V3].read == (frozenset({"RKSSSE"}),)


def test_the_medical_file_wants_pin_and_key() -> None:
    df04 = next(one for one in files.APPLICATIONS if one.name == "DF04")
    ef06 = next(one for one in df04.files if one.fid == 0xEF06)
    assert ef06.read == (frozenset({files.PIN, "RK1DF04"}),)
