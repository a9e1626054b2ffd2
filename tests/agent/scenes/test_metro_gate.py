"""Who has no purse at a metro's gate: only whose fare is nothing goes through."""

from dataclasses import replace

import pytest

from agent.fares.ride import Journey
from agent.fares.rules import Rules
from agent.identify.identity import VerifiedCode
from agent.messages.reasons import Reason
from agent.purse.pricing import FlatFare, ListedFare
from agent.scenes.port import Case
from config.model import SceneSettings
from contracts.scenes.shipped import KINDS, scene_of
from contracts.scenes.stand import FakeLists, FakeTurn
from tests.agent.fares.city import lines, people, person, tariff
from tests.agent.scenes.test_bus import SHOWN, TICKET
from tests.agent.scenes.test_library_gate import CARD, at, somebody

RULES = Rules(tariff=tariff(), entitlements=people(), lines=lines())
LISTED = ListedFare(
    lambda: RULES, lambda: Journey("M1", boarded="M11"), FlatFare(200), "metro-gate"
)


@pytest.mark.parametrize(
    ("who", "shown", "told"),
    [
        ("veteran", None, Reason.ACCEPTED),
        ("veteran", SHOWN, Reason.ACCEPTED),
        ("nobody", None, Reason.NO_PURSE),
        ("student", None, Reason.NO_PURSE),
        ("nobody", SHOWN, Reason.NO_PURSE),
        ("student", SHOWN, Reason.NO_PURSE),
        ("nobody", TICKET, Reason.NO_PURSE),
    ],
)
def test_only_whose_fare_is_nothing_goes_through(
    who: str, shown: VerifiedCode | None, told: Reason
) -> None:
    scene = scene_of(SceneSettings(kind="metro-gate"), "990100", LISTED)
    identity = replace(somebody(), person=person(who), shown=shown)
    seen = scene.look(FakeTurn([], FakeLists()), Case(identity, at())).seen
    assert scene.decide(FakeLists(), Case(identity, at()), seen).reason == told
    listed = FakeLists(cards=[CARD])
    assert scene.decide(listed, Case(identity, at()), seen).reason == Reason.BLACKLISTED


def test_it_decides_about_exits_and_others_do_not() -> None:
    deciding = [kind for kind in KINDS if scene_of(SceneSettings(kind=kind)).decides_exits]
    assert deciding == ["metro-gate"]
