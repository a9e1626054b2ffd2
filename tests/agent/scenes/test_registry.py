"""Which scene the settings name, what it takes, and what is said where it cannot be used."""

from collections.abc import Callable, Sequence
from typing import Self

import msgspec
import pytest

from agent.scenes import registry
from agent.scenes.library_gate.scene import LibraryOptions
from agent.scenes.metro.options import MetroOptions
from agent.scenes.port import Case, Decision, ListsInTurn, Looked, Parts, Scene, SceneTurn
from config.faults import ConfigFault, MissingKey, SaidTwice, UnknownKey, WrongValue
from config.load import parse
from config.model import AgentSettings
from contracts.scenes.shipped import KINDS
from offline_store.events.seen import Seen
from world.packages import EntryPoint
from world.packages import entry_points as entry_points_of

HERE = "tests.agent.scenes.test_registry"


class Toy(Scene):
    """Another package's: whoever comes is accepted."""

    kind = "toy"

    @classmethod
    def make(cls, parts: Parts) -> Self:
        return cls()

    def look(self, turn: SceneTurn, case: Case) -> Looked:
        return Looked()

    def decide(self, lists: ListsInTurn, case: Case, seen: Seen) -> Decision:
        raise NotImplementedError


class Misnamed(Toy):
    kind = "another"


def no_scene() -> None:
    """Loads, and is none."""


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`offer(name=point)`: entry points of another package beside those that are installed."""

    def offered(**points: str) -> None:
        more = [EntryPoint(name, point, registry.GROUP) for name, point in points.items()]

        def entry_points(**wanted: str) -> Sequence[EntryPoint]:
            named = wanted.get("name")
            return [
                *entry_points_of(**wanted),
                *(point for point in more if named is None or point.name == named),
            ]

        monkeypatch.setattr(registry, "entry_points", entry_points)

    return offered


def settings(scene: str, more: str = "") -> AgentSettings:
    text = f"""
[terminal]
id = "t1"
city = "519900"
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
{more}
[scene]
{scene}
"""
    return parse(text.encode(), "box.toml")


def test_what_is_shipped_is_found_by_its_name() -> None:
    assert sorted(registry.installed()) == sorted(KINDS)
    assert all(registry.find(name).kind == name for name in KINDS)


def test_a_name_that_nobody_offers_is_told_with_those_that_are() -> None:
    with pytest.raises(registry.SceneUnknown) as caught:
        registry.find("libary-gate")
    assert caught.value.facts["installed"] == ", ".join(sorted(KINDS))


@pytest.mark.parametrize(
    ("point", "missing"),
    [
        ("onecard_toys_that_are_not_there:Toy", "onecard_toys_that_are_not_there"),
        (f"{HERE}:Nothing", f"{HERE}:Nothing"),
        (f"{HERE}:no_scene", "Scene, kind = toy"),
        (f"{HERE}:Misnamed", "Scene, kind = toy"),
    ],
)
def test_one_that_cannot_be_loaded_names_package_and_entry_point(
    offer: Callable[..., None], point: str, missing: str
) -> None:
    offer(toy=point)
    with pytest.raises(registry.SceneBroken) as caught:
        registry.find("toy")
    package = point.partition(":")[0]
    assert caught.value.facts == {
        "scene": "toy", "package": package, "point": point, "missing": missing,
    }  # fmt: skip


def test_another_packages_scene_is_found(offer: Callable[..., None]) -> None:
    offer(toy=f"{HERE}:Toy")
    assert registry.find("toy") is Toy
    assert "toy" in registry.installed()


def test_two_packages_with_one_name_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("toy", f"{HERE}:{name}", registry.GROUP) for name in ("Toy", "Misnamed")]
    monkeypatch.setattr(registry, "entry_points", lambda **wanted: points)
    with pytest.raises(registry.SceneBroken) as caught:
        registry.find("toy")
    assert caught.value.facts["missing"] == "one of them"


def test_no_other_package_takes_the_name_of_one_of_ours(offer: Callable[..., None]) -> None:
    offer(**{"library-gate": f"{HERE}:Toy"})
    assert registry.find("library-gate") is not Toy


def options(scene: str, more: str = "") -> msgspec.Struct:
    found = settings(scene, more)
    return registry.options_of(registry.find(found.scene.kind), found, "box.toml")


def test_options_are_what_the_scene_says() -> None:
    assert options('kind = "library-gate"') == LibraryOptions(8.0)
    assert options('kind = "library-gate"\noptions.repeat_window = 0.5') == LibraryOptions(0.5)
    metro = options('kind = "metro-gate"\noptions.no_exit = "highest"', AT_A_STATION)
    assert metro == MetroOptions(no_exit="highest")


AT_A_STATION = '[transit]\nline = "M1"\nstation = "M11"\n'
METRO = 'kind = "metro-gate"\n'


@pytest.mark.parametrize(
    ("scene", "more", "fault", "key"),
    [
        ('kind = "library-gate"\noptions.repeat = 1', "", UnknownKey, "scene.options.repeat"),
        ('kind = "library-gate"\noptions.repeat_window = inf', "", WrongValue, None),
        ('kind = "library-gate"\noptions.repeat_window = "8"', "", WrongValue, None),
        ('kind = "service-window"\noptions.repeat_window = 1.0', "", ConfigFault, None),
        (METRO, '[transit]\nstation = "M11"', MissingKey, "transit.line"),
        (METRO, '[transit]\nline = "M1"', MissingKey, "transit.station"),
        (METRO, f'{AT_A_STATION}[vehicle]\nid = "bus-1"', SaidTwice, "transit.station"),
        (f'{METRO}options.operator = "x"', AT_A_STATION, WrongValue, "scene.options.operator"),
        (
            f'{METRO}options.overstay = "surcharge"\noptions.longest_minutes = 240',
            AT_A_STATION,
            WrongValue,
            "scene.options.overstay_fare",
        ),
        (
            f'{METRO}options.overstay = "surcharge"\noptions.overstay_fare = 300',
            AT_A_STATION,
            WrongValue,
            "scene.options.longest_minutes",
        ),
    ],
)
def test_options_that_do_not_fit_are_told_by_their_key(
    scene: str, more: str, fault: type[ConfigFault], key: str | None
) -> None:
    with pytest.raises(ConfigFault) as caught:
        options(scene, more)
    problems = [one for one in caught.value.problems if isinstance(one, fault)]
    assert key is None or key in [one.facts["key"] for one in problems]
    assert problems


@pytest.mark.parametrize(
    ("direction", "fault", "key"),
    [
        ('direction = "counter"', WrongValue, "lanes[entry].direction"),
        ('direction = "counter"\ntaps = false', MissingKey, "lanes[…].direction"),
    ],
)
def test_each_tap_at_a_metro_gate_is_an_entry_or_an_exit(
    direction: str, fault: type[ConfigFault], key: str
) -> None:
    text = f"""
[terminal]
id = "t1"
city = "519900"
[[readers]]
name = "door"
match = "*"
interface = "contactless"
[[lanes]]
name = "entry"
{direction}
readers = ["door"]
prompts = ["panel"]
[[prompts]]
name = "panel"
{AT_A_STATION}
[scene]
{METRO}
"""
    found = parse(text.encode(), "box.toml")
    with pytest.raises(ConfigFault) as caught:
        registry.options_of(registry.find("metro-gate"), found, "box.toml")
    [problem] = caught.value.problems
    assert isinstance(problem, fault)
    assert problem.facts["key"] == key
