"""电子社保卡 at the gate: the platform resolves a code once, to the same person as the card.

Every answer and every way of getting none has its own reason; nothing is asked twice, and nothing
of the code is kept anywhere.
"""

import base64
from collections.abc import Callable
from typing import TypeVar

import msgspec
import pytest
from msgspec.structs import replace

from agent.identify.code import CodeIdentifier, Router
from agent.identify.identity import Identity, Presented, Unidentified
from agent.identify.platform_code import PlatformResolver, identity_of
from agent.messages.reasons import Reason
from config.model import CodeRule, SceneSettings
from contracts.scenes.stand import CODES, E_CARD, WINDOW, Stand
from contracts.secrets_probe import Probe
from drivers.io.repeats import Repeats
from offline_store.events.happened import Authentication
from simulators.city.codes import LIFE, CodeService
from simulators.world import SimWorld
from sync.contract.services import CodeAnswer, CodeRequest, ResolvedPerson, decode, encode
from tests.agent.platform import FakePlatform, Mood

T = TypeVar("T")
GATE = SceneSettings(kind="library-gate", options={"repeat_window": WINDOW})


class Box:
    """A stand whose codes the made-up city resolves."""

    def __init__(
        self,
        world: SimWorld,
        service: CodeService | None = None,
        scene: SceneSettings = GATE,
        **place: str,
    ) -> None:
        self.world = world
        self.stand = Stand(world, scene=scene)
        self.service = service or CodeService(self.stand.cast, world.monotonic, world.random)
        self.platform = FakePlatform(world, {"code": self.service.handle}, **place)
        self.resolver = PlatformResolver(self.platform, self.stand.references, CODES, GATE)
        self.stand.resolvers["platform"] = self.resolver

    def show(self, code: bytes) -> str:
        return self.stand.show(code).reason

    def identity(self, code: bytes) -> Presented:
        return CodeIdentifier(Router(CODES), {"platform": self.resolver}).read(code)


def play(scenario: Callable[[Box], T], seed: int = 1) -> T:
    world = SimWorld(seed)
    return world.play(lambda: scenario(Box(world)))


def test_a_code_opens_and_its_event_names_the_person_and_the_card() -> None:
    def scenario(box: Box) -> None:
        assert box.show(box.service.issue("lin")) == "accepted"
        box.world.wait(WINDOW)
        card = next(card for card in box.stand.cast.cards if card.person == "lin")
        assert box.stand.tap(card.key).reason == "accepted"
        by_code, by_card = box.stand.store.taps()
        assert by_code.credential == "code:e-card"
        assert by_code.person == by_card.person != ""
        assert by_code.card == by_card.card != ""
        assert by_code.authentication == Authentication(mode="platform", result="passed")
        assert box.service.asked == [("gate-1", "e-card", "01")]

    play(scenario)


@pytest.mark.parametrize("first", ["card", "code"])
def test_once_only_holds_across_card_and_code(first: str) -> None:
    def scenario(box: Box) -> None:
        def by(way: str) -> str:
            return box.stand.tap("lin").reason if way == "card" else box.show(code)

        code = box.service.issue("lin")
        second = "code" if first == "card" else "card"
        assert [by(first), by(second)] == ["accepted", "repeated"]
        assert box.show(box.service.issue("wang")) == "accepted", "somebody else"
        assert box.stand.barrier.opened == 2

    play(scenario)


def test_a_person_on_the_list_is_refused_by_code_too() -> None:
    def scenario(box: Box) -> None:
        person = box.stand.references.person(box.stand.cast.person("lin").number)
        box.stand.store.lists = type(box.stand.store.lists)(persons=[person])
        assert box.show(box.service.issue("lin")) == "blacklisted"

    play(scenario)


def test_where_the_scene_asks_how_people_stand_it_asks_of_codes_too() -> None:
    world = SimWorld(1)

    def scenario() -> None:
        box = Box(world, scene=replace(GATE, check="ask"))
        card = next(card for card in box.stand.cast.cards if card.person == "lin")
        box.stand.city.change(card.card_number, card="lost")
        assert box.show(box.service.issue("lin")) == "card-lost"
        assert box.show(box.service.issue("wang")) == "accepted"
        assert box.stand.city.asked == 2

    world.play(scenario)


def refusals(box: Box) -> dict[str, bytes]:
    """A code for each outcome that is no person."""
    expired = box.service.issue("lin", life=0.5)
    used = box.service.issue("lin")
    box.identity(used)
    box.world.wait(1.0)
    return {
        "code-expired": expired,
        "code-used": used,
        "code-forged": box.service.forged(),
        "code-foreign": box.service.issue("lin", foreign=True),
    }


def test_every_outcome_has_its_own_reason_and_opens_nothing() -> None:
    def scenario(box: Box) -> None:
        for reason, code in refusals(box).items():
            assert box.show(code) == reason
            event = box.stand.store.taps()[-1]
            assert (event.verdict, event.reason, event.person) == ("refused", reason, "")
            assert event.credential == "code:e-card"
            assert event.authentication == Authentication(mode="platform", result="failed")
        assert box.show(b"LIB-12345678") == "code-not-found", "a text that the platform never saw"
        assert box.stand.barrier.opened == 0

    play(scenario)


def test_another_provinces_code_is_taken_where_the_platform_resolves_it() -> None:
    def scenario(box: Box) -> None:
        box.service.resolves_foreign = True
        assert box.show(box.service.issue("lin", foreign=True)) == "accepted"

    play(scenario)


def test_offline_is_refused_with_its_reason_and_uses_no_code_up() -> None:
    def scenario(box: Box) -> None:
        code = box.service.issue("lin")
        box.platform.mood = "offline"
        assert box.show(code) == "code-unresolved"
        event = box.stand.store.taps()[-1]
        assert (event.verdict, event.authentication) == ("refused", None)
        assert event.fault == "request.offline"
        box.platform.mood = "well"
        assert box.show(code) == "accepted"

    play(scenario)


def test_a_code_service_that_is_not_reached_uses_no_code_up() -> None:
    def scenario(box: Box) -> None:
        code = box.service.issue("lin")
        box.service.reachable = False
        assert box.show(code) == "code-unresolved"
        assert box.stand.store.taps()[-1].fault == "code.service-unable"
        box.service.reachable = True
        assert box.show(code) == "accepted"

    play(scenario)


@pytest.mark.parametrize(
    ("error", "reason", "fault"),
    [
        ("busy", Reason.CODE_UNRESOLVED, "code.service-unable"),
        ("too-large", Reason.CODE_UNRESOLVED, "code.service-unable"),
        ("upstream-timeout", Reason.CODE_UNANSWERED, "code.service-failed"),
        ("519900199203149007", Reason.CODE_UNANSWERED, "code.service-failed"),
    ],
)
def test_an_error_leaves_a_code_as_it_was_only_if_it_says_so(
    error: str, reason: Reason, fault: str
) -> None:
    def scenario(box: Box) -> None:
        answer = encode(CodeAnswer(error=error))
        platform = FakePlatform(box.world, {"code": lambda place, payload: answer})
        resolver = PlatformResolver(platform, box.stand.references, CODES, GATE)
        presented = resolver.resolve("e-card", box.service.issue("lin"))
        assert isinstance(presented, Unidentified)
        assert (presented.reason, presented.detail) == (reason, fault), "the word is not repeated"

    play(scenario)


def judge_unanswered(box: Box, mood: Mood) -> None:
    """A question that went out and was not answered: unknown, a fresh code, no second question."""
    code = box.service.issue("lin")
    asked = len(box.platform.asked)
    box.platform.mood = mood
    assert box.show(code) == "code-unanswered"
    event = box.stand.store.taps()[-1]
    assert event.verdict == "unknown"
    assert event.authentication == Authentication(mode="platform", result="unfinished")
    assert box.stand.calls[-1] == "show code-unanswered"
    assert box.stand.barrier.opened == 0
    assert len(box.platform.asked) == asked + 1, "a code is single use"
    box.platform.mood = "well"
    assert box.show(code) == "code-used", "the platform had taken it after all"
    assert box.show(box.service.issue("lin")) == "accepted", "the fresh code"


@pytest.mark.parametrize("mood", ["silent", "lost"])
def test_an_unanswered_question_is_unknown_and_never_repeated(mood: Mood) -> None:
    play(lambda box: judge_unanswered(box, mood))


class TakesSilenceForNo(PlatformResolver):
    """Wrong on purpose: a timeout is told as a code that nobody knows."""

    def resolve(self, name: str, content: bytes) -> Presented:
        presented = super().resolve(name, content)
        if isinstance(presented, Unidentified) and presented.reason == Reason.CODE_UNANSWERED:
            return Unidentified(presented.credential, Reason.CODE_NOT_FOUND)
        return presented


class AsksAgain(PlatformResolver):
    """Wrong on purpose: a timeout is followed by another try."""

    def resolve(self, name: str, content: bytes) -> Presented:
        presented = super().resolve(name, content)
        if isinstance(presented, Unidentified) and presented.reason == Reason.CODE_UNANSWERED:
            return super().resolve(name, content)
        return presented


@pytest.mark.parametrize("wrong", [TakesSilenceForNo, AsksAgain])
def test_control_a_resolver_that_guesses_or_asks_again_is_caught(
    wrong: type[PlatformResolver],
) -> None:
    def scenario(box: Box) -> None:
        references = box.stand.references
        box.stand.resolvers["platform"] = wrong(box.platform, references, CODES, GATE)
        with pytest.raises(AssertionError):
            judge_unanswered(box, "silent")

    play(scenario)


def test_a_person_waits_no_longer_than_the_rule_says() -> None:
    def scenario(box: Box) -> None:
        quick = replace(E_CARD, within=0.5)
        resolver = PlatformResolver(box.platform, box.stand.references, [quick], GATE)
        box.stand.resolvers["platform"] = resolver
        box.platform.mood = "silent"
        before = box.world.monotonic()
        assert box.show(box.service.issue("lin")) == "code-unanswered"
        assert box.world.monotonic() - before == pytest.approx(0.5, abs=0.1)

    play(scenario)


@pytest.mark.parametrize(
    ("rule", "scene", "business"),
    [
        (E_CARD, GATE, "01"),
        (replace(E_CARD, business="02"), GATE, "02"),
        (replace(E_CARD, business="02"), replace(GATE, out_of_region_medical=True), "04"),
    ],
)
def test_what_a_code_is_shown_for_goes_with_the_question(
    rule: CodeRule, scene: SceneSettings, business: str
) -> None:
    def scenario(box: Box) -> None:
        resolver = PlatformResolver(box.platform, box.stand.references, [rule], scene)
        resolver.resolve("e-card", box.service.issue("lin"))
        assert [asked[2] for asked in box.service.asked] == [business]

    play(scenario)


@pytest.mark.parametrize("seed", range(6))
def test_one_code_at_two_terminals_at_once_is_good_for_one(seed: int) -> None:
    world = SimWorld(seed)

    def scenario() -> None:
        here = Box(world)
        there = Box(world, here.service, terminal="desk-2")
        code = here.service.issue("lin")
        reasons: list[str] = []
        other = world.spawn(lambda: reasons.append(there.show(code)), name="other")
        reasons.append(here.show(code))
        assert other.join(10)
        assert sorted(reasons) == ["accepted", "code-used"]
        assert here.stand.barrier.opened + there.stand.barrier.opened == 1

    world.play(scenario)


def test_a_code_that_stays_before_the_scanner_is_one_code() -> None:
    """The scanner's window, as every driver keeps it; shown again later it has been used."""

    def scenario(box: Box) -> None:
        code = box.service.issue("lin")
        window = Repeats(3.0)
        reasons = []
        for _ in range(5):  # the phone is held there for some seconds
            if not window.seen(code, box.world.monotonic()):
                reasons.append(box.show(code))
            box.world.wait(1.0)
        assert reasons == ["accepted"]
        box.world.wait(3.0)
        assert not window.seen(code, box.world.monotonic())
        assert box.show(code) == "code-used"

    play(scenario)


def test_who_leaves_by_code_waits_for_no_platform_and_uses_no_code_up() -> None:
    def scenario(box: Box) -> None:
        code = box.service.issue("lin")
        report = box.stand.show(code, box.stand.exit)
        assert report.reason == "accepted-exit"
        assert box.platform.asked == []
        event = box.stand.store.taps()[-1]
        assert (event.credential, event.person) == ("code:e-card", "")
        assert box.show(code) == "accepted"

    play(scenario)


LIN = ResolvedPerson(number="519900199203149007")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{",
        b"[]",
        b'{"outcome": "perhaps"}',
        b"\xff" * 20_000,
        encode(CodeAnswer(outcome="resolved")),
        encode(CodeAnswer(outcome="resolved", person=replace(LIN, number=""))),
        encode(CodeAnswer(outcome="resolved", person=replace(LIN, number="五" * 18))),
        encode(CodeAnswer(outcome="resolved", person=replace(LIN, card_id="51"))),
        encode(CodeAnswer(outcome="resolved", person=replace(LIN, region="5199"))),
        encode(CodeAnswer(outcome="resolved", person=replace(LIN, card_number="A-1"))),
    ],
)
def test_an_answer_that_is_none_is_never_a_person(answer: bytes) -> None:
    def scenario(box: Box) -> None:
        platform = FakePlatform(box.world, {"code": lambda place, payload: answer})
        resolver = PlatformResolver(platform, box.stand.references, CODES, GATE)
        presented = resolver.resolve("e-card", box.service.issue("lin"))
        assert isinstance(presented, Unidentified)
        assert presented.reason == Reason.CODE_UNANSWERED
        assert presented.detail in ("sync.message-malformed", "sync.message-too-large")

    play(scenario)


def test_a_person_without_a_known_card_is_the_same_person() -> None:
    def scenario(box: Box) -> None:
        answer = encode(CodeAnswer(outcome="resolved", person=LIN))
        platform = FakePlatform(box.world, {"code": lambda place, payload: answer})
        references = box.stand.references
        presented = PlatformResolver(platform, references, CODES, GATE).resolve("e-card", b"SI-")
        assert isinstance(presented, Identity)
        assert presented.person == references.person(LIN.number)
        assert (presented.card, presented.number) == ("", "")
        assert presented.clear.number == LIN.number, "for the status check"

    play(scenario)


@pytest.mark.parametrize(
    "spelled",
    [
        {"card_number": "a0000001x"},
        {"card_number": " A0000001-Ｘ "},
        {"card_id": "519900d1560000050000aaaaffffffff"},
        {"number": "51990019920314900 7", "region": "519900 "},
    ],
)
def test_a_platform_that_spells_numbers_its_own_way_names_the_same_card(
    spelled: dict[str, str],
) -> None:
    plain = ResolvedPerson(
        number=LIN.number,
        region="519900",
        card_id="519900D1560000050000AAAAFFFFFFFF",
        card_number="A0000001X",
    )

    def scenario(box: Box) -> None:
        references = box.stand.references
        found = identity_of(replace(plain, **spelled), "code:e-card", references)
        assert found == identity_of(plain, "code:e-card", references)
        assert found.clear == identity_of(plain, "code:e-card", references).clear

    play(scenario)


def test_a_platform_that_keeps_15_digit_numbers_names_the_same_person() -> None:
    def scenario(box: Box) -> None:
        references = box.stand.references
        old, new = (
            identity_of(ResolvedPerson(number=number), "code:e-card", references)
            for number in ("110105491231002", "11010519491231002X")
        )
        assert old.person == new.person
        assert old.clear.number == new.clear.number, "the status check asks about one person too"

    play(scenario)


def test_the_bytes_go_to_the_platform_as_they_were_scanned() -> None:
    def scenario(box: Box) -> None:
        box.resolver.resolve("e-card", b"SI-\x00\xff")
        [asked] = box.platform.asked
        assert base64.b64decode(decode(asked, CodeRequest).code) == b"SI-\x00\xff"

    play(scenario)


def test_nothing_of_a_code_or_its_person_is_kept_or_shown() -> None:
    def scenario(box: Box) -> None:
        codes = [box.service.issue("lin"), *refusals(box).values()]
        person = box.stand.cast.person("lin")
        probe = Probe(
            {f"code {n}": code for n, code in enumerate(codes)}
            | {"number": person.number, "name": person.name}
        )
        for mood in ("well", "silent", "offline"):
            box.platform.mood = mood
            for code in codes:
                box.show(code)
                box.world.wait(LIFE)
                probe.check("repr", f"{box.identity(code)!r} {Router(CODES).route(code)!r}")
        for asked in box.platform.asked:
            request = decode(asked, CodeRequest)
            probe.check("request", repr(request))
            assert probe.leaks("control", asked), "the question itself does hold it"
        probe.check("journal", msgspec.json.encode(box.stand.store.events))
        probe.check("reports", repr(box.stand.reports))

    play(scenario)
