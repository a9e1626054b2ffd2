"""The helpers of the benchmarks, and that a benchmark prints what the house promised."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import sm2
from benchmarks.measure import alternate, median, percentile


def test_functions_take_turns_and_each_goes_first_equally_often() -> None:
    calls: list[str] = []
    samples = alternate({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 4)
    assert "".join(calls) == "ab" + "ab" + "ba" + "ab" + "ba"
    assert {name: len(times) for name, times in samples.items()} == {"a": 4, "b": 4}
    assert min(samples["a"] + samples["b"]) >= 0


def test_percentile_is_the_nearest_rank() -> None:
    samples = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [percentile(samples, p) for p in (0, 20, 21, 50, 99, 100)] == [1, 1, 2, 3, 5, 5]
    assert median([4.0, 1.0]) == 1.0
    for wrong in (([], 50), ([1.0], 101), ([1.0], -1)):
        with pytest.raises(ValueError, match="percentile"):
            percentile(*wrong)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.integers(0, 100))
def test_percentile_is_a_sample_that_enough_do_not_exceed(
    samples: list[float], percent: int
) -> None:
    found = percentile(samples, percent)
    assert found in samples
    assert 100 * sum(sample <= found for sample in samples) >= percent * len(samples)


def test_bench_sm2_reports_flat_figures_and_goals() -> None:
    report = sm2.run(["--rounds", "2"])
    assert report["name"] == "sm2"
    assert isinstance(report["holds"], bool)
    for goal in sm2.GOALS:
        assert isinstance(report[goal.removesuffix("_min")], float)
    assert json.loads(json.dumps(report)) == report
