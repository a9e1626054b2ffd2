"""A run of a bus on real parts: drivers, purses of all kinds, codes and tickets, torn cards that
return or do not, forgeries, no network, a power cut while a payment is open. The demo's own run.
"""

import csv
from collections.abc import Iterator

import pytest

from offline_store.events.payment import PaymentEnd
from proving.demos.bus import RUN, Boarded, BusRun, Outcome
from simulators.transit.lists import FARES
from simulators.transit.site import VEHICLE, BusSite
from tests.journeys.gate import onecard


class Quiet:
    """Watches without a word."""

    def incident(self, name: str) -> None: ...

    def boarded(self, row: Boarded) -> None: ...


@pytest.fixture(scope="module")
def site() -> Iterator[BusSite]:
    with BusSite(language="en") as site:
        yield site


@pytest.fixture(scope="module")
def outcome(site: BusSite) -> Outcome:
    return BusRun(site, Quiet()).play()


def test_every_passenger_is_told_what_is_right(outcome: Outcome) -> None:
    assert [(row.boarding, row.got) for row in outcome.rows if not row.agrees] == []
    assert len({boarding.who for boarding in RUN}) >= 24
    assert len(outcome.rows) >= 25


def test_the_cards_lost_what_the_records_say_to_the_fen(outcome: Outcome) -> None:
    money = outcome.money
    assert money.spent == money.confirmed + money.grey
    assert money.confirmed > 0
    assert money.grey_rows == 2  # the one that never came back, and the forged one
    assert money.by_code == money.codes_due > 0
    assert money.shifts == money.confirmed + money.by_code


def test_the_platform_has_every_row_once_with_equal_hash(outcome: Outcome) -> None:
    assert outcome.same
    assert outcome.whole


def test_the_clearing_has_each_debit_once_and_flags_grey(site: BusSite, outcome: Outcome) -> None:
    path = site.folder / "clearing.csv"
    assert onecard(site, "journal", "clearing", "--out", str(path)).returncode == 0
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    sums = {flag: sum(int(row["amount"]) for row in rows if row["grey"] == flag) for flag in "01"}
    assert sums["0"] == outcome.money.confirmed
    assert sums["1"] >= outcome.money.grey
    assert len({(row["card_number"], row["psam_seq"]) for row in rows}) == len(rows)


def test_rides_by_code_are_cleared_apart(site: BusSite, outcome: Outcome) -> None:
    path = site.folder / "codes.csv"
    assert onecard(site, "journal", "clearing", "--codes", "--out", str(path)).returncode == 0
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert sum(int(row["amount"]) for row in rows) == outcome.money.by_code
    assert {row["concession"] for row in rows} == {"", *FARES}
    assert {row["vehicle"] for row in rows} == {VEHICLE}
    assert all(len(row["code"]) >= 2 * 226 for row in rows)


def test_a_record_says_where_the_bus_was_and_who_drove(outcome: Outcome) -> None:
    ends = [e for e in (r.event() for r in outcome.journal) if isinstance(e, PaymentEnd)]
    assert {end.ride.station for end in ends} == {"", "S2"}
    assert len({end.ride.driver for end in ends if end.reason == "paid"}) == 2
