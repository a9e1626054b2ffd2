"""The same code within the window is one code; the window begins when it was seen last."""

from hypothesis import given
from hypothesis import strategies as st

from drivers.io.repeats import REMEMBERED, Repeats


def test_again_within_the_window_is_the_same_one() -> None:
    repeats = Repeats(3.0)
    assert not repeats.seen(b"a", 10.0)
    assert repeats.seen(b"a", 12.9)


def test_after_the_window_it_is_a_new_one() -> None:
    repeats = Repeats(3.0)
    assert not repeats.seen(b"a", 10.0)
    assert not repeats.seen(b"a", 13.0)


def test_one_that_stays_in_view_is_never_new() -> None:
    repeats = Repeats(3.0)
    repeats.seen(b"a", 0.0)
    assert all(repeats.seen(b"a", at * 2.0) for at in range(1, 100))


def test_another_in_between_changes_nothing() -> None:
    repeats = Repeats(3.0)
    repeats.seen(b"a", 0.0)
    assert not repeats.seen(b"b", 1.0)
    assert repeats.seen(b"a", 2.0)


def test_no_window_drops_nothing() -> None:
    repeats = Repeats(0.0)
    assert not repeats.seen(b"a", 1.0)
    assert not repeats.seen(b"a", 1.0)


@given(st.lists(st.binary(max_size=2), max_size=200))
def test_what_is_remembered_is_bounded(contents: list[bytes]) -> None:
    repeats = Repeats(1e9)
    for at, content in enumerate(contents):
        repeats.seen(content, float(at))
    assert len(repeats._seen) <= REMEMBERED
