"""fileAddr, writeData, cardInfo: any text is a parse or a named fault, and comes back unchanged."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.social_security.file_address import (
    CardInfo,
    FileAddress,
    FileAddressFault,
    FileData,
    FileItem,
    format_address,
    format_data,
    parse_address,
    parse_card_info,
    parse_data,
)

CARD_ID = "639900D15600000500BF7C7A48FB4966"


def test_the_specifications_examples() -> None:
    assert parse_address("SSSEEF06|09|$") == (
        FileAddress("SSSE", 0xEF06, (FileItem(0x09, None, "09"),), "SSSEEF06"),
    )
    (file,) = parse_address("DF01EF15|40:2|$")
    assert (file.application, file.sfi) == ("DF01", 0x15)
    assert file.items == (FileItem(0x40, 2, "40:2"),)


def test_several_files_one_after_another() -> None:
    first, second = parse_address("SSSEEF05|07|$SSSEEF06|08|09|$")
    assert [item.number for item in (*first.items, *second.items)] == [0x07, 0x08, 0x09]


@pytest.mark.parametrize("name", ["3F00EF06", "MFEF06", "SSSEEF06"])
def test_the_environment_has_three_names(name: str) -> None:
    (file,) = parse_address(f"{name}|08|09|4E|$")
    assert (file.application, file.fid, file.name) == ("SSSE", 0xEF06, name)


def test_a_file_without_items_and_an_item_that_is_empty_are_kept_apart() -> None:
    assert parse_address("SSSEEF08|$")[0].items == ()
    assert parse_address("SSSEEF08$")[0].items == ()
    assert parse_address("SSSEEF06|09||0A|$")[0].items[1] == FileItem(None)
    assert parse_address("SSSEEF06||$")[0].items == (FileItem(None),)


def test_a_row_may_stand_in_the_name() -> None:
    (file,) = parse_address("DF04EF08:0A$")
    assert file.items == (FileItem(10, None, "0A"),)
    assert format_address((file,)) == "DF04EF08|0A|$"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("SSSEEF06|09|", "end"),
        ("$", "file"),
        ("DF10EF05|01|$", "file"),
        ("SSSEEF6|01|$", "file"),
        ("ssseef06|01|$", "file"),
        ("SSSEEF06|XY|$", "item"),
        ("SSSEEF06|1:2:3|$", "item"),
        ("DF04EF08:1|2|$", "row"),
        ("SSSEEF06|" + "01|" * 65 + "$", "items"),
        ("SSSEEF06|$" * 33, "files"),
        ("SSSEEF06|" + "01|" * 600 + "$", "too-long"),
    ],
)
def test_what_is_no_address(text: str, reason: str) -> None:
    with pytest.raises(FileAddressFault) as caught:
        parse_address(text)
    assert (caught.value.facts["what"], caught.value.facts["reason"]) == ("address", reason)


def test_data_comes_with_or_without_the_files_name() -> None:
    files = parse_address("SSSEEF05|07|$SSSEEF06|08|09|$")
    named = parse_data("SSSEEF05|X00000019|$SSSEEF06|1||$", files)
    assert named == parse_data("X00000019|$1||$", files)
    assert [data.values for data in named] == [("X00000019",), ("1", "")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("1|$", "files"),
        ("1|$1|$", "values"),
        ("1|2|$1|2|$", "values"),
        ("1|$1|2|", "end"),
        ("1" * 20481 + "$", "too-long"),
    ],
)
def test_what_is_no_data_for_these_files(text: str, reason: str) -> None:
    with pytest.raises(FileAddressFault) as caught:
        parse_data(text, parse_address("SSSEEF05|07|$SSSEEF06|08|09|$"))
    assert caught.value.facts["reason"] == reason


@pytest.mark.parametrize("value", ["a|b", "a$b"])
def test_a_value_that_would_read_as_two_is_not_handed_out(value: str) -> None:
    (file,) = parse_address("SSSEEF06|09|$")
    with pytest.raises(FileAddressFault):
        format_data([FileData(file, (value,))])


@pytest.mark.parametrize(
    ("text", "info"),
    [
        (f"{CARD_ID}|X00000019|", CardInfo(CARD_ID, "X00000019")),
        (f"{CARD_ID.lower()}|X00000019", CardInfo(CARD_ID, "X00000019")),
        (f"{CARD_ID}||", CardInfo(CARD_ID, "")),
        ("|X00000019|", CardInfo("", "X00000019")),
        ("| d2143569-x |", CardInfo("", "D2143569X")),
        ("|ｘ00000019|", CardInfo("", "X00000019")),
    ],
)
def test_card_info_keeps_empty_fields(text: str, info: CardInfo) -> None:
    assert parse_card_info(text) == info


@pytest.mark.parametrize(
    "text", ["", "|", "||", " | |", CARD_ID, f"{CARD_ID[:-1]}|X|", f"{CARD_ID}|X|y|"]
)
def test_what_is_no_card_info(text: str) -> None:
    with pytest.raises(FileAddressFault):
        parse_card_info(text)


@given(st.text(max_size=60) | st.text("SEDF0123456789|:$AB", max_size=60))
def test_any_text_is_a_parse_or_a_named_fault(text: str) -> None:
    with suppress(FileAddressFault):
        assert parse_address(text)
    with suppress(FileAddressFault):
        assert parse_card_info(text)
    with suppress(FileAddressFault):
        parse_data(text, ())


ITEMS = st.from_regex(r"([0-9A-F]{1,4}(:[0-9A-F]{1,4})?)?", fullmatch=True)
FILES = st.builds(
    lambda name, items: f"{name}|" + "".join(f"{item}|" for item in items) + "$",
    st.from_regex(r"(SSSE|3F00|MF|DF0[1-9])EF[0-9A-F]{2}", fullmatch=True),
    st.lists(ITEMS, max_size=6),
)
VALUES = st.text(st.characters(exclude_characters="|$", codec="utf-8"), max_size=12)


@given(st.lists(FILES, min_size=1, max_size=5))
def test_an_address_comes_back_as_it_was(texts: list[str]) -> None:
    text = "".join(texts)
    assert format_address(parse_address(text)) == text


@given(st.data())
def test_data_comes_back_as_it_was(data: st.DataObject) -> None:
    files = parse_address("".join(data.draw(st.lists(FILES, min_size=1, max_size=4))))
    filled = [
        FileData(file, tuple(data.draw(VALUES) for _ in file.items or (None,))) for file in files
    ]
    assert list(parse_data(format_data(filled), files)) == filled


def test_no_value_shows_in_a_repr() -> None:
    (file,) = parse_address("SSSEEF06|09|$")
    assert "张三" not in f"{FileData(file, ('张三',))!r}{CardInfo(CARD_ID, '张三')!r}"
