"""`prove money` on a few seeds: it holds, its control is caught, and it can fail."""

import json

import pytest

from proving.proofs.money import prove
from proving.proofs.money_judge import ZERO, Tally


def test_no_fen_is_lost_or_invented_and_the_control_is_caught() -> None:
    report = prove(range(1, 9))
    assert report["holds"], report
    control = report["control"]
    assert isinstance(control, dict)
    assert control["caught"]
    assert int(str(report["power_cuts"])) > 0
    assert int(str(report["trips"])) > 0
    assert int(str(report["boarded"])) > 0
    assert json.loads(json.dumps(report)) == report


@pytest.mark.parametrize("worse", ZERO)
def test_one_violation_is_enough_to_fail(worse: str) -> None:
    assert Tally().broken() == 0
    tally = Tally()
    setattr(tally, worse, 1)
    assert tally.broken() == 1
