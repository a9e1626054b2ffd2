"""`bench code` measures what it says, and cannot hold by measuring something else."""

import pytest

from benchmarks import code
from benchmarks.code import GOALS, holds, run
from benchmarks.measure import NoMeasurement
from simulators.transit.codes import GOOD as GOOD_CODE
from simulators.transit.codes import Phones

GOOD = {"first_ratio": 1.1, "known_ratio": 1.1, "pure_first": 11.0, "pure_known": 11.0}


def spoilt(code: bytes) -> bytes:
    """Another last byte, whatever it was."""
    return code[:-1] + bytes([code[-1] ^ 1])


def test_it_times_every_side_in_one_run() -> None:
    figures = run(["--rounds", "1"])
    sides = {"first", "known", "raw_first", "raw_known", "python_first", "python_known"}
    assert sides | GOOD.keys() <= figures.keys()
    assert figures["goals"] == GOALS


def test_control_one_goal_missed_does_not_hold() -> None:
    assert holds(GOOD)
    for name in GOOD:
        missed = 1.6 if name.endswith("ratio") else 9.9
        assert not holds({**GOOD, name: missed}), name


def test_control_a_code_that_is_refused_is_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    good = Phones.three_level
    monkeypatch.setattr(
        Phones, "three_level", lambda phones, order=GOOD_CODE: spoilt(good(phones, order))
    )
    with pytest.raises(NoMeasurement):
        code.run(["--rounds", "1"])
