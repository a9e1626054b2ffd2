"""Two revisions are compared by figures that both have, and by nothing else that they print."""

import json
from pathlib import Path

import pytest

from benchmarks.against import Side, compared
from benchmarks.measure import NoMeasurement


def side(folder: Path, *lines: str, status: int = 0) -> Side:
    """A command line that prints these lines, its arguments before them."""
    script = folder / "onecard"
    said = "".join(f"echo '{line}'\n" for line in lines)
    script.write_text(f'#!/bin/sh\necho "$@"\n{said}exit {status}\n')
    script.chmod(0o755)
    return Side([str(script)], folder, script)


def test_a_figure_is_the_median_of_its_turns_and_the_ratio_that_of_the_medians() -> None:
    now = [{"p50": value, "p99": 9.0} for value in (2.0, 9.0, 3.0)]
    before = [{"p50": value, "p99": 9.0} for value in (4.0, 1.0, 6.0)]
    figures = compared("tap", now, before)
    assert (figures["p50"], figures["p50_before"], figures["p50_times"]) == (3.0, 4.0, 0.75)
    assert figures["p99_times"] == 1.0
    assert figures["holds"]


@pytest.mark.parametrize(("bench", "judged"), [("code", "known"), ("tap", "p50"), ("x", "y_p50")])
def test_what_became_slower_does_not_hold(bench: str, judged: str) -> None:
    figures = {"first": 1.0, "known": 1.0, "p50": 1.0, "y_p50": 1.0}
    slower = figures | {judged: 1.06}
    assert compared(bench, [figures], [figures])["holds"]
    assert not compared(bench, [slower], [figures])["holds"]
    assert compared(bench, [figures], [slower])["holds"]


def test_what_is_printed_is_what_is_judged() -> None:
    figures = compared("tap", [{"p50": 1.05003}], [{"p50": 1.0}])
    assert (figures["p50_times"], figures["holds"]) == (1.05, True)


def test_what_only_one_revision_tells_is_not_compared() -> None:
    figures = compared("tap", [{"p50": 1.0, "new": 1.0}], [{"p50": 1.0, "old": 1.0}])
    assert not {"new", "old", "new_times"} & figures.keys()
    with pytest.raises(NoMeasurement, match="p50"):
        compared("tap", [{"p50": 1.0}], [{"p51": 1.0}])


def test_a_ratio_of_the_bench_itself_is_not_the_comparison() -> None:
    now = {"first": 1.0, "known": 1.0, "first_ratio": 1.2}
    figures = compared("code", [now], [now | {"first": 2.0}])
    assert (figures["first_ratio"], figures["first_times"]) == (1.2, 0.5)
    assert figures["holds"]


def test_nothing_before_gives_no_ratio() -> None:
    assert "lost_times" not in compared("tap", [{"p50": 1.0, "lost": 2}], [{"p50": 1.0, "lost": 0}])


def test_the_last_line_counts_and_a_bench_that_does_not_hold_has_figures_too(
    tmp_path: Path,
) -> None:
    line = json.dumps({"name": "tap", "p50": 1.5, "taps": 3, "goals": {"x": 1}, "holds": False})
    assert side(tmp_path, line, status=1).bench("tap", ["--taps", "3"]) == {"p50": 1.5, "taps": 3}


@pytest.mark.parametrize("last", ["", "Traceback", '{"error": "cli.unknown-name"}', '{"p50": 1.'])
def test_a_bench_without_figures_is_no_measurement(tmp_path: Path, last: str) -> None:
    with pytest.raises(NoMeasurement):
        side(tmp_path, last, status=69).bench("tap", [])


def test_a_goal_of_the_caller_is_judged_in_place_of_the_usual_one() -> None:
    now, before = {"rss_mb": 7.0, "ready_s": 1.0}, {"rss_mb": 10.0, "ready_s": 1.0}
    wanted = {"rss_mb": 0.7}
    assert compared("footprint", [now], [before], wanted)["holds"]
    figures = compared("footprint", [now | {"rss_mb": 7.1}], [before], wanted)
    assert (figures["goals"], figures["holds"]) == ({"rss_mb_times_max": 0.7}, False)
