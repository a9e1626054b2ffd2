"""A ticket with uses left is its own judge: what the windows of repetition say of people without a
count is nothing to it, in every scene."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from agent.identify.tickets.ticket import ANYBODY
from agent.purse.pricing import FlatFare
from config.model import SceneSettings
from contracts.scenes.stand import GATE, Stand
from simulators.transit import tickets
from simulators.transit.codes import GOOD, NOW
from simulators.world import SimWorld
from tests.agent.identify.ministry_codes.code_terminal import PHONES, SM2, CodeTerminal

SCENES = {
    "library-gate": GATE,
    "service-window": SceneSettings(kind="service-window", check="lists"),
    "bus": SceneSettings(kind="bus"),
}
PACE = 2.0  # seconds from one to the next: a scanner that sees one code twice is no second person


def ticket(uses: int = 4, kind: str = "package", holder: bytes = b"\xa5" * 32) -> bytes:
    changed: dict[str, Any] = {"uses": uses, "kind": kind, "holder": holder}
    return tickets.made(SM2, replace(tickets.GOOD, **changed))


def holders(stand: Stand, key: str = "lin") -> bytes:
    """The holder reference of who has that card."""
    person = stand.cast.person(stand.cast.card(key).person)
    return bytes.fromhex(stand.references.person(person.number))


def play(
    scenario: Callable[[CodeTerminal], list[str]],
    scene: str = "library-gate",
    interval: float = 0.0,
) -> list[str]:
    """One history of a terminal at the tickets' time."""
    world = SimWorld(1)
    world.jump_clock(NOW - world.now())
    fares = FlatFare(200, "5199")
    return world.play(
        lambda: scenario(
            CodeTerminal(Stand(world, scene=SCENES[scene], interval=interval, fares=fares))
        )
    )


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("kind", ["package", "reservation"])
@pytest.mark.parametrize("holder", [ANYBODY, b"\xa5" * 32], ids=["anybody", "named"])
def test_a_ticket_with_uses_left_is_its_own_judge(scene: str, kind: str, holder: bytes) -> None:
    def scenario(place: CodeTerminal) -> list[str]:
        shown = ticket(kind=kind, holder=holder)
        found = []
        for _ in range(5):
            found.append(place.show(shown).reason)
            place.stand.world.wait(PACE)
        return found

    assert play(scenario, scene, 60.0) == ["accepted"] * 4 + ["ticket-used"]


def test_who_sends_others_in_on_his_ticket_may_go_in_himself() -> None:
    def scenario(place: CodeTerminal) -> list[str]:
        shown = ticket(uses=3, holder=holders(place.stand))
        found = [place.show(shown).reason]
        place.stand.world.wait(PACE)
        found += [place.show(shown).reason, place.stand.tap("lin").reason]
        found += [place.stand.tap("lin").reason]
        return found

    assert play(scenario) == ["accepted", "accepted", "accepted", "repeated"]


def test_who_has_gone_in_may_send_others_after_him_on_his_ticket() -> None:
    def scenario(place: CodeTerminal) -> list[str]:
        shown = ticket(uses=2, holder=holders(place.stand))
        found = [place.stand.tap("lin").reason, place.show(shown).reason]
        place.stand.world.wait(PACE)
        return [*found, place.show(shown).reason]

    assert play(scenario) == ["accepted"] * 3


def test_who_went_in_on_a_ticket_for_one_has_been_here() -> None:
    def scenario(place: CodeTerminal) -> list[str]:
        shown = ticket(uses=1, holder=holders(place.stand))
        return [place.show(shown).reason, place.stand.tap("lin").reason]

    assert play(scenario) == ["accepted", "repeated"]


def test_the_windows_still_judge_who_has_no_count() -> None:
    def scenario(place: CodeTerminal) -> list[str]:
        codes = [PHONES.three_level(replace(GOOD, generated=NOW + at)) for at in (0, 3)]
        found = [place.show(codes[0]).reason]
        place.stand.world.wait(3.0)
        return [*found, place.show(codes[1]).reason]

    assert play(scenario, interval=60.0) == ["accepted", "code-interval"]
