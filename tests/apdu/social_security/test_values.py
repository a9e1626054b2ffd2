"""Values of records to text and back: any bytes are a text or a named fault, any text likewise."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.social_security.data_items import DATA_ITEMS, DataItem, ValueForm, items_of, unknown
from apdu.social_security.files import Generation
from apdu.social_security.records import RecordFault
from apdu.social_security.values import ValueFault, decoded, decoded_row, encoded, readable

ITEMS = [item for table in DATA_ITEMS.values() for items in table.values() for item in items]
RECORDS = [item for item in ITEMS if item.tag]
FID = 0xEF05


@given(st.sampled_from(RECORDS), st.binary(max_size=140), st.sampled_from(Generation))
def test_any_record_is_a_text_or_a_fault(
    item: DataItem, value: bytes, generation: Generation
) -> None:
    for raw in (value, bytes((item.tag, len(value))) + value):
        with suppress(RecordFault):
            assert "|" not in decoded(item, raw, FID, generation)


@given(st.sampled_from(RECORDS), st.binary(max_size=140), st.sampled_from(Generation))
def test_what_is_read_for_a_caller_is_a_text_or_an_unreadable_number(
    item: DataItem, value: bytes, generation: Generation
) -> None:
    for raw in (value, bytes((item.tag, len(value))) + value, bytes((item.tag, 7)) + value):
        odd: set[int] = set()
        try:
            text = readable(item, raw, FID, generation, odd)
        except RecordFault:
            assert item.decides
            continue
        assert not {*text} & {*"|$"}
        assert text.count("^") == (len(item.parts) - 1 if item.parts and text else 0)
        assert odd <= {item.tag}


@pytest.mark.parametrize(
    ("raw", "text", "odd"),
    [
        ("", "", False),
        ("2000", "", False),
        ("20020000", "", False),
        ("2002FFFF", "", False),
        ("2102AB00", "", True),  # another record
        ("2005B2E2", "测", True),
        ("2003B2E2CA", "测", True),
    ],
)
def test_a_record_is_told_as_far_as_it_is_one(raw: str, text: str, *, odd: bool) -> None:
    (item, *_) = items_of("DF01", 0xEF05, Generation.V3)
    noted: set[int] = set()
    assert readable(item, bytes.fromhex(raw), FID, Generation.V3, noted) == text
    assert bool(noted) == odd


@given(st.sampled_from(RECORDS), st.text("0123456789ABC^张三 -", max_size=80))
def test_any_text_is_a_record_of_full_length_or_a_fault(item: DataItem, text: str) -> None:
    with suppress(ValueFault):
        raw = encoded(item, text, FID)
        assert raw[:2] == bytes((item.tag, item.size))
        assert len(raw) == item.size + 2


@given(st.sampled_from([item for item in RECORDS if item.form is ValueForm.AN]), st.data())
def test_text_comes_back_as_it_was(item: DataItem, data: st.DataObject) -> None:
    text = data.draw(st.text("0123456789ABC张三乙-", max_size=item.size // 2))
    assert decoded(item, encoded(item, text, FID), FID, Generation.V3) == text


@given(st.sampled_from([item for item in RECORDS if item.form is ValueForm.CN]), st.data())
def test_digits_come_back_as_they_were(item: DataItem, data: st.DataObject) -> None:
    digits = data.draw(st.text("0123456789", max_size=2 * item.size))
    assert decoded(item, encoded(item, digits, FID), FID, Generation.V3) == digits


def test_rows_of_tlvs_come_back_part_by_part() -> None:
    (_, item) = items_of("DF01", 0xEF15, Generation.V3)
    raw = encoded(item, "甲^123^乙丙", 0xEF15)
    assert raw.hex().upper().startswith("40345703BCD7005803123FFF5928")
    assert decoded(item, raw, 0xEF15, Generation.V3) == "甲^123^乙丙"


@pytest.mark.parametrize("raw", ["", "20", "2102AB00", "200541", "2003414141", "20014100"])
def test_a_record_of_another_form_is_a_fault(raw: str) -> None:
    (item, *_) = items_of("DF01", 0xEF05, Generation.V3)
    with pytest.raises(RecordFault):
        decoded(item, bytes.fromhex(raw), FID, Generation.V3)


def test_a_row_of_another_length_is_a_fault() -> None:
    (row,) = items_of("DF04", 0xEF08, Generation.V3)
    with pytest.raises(RecordFault):
        decoded_row(row, bytes(27), 0xEF08, Generation.V3)


def test_what_is_only_known_by_its_tag_is_shown_and_not_written() -> None:
    assert decoded(unknown(0xEE), bytes.fromhex("EE0201FF"), FID, Generation.V3) == "01FF"
    with pytest.raises(ValueFault):
        encoded(unknown(0xEE), "01FF", FID)


def test_no_value_shows_in_a_fault() -> None:
    (item, *_) = items_of("SSSE", 0xEF06, Generation.V3)
    with pytest.raises(ValueFault) as caught:
        encoded(item, "5199001900010100140", 0xEF06)
    assert "5199" not in f"{caught.value!r} {caught.value} {caught.value.facts}"
