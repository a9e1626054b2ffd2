"""The event counter of pcscd tells each insertion, however late we look and where it wraps."""

import hypothesis.strategies as st
from hypothesis import given
from smartcard import scard

from drivers.pcsc_state import EVENTS, Seen, half_told, insertions

PRESENT, EMPTY = scard.SCARD_STATE_PRESENT, scard.SCARD_STATE_EMPTY


def _present(moves: int) -> bool:
    """A slot that began empty: each move puts a card in or takes it out."""
    return moves % 2 == 1


def _state(moves: int, counted: int | None = None) -> int:
    """pcscd's event state after so many moves, of which it has counted all or `counted`."""
    counter = (moves if counted is None else counted) & 0xFFFF
    flags: int = PRESENT if _present(moves) else EMPTY
    return counter << EVENTS | flags


@given(start=st.integers(0, 200_000), moved=st.integers(0, 60_000))
def test_every_insertion_between_two_looks_is_counted(start: int, moved: int) -> None:
    came = (start + moved + 1) // 2 - (start + 1) // 2
    assert insertions(Seen("reader", _state(start)), _state(start + moved)) == came


@given(start=st.integers(1, 200_000), moved=st.integers(0, 60_000))
def test_move_that_was_not_yet_counted_is_counted_once(start: int, moved: int) -> None:
    came = (start + moved + 1) // 2 - (start + 1) // 2
    hasty = Seen("reader", _state(start, counted=start - 1))
    assert insertions(hasty, _state(start + moved)) == came


@given(start=st.integers(0, 200_000).map(lambda n: 2 * n + 1), swaps=st.integers(1, 20_000))
def test_swap_of_which_only_the_removal_is_counted_is_looked_at_again(
    start: int, swaps: int
) -> None:
    before, now = Seen("reader", _state(start)), start + 2 * swaps
    assert half_told(before, _state(now, counted=now - 1))
    assert not half_told(before, _state(now))


@given(moves=st.integers(0, 200_000))
def test_first_look_finds_the_card_that_lies_there(moves: int) -> None:
    assert insertions(Seen("reader"), _state(moves)) == moves % 2


@given(moves=st.integers(0, 200_000))
def test_card_after_an_unavailable_reader_is_new(moves: int) -> None:
    before = Seen("reader", scard.SCARD_STATE_UNAVAILABLE)
    assert insertions(before, _state(moves)) == moves % 2


def test_flags_of_sharing_are_no_insertion() -> None:
    assert insertions(Seen("reader", _state(7)), _state(7) | scard.SCARD_STATE_INUSE) == 0
