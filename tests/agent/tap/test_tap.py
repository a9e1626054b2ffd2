"""A tap from presence to recorded decision: nothing opens before the record is durable."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from agent.api.status import tap_status
from agent.equipment.lane import Lane
from agent.identify.card import identity_of
from agent.identify.identity import Identity, Presented
from agent.identify.proof import LEAVING, Proof
from agent.messages.reasons import Reason, table
from agent.stages import Stages
from agent.tap.logbook import Missed
from agent.tap.tap import TapReport, Taps
from apdu.channel import CardGone, CardMute, ReaderGone
from contracts.scenes.stand import Stand, play
from contracts.secrets_probe import Probe
from drivers.contract import DeviceAbsent, DeviceLost, DeviceProtocol, Unread
from offline_store.events.about import Recovery
from offline_store.events.happened import Authentication, ListUsed
from offline_store.events.tap import Tap
from simulators.people import load_cast
from simulators.world import SimWorld
from tests.agent.events import as_kind, noted, said, tap_of
from world import Fault

EVERYBODY = sorted(
    {
        (visit.card, visit.reason)
        for visit in load_cast().visits
        if visit.lane == "entry"
        and visit.interface == "contactless"
        and not visit.tear
        and visit.mute_from is None
        and visit.reason not in ("blacklisted", "repeated")
    }
)


def test_nothing_opens_before_the_record_is_durable() -> None:
    def scenario(stand: Stand) -> list[str]:
        assert stand.tap().accepted
        return stand.calls

    assert play(scenario) == ["stored tap accepted", "open entry", "show accepted"]


class OpensFirst(Taps):
    """The mistake that the test above must see."""

    def _settle(self, lane: Lane, *rest: Any, **more: Any) -> TapReport:
        lane.open(LEAVING)
        return super()._settle(lane, *rest, **more)


def test_control_an_early_opening_is_seen() -> None:
    def scenario(stand: Stand) -> list[str]:
        stand.taps.__class__ = OpensFirst
        stand.tap()
        return stand.calls

    assert play(scenario)[0] == "open entry"


@pytest.mark.parametrize("key", sorted({visit.card for visit in load_cast().visits}))
def test_both_interfaces_of_a_card_come_to_the_same_decision(key: str) -> None:
    def scenario(stand: Stand) -> None:
        inserted = stand.tap(key, reader=stand.slot, lane=stand.exit)
        event = tap_of(inserted.record)
        assert event.credential == "card-contact"
        tapped = tap_of(stand.leave(key).record)
        assert (event.card, event.person) == (tapped.card, tapped.person)

    play(scenario)


@pytest.mark.parametrize(("card", "reason"), EVERYBODY)
def test_each_card_of_the_cast_gets_its_reason(card: str, reason: str) -> None:
    def scenario(stand: Stand) -> None:
        report = stand.tap(card)
        assert report.reason == reason
        assert stand.barrier.opened == (reason == "accepted")
        assert stand.store.taps()[0].reason == reason

    play(scenario)


def test_what_cannot_be_stored_is_refused_and_the_next_record_tells_how_many() -> None:
    def scenario(stand: Stand) -> None:
        stand.store.broken = True
        for _ in range(3):
            report = stand.tap()
            assert (report.reason, report.accepted, report.record) == (
                Reason.NOT_STORED,
                False,
                None,
            )
        assert stand.barrier.opened == 0
        assert stand.calls == ["not stored", "show not-stored"] * 3
        stand.store.broken = False
        assert stand.tap().accepted
        assert noted(stand.store.taps()[0]) == {"unstored_before": 3}
        stand.tap("wang")
        assert noted(stand.store.taps()[1]) == {}

    play(scenario)


def test_a_card_that_came_later_is_not_read_under_an_earlier_presence() -> None:
    def scenario(stand: Stand) -> None:
        stale = stand.door.insert(stand.card("zhou", stand.door.interface))  # blacklisted, swapped
        fresh = stand.door.insert(stand.card("lin", stand.door.interface))
        assert stand.taps.handle(stand.entry, stand.door, stale).reason == Reason.CARD_GONE
        assert stand.barrier.opened == 0
        assert stand.taps.handle(stand.entry, stand.door, fresh).reason == Reason.ACCEPTED
        assert stand.barrier.opened == 1

    play(scenario)


def test_an_event_keeps_the_dates_that_its_decision_looked_at() -> None:
    def scenario(stand: Stand) -> None:
        stand.tap("zheng")
        event = stand.store.taps()[0]
        assert event.reason == Reason.CARD_EXPIRED
        assert event.seen.card_issued == 20110101
        assert event.seen.card_expires == 20210101

    play(scenario)


@pytest.mark.parametrize("seed", range(20))
def test_two_taps_at_once_never_tell_of_the_same_missed_ones(seed: int) -> None:
    def scenario(stand: Stand) -> None:
        stand.store.broken = True
        stand.tap("lin")
        stand.tap("wang")
        stand.store.broken = False
        other = stand.world.spawn(lambda: _tap(stand, "chen"), name="other")
        stand.tap("zhu")
        other.join()
        told = [event.unstored_before for event in stand.store.taps()]
        assert sorted(told) == [0, 2]
        stand.tap("shen")
        assert noted(stand.store.taps()[-1]) == {}

    play(scenario, seed)


def _tap(stand: Stand, key: str) -> None:
    stand.tap(key, reader=stand.second)


def test_the_count_of_missed_taps_survives_a_tap_that_fails_again() -> None:
    world = SimWorld(1)

    def scenario() -> None:
        missed = Missed(world)
        missed.add(2)
        taken = missed.take()
        assert missed.take() == 0
        missed.add(taken + 1)
        assert missed.take() == 3

    world.play(scenario)


def test_an_exit_lane_opens_first_and_records_afterwards() -> None:
    def scenario(stand: Stand) -> None:
        report = stand.leave()
        assert report.reason == Reason.ACCEPTED_EXIT
        assert stand.calls == ["open exit", "show accepted-exit", "stored tap accepted-exit"]
        event = stand.store.taps()[0]
        assert noted(event) == {"opened_first": True}
        assert event.person
        assert event.checks == ()

    play(scenario)


@pytest.mark.parametrize("key", ["zhou", "feng", "foreign", "xu", "zheng"])
def test_leaving_waits_for_nothing_whoever_leaves(key: str) -> None:
    def scenario(stand: Stand) -> None:
        stand.store.broken = True
        stand.leave(key)
        assert stand.calls == ["open exit", "show accepted-exit", "not stored"]
        assert stand.barrier.opened == 1

    play(scenario)


@pytest.mark.parametrize("key", ["foreign", "feng", "xu"])
def test_who_leaves_is_recorded_as_let_out_also_when_the_card_says_nothing(key: str) -> None:
    def scenario(stand: Stand) -> None:
        report = stand.leave(key)
        assert (report.reason, report.accepted) == (Reason.ACCEPTED_EXIT, True)
        event = stand.store.taps()[0]
        assert (event.verdict, event.reason, event.person) == ("accepted", "accepted-exit", "")
        assert event.opened_first
        assert event.fault.startswith("card.")

    play(scenario)


def test_who_left_may_come_in_again_at_once() -> None:
    def scenario(stand: Stand) -> list[str]:
        return [stand.tap().reason, stand.leave().reason, stand.tap().reason, stand.tap().reason]

    assert play(scenario) == ["accepted", "accepted-exit", "accepted", "repeated"]


def test_a_barrier_that_fails_is_no_entry_and_an_alarm() -> None:
    def scenario(stand: Stand) -> None:
        stand.barrier.fault = DeviceProtocol(device="gate")
        report = stand.tap()
        assert (report.reason, report.accepted) == (Reason.OUT_OF_SERVICE, False)
        assert stand.calls == [
            "stored tap accepted",
            "show out-of-service",
            "stored recovery not-executed",
            "stored alarm device.protocol",
        ]
        assert report.record is not None
        assert as_kind(stand.store.events[1], Recovery).about == report.record.reference
        stand.barrier.fault = None
        assert stand.tap().accepted, "who was not let in has not been here"

    play(scenario)


def test_an_exit_that_does_not_open_says_so_and_is_an_alarm() -> None:
    def scenario(stand: Stand) -> list[str]:
        stand.barrier.fault = DeviceProtocol(device="gate")
        stand.leave()
        return stand.calls

    assert play(scenario) == [
        "show out-of-service",
        "stored tap accepted-exit",
        "stored alarm device.protocol",
    ]


def stages(event: Tap) -> list[str]:
    """Those that stand in its text."""
    return list(said(event)["stages_us"])


def _exchanges() -> int:
    def scenario(stand: Stand) -> int:
        presence = stand.door.insert(stand.card())
        stand.taps.handle(stand.entry, stand.door, presence)
        return len(stand.door.sent)

    return play(scenario)


FAULTS: list[tuple[type[Fault], Reason]] = [
    (CardGone, Reason.CARD_GONE),
    (CardMute, Reason.CARD_MUTE),
    (ReaderGone, Reason.READER_GONE),
]


@pytest.mark.parametrize(("kind", "reason"), FAULTS)
def test_card_is_powered_down_whatever_happens_at_whichever_exchange(
    kind: type[Fault], reason: Reason
) -> None:
    def failing() -> None:
        raise kind(reader="door")

    exchanges = _exchanges()
    assert exchanges > 10

    def scenario(stand: Stand) -> None:
        for number in range(exchanges):
            stand.door.steps = {number: failing}
            assert stand.tap().reason == reason
            assert not stand.door.powered
            assert stand.door.closed == stand.door.opened == number + 1
            event = stand.store.taps()[-1]
            assert (event.reason, event.verdict, event.person) == (reason, "refused", "")
            assert noted(event) == {"fault": kind.code}
        assert stand.barrier.opened == 0
        stand.door.steps = {}
        assert stand.tap().accepted, "nothing is left of the failures"

    play(scenario)


@pytest.mark.parametrize(
    ("kind", "reason"), [(CardGone, Reason.CARD_GONE), (DeviceAbsent, Reason.READER_ABSENT)]
)
def test_a_card_that_cannot_be_opened_is_a_recorded_refusal(
    kind: type[Fault], reason: Reason
) -> None:
    def scenario(stand: Stand) -> None:
        stand.door.on_open = _takes_time(stand, _raise(kind))
        assert stand.tap().reason == reason
        assert stages(stand.store.taps()[0]) == ["detect", "open", "decide"]

    play(scenario)


def _raise(kind: type[Fault]) -> Callable[[], None]:
    def step() -> None:
        raise kind(reader="door")

    return step


def _takes_time(stand: Stand, end: Callable[[], None] = lambda: None) -> Callable[[], None]:
    def step() -> None:
        stand.world.wait(0.001)
        end()

    return step


def test_card_is_powered_down_when_the_tap_has_a_defect() -> None:
    def scenario(stand: Stand) -> None:
        def defect() -> None:
            raise ZeroDivisionError

        stand.door.steps = {5: defect}
        with pytest.raises(ZeroDivisionError):
            stand.tap()
        assert not stand.door.powered

    play(scenario)


def test_stages_are_recorded_up_to_decide_and_reported_to_the_end() -> None:
    def scenario(stand: Stand) -> None:
        stand.door.on_open = _takes_time(stand)
        report = stand.tap()
        event = stand.store.taps()[0]
        recorded = ["detect", "open", "select", "authenticate", "read", "decide"]
        assert stages(event) == recorded
        assert list(report.stages_us) == [*recorded, "commit", "act"]
        assert all(report.stages_us[name] == getattr(event.stages_us, name) for name in recorded)
        assert report.stages_us["authenticate"] > report.stages_us["select"] > 0

    play(scenario)


def test_an_event_says_what_was_checked_and_by_what() -> None:
    def scenario(stand: Stand) -> None:
        stand.tap("lin")
        event = stand.store.taps()[0]
        assert (event.lane, event.scene, event.credential) == (
            "entry",
            "library-gate",
            "card-contactless",
        )
        assert event.application == "9901"
        assert event.lists == (ListUsed("blacklist", 7),)
        assert event.authentication is not None
        assert event.authentication.result == "passed"
        assert event.authentication.algorithm == "SM4"
        assert event.authentication.terminal_number == stand.cast.terminal_number
        assert [check.status for check in event.checks] == ["normal", "normal", "normal"]
        assert event.card == stand.references.card(
            bytes.fromhex(stand.cast.card_id(stand.cast.card("lin")))
        )

    play(scenario)


def test_every_verdict_that_is_recorded_is_the_result_tables() -> None:
    def scenario(stand: Stand) -> None:
        for key, _ in EVERYBODY:
            stand.tap(key)
        for event in stand.store.taps():
            assert event.verdict == table()[Reason(event.reason)].verdict

    play(scenario)


def test_no_identity_in_clear_is_anywhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    cast = load_cast()
    planted: dict[str, str | bytes] = {}
    for person in cast.people:
        planted[f"number of {person.key}"] = person.number
        if len(person.name.encode()) >= 6 and len(person.name.encode("gb18030")) >= 6:
            planted[f"name of {person.key}"] = person.name
    for card in cast.cards:
        planted[f"card number of {card.key}"] = card.card_number
        planted[f"card id of {card.key}"] = bytes.fromhex(cast.card_id(card))

    def scenario(stand: Stand) -> dict[str, str | bytes]:
        for key, _ in EVERYBODY:
            stand.tap(key)
            stand.leave(key)
        stand.door.insert(stand.card("lin"))
        stages = Stages(stand.world, stand.world.monotonic())
        read = stand.desk.read_in_clear(stand.door.open(), stages)
        assert read.holder.social_security_number == cast.person("lin").number
        return {
            "journal": "\n".join(record.body for record in stand.store.records),
            "reports": repr(stand.reports),
            "status": msgspec.json.encode([tap_status(report) for report in stand.reports]),
            "read": repr(read),
            "identity": repr(identity_of(read, "card-contactless", stand.references)),
            "calls": repr(stand.calls),
            "log": caplog.text,
        }

    outputs = play(scenario)
    assert len(outputs["journal"]) > 1000
    Probe(planted).check_all(outputs)


def test_a_code_that_nobody_resolves_is_refused_recorded_and_told() -> None:
    def scenario(stand: Stand) -> None:
        report = stand.show(b"LIB-98765432109876")
        assert report.reason == Reason.CODE_UNRESOLVED
        assert not report.accepted
        assert report.record is not None
        event = tap_of(report.record)
        assert (event.credential, event.reason) == ("code:ticket", "code-unresolved")
        assert b"98765432109876" not in report.record.body.encode()
        assert stand.prompts.shown[-1][0] == "code-unresolved"
        assert stand.barrier.opened == 0

    play(scenario)


def test_a_resolved_code_is_decided_by_the_scene_as_a_card_is() -> None:
    class Platform:
        def resolve(self, name: str, content: bytes) -> Presented:
            return replace(identity, credential=f"code:{name}")

    identity = Identity(
        credential="",
        card="c" * 64,
        number="",
        person="p" * 64,
        issued=None,
        expires=None,
        authentication=Authentication(mode="none", result="passed"),
        proof=Proof("platform"),
    )

    def scenario(stand: Stand) -> None:
        stand.resolvers["platform"] = Platform()
        assert stand.show(b"LIB-98765432109876").accepted
        assert stand.barrier.opened == 1
        assert stand.show(b"LIB-98765432109877").reason == Reason.REPEATED

    play(scenario)


def test_who_leaves_by_a_code_is_let_out_first() -> None:
    def scenario(stand: Stand) -> None:
        report = stand.show(b"anything", stand.exit)
        assert report.reason == Reason.ACCEPTED_EXIT
        assert stand.calls[:2] == ["open exit", "show accepted-exit"]

    play(scenario)


@pytest.mark.parametrize("credential", ["code", "document"])
def test_leaving_by_code_or_document_needs_no_store_either(credential: str) -> None:
    def scenario(stand: Stand) -> None:
        stand.store.broken = True
        if credential == "code":
            report = stand.show(b"anything", stand.exit)
        else:
            gone = Unread("id", 1, DeviceLost(device="id"), 0.0, 0.0, came=True)
            report = stand.taps.handle_document(stand.exit, gone)
        assert stand.calls[:3] == ["open exit", "show accepted-exit", "not stored"]
        assert report.record is None

    play(scenario)
