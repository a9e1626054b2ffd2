"""Who was turned away is known afterwards, whatever he calls himself and however often he comes."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.facade.faults import ClientUnknown, TooManyCallers
from agent.facade.refusals import KEPT, LOGGED, PER, SHOWN, Refusals, Stranger, plain
from tests.agent.facade.callers import ORIGIN, USER, Library, Live, live
from tests.agent.facade.pages import Socket, ask
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


def test_who_is_served_again_is_forgotten_and_nobody_else() -> None:
    refusals = Refusals(Clock())
    other_user = replace(page(1), user="somebody")
    for stranger in (page(1), page(2), other_user):
        refusals.note(UNKNOWN, stranger)
    refusals.note(TooManyCallers(allowed=1), page(1))
    refusals.forget(page(1))
    told = [(one["user"], one["origin"]) for one in refusals.status()]
    assert told == [(s.user, s.origin) for s in (other_user, page(2))]
    refusals.forget(page(1))
    refusals.note(UNKNOWN, page(1))
    assert refusals.status()[0]["times"] == 1


def by_post(desk: Live) -> None:
    assert ask(desk, body=b'{"in":["9"]}')[0] == 200


def by_socket(desk: Live) -> None:
    with Socket(desk) as page:
        assert page.call({"func": "iReadCardBas", "in": ["9"]})["result"] == "-14"


def by_library(desk: Live) -> None:
    with Library(desk.path) as library:
        assert library.call("iReadCardBas", b"9")[0] == -14


@pytest.mark.parametrize("call", [by_post, by_socket, by_library])
def test_a_served_call_of_a_caller_forgets_what_he_was_refused_for(
    tmp_path: Path, call: Callable[[Live], None]
) -> None:
    with live(tmp_path, web=True) as desk:
        caller = Stranger(USER)
        if call is not by_library:
            caller = Stranger(USER, ORIGIN, f"localhost:{desk.port}")
            assert ask(desk, "GET")[0] == 405
        desk.refusals.note(TooManyCallers(allowed=1), caller)
        desk.refusals.note(UNKNOWN, page(1))
        call(desk)
        assert [one["origin"] for one in desk.refusals.status()] == [page(1).origin]


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
