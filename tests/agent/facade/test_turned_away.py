"""Who was turned away is known afterwards, whatever he calls himself and however often he comes."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.facade.faults import ClientUnknown, TooManyCallers
from agent.facade.refusals import KEPT, LOGGED, PER, SHOWN, Refusals, Stranger, plain
from world.real import RealWorld

UNKNOWN = ClientUnknown(caller="made up")


class Clock(RealWorld):
    """Time goes on when it is told to."""

    passed = 0.0

    def monotonic(self) -> float:
        return self.passed


def page(number: int) -> Stranger:
    return Stranger("nobody", f"https://page-{number}.example", "localhost:8686")


def test_the_newest_is_first_and_each_is_counted_once() -> None:
    refusals = Refusals(Clock())
    for stranger in (page(1), page(2), page(1)):
        refusals.note(UNKNOWN, stranger)
    refusals.note(TooManyCallers(allowed=1), page(1))
    told = [(one["origin"], one["code"], one["times"]) for one in refusals.status()]
    assert told == [
        ("https://page-1.example", "facade.too-many", 1),
        ("https://page-1.example", "facade.client-unknown", 2),
        ("https://page-2.example", "facade.client-unknown", 1),
    ]


def test_a_flood_of_different_callers_fills_neither_memory_nor_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = Clock()
    refusals = Refusals(world)
    with caplog.at_level(logging.WARNING, "onecard.facade"):
        for number in range(1000):
            refusals.note(UNKNOWN, page(number))
    assert len(refusals.status()) == KEPT
    assert refusals.status()[0]["origin"] == "https://page-999.example"
    assert len(caplog.records) == LOGGED
    assert "origin=https://page-0.example host=localhost:8686" in caplog.records[0].getMessage()


def test_after_a_quiet_minute_it_is_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    world = Clock()
    refusals = Refusals(world)
    with caplog.at_level(logging.WARNING, "onecard.facade"):
        for number in range(LOGGED + 1):
            refusals.note(UNKNOWN, page(number))
        world.passed += PER + 1
        refusals.note(UNKNOWN, page(0))
    assert len(caplog.records) == LOGGED + 1


@given(st.text())
def test_a_callers_own_words_are_plain_and_short(words: str) -> None:
    shown = plain(words)
    assert len(shown) <= SHOWN
    assert shown.isascii()
    assert shown.isprintable()
    assert " " not in shown
