"""Whatever somebody else wrote is a value of the wanted type, or one fault."""

import tomllib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile import DEEP, HOSTILE_JSON
from world.foreign import LARGEST, SMALLEST, Undecodable, decoded, document, encoded


class Loose(msgspec.Struct, frozen=True):
    """Leaves alone what it does not know."""

    version: Any = 0


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int = 0


SHAPES = (Loose, Strict, object, dict[str, Any], dict[str, int], list[Any])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(SMALLEST, LARGEST) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", HOSTILE_JSON)
def test_hostile_json_is_a_fault_whatever_was_wanted(name: str, shape: type[object]) -> None:
    with pytest.raises(Undecodable):
        decoded(HOSTILE_JSON[name], shape)


@pytest.mark.parametrize("name", HOSTILE_JSON)
def test_without_strictness_it_is_a_fault_or_a_value(name: str) -> None:
    problem = "none"
    try:
        decoded(HOSTILE_JSON[name], object, strict=False)
    except Undecodable as fault:
        problem = str(fault.facts["problem"])
    assert problem


@given(st.binary())
def test_any_bytes_are_a_value_or_a_fault(raw: bytes) -> None:
    for strict in (True, False):
        try:
            decoded(raw, object, strict=strict)
        except Undecodable:
            continue


@given(JSON)
def test_what_was_written_is_read(value: object) -> None:
    written = msgspec.json.encode(value)
    assert decoded(written, object) == value
    assert decoded(written.decode(), object) == value


def test_what_stands_in_the_text_beside_is_not_in_the_problem() -> None:
    with pytest.raises(Undecodable) as refused:
        decoded(b'{"version": "made-up-secret\xff"}', Strict)
    assert "made-up-secret" not in str(refused.value)


@given(
    st.recursive(st.text(st.characters()), lambda i: st.lists(i) | st.dictionaries(st.text(), i))
)
def test_any_name_is_written_and_is_json(value: object) -> None:
    """Lone surrogates too, as Python has them for names of files that are no UTF-8."""
    decoded(encoded({"names": value}), object, strict=False)


def test_a_name_in_no_encoding_is_shown_and_all_others_are_as_they_were() -> None:
    name = b"usb-\xff\xfe".decode(errors="surrogateescape")
    assert decoded(encoded([name, "卡"]), list[str]) == ["usb-\\udcff\\udcfe", "卡"]


@pytest.mark.parametrize(
    "text",
    [
        "a = [" * DEEP,
        "a = " + "[" * 500 + "]" * 500,
        "a = {b = " * 500,
        "a = " + "9" * 5000,
        "a = 1\na = 2",
        "a = \0",
        "[a",
        'a = "\ud800"',
    ],
    ids=range(8),
)
def test_hostile_toml_is_a_fault_or_a_table(text: str) -> None:
    problem = "none"
    try:
        assert isinstance(document(text), dict)
    except Undecodable as fault:
        problem = str(fault.facts["problem"])
    assert problem


@pytest.mark.parametrize(
    "line",
    [
        ".".join("a" * 12_000) + " = 1",
        "[" + ".".join("a" * 12_000) + "]",
        "b = { " + " . ".join(['"a"'] * 12_000) + " = 1 }",
        "b = [1.5, { " + ".".join("a" * 102) + " = 1 }]",
        '""", ' + ".".join("a" * 102) + " = 1 }",
    ],
    ids=range(5),
)
def test_a_key_of_very_many_parts_is_told_with_its_line_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setattr(tomllib, "loads", None)
    with pytest.raises(Undecodable) as caught:
        document(f"first = 1\n{line}\n")
    told = "more than 100 dots in a key (at line 2, column 1)"
    assert caught.value.facts["problem"] == told


@pytest.mark.parametrize(
    "line",
    [
        "b = [" + ", ".join(["1.5"] * 500) + "]",
        "b = '" + "." * 500 + "'",
        'b = "\\"' + "." * 500 + "\" # it's so",
        "# don't " + "." * 500,
        ".".join("a" * 101) + " = 1",
    ],
    ids=range(5),
)
def test_dots_that_are_no_key_s_are_as_many_as_one_likes(line: str) -> None:
    assert isinstance(document(line), dict)


@given(st.text())
def test_any_text_is_a_table_or_a_fault(text: str) -> None:
    try:
        document(text)
    except Undecodable:
        return
