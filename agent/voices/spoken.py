"""What is said of a Chinese text, syllable by syllable: text in, pinyin for espeak-ng out.

espeak-ng reads character by character, so that 地, 行 and 重 come out as they are read most often,
and takes a point for the end of a sentence. So amounts become 元, 角 and 分, numbers words, and
words whose characters have several readings their pinyin (`readings.toml`); a character that has
several and is in no such word is refused.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Final

from agent.voices.faults import VoiceUnspoken
from world.foreign import document

# 1,000 is one number; who writes ¥ need not write 元.
THOUSANDS: Final = r"[0-9]{1,2}(?:,[0-9]{3}){2}(?![0-9])|[0-9]{1,3},[0-9]{3}(?![0-9])"
AMOUNT: Final = re.compile(
    rf"(?:[¥￥] ?({THOUSANDS}|[0-9]{{1,8}})(?:\.([0-9]{{1,2}}))?(?! ?[元角分0-9.])"
    rf"|[¥￥]? ?({THOUSANDS}|[0-9]{{1,8}})(?:\.([0-9]{{1,2}}))? ?(元|角|分))"
)
NUMBER: Final = re.compile(rf"({THOUSANDS}|[0-9]+)(?:\.([0-9]+))?")
WIDE: Final = str.maketrans("０１２３４５６７８９．", "0123456789.")
PAUSES: Final = "，。！？；：、,.!?;:"
DIGITS: Final = ("ling2", "yi1", "er4", "san1", "si4", "wu3", "liu4", "qi1", "ba1", "jiu3")
UNITS: Final = ((10_000, "wan4"), (1000, "qian1"), (100, "bai3"), (10, "shi2"))
MONEY: Final = {"元": "yuan2", "角": "jiao3", "分": "fen1"}
LONGEST_NUMBER: Final = 8  # digits; longer ones are numbers of something, said digit by digit
SYLLABLE: Final = re.compile(r"[a-zü]{1,6}[1-5]\Z")


@dataclass(frozen=True)
class Readings:
    """Words and their pinyin, and the characters that need one."""

    words: Mapping[str, str]
    several: frozenset[str]

    @cached_property
    def longest(self) -> int:
        """Signs of the longest word, 0 without any."""
        return max(map(len, self.words), default=0)


def readings() -> Readings:
    """`readings.toml` as it is shipped."""
    found = document(_shipped("readings.toml"))
    return Readings(found["words"], frozenset(found["several"]))


def syllables() -> Mapping[str, str]:
    """Clip → pinyin of all its syllables, as shipped."""
    return document(_shipped("syllables.toml"))


def _shipped(name: str) -> str:
    return (files("agent.voices") / name).read_text(encoding="utf-8")


def said(text: str) -> str:
    """What espeak-ng is given: the text's own pinyin, or what `spoken` makes of it. Raises
    `VoiceUnspoken`."""
    if all(SYLLABLE.match(part) for part in text.split()):
        return text
    return spoken(text, readings())


def spoken(text: str, known: Readings) -> str:
    """For espeak-ng's pinyin voice: syllables, and characters that have one reading only.

    Raises `VoiceUnspoken` for what no voice could say by the text alone.
    """
    return " ".join(_parts(text.translate(WIDE), known))


def _parts(text: str, known: Readings) -> Iterator[str]:
    at = 0
    while at < len(text):
        if amount := AMOUNT.match(text, at):
            yield from _amount(amount)
            at = amount.end()
        elif number := NUMBER.match(text, at):
            yield from _number(number[1], number[2] or "")
            at = number.end()
        elif word := _word(text, at, known):
            yield known.words[word]
            at += len(word)
        else:
            yield from _sign(text, text[at], known)
            at += 1


def _word(text: str, at: int, known: Readings) -> str:
    """The longest known word there; empty when there is none."""
    lengths = range(min(known.longest, len(text) - at), 0, -1)
    return next((text[at : at + n] for n in lengths if text[at : at + n] in known.words), "")


def _sign(text: str, sign: str, known: Readings) -> Iterator[str]:
    if sign in known.several:
        raise VoiceUnspoken(clip=text, cause=f"“{sign}”: several readings, pinyin needed")
    if sign in PAUSES:
        yield ","
    elif "\u4e00" <= sign <= "\u9fff":
        yield sign
    elif not sign.isspace():
        raise VoiceUnspoken(clip=text, cause=f"“{sign}”: pinyin needed")


def _amount(found: re.Match[str]) -> Iterator[str]:
    """2.50元: 两元五角."""
    written, after = found[1] or found[3], found[2] or found[4] or ""
    whole, unit = int(_bare(written)), found[5] or "元"
    if unit != "元":
        yield from _number(written, after) if after else counted(whole)
        yield MONEY[unit]
        return
    tenths, hundredths = (int(digit) for digit in after.ljust(2, "0"))
    if whole or not (tenths or hundredths):
        yield from (*counted(whole), MONEY["元"])
    if tenths:
        yield from (*(counted(tenths) if not whole else digit(tenths)), MONEY["角"])
    elif whole and hundredths:
        yield DIGITS[0]
    if hundredths:
        yield from (*digit(hundredths), MONEY["分"])


def digit(value: int) -> tuple[str]:
    """One digit before a unit of money; 一 has the fourth tone there (before a third or first)."""
    return ("yi4",) if value == 1 else (DIGITS[value],)


def counted(value: int) -> Iterator[str]:
    """A number before something counted: 两 元, 一 (yì) 元, else as `number`."""
    if value in (1, 2):
        yield "yi4" if value == 1 else "liang3"
    else:
        yield from number(value)


def number(value: int) -> Iterator[str]:
    """0 to 99 999 999 in words: 105 is 一百零五."""
    if value < 10:
        yield DIGITS[value]
        return
    rest, skipped, begun = value, False, False
    for size, unit in UNITS:
        count, rest = divmod(rest, size)
        if not count:
            skipped = begun and rest > 0
            continue
        if skipped:
            yield DIGITS[0]
        if not (size == 10 and count == 1 and not begun):  # 12 is 十二, 112 一百一十二
            yield from _before(count, unit)
        yield unit
        skipped, begun = False, True
    if rest:
        if skipped:
            yield DIGITS[0]
        yield DIGITS[rest]


def _before(count: int, unit: str) -> Iterator[str]:
    """一 before 百 and 千 has the fourth tone, before 万 the second; within a number the first."""
    if count == 1 and unit != "shi2":
        yield "yi2" if unit == "wan4" else "yi4"
    else:
        yield from number(count)


def _number(written: str, after: str) -> Iterator[str]:
    whole = _bare(written)
    by_digits = len(whole) > LONGEST_NUMBER or (len(whole) > 1 and whole.startswith("0"))
    yield from (DIGITS[int(one)] for one in whole) if by_digits else number(int(whole))
    if after:
        yield "dian3"
        yield from (DIGITS[int(one)] for one in after)


def _bare(written: str) -> str:
    """Without the commas between thousands."""
    return written.replace(",", "")
