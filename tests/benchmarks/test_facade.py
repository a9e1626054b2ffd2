"""`bench facade` really calls through the socket, and prints what the house promised."""

import json

import pytest

from benchmarks import facade


def test_bench_facade_reports_flat_figures_and_its_goal() -> None:
    report = facade.run(["--rounds", "2"])
    assert report["name"] == "facade"
    assert isinstance(report["holds"], bool)
    for goal in facade.GOALS:
        assert isinstance(report[goal.removesuffix("_max")], float)
    assert json.loads(json.dumps(report)) == report


def test_control_a_call_with_another_result_is_no_figure() -> None:
    with pytest.raises(AssertionError, match="means nothing"):
        facade._require(-2, 0)
