"""The proof of the power cut, short; `onecard prove power` makes many more."""

from simulators.proofs.power import run


def test_no_acknowledged_row_is_lost_with_the_power_and_the_control_is_caught() -> None:
    result = run(["--cuts", "8"])
    assert result["holds"], result
    assert result["control"]["caught"]
    assert result["acknowledged"] > 0
