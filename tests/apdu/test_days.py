"""Dates as digits: a day is on the right side of them, and whatever is written is no exception."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.days import day, first_day, is_odd, last_day

WRITTEN = st.text("0123456789", min_size=8, max_size=8).filter(
    lambda digits: digits.strip("0") != "" and digits.strip("9") != ""
)


def digits_of(one: date) -> str:
    return f"{one.year:04}{one:%m%d}"


@given(WRITTEN, st.dates())
def test_a_day_is_over_or_begun_as_its_digits_are(written: str, today: date) -> None:
    last, first = last_day(written), first_day(written)
    assert last is not None
    assert first is not None
    assert (today <= last) == (digits_of(today) <= written) or last == date.min
    assert (today >= first) == (digits_of(today) >= written) or first == date.max


@given(st.dates())
def test_a_day_of_the_calendar_is_itself_and_not_odd(one: date) -> None:
    written = digits_of(one)
    assert day(written) == last_day(written) == first_day(written) == one
    assert not is_odd(written)


@pytest.mark.parametrize("written", ["", "0" * 8, "9" * 8, "0", "999999", "AB", "20", "长期"])
def test_zeros_nines_and_nothing_are_no_limit(written: str) -> None:
    assert (first_day(written), last_day(written)) == (None, None)
    assert is_odd(written) == bool(written)


@pytest.mark.parametrize(
    ("written", "first", "last"),
    [
        ("203402", date(2034, 2, 1), date(2034, 2, 28)),
        ("2034", date(2034, 1, 1), date(2034, 12, 31)),
        ("2034A229", date(2034, 1, 1), date(2034, 12, 31)),
    ],
)
def test_a_month_or_a_year_is_all_of_it(written: str, first: date, last: date) -> None:
    assert (first_day(written), last_day(written)) == (first, last)
    assert is_odd(written)


@given(st.text())
def test_any_text_is_a_date_or_none(written: str) -> None:
    first, last = first_day(written), last_day(written)
    assert (first is None) == (last is None)
    assert is_odd(written) == (written != "" and day(written) is None)
