"""`bench bus` prints what it promises, lets another purse pay at each tap, and knows its goals."""

import json
import subprocess
import sys
from collections.abc import Mapping

import pytest

from apdu.channel import Transport
from apdu.transit.purse import Purse
from apdu.transit.transit_psam import TransitPsam
from apdu.transit.values import Kind
from benchmarks.bus import FLOOR_GOAL, OWN_GOAL, Purses
from simulators.cards.transit_psam import transit_psam
from simulators.channel import CardChannel
from simulators.transit.city import TransitCity


def bench(*arguments: str) -> dict[str, object]:
    """In a process of its own, as its cards are forked from one without threads."""
    command = [sys.executable, "-m", "benchmarks.bus", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    report: dict[str, object] = json.loads(done.stdout)
    return report


def figure(report: dict[str, object], key: str) -> float:
    value = report[key]
    assert isinstance(value, float)
    return value


def holds(report: dict[str, object], goals: Mapping[str, float]) -> bool:
    return all(figure(report, name.removesuffix("_max")) <= most for name, most in goals.items())


def test_what_is_ours_is_the_tap_without_the_purse_and_the_commits() -> None:
    report = bench("--taps", "3")
    assert (report["name"], report["taps"], report["goals"]) == ("bus", 3, OWN_GOAL)
    own = figure(report, "own_p50")  # below 0 where bare commits have met a busy disk
    assert -figure(report, "commits_bare") < own < figure(report, "p50")
    assert figure(report, "taps_s") >= 3 * own / 1000
    assert report["holds"] == holds(report, OWN_GOAL)


def test_the_floor_is_the_tables_time_and_what_stands_apart() -> None:
    report = bench("--taps", "2", "--air", "848")
    parts = ("floor_card", "floor_psam", "floor_commits", "floor_power")
    assert figure(report, "floor") == pytest.approx(sum(figure(report, p) for p in parts), abs=0.01)
    assert figure(report, "p50") > figure(report, "floor_card") + figure(report, "floor_psam")
    assert report["holds"] == holds(report, FLOOR_GOAL)


def test_who_has_paid_is_another_purse_at_the_next_power_up() -> None:
    city = TransitCity()
    purses, psam = Purses(city), TransitPsam(CardChannel(transit_psam(city.psam()), Transport.T0))
    seen = []
    for pays in (False, True, True):
        purse = Purse(CardChannel(purses, Transport.T1))
        public = purse.select()
        seen.append(public.card_number)
        if pays:
            begun = purse.initialise(Kind.SIMPLE, 1, psam.open())
            purse.debit(psam.authorise(public, begun, "20261127120000"))
    assert seen[0] == seen[1] != seen[2]
