"""A tap whose scene asks how people stand: what is answered, remembered, limited, and how long it
may take."""

import pytest

from agent.messages.reasons import Reason
from config.model import Offline, SceneSettings
from contracts.scenes.stand import GATE, WITHIN, FakeLists, Stand, play
from offline_store.events.happened import Check
from offline_store.events.tap import Tap
from simulators.city.status import Stand as How
from tests.agent.events import noted

DAY = 86_400
WINDOW = SceneSettings(kind="service-window")
LENIENT = SceneSettings(kind="service-window", offline=Offline(unknown="accept", foreign="accept"))
ASKING_GATE = SceneSettings(kind="library-gate", options={"repeat_window": 0}, check="ask")


def services(event: Tap) -> dict[str, Check]:
    """The event's checks by subject, without those of card and lists."""
    return {
        check.subject: check
        for check in event.checks
        if check.source != "card" and not check.source.startswith("list:")
    }


def sources(event: Tap) -> set[str]:
    return {check.source for check in services(event).values()}


def test_three_answers_stand_in_the_event_with_source_age_and_time() -> None:
    def scenario(stand: Stand) -> None:
        report = stand.tap("lin")
        event = stand.store.taps()[0]
        assert report.accepted
        assert {name: check.status for name, check in services(event).items()} == {
            "holder": "normal",
            "card": "normal",
            "business": "normal",
        }
        assert sources(event) == {"platform"}
        assert event.stages_us.check > 0
        assert event.offline == ""
        assert event.status_fault == ""

    play(scenario, scene=WINDOW)


@pytest.mark.parametrize("scene", [WINDOW, LENIENT, ASKING_GATE], ids=["window", "lenient", "gate"])
@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (How(holder="deceased"), Reason.HOLDER_DECEASED),
        (How(card="lost"), Reason.CARD_LOST),
        (How(card="cancelled"), Reason.CARD_CANCELLED),
        (How(card="stock"), Reason.CARD_NOT_ACTIVE),
        (How(business="ineligible"), Reason.NOT_ELIGIBLE),
        (How(holder="deceased", card="lost"), Reason.HOLDER_DECEASED),
    ],
)
def test_an_answer_against_somebody_refuses_in_every_scene_that_asks(
    how: How, reason: Reason, scene: SceneSettings
) -> None:
    def scenario(stand: Stand) -> None:
        stand.city.settle(how, stand.cast.card_id(stand.cast.card("lin")))
        assert stand.tap("lin").reason == reason
        assert stand.barrier.opened == 0
        # And remembered against him, however lenient the scene is while nobody answers.
        stand.link.online = False
        stand.world.jump_clock(400 * DAY)
        assert stand.tap("lin").reason == reason

    play(scenario, scene=scene)


JUMPS = (-10.0, -400.0 * DAY, 3_650.0 * DAY, None)  # seconds; None: to 1970


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("scene", [WINDOW, LENIENT, ASKING_GATE], ids=["window", "lenient", "gate"])
def test_a_lost_card_stays_lost_however_the_clock_stands(
    scene: SceneSettings, jump: float | None
) -> None:
    def scenario(stand: Stand) -> None:
        stand.city.settle(How(card="lost"), stand.cast.card_id(stand.cast.card("lin")))
        assert stand.tap("lin").reason == Reason.CARD_LOST
        stand.link.online = False
        stand.world.jump_clock(-stand.world.now() if jump is None else jump)
        assert stand.tap("lin").reason == Reason.CARD_LOST
        assert stand.barrier.opened == 0

    play(scenario, scene=scene)


def test_a_service_that_has_forgotten_a_lost_card_brings_it_back_to_nobody() -> None:
    """It answers, and knows nothing: nobody has said that the card was found."""

    def scenario(stand: Stand) -> None:
        card = stand.cast.card_id(stand.cast.card("lin"))
        stand.city.settle(How(card="lost"), card)
        assert stand.tap("lin").reason == Reason.CARD_LOST
        stand.city.settle(How(card="unknown"), card)
        assert [stand.tap("lin").reason for _ in range(2)] == [Reason.CARD_LOST] * 2
        stand.link.online = False
        assert stand.tap("lin").reason == Reason.CARD_LOST
        stand.link.online = True
        stand.city.settle(How(), card)
        assert stand.tap("lin").accepted

    play(scenario, scene=LENIENT)


def test_a_library_gate_asks_nobody_unless_it_is_told_to() -> None:
    def scenario(stand: Stand) -> None:
        stand.city.settle(How(card="lost"), stand.cast.card_id(stand.cast.card("lin")))
        report = stand.tap("lin")
        assert report.accepted
        assert stand.city.asked == 0
        assert "check" not in report.stages_us
        assert services(stand.store.taps()[0]) == {}

    play(scenario, scene=GATE)


def test_who_leaves_is_not_asked_about() -> None:
    def scenario(stand: Stand) -> None:
        stand.city.silent = True
        assert stand.leave("lin").accepted
        assert stand.city.asked == 0

    play(scenario, scene=ASKING_GATE)


def test_a_card_that_gave_no_identity_is_not_asked_about() -> None:
    def scenario(stand: Stand) -> None:
        assert stand.tap("foreign").reason == Reason.UNKNOWN_CARD
        assert stand.city.asked == 0

    play(scenario, scene=WINDOW)


def test_what_was_answered_is_remembered_with_its_age() -> None:
    def scenario(stand: Stand) -> None:
        assert stand.tap("lin").accepted
        stand.link.online = False
        stand.world.jump_clock(3_600)
        report = stand.tap("lin")
        assert report.accepted
        event = stand.store.taps()[1]
        assert sources(event) == {"cached:platform"}
        assert all(3_600 <= check.age_s <= 3_602 for check in services(event).values())
        assert noted(event) == {"status_fault": "request.offline", "offline": "own"}

    play(scenario, scene=WINDOW)


def test_a_memory_of_a_memory_is_as_old_as_the_answer() -> None:
    def scenario(stand: Stand) -> None:
        stand.tap("lin")
        stand.link.online = False
        for _ in range(3):
            stand.world.jump_clock(1_000)
            stand.tap("lin")
        last = stand.store.taps()[-1]
        assert all(3_000 <= check.age_s <= 3_004 for check in services(last).values())

    play(scenario, scene=WINDOW)


def test_too_old_an_answer_is_none() -> None:
    def scenario(stand: Stand) -> None:
        stand.tap("lin")
        stand.link.online = False
        stand.world.jump_clock(DAY + 60)
        assert stand.tap("lin").reason == Reason.STATUS_UNKNOWN

    play(scenario, scene=WINDOW)


def test_a_clock_that_went_back_makes_no_answer_young() -> None:
    def scenario(stand: Stand) -> None:
        stand.tap("lin")
        stand.link.online = False
        stand.world.jump_clock(-7 * DAY)
        assert stand.tap("lin").reason == Reason.STATUS_UNKNOWN
        assert sources(stand.store.taps()[1]) == {"platform"}

    play(scenario, scene=WINDOW)


def test_a_clock_that_was_never_set_remembers_nothing() -> None:
    def scenario(stand: Stand) -> None:
        stand.tap("lin")
        stand.link.online = False
        stand.world.jump_clock(-stand.world.now())
        assert stand.tap("lin").reason == Reason.STATUS_UNKNOWN

    play(scenario, scene=WINDOW)


def test_lost_after_normal_changes_no_earlier_event() -> None:
    def scenario(stand: Stand) -> None:
        stand.tap("lin")
        before = stand.store.records[0]
        stand.city.change(stand.cast.card_id(stand.cast.card("lin")), card="lost")
        assert stand.tap("lin").reason == Reason.CARD_LOST
        assert stand.store.records[0] == before
        assert len(stand.store.events) == 2
        stand.city.change(stand.cast.card_id(stand.cast.card("lin")), card="normal")
        assert stand.tap("lin").accepted

    play(scenario, scene=WINDOW)


def test_a_listed_card_is_refused_by_the_list_whatever_the_platform_says() -> None:
    def scenario(stand: Stand) -> None:
        card = stand.references.card(bytes.fromhex(stand.cast.card_id(stand.cast.card("lin"))))
        stand.store.lists = FakeLists(cards=[card])
        assert stand.tap("lin").reason == Reason.BLACKLISTED

    play(scenario, scene=WINDOW)


@pytest.mark.parametrize("trouble", ["silent", "error", "garbled"])
def test_whatever_the_platform_does_it_is_an_answer_and_no_exception(trouble: str) -> None:
    fault = {
        "silent": "request.timeout",
        "error": "status.refused",
        "garbled": "sync.message-malformed",
    }[trouble]

    def scenario(stand: Stand) -> None:
        if trouble == "silent":
            stand.city.silent = True
        elif trouble == "error":
            stand.city.error = "busy"
        else:
            stand.city.handle = lambda place, payload: b"{"  # type: ignore[method-assign]
        assert stand.tap("lin").reason == Reason.STATUS_UNKNOWN
        event = stand.store.taps()[0]
        assert event.status_fault == fault
        assert {check.status for check in services(event).values()} == {"unknown"}

    play(scenario, scene=WINDOW)


@pytest.mark.parametrize("seed", range(5))
def test_platform_away_at_noon_keeps_the_gates_pace(seed: int) -> None:
    """Fifty people in a row: no wait is longer than the deadline, and only a few wait at all."""

    def scenario(stand: Stand) -> None:
        stand.city.silent = True
        began = stand.world.monotonic()
        for _ in range(50):
            assert stand.tap("lin").accepted
        assert all(wait <= WITHIN + 0.001 for wait in stand.link.waited)
        took = stand.world.monotonic() - began
        assert sum(stand.link.waited) <= WITHIN * (3 + took / 10)
        assert len(stand.link.waited) < 10
        assert {event.status_fault for event in stand.store.taps()} == {
            "request.timeout",
            "status.resting",
        }

    lenient = SceneSettings(
        kind="library-gate",
        options={"repeat_window": 0},
        check="ask",
        offline=Offline(unknown="accept"),
    )
    play(scenario, seed, scene=lenient)


def test_a_platform_that_is_back_is_asked_again_after_its_rest() -> None:
    def scenario(stand: Stand) -> None:
        stand.city.silent = True
        for _ in range(4):
            stand.tap("lin")
        stand.city.silent = False
        assert stand.tap("lin").reason == Reason.STATUS_UNKNOWN
        stand.world.wait(10)
        assert stand.tap("lin").accepted

    play(scenario, scene=WINDOW)


def test_a_link_that_is_down_costs_no_wait_and_needs_no_rest() -> None:
    def scenario(stand: Stand) -> None:
        stand.link.online = False
        for _ in range(5):
            stand.tap("lin")
        assert stand.link.waited == []
        stand.link.online = True
        assert stand.tap("lin").accepted

    play(scenario, scene=WINDOW)


def test_acceptances_of_one_person_while_nobody_answers_are_counted_by_the_day() -> None:
    scene = SceneSettings(kind="service-window", offline=Offline(unknown="accept", max_count=2))

    def scenario(stand: Stand) -> None:
        stand.link.online = False
        assert [stand.tap("lin").reason for _ in range(3)] == [
            "accepted",
            "accepted",
            "offline-limit",
        ]
        assert stand.tap("wang").accepted, "somebody else's count is his own"
        stand.world.jump_clock(DAY)
        assert stand.tap("lin").accepted
        assert stand.store.taps()[2].seen.offline_today == 2

    play(scenario, scene=scene)


@pytest.mark.parametrize("jump", [-10.0, -float(DAY), -400.0 * DAY, None])
def test_a_clock_that_goes_back_renews_nobodys_count(jump: float | None) -> None:
    """None: to 1970. Once the machine has been up for a day, that was yesterday."""
    scene = SceneSettings(kind="service-window", offline=Offline(unknown="accept", max_count=2))

    def scenario(stand: Stand) -> None:
        stand.link.online = False
        assert [stand.tap("lin").accepted for _ in range(2)] == [True, True]
        stand.world.jump_clock(-stand.world.now() if jump is None else jump)
        assert stand.tap("lin").reason == Reason.OFFLINE_LIMIT
        stand.world.wait(DAY)
        assert stand.tap("lin").accepted

    play(scenario, scene=scene)
