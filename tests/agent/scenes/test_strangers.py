"""A stranger's scene may do anything: its own tap ends, with its package's name, and no other."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from agent.messages.reasons import Reason
from agent.scenes import registry
from agent.scenes.defects import SceneDefect
from agent.scenes.foreign import ForeignScene
from agent.scenes.library_gate.scene import LibraryGate
from agent.scenes.port import Scene
from agent.scenes.registry import SceneBroken
from config.faults import ConfigFault
from contracts.scenes.stand import Stand
from offline_store.events.tap import Tap
from simulators.people import load_cast
from simulators.terminal import LocalTerminal
from simulators.world import SimWorld
from tests.agent.scenes import strangers
from tests.agent.scenes.strangers import MODULE, PACKAGE, POINTS, UNLOADABLE

T = TypeVar("T")


@pytest.fixture(scope="module", autouse=True)
def packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with strangers.installed(tmp_path_factory.mktemp("site")):
        yield


def terminal(folder: Path, scene: str) -> LocalTerminal:
    """The product's own parts, with that `[scene]`; nothing of it is started."""
    settings = f"""
[[readers]]
name = "door"
match = "*"
interface = "contactless"
[[lanes]]
name = "entry"
direction = "entry"
readers = ["door"]
prompts = ["panel"]
[[prompts]]
name = "panel"
[scene]
{scene}
"""
    return LocalTerminal(load_cast(), folder, settings)


def made(folder: Path, kind: str) -> Scene:
    return terminal(folder, f'kind = "{kind}"').service.scene


def play(scene: Scene, scenario: Callable[[Stand], T]) -> T:
    world = SimWorld(1)
    return world.play(lambda: scenario(Stand(world, made=scene)))


def test_control_a_good_one_lets_in(tmp_path: Path) -> None:
    scene = made(tmp_path, "toy")
    assert isinstance(scene, ForeignScene)

    def scenario(stand: Stand) -> None:
        assert stand.tap("lin").accepted
        assert stand.store.taps()[0].seen.extra == {"toy.good": 1}
        assert stand.warned == []

    play(scene, scenario)


@pytest.mark.parametrize(
    ("kind", "where", "error"),
    [
        ("raises-in-look", "look", "ValueError"),
        ("looks-nowhere", "look", "NoneType"),
        ("raises-in-decide", "decide", "ValueError"),
        ("exits-in-decide", "decide", "SystemExit"),
        ("asks-no-field", "decide", "AttributeError"),
        ("no-such-reason", "decide", "reason because"),
        ("wrong-verdict", "decide", "reason blacklisted"),
        # What no row could hold, or nobody could read from it again:
        ("sees-fractions", "look", "Undecodable"),
        ("sees-objects", "look", "Undecodable"),
        ("sees-too-much", "look", "Undecodable"),
        ("sees-half-letters", "look", "UnicodeEncodeError"),
        ("goes-by-no-list", "look", "Undecodable"),
        ("rides-oddly", "look", "Undecodable"),
        ("checks-oddly", "decide", "Undecodable"),
        ("oddly-offline", "decide", "offline perhaps"),
        ("raises-in-payer", "payer.pay", "ValueError"),
    ],
)
def test_a_tap_that_it_fails_in_opens_nothing_and_names_it(
    tmp_path: Path, kind: str, where: str, error: str
) -> None:
    def scenario(stand: Stand) -> None:
        report = stand.tap("lin")
        assert (report.reason, report.accepted) == (Reason.NOT_DECIDED, False)
        assert stand.barrier.opened == 0
        [tap] = stand.store.taps()
        assert (tap.fault, tap.verdict) == ("scene.defect", "refused")
        [fault] = stand.warned
        assert isinstance(fault, SceneDefect)
        assert fault.facts == {
            "scene": kind, "package": PACKAGE, "point": f"{MODULE}:{POINTS[kind]}",
            "where": where, "error": error,
        }  # fmt: skip

    play(made(tmp_path, kind), scenario)


def test_the_next_tap_and_the_other_lane_go_on(tmp_path: Path) -> None:
    def scenario(stand: Stand) -> None:
        assert stand.tap("lin").reason == Reason.NOT_DECIDED
        assert stand.tap("wang", reader=stand.second).accepted
        assert stand.leave("lin").reason == Reason.ACCEPTED_EXIT
        assert stand.tap("lin").accepted
        assert stand.barrier.opened == 3

    play(made(tmp_path, "raises-once"), scenario)


@pytest.mark.parametrize("kind", ["raises-in-look", "raises-in-decide"])
def test_leaving_does_not_wait_for_it(tmp_path: Path, kind: str) -> None:
    def scenario(stand: Stand) -> None:
        stand.leave("lin")
        assert stand.barrier.opened == 1
        assert [row.reason for row in stand.store.events if isinstance(row, Tap)] == [
            Reason.ACCEPTED_EXIT
        ]

    play(made(tmp_path, kind), scenario)


@pytest.mark.parametrize(
    ("kind", "where", "error"),
    [
        ("raises-in-make", "make", "ValueError"),
        ("makes-nothing", "make", "NoneType"),
        ("leaves-out", "make", "TypeError"),
        ("needs-no-field", "needs", "shoe-size"),
    ],
)
def test_one_that_cannot_be_made_is_told_before_anything_opens(
    tmp_path: Path, kind: str, where: str, error: str
) -> None:
    with pytest.raises(SceneDefect) as caught:
        made(tmp_path, kind)
    facts = caught.value.facts
    assert (facts["package"], facts["where"], facts["error"]) == (PACKAGE, where, error)
    assert facts["point"] == f"{MODULE}:{POINTS[kind]}"


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        ("no-class", f"{MODULE}:Nothing"),
        ("misnamed", "Scene, kind = misnamed"),
        ("no-options-at-all", "options: msgspec.Struct"),
        ("no-text", "reasons: str"),
        ("no-table", "reasons: "),
        ("raises-in-announcer", "announcer: ValueError"),
        ("raises-in-problems", "problems: ValueError"),
        ("bad-syntax", "SyntaxError"),
        ("bad-import", "stranger_that_is_nowhere"),
        ("bad-module", "ValueError"),
        ("bad-exit", "SystemExit"),
    ],
)
def test_one_that_cannot_be_used_names_package_and_entry_point(
    tmp_path: Path, kind: str, missing: str
) -> None:
    with pytest.raises(SceneBroken) as caught:
        made(tmp_path, kind)
    facts = caught.value.facts
    assert str(facts["missing"]).startswith(missing)
    assert (facts["scene"], facts["package"]) == (kind, PACKAGE)
    named = POINTS.get(kind, "Toy")
    module = f"{MODULE}_{kind.replace('-', '_')}" if kind in UNLOADABLE else MODULE
    assert facts["point"] == f"{module}:{named}"
    assert "secret" not in str(facts)


def test_two_packages_that_offer_one_name_are_both_named(tmp_path: Path) -> None:
    with pytest.raises(SceneBroken) as caught:
        made(tmp_path, "twice")
    assert caught.value.facts["package"] == f"second-scenes, {PACKAGE}"


def test_no_package_takes_the_name_of_one_of_ours(tmp_path: Path) -> None:
    assert isinstance(made(tmp_path, "library-gate"), LibraryGate)


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ("seats = 0.5", "scene.options.seats"),
        ('seats = "many"', "scene.options.seats"),
        ("chairs = 1", "scene.options.chairs"),
        ("seats = 10", "scene.options.hall"),  # its own objection
    ],
)
def test_options_that_do_not_fit_are_told_by_their_key(
    tmp_path: Path, options: str, key: str
) -> None:
    with pytest.raises(ConfigFault) as caught:
        terminal(tmp_path, f'kind = "optional"\noptions.{options}')
    assert [problem.facts["key"] for problem in caught.value.problems] == [key]


def test_where_its_words_fail_the_reasons_own_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service = terminal(tmp_path, 'kind = "announces-badly"').service

    def scenario(stand: Stand) -> None:
        report = stand.tap("lin")
        assert report.accepted
        with caplog.at_level(logging.ERROR, logger="onecard"):
            told, for_staff = service.results.both(report.reason, report.record)
        assert told == service.results.prompt(Reason.ACCEPTED)
        assert for_staff == replace(told, voice="")

    play(service.scene, scenario)
    said = [record.getMessage() for record in caplog.records]
    assert {
        where for line in said for where in ("prompt_for", "for_staff") if f"in {where} " in line
    } == {
        "prompt_for",
        "for_staff",
    }
    assert all(PACKAGE in line and f"{MODULE}:AnnouncesBadly" in line for line in said)


def test_all_of_them_are_found_by_their_entry_points() -> None:
    assert {*POINTS, *UNLOADABLE} <= set(registry.installed())
