"""References: one number, one reference, however it is written; nothing, none."""

import re
import unicodedata
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from apdu.social_security.records import IdNumber
from trust import canonical
from trust.references import ReferenceEmpty, References
from trust.sm3 import hmac_sm3

KEY = b"made-up city reference key, 32 B"
REFERENCES = References(KEY)

# What copying, printing and typing add to a number, and other characters for the same ones.
ADDED = [
    "",
    " ",
    "\t",
    "\n",
    "\r\n",
    "\u3000",
    "\u00a0",
    "\ufeff",
    "\u202d",
    "\u200b",
    "'",
    '"',
    "\u201c",
    "\0",
]
NUMBERS = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=18)


def wide(text: str) -> str:
    """In full-width characters."""
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


@st.composite
def written(draw: st.DrawFn, number: str) -> str:
    """The number as somebody may write it."""
    spelled = number
    for change in (str.lower, wide):
        if draw(st.booleans()):
            spelled = change(spelled)
    at = draw(st.integers(0, len(spelled)))
    before, inside, behind = (draw(st.sampled_from(ADDED)) for _ in range(3))
    return before + spelled[:at] + inside + spelled[at:] + behind


@given(NUMBERS.flatmap(lambda number: st.tuples(st.just(number), written(number))))
def test_one_number_has_one_reference_however_it_is_written(both: tuple[str, str]) -> None:
    number, spelled = both
    assume(number.strip("0"))
    assert REFERENCES.number(spelled) == REFERENCES.number(number)
    assert REFERENCES.person(spelled) == REFERENCES.person(number)


@given(st.tuples(NUMBERS, NUMBERS))
def test_two_numbers_have_two_references(both: tuple[str, str]) -> None:
    one, other = both
    assume(one.strip("0") and other.strip("0"))
    same = canonical.id_number(one) == canonical.id_number(other)
    assert (REFERENCES.person(one) == REFERENCES.person(other)) == same


def test_a_character_that_no_number_has_is_not_another_one() -> None:
    # Both once were "?" before they were hashed.
    assert REFERENCES.person("11010519491231002？") != REFERENCES.person("11010519491231002！")
    assert REFERENCES.person("11010519491231002Ｘ") == REFERENCES.person("11010519491231002x")


def test_an_ordinary_number_keeps_the_reference_that_lists_hold() -> None:
    assert REFERENCES.number("D2143569X") == hmac_sm3(KEY, b"number\0D2143569X").hex()
    person = hmac_sm3(KEY, b"person\0" + b"11010519491231002X").hex()
    assert REFERENCES.person("11010519491231002X") == person


def test_the_printed_hyphen_of_a_card_number_is_none_of_its_characters() -> None:
    assert REFERENCES.number("D2143569-X") == REFERENCES.number("D2143569X")


def test_a_15_digit_number_is_the_person_of_the_18_digits() -> None:
    assert REFERENCES.person("110105491231002") == REFERENCES.person("11010519491231002X")
    assert REFERENCES.person(" 110105 491231 002\n") == REFERENCES.person("11010519491231002X")
    assert REFERENCES.document("110105491231002", None) == REFERENCES.document(
        "11010519491231002x", None
    )


@given(st.text("0123456789", min_size=15, max_size=15).filter(lambda digits: digits.strip("0")))
def test_15_digits_become_18_with_a_check_character_that_holds(digits: str) -> None:
    number = canonical.id_number(digits)
    assert (number[:6], number[6:8], number[8:17]) == (digits[:6], "19", digits[6:])
    assert IdNumber.holds(number)


def test_15_characters_of_a_foreigners_number_stay_15() -> None:
    assert canonical.id_number("uto000000000000") == "UTO000000000000"


def test_a_transit_number_is_the_same_with_the_zero_of_its_file() -> None:
    assert REFERENCES.number("03105170010100000000") == REFERENCES.number("3105170010100000000")


@pytest.mark.parametrize("nothing", ["", " ", "\u3000\0", "-", "''"])
@pytest.mark.parametrize("of", [REFERENCES.number, REFERENCES.person])
def test_empty_is_no_reference(of: Callable[[str], str], nothing: str) -> None:
    with pytest.raises(ReferenceEmpty):
        of(nothing)


@pytest.mark.parametrize("nobody", ["0" * 18, "0" * 15, "０" * 18, "0"])
def test_zeros_in_place_of_an_id_number_are_no_reference(nobody: str) -> None:
    """Else all who have none would be one person: seen just now, listed once."""
    with pytest.raises(ReferenceEmpty):
        REFERENCES.person(nobody)


def test_an_account_is_the_same_with_what_fills_up_its_bytes() -> None:
    assert REFERENCES.account(b"210500000000044 ") == REFERENCES.account(b"210500000000044")


def test_a_card_that_stands_for_its_account_is_all_of_its_digits() -> None:
    """20 and 00 are digits of a number, though they are filling in a text."""
    ends = [bytes.fromhex(f"310451000000000012{last}") for last in ("00", "20")]
    ends += [bytes.fromhex("20310451000000000012"), bytes.fromhex("00310451000000000012")]
    assert len({REFERENCES.card_as_account(number) for number in ends}) == len(ends)


@pytest.mark.parametrize("nothing", ["0" * 9, "0" * 19, "0" * 20, "000 000 000"])
def test_zeros_in_place_of_a_card_number_are_no_reference(nothing: str) -> None:
    with pytest.raises(ReferenceEmpty):
        REFERENCES.number(nothing)


def test_no_bytes_are_no_reference() -> None:
    for of, nothing in ((REFERENCES.card, b""), (REFERENCES.account, b" " * 16)):
        with pytest.raises(ReferenceEmpty):
            of(nothing)
    with pytest.raises(ReferenceEmpty):
        REFERENCES.document("", date(2020, 1, 1))


@given(st.text())
def test_any_text_has_a_form_or_names_nothing(said: str) -> None:
    for form in (canonical.card_number, canonical.digits):
        once = form(said)
        assert form(once) == once or not once.isascii()
    if canonical.id_number(said):
        assert re.fullmatch("[0-9a-f]{64}", REFERENCES.person(said))
    assert not any(unicodedata.category(c) in ("Zs", "Cc", "Cf") for c in canonical.digits(said))
