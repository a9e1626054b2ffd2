"""A code at a gate: from the scanner to the record, and where its bytes may and may not be."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from agent.messages.reasons import Reason
from agent.tap.tap import TapReport
from config.model import SceneSettings
from contracts.scenes.stand import Stand
from contracts.secrets_probe import Probe
from drivers.contract import DeviceAbsent
from offline_store.events.row import Event
from simulators.transit import tickets
from simulators.transit.codes import DEFECTS, FAR, GOOD, NOW
from simulators.world import SimWorld
from tests.agent.events import said, tap_of
from tests.agent.identify.ministry_codes.code_terminal import PHONES, SM2, CodeTerminal

T = TypeVar("T")

ANY_TIME = SceneSettings(kind="library-gate", options={"repeat_window": 0})


def play(scenario: Callable[[CodeTerminal], T]) -> T:
    world = SimWorld(1)
    world.jump_clock(NOW - world.now())
    return world.play(lambda: scenario(CodeTerminal(Stand(world, scene=ANY_TIME))))


def test_a_good_code_opens_and_its_record_holds_what_clearing_needs() -> None:
    code = PHONES.three_level()

    def scenario(terminal: CodeTerminal) -> TapReport:
        return terminal.show(code)

    report = play(scenario)
    assert report.reason == Reason.ACCEPTED
    event = tap_of(report.record)
    assert event.code_content == code.hex()
    assert event.clock.quality == "synchronised"
    assert event.credential == "code:ministry-three-level"
    assert event.authentication is not None
    assert (event.authentication.mode, event.authentication.result) == ("code", "passed")
    assert len(event.code) == len(event.card) == len(event.person) == 64


def test_two_level_codes_and_tickets_open_too() -> None:
    def scenario(terminal: CodeTerminal) -> list[str]:
        return [
            terminal.show(content).reason for content in (PHONES.two_level(), tickets.made(SM2))
        ]

    assert play(scenario) == [Reason.ACCEPTED, Reason.ACCEPTED]


def test_every_defect_is_refused_with_its_reason_and_the_next_person_is_served() -> None:
    def scenario(terminal: CodeTerminal) -> None:
        for name, defect in DEFECTS.items():
            terminal.roots_expire = defect.roots_expire
            report = terminal.show(defect.make(PHONES))
            terminal.roots_expire = FAR
            # Some are no Ministry code at all for the router: their length or tag is not one's.
            nobodys = report.reason == Reason.CODE_UNKNOWN
            assert nobodys or report.reason == defect.reason, name
            assert not report.accepted
            assert tap_of(report.record).code_content == ""
        assert terminal.show(PHONES.three_level()).accepted

    play(scenario)


def test_a_code_shown_again_is_refused_until_a_fresh_one_comes() -> None:
    def scenario(terminal: CodeTerminal) -> list[str]:
        code = PHONES.three_level()
        found = [terminal.show(code).reason, terminal.show(code).reason]
        terminal.stand.world.wait(3)
        found.append(terminal.show(code).reason)
        found.append(terminal.show(PHONES.three_level(replace(GOOD, generated=NOW + 3))).reason)
        return found

    assert play(scenario) == [
        Reason.ACCEPTED,
        Reason.CODE_TOO_SOON,
        Reason.CODE_SEEN,
        Reason.ACCEPTED,
    ]


def test_a_ticket_is_good_as_often_as_it_says() -> None:
    def scenario(terminal: CodeTerminal) -> list[str]:
        ticket = tickets.made(SM2, replace(tickets.GOOD, uses=2))
        found = []
        for _ in range(3):
            found.append(terminal.show(ticket).reason)
            terminal.stand.world.wait(3)
        return found

    assert play(scenario) == [Reason.ACCEPTED, Reason.ACCEPTED, Reason.TICKET_USED]


def test_leaving_uses_no_ticket() -> None:
    def scenario(terminal: CodeTerminal) -> list[str]:
        ticket = tickets.made(SM2)
        found = [terminal.show(ticket, terminal.stand.exit).reason]
        terminal.stand.world.wait(3)
        return [*found, terminal.show(ticket).reason]

    assert play(scenario) == [Reason.ACCEPTED_EXIT, Reason.ACCEPTED]


def test_a_code_at_a_barrier_that_is_stuck_may_be_shown_again() -> None:
    def scenario(terminal: CodeTerminal) -> list[str]:
        code = PHONES.three_level()
        terminal.stand.barrier.fault = DeviceAbsent(device="gate")
        found = [terminal.show(code).reason]
        terminal.stand.barrier.fault = None
        return [*found, terminal.show(code).reason]

    assert play(scenario) == [Reason.OUT_OF_SERVICE, Reason.ACCEPTED]


def test_an_account_and_a_card_on_the_blacklist_are_refused() -> None:
    def scenario(terminal: CodeTerminal) -> list[str]:
        stand = terminal.stand
        found = []
        for kind, reference in (
            ("persons", stand.references.account(GOOD.account)),
            ("cards", stand.references.card(GOOD.card)),
        ):
            stand.store.lists = type(stand.store.lists)(**{kind: [reference]})
            found.append(terminal.show(PHONES.three_level()).reason)
        return found

    assert play(scenario) == [Reason.BLACKLISTED, Reason.BLACKLISTED]


@pytest.mark.parametrize("nothing", [bytes(10), b"\xff" * 10])
def test_codes_without_a_card_account_number_share_no_card(nothing: bytes) -> None:
    def scenario(terminal: CodeTerminal) -> None:
        terminal.stand.store.lists = type(terminal.stand.store.lists)(
            cards=[terminal.stand.references.card(nothing)]
        )
        assert (
            terminal.show(PHONES.three_level(replace(GOOD, card=nothing))).reason == Reason.ACCEPTED
        )
        assert terminal.stand.store.taps()[-1].card == ""

    play(scenario)


def test_a_codes_bytes_are_nowhere_but_in_the_evidence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG - 5)
    codes = {"three": PHONES.three_level(), "two": PHONES.two_level()}
    forged = {name: code[:-1] + bytes([code[-1] ^ 1]) for name, code in codes.items()}

    def scenario(terminal: CodeTerminal) -> dict[str, str | bytes]:
        for code in (*forged.values(), *codes.values()):
            terminal.show(code)
        resolver = terminal.stand.resolvers["offline"]
        presented = [
            resolver.resolve(f"ministry-{name}-level", code)
            for name, code in (*codes.items(), *forged.items())
        ]
        bodies = [record.event() for record in terminal.stand.store.records]
        return {
            "log": caplog.text,
            "presented": repr(presented),
            "calls": repr(terminal.stand.calls),
            "all else of the records": repr([without_content(event) for event in bodies]),
        }

    planted: dict[str, str | bytes] = {
        "account": GOOD.account,
        "card": GOOD.card,
        **{f"{name} signature": code[-64:] for name, code in codes.items()},
        **{f"{name} forged": code[-64:] for name, code in forged.items()},
    }
    Probe(planted).check_all(play(scenario))


def without_content(event: Event) -> dict[str, Any]:
    return {name: value for name, value in said(event).items() if name != "code_content"}
