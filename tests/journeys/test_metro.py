"""A metro's gates on real parts: entries, exits, torn ones that come back, who never entered, no
network, a power cut while a payment is open. The journey is the demo's own.
"""

import csv
from collections.abc import Iterator

import pytest

from agent.purse.trips import Inside, RailRecord
from apdu.transit.files import Layouts
from proving.demos.metro import RUN, MetroRun, Outcome, Passed
from simulators.transit.metro import CITY
from simulators.transit.metro_site import MetroSite
from tests.journeys.gate import onecard


class Quiet:
    """Watches without a word."""

    def incident(self, name: str) -> None: ...

    def passed(self, row: Passed) -> None: ...


@pytest.fixture(scope="module")
def site() -> Iterator[MetroSite]:
    with MetroSite(language="en") as site:
        yield site


@pytest.fixture(scope="module")
def run(site: MetroSite) -> MetroRun:
    return MetroRun(site, Quiet())


@pytest.fixture(scope="module")
def outcome(run: MetroRun) -> Outcome:
    return run.play()


def test_everybody_is_told_and_charged_what_is_right(outcome: Outcome) -> None:
    assert [(row.passing, row.got, row.paid) for row in outcome.rows if not row.agrees] == []
    assert {"trip-begun", "trip-ended", "torn-recovered", "not-entered", "trip-open"} <= {
        passing.expect for passing in RUN
    }


def test_the_cards_lost_what_the_records_say_to_the_fen(outcome: Outcome) -> None:
    assert outcome.spent == outcome.confirmed + outcome.grey
    assert outcome.grey == 300  # of the one that never came back


def test_the_cards_say_where_their_holders_are(run: MetroRun, outcome: Outcome) -> None:
    layout = Layouts.shipped().find(CITY, "rail")
    inside = {
        who: RailRecord.read(layout, person.inside.state.records[0]).inside
        for who, person in run.people.items()
    }
    assert [who for who in inside if inside[who] == Inside.IN] == [
        "short", "sleeper", "slow", "torn-in", "unsent", "returning",
    ]  # fmt: skip
    assert inside["gone"] == inside["cut"] == Inside.OUT


def test_the_platform_has_every_row_once_with_equal_hash(outcome: Outcome) -> None:
    assert outcome.same
    assert outcome.whole


def test_the_clearing_has_entries_and_exits(site: MetroSite, outcome: Outcome) -> None:
    path = site.folder / "clearing.csv"
    assert onecard(site, "journal", "clearing", "--out", str(path)).returncode == 0
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    sums = {
        (row["trip"], row["grey"]): sum(
            int(other["amount"])
            for other in rows
            if (other["trip"], other["grey"]) == (row["trip"], row["grey"])
        )
        for row in rows
    }
    assert sums == {
        ("entry", "0"): 0,
        ("", "0"): 0,  # once more through the gate: 0 fen that only prove the card
        ("exit", "0"): outcome.confirmed,
        ("exit", "1"): outcome.grey,
    }
    assert {row["type"] for row in rows} == {"9"}
