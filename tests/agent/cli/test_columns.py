"""Columns of a console: numbers are whole, lines fit, and a pipe gets everything in one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli.columns import CUT, GAP, LEAST, Column, cut, folded, table, width

WORDS = st.text(st.sampled_from("ab 中文，。é1\u0301‑"), max_size=60)


@pytest.mark.parametrize(
    ("text", "columns"),
    [("", 0), ("abc", 3), ("终端", 4), ("e\u0301", 1), ("ａ", 2), ("…✓", 2), ("\u200b", 0)],
)
def test_a_sign_takes_the_columns_that_it_takes(text: str, columns: int) -> None:
    assert width(text) == columns


@given(WORDS, st.integers(1, 40))
def test_what_is_cut_fits_and_says_that_it_is(text: str, most: int) -> None:
    told = cut(text, most)
    assert width(told) <= most
    assert told == text or told.endswith(CUT)


@given(WORDS, st.integers(LEAST, 40))
def test_folded_lines_fit_and_lose_nothing_but_blanks(text: str, most: int) -> None:
    lines = folded(text, most)
    assert all(width(line) <= most for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_lines_end_between_words_and_not_before_a_full_stop() -> None:
    assert folded("one two three", 8) == ["one two", "three"]
    assert folded("请把卡拿开，再试。", 10) == ["请把卡拿", "开，再试。"]
    assert folded("a" * 20, 9) == ["a" * 9, "a" * 9, "aa"]


@pytest.mark.parametrize("most", [-3, 0, 1])
def test_a_terminal_without_width_is_no_endless_loop(most: int) -> None:
    assert "".join(folded("终端程序没有运行", most)) == "终端程序没有运行"


@given(
    st.lists(st.tuples(st.integers(0, 10**9), WORDS, WORDS), max_size=5),
    st.none() | st.integers(40, 120),
)
def test_a_row_is_one_line_that_fits_and_its_number_is_whole(
    rows: list[tuple[int, str, str]], most: int | None
) -> None:
    columns = (Column("seq", right=True), Column("名", "cut"), Column("why", "cut"))
    lines = table(columns, [(str(n), *words) for n, *words in rows], most)
    assert len(lines) == 1 + len(rows)
    for line, (number, name, why) in zip(lines[1:], rows, strict=True):
        assert line.split(GAP)[0].strip() or line.strip().startswith(str(number))
        assert str(number) in line
        if most is None:
            assert name.strip() in line
            assert why.strip() in line
        else:
            assert width(line) <= most


def test_on_a_pipe_a_cell_of_several_lines_is_one() -> None:
    (_, line) = table((Column("a", "fold"), Column("b")), [("one\ntwo" * 30, "3")], None)
    assert line == ("one two" * 30) + GAP + "3"


def test_a_folded_column_goes_on_below_itself() -> None:
    lines = table((Column("n", right=True), Column("text", "fold")), [("12", "ab " * 10)], 20)
    assert lines[1].startswith("12  ab")
    assert all(line.startswith("    ab") for line in lines[2:])
    assert all(width(line) <= 20 for line in lines)


def test_numbers_are_whole_where_nothing_fits() -> None:
    columns = (Column("number", right=True), Column("text", "cut"))
    (_, line) = table(columns, [("1234567890" * 3, "x" * 90)], 20)
    assert "1234567890" * 3 in line
    assert width(line) == 30 + len(GAP) + LEAST
