"""One fix is one place with its speed, whatever sentences tell it and in which order."""

from collections.abc import Sequence
from itertools import pairwise, permutations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers.position.fixes import HOLD, Fixes
from drivers.position.nmea import Fix, Speed

Said = Fix | Speed | None


def fix(second: int, speed: float | None = None) -> Fix:
    return Fix(float(second), 30.0 + second / 1000, 120.0, speed)


def told(*bursts: Sequence[Said], apart: float = 1.0) -> list[Fix]:
    """What comes of one burst a second, its sentences 30 ms apart, and of the silence after."""
    fixes = Fixes()
    found: list[Fix] = []
    for second, burst in enumerate(bursts):
        for number, said in enumerate(burst):
            found += fixes.hear(said, second * apart + number * 0.03)
    return [*found, *fixes.hear(None, len(bursts) * apart + 2 * HOLD)]


SENTENCES = {"RMC": 7.0, "GGA": None, "GLL": None}


@pytest.mark.parametrize(
    "order",
    [order for count in (1, 2, 3) for order in permutations(SENTENCES, count) if "RMC" in order],
)
def test_the_speed_comes_along_in_every_order(order: tuple[str, ...]) -> None:
    bursts = [[fix(second, SENTENCES[kind]) for kind in order] for second in range(4)]
    assert told(*bursts) == [fix(second, 7.0) for second in range(4)]


@pytest.mark.parametrize("order", [("GGA", "VTG"), ("VTG", "GGA"), ("GGA", "GLL", "VTG")])
def test_the_speed_of_vtg_belongs_to_the_place_beside_it(order: tuple[str, ...]) -> None:
    def burst(second: int) -> list[Said]:
        return [Speed(7.0 + second) if kind == "VTG" else fix(second) for kind in order]

    assert told(*map(burst, range(4))) == [fix(second, 7.0 + second) for second in range(4)]


def test_a_receiver_that_tells_no_speed_is_waited_for_once() -> None:
    fixes = Fixes()
    assert fixes.hear(fix(0), 0.0) == []
    assert fixes.patience(0.0) == HOLD
    assert fixes.hear(None, HOLD) == [fix(0)]
    assert fixes.hear(fix(1), 1.0) == [fix(1)]
    assert fixes.patience(1.0) is None


def test_one_that_tells_it_after_all_is_waited_for_again() -> None:
    bursts: list[list[Said]] = [[fix(0)], [fix(1)], [fix(2), Speed(5.0)], [fix(3), Speed(6.0)]]
    assert told(*bursts) == [fix(0), fix(1), fix(2), fix(3, 6.0)]


def test_ten_fixes_a_second_are_told_each_with_its_own() -> None:
    bursts = [[fix(second), fix(second, float(second))] for second in range(30)]
    assert told(*bursts, apart=0.1) == [fix(second, float(second)) for second in range(30)]


sentences = st.lists(
    st.one_of(
        st.builds(fix, st.integers(0, 4), st.sampled_from([None, 3.0])),
        st.just(Speed(5.0)),
        st.none(),
    ),
    max_size=20,
)


@example(said=[fix(0)], gaps=[2.0])  # 2.0 + 0.8 - 2.0 < 0.8
@given(said=sentences, gaps=st.lists(st.floats(0, 2), min_size=20, max_size=20))
def test_no_place_is_invented_and_none_is_told_twice_running(
    said: list[Said], gaps: list[float]
) -> None:
    fixes, at = Fixes(), 0.0
    found: list[Fix] = []
    for one, gap in zip(said, gaps, strict=False):
        at += gap
        found += fixes.hear(one, at)
    found += fixes.hear(None, at + HOLD)
    heard = {one.time for one in said if isinstance(one, Fix)}
    assert {one.time for one in found} == heard
    times = [one.time for one in found]
    assert all(one != other for one, other in pairwise(times))
    assert fixes.patience(at + HOLD) is None
