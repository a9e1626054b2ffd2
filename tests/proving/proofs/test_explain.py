"""`prove explain` on some 500 rows of random days: it holds, its controls are caught."""

import json

import pytest

from proving.proofs.days import SCENES
from proving.proofs.explain import WRONG, Explained, prove

ROWS = 500


def test_every_decision_of_random_days_comes_out_again_and_the_controls_are_caught() -> None:
    report = prove(ROWS)
    assert report["holds"], report
    assert int(str(report["rows"])) >= ROWS
    assert all(int(str(report[scene])) > 0 for scene in SCENES)
    assert int(str(report["priced"])) > 0
    assert int(str(report["list_versions"])) > len(SCENES), "lists change under way"
    control = report["control"]
    assert isinstance(control, dict)
    assert control["caught"]
    assert json.loads(json.dumps(report)) == report


@pytest.mark.parametrize("worse", WRONG)
def test_one_row_that_does_not_agree_is_enough_to_fail(worse: str) -> None:
    found = Explained()
    assert found.wrong == 0
    found.agreements[worse] += 1  # type: ignore[index]
    assert found.wrong == 1
