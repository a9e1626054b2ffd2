"""`bench cli`: each call's own processor time and memory, and the ratios to ykman's."""

import os
import sys

import pytest

from benchmarks.cli import GOALS, judged, measured, used_by
from benchmarks.measure import NoMeasurement

USED = {
    "help": [(40.0, 20.0), (50.0, 21.0), (60.0, 19.0)],
    "readers": [(70.0, 24.0)],
    "config_check": [(80.0, 26.0)],
    "ykman_help": [(100.0, 40.0)],
    "ykman_list": [(100.0, 40.0)],
}


def test_figures_are_medians_and_their_ratio_to_the_peers() -> None:
    figures = judged(USED)
    assert (figures["help_ms"], figures["help_mb"], figures["help_times"]) == (50.0, 19.0, 0.5)
    assert (figures["readers_times"], figures["config_check_times"]) == (0.7, 0.8)
    assert all(goal.removesuffix("_max") in figures for goal in GOALS)


def test_a_calls_time_and_memory_are_its_own() -> None:
    lean = [sys.executable, "-c", "pass"]
    busy = [sys.executable, "-c", "x = bytearray(80 << 20)\nfor n in range(10 ** 6): n * n"]
    (lean_ms, lean_mb), (busy_ms, busy_mb) = (used_by(one, os.environ) for one in (lean, busy))
    assert busy_ms > lean_ms
    assert busy_mb > lean_mb + 40


def test_the_first_round_is_not_counted() -> None:
    used = measured({"a": ["true"], "b": ["true"]}, 2, os.environ)
    assert {name: len(calls) for name, calls in used.items()} == {"a": 2, "b": 2}


def test_control_a_call_that_fails_is_no_measurement() -> None:
    with pytest.raises(NoMeasurement, match="status 1"):
        used_by(["false"], os.environ)
