"""Dates on cards and documents: YYYYMMDD as they are written, not always a day of the calendar.

Issuers add ten years to a 29th of February; they write zeros, nines or nothing for "without end".
So digits are compared as digits, and what is no day is a doubt about the card, not a damaged card.
"""

import re
import unicodedata
from datetime import date, timedelta
from typing import Final

_DIGITS: Final = re.compile(r"[0-9]*", re.ASCII)
_SECOND: Final = date.min + timedelta(days=1)
_YEAR, _WHOLE = 4, 8  # digits; without a year there is no date


def first_day(written: str) -> date | None:
    """The first day of the calendar on which its digits are reached; None: no start is written."""
    itself = day(written)  # almost always
    if itself is not None:
        return itself
    digits = _limit(written, "0")
    return None if digits is None else _day_from(digits) or date.max


def last_day(written: str) -> date | None:
    """The last day of the calendar on which its digits are not passed; None: no end is written."""
    itself = day(written)
    if itself is not None:
        return itself
    digits = _limit(written, "9")
    if digits is None:
        return None
    after = _day_from(digits + 1)
    return date.max if after is None else max(after, _SECOND) - timedelta(days=1)


def is_odd(written: str) -> bool:
    """Something is written and it is no day of the calendar."""
    return bool(written) and day(written) is None


def day(written: str) -> date | None:
    """The day, where it is one of the calendar."""
    digits = _plain(written)
    if len(digits) != _WHOLE or not digits.isdecimal() or not digits.isascii():
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def _limit(written: str, fill: str) -> int | None:
    """YYYYMMDD as a number. Digits that are missing, of a month or a day that nobody wrote, are
    `fill`; what stands behind something that is no digit is not looked at."""
    found = _DIGITS.match(_plain(written))
    digits = found[0][:_WHOLE] if found else ""
    if len(digits) < _YEAR or not digits.strip("0") or not digits.strip("9"):
        return None
    return int(digits.ljust(_WHOLE, fill))


def _plain(written: str) -> str:
    """Full-width digits are digits."""
    return written if written.isascii() else unicodedata.normalize("NFKC", written)


def _day_from(digits: int) -> date | None:
    """The first day whose digits are not below these; None: there is none any more."""
    year, month, in_month = digits // 10_000, digits // 100 % 100, digits % 100
    if year < date.min.year:
        return date.min
    if month > 12:
        year, month, in_month = year + 1, 1, 1
    month, in_month = max(month, 1), max(in_month, 1)
    try:
        return date(year, month, in_month)
    except ValueError:  # behind the last day of that month
        if year > date.max.year or (year, month) == (date.max.year, 12):
            return None
        return date(year + month // 12, month % 12 + 1, 1)
