"""Who is asked about whom: the card's province decides, and what nobody can know is not asked."""

from dataclasses import replace

import pytest

from agent.identify.identity import Identity, InClear
from agent.status_check.faults import TimedOut, Unaskable
from agent.status_check.service import FAILURES, REST, Routes, StatusService
from offline_store.events.happened import Authentication
from simulators.world import SimWorld
from sync.contract.services import StatusAnswer, StatusFinding, StatusRequest, decode, encode
from world import Fault

WITHIN = 0.8
CLEAR = InClear(
    card_id="519900D15600000500000001FFFFFFFF",
    card_number="A12345678",
    number="519900199002300015",
    name="甲乙丙",
)
LIN = Identity(
    credential="card-contact",
    card="ca" * 32,
    number="b0" * 32,
    person="d0" * 32,
    issued=None,
    expires=None,
    authentication=Authentication(mode="psam", result="passed"),
    region="519900",
    clear=CLEAR,
)


class Source:
    """A service that answers the same to everybody, or fails."""

    def __init__(self, name: str, at: int = 0) -> None:
        self.name = name
        self.at = at
        self.fault: Fault | None = None
        self.asked: list[StatusRequest] = []

    def ask(self, question: StatusRequest, within: float) -> StatusAnswer:
        assert within == WITHIN
        self.asked.append(question)
        if self.fault is not None:
            raise self.fault
        well = StatusFinding(status="normal", at=self.at)
        return StatusAnswer(holder=well, card=well, business=well)


def service(
    world: SimWorld, default: Source | None = None, application: str = "9901", **provinces: Source
) -> StatusService:
    routes = Routes({name[1:]: source for name, source in provinces.items()}, default)
    return StatusService(world, routes, application=application, within=WITHIN)


@pytest.mark.parametrize(
    ("region", "source"),
    [
        ("519900", "https:river"),
        ("510100", "https:river"),
        ("549900", "https:mountain"),
        ("110000", "platform"),
        ("", "platform"),
    ],
)
def test_the_cards_province_says_who_is_asked(region: str, source: str) -> None:
    world = SimWorld(1)
    asker = service(
        world, Source("platform"), p51=Source("https:river"), p54=Source("https:mountain")
    )
    found = world.play(lambda: asker.ask(replace(LIN, region=region)))
    assert {check.source for check in found.checks} == {source}


def test_a_province_that_nobody_knows_is_an_answer_unknown() -> None:
    world = SimWorld(1)
    asker = service(world, None, p54=Source("https:mountain"))
    found = world.play(lambda: asker.ask(LIN))
    assert found.fault == "status.no-service"
    assert {(check.status, check.source) for check in found.checks} == {("unknown", "none")}


def test_what_is_nobodys_business_is_so_while_nobody_answers() -> None:
    world = SimWorld(1)
    asker = service(world, None, application="")
    found = world.play(lambda: asker.ask(replace(LIN, clear=InClear(number=CLEAR.number))))
    assert [check.status for check in found.checks] == ["unknown", "not-asked", "not-asked"]


def test_the_question_holds_what_was_read_and_the_registered_application() -> None:
    world, platform = SimWorld(1), Source("platform")
    world.play(lambda: service(world, platform).ask(LIN))
    (question,) = platform.asked
    assert question == StatusRequest(
        region="519900",
        card_id=CLEAR.card_id,
        card_number=CLEAR.card_number,
        number=CLEAR.number,
        name=CLEAR.name,
        business="9901",
    )


def test_nobody_to_ask_about_is_not_asked() -> None:
    world, platform = SimWorld(1), Source("platform")
    found = world.play(lambda: service(world, platform).ask(replace(LIN, clear=InClear())))
    assert (found.fault, platform.asked) == ("status.nobody", [])


def test_an_id_card_has_no_card_and_a_terminal_without_code_no_business() -> None:
    world = SimWorld(1)
    asker = service(world, Source("platform"), application="")
    shown = replace(LIN, clear=InClear(number=CLEAR.number, name=CLEAR.name))
    found = world.play(lambda: asker.ask(shown))
    assert {check.subject: check.status for check in found.checks} == {
        "holder": "normal",
        "card": "not-asked",
        "business": "not-asked",
    }


def test_the_age_is_since_the_source_knew_it_and_never_negative() -> None:
    world = SimWorld(1)

    def ages(at: int) -> set[int]:
        found = service(world, Source("platform", at)).ask(LIN)
        return {check.age_s for check in found.checks}

    def scenario() -> None:
        now = int(world.now())
        assert ages(now - 3600) == {3600}
        assert ages(now + 3600) == {0}
        assert ages(0) == {0}

    world.play(scenario)


def test_one_service_that_rests_keeps_no_other_from_being_asked() -> None:
    world, river, platform = SimWorld(1), Source("https:river"), Source("platform")
    asker = service(world, platform, p51=river)
    river.fault = TimedOut(service="river", milliseconds=800)

    def scenario() -> None:
        for _ in range(FAILURES):
            assert asker.ask(LIN).fault == "status.timeout"
        assert asker.ask(LIN).fault == "status.resting"
        assert asker.ask(replace(LIN, region="110000")).fault == ""
        river.fault = None
        world.wait(REST)
        assert asker.ask(LIN).fault == ""
        assert len(river.asked) == FAILURES + 1

    world.play(scenario)


def test_one_answer_in_between_starts_the_count_anew() -> None:
    world, river = SimWorld(1), Source("https:river")
    asker = service(world, None, p51=river)
    fault = TimedOut(service="river", milliseconds=800)

    def scenario() -> None:
        for fails in (True, True, False, True, True):
            river.fault = fault if fails else None
            asker.ask(LIN)
        river.fault = None
        assert asker.ask(LIN).fault == ""

    world.play(scenario)


def test_a_service_is_in_trouble_from_a_question_without_answer_to_the_next_one_with() -> None:
    world, river = SimWorld(1), Source("https:river")
    asker = service(world, None, p51=river)
    silent, unaskable = TimedOut(service="river", milliseconds=800), Unaskable(service="river")

    def scenario() -> None:
        troubles: list[str | None] = []
        for fault in (None, silent, unaskable, None, unaskable, silent, silent, silent):
            river.fault = fault
            asker.ask(LIN)
            told = asker.trouble().get(river.name)
            troubles.append(told.code if told else None)
        asker.ask(LIN)  # it rests: what it rests for stays
        troubles.append(asker.trouble()[river.name].code)
        late = silent.code
        assert troubles == [None, late, late, None, None, late, late, late, late]

    world.play(scenario)


def test_a_name_that_is_longer_than_messages_have_room_for_is_asked_about_all_the_same() -> None:
    source, world = Source("city"), SimWorld(1)
    shown = replace(LIN, clear=replace(CLEAR, name="阿" * 127))
    world.play(lambda: service(world, source).ask(shown))
    assert decode(encode(source.asked[0]), StatusRequest) == source.asked[0]


def test_an_identity_shows_nobodys_name_or_number() -> None:
    shown = f"{LIN!r} {LIN}"
    for secret in (CLEAR.card_id, CLEAR.card_number, CLEAR.number, CLEAR.name):
        assert secret not in shown
    assert CLEAR.number not in f"{CLEAR!r} {CLEAR}"
