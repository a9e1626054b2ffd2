"""The status check behind the basic read: in each disclosure, and a refusal where it is wanted."""

import pytest
from msgspec import convert
from msgspec.structs import replace

from agent.facade.call import CallAnswer
from agent.scenes.registry import find
from config.model import SceneSettings
from contracts.scenes.shipped import KINDS, scene_of
from contracts.scenes.stand import WITHIN
from offline_store.events.terminal import Disclosure
from simulators.people import load_cast
from tests.agent.facade.counter import Counter, play

STEPS = [False, True]


def read(counter: Counter, *, stepped: bool) -> CallAnswer:
    if not stepped:
        return counter.call("iReadCardBas", "1")
    question = counter.good("iReadCardBas_HSM_Step1", "1")
    return counter.call("iReadCardBas_HSM_Step2", counter.hsm(question))


def last(counter: Counter) -> Disclosure:
    return counter.disclosures()[-1]


def checks(counter: Counter) -> dict[str, tuple[str, str]]:
    return {check.subject: (check.status, check.source) for check in last(counter).checks}


def lose(counter: Counter, **standing: str) -> None:
    """The city hears of lin's card or holder."""
    cast = counter.stand.cast
    for subject, status in standing.items():
        names = {"card": cast.card("lin").card_number}
        name = names.get(subject, cast.person("lin").number)
        counter.stand.city.change(name, **{subject: status})


@pytest.mark.parametrize("stepped", STEPS)
def test_what_was_answered_is_in_the_disclosure(stepped: bool) -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        assert read(counter, stepped=stepped).result == 0
        assert checks(counter) == {
            "holder": ("normal", "platform"),
            "card": ("normal", "platform"),
            "business": ("normal", "platform"),
        }
        assert last(counter).reason == "disclosed"
        assert counter.stand.city.asked == 1, "once, behind the read itself"

    play(scenario, standing="refuse")


@pytest.mark.parametrize("stepped", STEPS)
@pytest.mark.parametrize(
    ("against", "reason"),
    [
        ({"card": "lost"}, "card-lost"),
        ({"card": "cancelled"}, "card-cancelled"),
        ({"holder": "deceased"}, "holder-deceased"),
        ({"card": "frozen"}, "card-not-active"),
    ],
)
def test_whoever_has_something_against_him_is_handed_to_nobody(
    against: dict[str, str], reason: str, stepped: bool
) -> None:
    def scenario(counter: Counter) -> None:
        lose(counter, **against)
        counter.insert("lin")
        answer = read(counter, stepped=stepped)
        person = counter.stand.cast.person("lin")
        assert answer.result == -1
        assert answer.output.startswith("卡或持卡人状态不符：")
        assert person.number not in answer.output
        assert person.name not in answer.output
        event = last(counter)
        assert (event.verdict, event.reason) == ("refused", reason)
        assert event.fields == ""
        assert event.withheld.startswith("region,")
        assert counter.powered_down()

    play(scenario, standing="refuse")


def test_the_business_is_the_business_programs_own() -> None:
    def scenario(counter: Counter) -> None:
        lose(counter, business="none")
        counter.insert("lin")
        assert read(counter, stepped=False).result == 0
        assert checks(counter)["business"] == ("none", "platform")

    play(scenario, standing="refuse")


def test_by_default_an_answer_against_somebody_is_written_down_only() -> None:
    def scenario(counter: Counter) -> None:
        lose(counter, card="lost")
        counter.insert("lin")
        assert read(counter, stepped=False).result == 0
        assert checks(counter)["card"] == ("lost", "platform")
        assert (last(counter).verdict, last(counter).reason) == (None, "disclosed")

    play(scenario, standing="record")


@pytest.mark.parametrize("policy", ["record", "refuse"])
def test_where_nobody_answers_the_identity_is_handed_out(policy: str) -> None:
    def scenario(counter: Counter) -> None:
        counter.stand.link.online = False
        counter.insert("lin")
        assert read(counter, stepped=False).result == 0
        assert {status for status, _ in checks(counter).values()} == {"unknown"}
        assert last(counter).status_fault == "request.offline"

    play(scenario, standing=policy)


def test_what_was_answered_before_counts_while_nobody_answers() -> None:
    def scenario(counter: Counter) -> None:
        lose(counter, card="lost")
        counter.insert("lin")
        assert read(counter, stepped=False).result == -1
        counter.stand.link.online = False
        assert read(counter, stepped=False).result == -1
        assert checks(counter)["card"] == ("lost", "cached:platform")

    play(scenario, standing="refuse")


@pytest.mark.parametrize("jump", [-10.0, -400.0 * 86_400, 400.0 * 86_400, None])
def test_a_refusal_stands_however_the_clock_stands(jump: float | None) -> None:
    """None: to 1970."""

    def scenario(counter: Counter) -> None:
        lose(counter, card="lost")
        counter.insert("lin")
        assert read(counter, stepped=False).result == -1
        counter.stand.link.online = False
        world = counter.stand.world
        world.jump_clock(-world.now() if jump is None else jump)
        assert read(counter, stepped=False).result == -1
        assert (last(counter).reason, last(counter).verdict) == ("card-lost", "refused")

    play(scenario, standing="refuse")


def test_a_service_that_is_silent_is_waited_for_no_longer_than_at_a_tap() -> None:
    def scenario(counter: Counter) -> None:
        counter.stand.city.silent = True
        counter.insert("lin")
        assert read(counter, stepped=False).result == 0
        assert len(counter.stand.link.waited) == 1
        assert counter.stand.link.waited[0] <= WITHIN + 0.01

    play(scenario, standing="refuse")


def test_where_the_scene_asks_nobody_nobody_is_asked() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        assert read(counter, stepped=False).result == 0
        assert last(counter).checks == ()
        assert counter.stand.city.asked == 0

    play(scenario)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("check", [None, "ask", "lists"])
def test_settings_are_judged_by_what_the_scene_does(kind: str, check: str | None) -> None:
    """`facade.standing = "refuse"` is a mistake exactly where no scene asks."""
    scene = convert(
        {"kind": kind} if check is None else {"kind": kind, "check": check}, SceneSettings
    )
    assert find(kind).asks_status(scene) == scene_of(scene).asks


def test_what_is_refused_and_cannot_be_stored_is_not_handed_out_either() -> None:
    def scenario(counter: Counter) -> None:
        lose(counter, card="lost")
        counter.stand.store.broken = True
        counter.insert("lin")
        assert read(counter, stepped=False).result == -11

    play(scenario, standing="refuse")


def test_a_card_whose_dates_are_no_days_is_asked_about_all_the_same() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        assert counter.good("iReadCardBas", "1")[7] == "20201399"
        assert checks(counter)["card"] == ("normal", "platform")

    cast = load_cast()
    cards = tuple(
        replace(card, issued="20201399") if card.key == "lin" else card for card in cast.cards
    )
    play(scenario, standing="refuse", cast=replace(cast, cards=cards))
