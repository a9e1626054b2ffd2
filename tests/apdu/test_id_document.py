"""Four documents from 256 bytes each: every field at its place, doubts for what is odd, faults for
what is not legible, and nobody named in any of them.

The layouts are written here a second time, as offsets, so that the tables are not checked against
themselves. All people, numbers and places are made up.
"""

from collections.abc import Mapping
from datetime import date

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apdu.id_document import (
    FLAG_AT,
    LAYOUTS,
    TEXT_SIZE,
    DocumentDoubt,
    DocumentFault,
    DocumentLayout,
    DocumentLayoutUnknown,
    DocumentMalformed,
    IdDocument,
    Sex,
    parse,
)
from contracts.secrets_probe import Probe
from simulators.devices.idcard import document_of, text_of
from simulators.people import load_cast

# (offset, value) by spec devices.md, ID card reader.
RESIDENT = {
    0: "林青禾", 30: "2", 32: "01", 36: "19920314", 52: "测试省测试市测试路1号",
    122: "519900199203149007", 158: "测试市公安局", 188: "20200101", 204: "20400101",
}  # fmt: skip
COMPATRIOT = {**RESIDENT, 32: "97", 220: "H01234567", 238: "01", 248: "J"}
FOREIGNER_2017 = {
    0: "DOE, LIN", 120: "2", 122: "UTO519900920314", 152: "UTO", 158: "林青禾", 188: "20200101",
    204: "20300101", 220: "19920314", 236: "01", 240: "1500", 248: "I",
}  # fmt: skip
FOREIGNER_2023 = {
    0: "林青禾", 30: "2", 32: "02", 36: "19920314", 52: "DOE-WHOSE-NAME-IS-LONGER-THAN-35-SI",
    122: "519900199203149007", 188: "20240101", 204: "20340101", 220: "GNS, LIN", 242: "UTO",
    248: "Y", 250: "001",
}  # fmt: skip
ALL = [RESIDENT, FOREIGNER_2017, COMPATRIOT, FOREIGNER_2023]


def text(values: Mapping[int, str], changed: Mapping[int, str] | None = None) -> bytes:
    raw = bytearray(" ".encode("utf-16-le") * (TEXT_SIZE // 2))
    for at, value in {**values, **(changed or {})}.items():
        encoded = value.encode("utf-16-le")
        raw[at : at + len(encoded)] = encoded
    return bytes(raw)


def test_resident() -> None:
    document = parse(text(RESIDENT))
    assert document == IdDocument(
        layout=DocumentLayout.RESIDENT,
        number="519900199203149007",
        name="林青禾",
        sex=Sex.FEMALE,
        birth=date(1992, 3, 14),
        issued=date(2020, 1, 1),
        expires=date(2040, 1, 1),
        nation="01",
        address="测试省测试市测试路1号",
        issuer="测试市公安局",
    )


def test_compatriot_has_a_pass_besides() -> None:
    document = parse(text(COMPATRIOT))
    assert document.layout is DocumentLayout.COMPATRIOT
    assert (document.number, document.name) == ("519900199203149007", "林青禾")
    assert (document.pass_number, document.issue_count) == ("H01234567", "01")
    assert document.doubts == ()


def test_foreigner_2017() -> None:
    assert parse(text(FOREIGNER_2017)) == IdDocument(
        layout=DocumentLayout.FOREIGNER_2017,
        number="UTO519900920314",
        name="林青禾",
        latin_name="DOE, LIN",
        sex=Sex.FEMALE,
        birth=date(1992, 3, 14),
        issued=date(2020, 1, 1),
        expires=date(2030, 1, 1),
        nationality="UTO",
        version="01",
        authority="1500",
    )


def test_foreigner_2023_whose_name_goes_on_elsewhere() -> None:
    assert parse(text(FOREIGNER_2023)) == IdDocument(
        layout=DocumentLayout.FOREIGNER_2023,
        number="519900199203149007",
        name="林青禾",
        latin_name="DOE-WHOSE-NAME-IS-LONGER-THAN-35-SIGNS, LIN",
        sex=Sex.FEMALE,
        birth=date(1992, 3, 14),
        issued=date(2024, 1, 1),
        expires=date(2034, 1, 1),
        nationality="UTO",
        renewals="02",
        older_number_link="001",
    )


@pytest.mark.parametrize("layout", DocumentLayout)
def test_every_layout_fills_its_256_bytes_and_has_its_flag_at_248(layout: DocumentLayout) -> None:
    at, places = 0, {}
    for name, size in LAYOUTS[layout]:
        places[name] = at
        at += size
    assert at == TEXT_SIZE
    assert places["flag"] == FLAG_AT


def test_long_term_has_no_last_day() -> None:
    document = parse(text(RESIDENT, {204: "长期    "}))
    assert document.expires is None
    assert document.valid_on(date(9999, 12, 31))
    assert not document.valid_on(date(2019, 12, 31))


def test_valid_from_the_first_to_the_last_day_both_included() -> None:
    document = parse(text(RESIDENT))
    days = [date(2019, 12, 31), date(2020, 1, 1), date(2040, 1, 1), date(2040, 1, 2)]
    assert [document.valid_on(day) for day in days] == [False, True, True, False]


def test_zeros_pad_as_well_as_spaces() -> None:
    assert parse(text(RESIDENT).replace(b" \0", b"\0\0")) == parse(text(RESIDENT))


def test_a_small_x_is_the_same_number() -> None:
    small = text(RESIDENT, {30: "2", 36: "19551103", 122: "51990019551103908x"})
    document = parse(small)
    assert document.number == "51990019551103908X"
    assert document.doubts == ()


def test_the_newest_address() -> None:
    newest = "测试市别处2号".encode("utf-16-le").ljust(70, b"\0")
    assert parse(text(RESIDENT), newest_address=newest).newest_address == "测试市别处2号"
    garbled = parse(text(RESIDENT), newest_address=b"\x00\xd8 \x00x")
    assert (garbled.newest_address, garbled.doubts) == ("\ufffd", (DocumentDoubt.NEWEST_ADDRESS,))


@pytest.mark.parametrize(
    ("changed", "doubt"),
    [
        ({122: "519900199203149008"}, DocumentDoubt.NUMBER_CHECK),
        ({36: "19920315"}, DocumentDoubt.NUMBER_BIRTH),
        ({30: "1"}, DocumentDoubt.NUMBER_SEX),
        ({0: "   "}, DocumentDoubt.NAME),
        ({0: "林\ue123禾"}, DocumentDoubt.PRIVATE_CHARACTER),
        ({30: "7"}, DocumentDoubt.SEX),
        ({30: "男"}, DocumentDoubt.SEX),
        ({36: "19920230"}, DocumentDoubt.BIRTH),
        ({36: "        "}, DocumentDoubt.BIRTH),
        ({204: "20191231"}, DocumentDoubt.DATES),
    ],
    ids=lambda value: value.value if isinstance(value, DocumentDoubt) else "",
)
def test_what_is_legible_but_odd_is_a_doubt(
    changed: Mapping[int, str], doubt: DocumentDoubt
) -> None:
    assert parse(text(RESIDENT, changed)).doubts == (doubt,)


@pytest.mark.parametrize("sex", ["0", "9"])
def test_a_sex_that_is_not_told_contradicts_nothing(sex: str) -> None:
    assert parse(text(RESIDENT, {30: sex})).doubts == ()


def test_the_number_of_2017s_foreigners_is_not_doubted_by_rules_that_are_not_its_own() -> None:
    assert parse(text(FOREIGNER_2017, {122: "UTO000000000000"})).doubts == ()


@pytest.mark.parametrize(
    ("changed", "field", "reason"),
    [
        ({122: "5199001992031490"}, "number", "form"),
        ({122: " " * 18}, "number", "form"),
        ({122: "X" * 18}, "number", "form"),
        ({122: "0" * 18}, "number", "form"),
        ({122: "519900199203149O07"}, "number", "form"),
        ({122: "51990019920314\0" + "9007"}, "number", "form"),
    ],
)
def test_a_document_without_a_number_is_a_fault_that_names_the_field_only(
    changed: Mapping[int, str], field: str, reason: str
) -> None:
    with pytest.raises(DocumentMalformed) as caught:
        parse(text(RESIDENT, changed))
    assert caught.value.facts == {"field": field, "reason": reason}


@pytest.mark.parametrize(
    ("at", "raw", "field", "shown"),
    [
        (0, "林青禾".encode("utf-16-le") + b"\x00\xd8" + b"\0" * 22, "name", "林青禾"),
        (0, b"\x00\xd8" + "青禾".encode("utf-16-le"), "name", "\ufffd青禾"),
        (0, "林青禾\n".encode("utf-16-le"), "name", "林青禾"),
        (0, "林\r\n青".encode("utf-16-le"), "name", "林  青"),
        (0, "林青禾\0王小明\0".encode("utf-16-le"), "name", "林青禾"),
        (0, "林\u202e青\uffff禾".encode("utf-16-le"), "name", "林青禾"),
        (52, "测试路1号".ljust(34).encode("utf-16-le") + b"\x42\xd8", "address", "测试路1号"),
        (158, "公安\x07局".encode("utf-16-le"), "issuer", "公安 局"),
    ],
)
def test_of_a_text_that_is_shown_what_is_legible_is_shown(
    at: int, raw: bytes, field: str, shown: str
) -> None:
    document = bytearray(text(RESIDENT))
    document[at : at + len(raw)] = raw
    found = parse(bytes(document))
    assert getattr(found, field).startswith(shown)
    assert DocumentDoubt.TEXT in found.doubts


@pytest.mark.parametrize(
    ("written", "first"),
    [("20200230", date(2020, 3, 1)), ("        ", None), ("00000000", None), ("长期      ", None)],
)
def test_a_first_day_that_is_no_day_is_a_doubt(written: str, first: date | None) -> None:
    document = parse(text(RESIDENT, {188: written}))
    assert document.issued == first
    assert document.doubts == (DocumentDoubt.VALIDITY,)


@pytest.mark.parametrize(
    ("written", "last"),
    [
        ("20340229", date(2034, 2, 28)),
        ("99999999", None),
        ("00000000", None),
        ("        ", None),
        ("2040.1.1", date(2040, 12, 31)),
        ("二〇四〇年", None),
    ],
)
def test_a_last_day_that_is_no_day_is_a_doubt(written: str, last: date | None) -> None:
    document = parse(text(RESIDENT, {204: written}))
    assert document.expires == last
    assert document.doubts == (DocumentDoubt.VALIDITY,)


@pytest.mark.parametrize("written", ["长期", "长 期", "長期", "长期\0\0"])
def test_long_term_is_no_doubt(written: str) -> None:
    document = parse(text(RESIDENT, {204: written.ljust(8)}))
    assert (document.expires, document.doubts) == (None, ())


def test_full_width_digits_are_digits() -> None:
    plain = parse(text(RESIDENT))
    wide = parse(text(RESIDENT, {122: "５19900199203149007", 204: "２0400101"}))
    assert (wide.number, wide.expires, wide.doubts) == (plain.number, plain.expires, ())


@pytest.mark.parametrize("size", [0, 1, 255, 257, 1024])
def test_another_length_is_a_fault(size: int) -> None:
    with pytest.raises(DocumentMalformed) as caught:
        parse(bytes(size))
    assert caught.value.facts == {"field": "text", "reason": "length"}


@pytest.mark.parametrize(
    ("flag", "told"), [("Z", "Z"), ("i", "i"), ("1", "?"), ("林", "?"), ("Ā", "?"), ("ŉ", "?")]
)
def test_an_unknown_flag_is_an_unknown_document(flag: str, told: str) -> None:
    with pytest.raises(DocumentLayoutUnknown) as caught:
        parse(text(RESIDENT, {248: flag}))
    assert caught.value.facts == {"flag": told}


@pytest.mark.parametrize("values", ALL, ids=[layout.value for layout in DocumentLayout])
def test_nobody_is_named_by_a_representation(values: Mapping[int, str]) -> None:
    document = parse(text(values))
    probe = Probe({"number": document.number, "name": document.name, "latin": "DOE-WHOSE"})
    probe.check("representation", f"{document!r} {document}")
    assert probe.leaks("control", document.number + document.name)


@pytest.mark.parametrize("layout", DocumentLayout)
def test_documents_of_the_cast_are_without_doubt(layout: DocumentLayout) -> None:
    for person in load_cast().people:
        document = parse(document_of(person, layout).text)
        assert (document.layout, document.doubts) == (layout, ())
        assert document.name == person.name[:15]
        assert document.birth is not None
        assert document.birth.strftime("%Y%m%d") == person.birth
        if layout is not DocumentLayout.FOREIGNER_2017:
            assert document.number == person.number


FIELD_TEXT = st.text(
    st.characters(min_codepoint=0x21, exclude_categories=["Cc", "Cf", "Cn", "Cs", "Zl", "Zp"]),
    max_size=6,
)


@settings(deadline=None)
@given(st.sampled_from(list(DocumentLayout)), FIELD_TEXT)
def test_any_name_comes_out_as_it_went_in(layout: DocumentLayout, name: str) -> None:
    document = parse(document_of(load_cast().people[0], layout, name=name).text)
    assert document.name == name.strip("\u3000")


@settings(deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=100))
@example(bytes(256), b"")
@example(b"\xff" * 256, b"\xff")
def test_any_bytes_are_a_document_or_a_document_fault(raw: bytes, newest: bytes) -> None:
    judge(raw, newest)


@settings(deadline=None)
@given(
    st.sampled_from(ALL),
    st.lists(st.tuples(st.integers(0, TEXT_SIZE - 1), st.integers(0, 255)), max_size=8),
)
def test_a_damaged_document_is_a_document_or_a_document_fault(
    values: Mapping[int, str], damage: list[tuple[int, int]]
) -> None:
    raw = bytearray(text(values))
    for at, byte in damage:
        raw[at] = byte
    judge(bytes(raw), b"")


def judge(raw: bytes, newest: bytes) -> None:
    """Only what says whose it is is a document."""
    try:
        document = parse(raw, newest_address=newest)
    except DocumentFault as fault:
        assert set(fault.facts) <= {"field", "reason", "flag"}  # noqa: PT017
        return
    assert document.number.isascii()
    assert len(document.number) == (15 if document.layout is DocumentLayout.FOREIGNER_2017 else 18)
    if document.issued is not None:
        assert document.valid_on(document.issued) != (DocumentDoubt.DATES in document.doubts)
    assert repr(document).startswith("IdDocument(")


def test_the_simulators_text_is_that_of_the_specification() -> None:
    values = {
        "name": "林青禾", "sex": "2", "nation": "01", "birth": "19920314",
        "address": "测试省测试市测试路1号", "number": "519900199203149007",
        "issuer": "测试市公安局", "issued": "20200101", "expires": "20400101",
    }  # fmt: skip
    assert text_of(DocumentLayout.RESIDENT, values) == text(RESIDENT)
