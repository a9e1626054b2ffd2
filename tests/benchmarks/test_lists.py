"""`bench lists` swaps and looks up for real, and its figures can miss their goals."""

import json
from pathlib import Path

import pytest

from benchmarks import lists, made_lists
from benchmarks.measure import NoMeasurement
from offline_store.lists.form import Entries


@pytest.fixture(autouse=True)
def short_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: the child processes of a spawn would not see it."""
    monkeypatch.setattr(made_lists, "ENTRIES", 2_000)
    monkeypatch.setattr(lists, "_in_own_process", lambda work, *arguments: work(*arguments))


def test_bench_lists_reports_flat_figures_and_its_goals() -> None:
    report = lists.run(["--swaps", "6", "--taps", "6", "--entries", "30000"])
    assert report["name"] == "lists"
    assert report["swaps"] == 6
    assert isinstance(report["holds"], bool)
    for goal in lists.GOALS:
        assert isinstance(report[goal.removesuffix("_max")], float)
    assert json.loads(json.dumps(report)) == report


def test_control_a_list_that_is_not_put_into_force_is_no_swap(tmp_path: Path) -> None:
    terminal = lists.Terminal(tmp_path)
    swap = lists.Swap(terminal, tmp_path / "nothing.envelope")
    while swap.running():
        pass
    with pytest.raises(NoMeasurement):
        swap.require_done()


def test_made_lists_differ_by_a_hundredth_in_every_reference() -> None:
    before: Entries = made_lists._entries()
    after = made_lists._changed(before)
    assert {kind: len(records) for kind, records in after.items()} == {
        kind: len(records) for kind, records in before.items()
    }
    assert len(before["card"].keys() - after["card"].keys()) == 4
