"""A setting means the name that is its very text, before it means anything as a pattern."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.attached import as_pattern
from drivers.io.patterns import alternatives, fitting

CCID = "Acme Reader 9540 [CCID Interface] 00 00"
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=40)
SIGNS = st.text("ab01[]!-*?|\\ ", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("setting", "found"),
    [
        (CCID, [CCID]),
        ("Acme Reader 9540 [CCID Interface]*", [CCID]),
        ("Acme Reader 9540 [[]CCID Interface] 00 00", [CCID]),
        ("Acme*", [CCID, "Acme Reader 77 C 00 00"]),
        ("Acme Reader 9540 [CCID Interface] 00 01", []),
        ("Acme Reader 77 [C] 00 00", ["Acme Reader 77 C 00 00"]),
        ("*", [CCID, "Acme Reader 77 C 00 00", "a*", "ab", "q?", "x|y"]),
        ("a*", ["a*"]),  # the very name, though the pattern fits another one too
        ("q?", ["q?"]),
        ("x|y", ["x|y"]),
    ],
)
def test_the_very_text_comes_before_the_pattern(setting: str, found: list[str]) -> None:
    names = [CCID, "Acme Reader 77 C 00 00", "a*", "ab", "q?", "x|y"]
    assert list(fitting(setting, names)) == found


@given(st.one_of(NAMES, SIGNS), st.lists(st.one_of(NAMES, SIGNS), max_size=5))
def test_whoever_pastes_a_name_means_that_name(name: str, others: list[str]) -> None:
    meant = next(found for part in alternatives(name) if (found := fitting(part, [*others, name])))
    assert set(meant) == {name}


@given(st.one_of(NAMES, SIGNS), st.lists(st.one_of(NAMES, SIGNS), max_size=5))
def test_what_is_suggested_for_a_name_fits_it(name: str, others: list[str]) -> None:
    suggested = as_pattern(name)
    assert "|" not in suggested
    assert name in fitting(suggested.strip(), [name]) or suggested in others


@given(SIGNS, st.lists(SIGNS, max_size=5))
def test_a_pattern_goes_on_meaning_what_it_meant(setting: str, names: list[str]) -> None:
    by_pattern = [name for name in names if fnmatchcase(name, setting)]
    if setting not in names and by_pattern:
        assert list(fitting(setting, names)) == by_pattern


def test_alternatives_are_the_whole_and_then_its_parts() -> None:
    assert list(alternatives("A* | *B")) == ["A* | *B", "A*", "*B"]
    assert list(alternatives("A*")) == ["A*"]
    assert list(alternatives(" A ")) == [" A ", "A"]
