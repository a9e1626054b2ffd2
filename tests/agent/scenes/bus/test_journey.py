"""The vehicle's state: who drives, where it is, and what survives a power cut."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.fares.ride import Journey
from agent.fares.rules import Rules
from agent.scenes.bus.faults import LineUnknown, NobodyOn, StopUnknown
from agent.scenes.bus.journey_file import NAME
from agent.scenes.bus.shift import CLOSED, OPENED
from offline_store.events.about import Recovery
from offline_store.events.reference import Reference
from offline_store.events.ride import Ride
from offline_store.events.terminal import Shift, ShiftTotals, Takings
from offline_store.faults import DiskFull
from simulators.devices.gnss import way
from simulators.world import SimWorld
from tests.agent.fares.city import entitled, tariff
from tests.agent.scenes.bus.stand import ANN, BEN, Bus, PowerCut

Play = Callable[..., None]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Play a scenario with a bus in a seeded World."""

    def run(scenario: Callable[[Bus], None], **settings: Any) -> None:
        world = SimWorld(1)
        world.play(lambda: scenario(Bus(world, tmp_path, **settings)))

    return run


def shifts(bus: Bus) -> list[Shift]:
    return [event for event in bus.ledger.events if isinstance(event, Shift)]


def totals(shift: Shift) -> ShiftTotals:
    assert shift.totals is not None
    return shift.totals


# Shifts


def test_a_driver_signs_on_and_off_and_both_are_in_the_journal(play: Play) -> None:
    def scenario(bus: Bus) -> None:
        assert bus.sign() == "on"
        bus.world.wait(60)
        assert bus.sign() == "off"
        on, off = shifts(bus)
        assert (on.reason, off.reason, on.person, off.person) == (OPENED, CLOSED, ANN, ANN)
        assert on.shift == off.shift
        assert on.vehicle == "bus-1"
        assert bus.desk.shown()["shift"] is None

    play(scenario)


def test_a_card_that_lies_there_twice_signs_nobody_off(play: Play) -> None:
    def scenario(bus: Bus) -> None:
        assert bus.sign() == "on"
        assert bus.sign() == "held"
        bus.world.wait(10)
        assert bus.sign() == "off"

    play(scenario)


def test_the_next_driver_takes_over_and_no_ride_is_lost_between_them(play: Play) -> None:
    def scenario(bus: Bus) -> None:
        bus.rules = Rules(tariff(), entitled(ANN, BEN), bus.rules.lines)
        bus.sign(ANN)
        bus.ride(200)
        assert bus.sign(BEN) == "on"
        bus.ride(100)
        bus.desk.sign_off()
        kinds = ["shift", "payment-end", "shift", "shift", "payment-end", "shift"]
        assert [event.kind for event in bus.ledger.events] == kinds
        on, off, on_2, off_2 = shifts(bus)
        assert [e.reason for e in (on, off, on_2, off_2)] == [OPENED, CLOSED, OPENED, CLOSED]
        assert (off.person, off_2.person) == (ANN, BEN)
        assert [totals(one).takings for one in (off, off_2)] == [
            (Takings(group="normal", credential="purse", rides=1, amount=200),),
            (Takings(group="normal", credential="purse", rides=1, amount=100),),
        ]
        assert on_2.after == off.after == bus.ledger.rows[1].at

    play(scenario)


def test_the_summary_counts_each_class_and_kind_once(play: Play) -> None:
    def scenario(bus: Bus) -> None:
        bus.ride(999)  # before anybody signed on
        bus.sign()
        bus.ride(200)
        bus.ride(200, kind="intent")
        bus.ride(100, "student", "code:ministry", "tap")
        bus.ride(0, "senior")
        bus.ride(0, "senior")
        bus.ride(200, verdict="refused")
        bus.ride(200, verdict="unknown")
        summary = bus.desk.summary()
        assert summary is not None
        assert summary.shown() == [
            {"class": "normal", "kind": "purse", "rides": 1, "amount": 200},
            {"class": "senior", "kind": "purse", "rides": 2, "amount": 0},
            {"class": "student", "kind": "code:ministry", "rides": 1, "amount": 100},
        ]
        assert (summary.rides, summary.amount, summary.refused, summary.unknown) == (4, 300, 1, 1)
        bus.desk.sign_off()
        assert totals(shifts(bus)[-1]) == ShiftTotals(
            rides=4,
            amount=300,
            refused=1,
            unknown=1,
            takings=(
                Takings(group="normal", credential="purse", rides=1, amount=200),
                Takings(group="senior", credential="purse", rides=2, amount=0),
                Takings(group="student", credential="code:ministry", rides=1, amount=100),
            ),
        )

    play(scenario)


def test_what_was_not_executed_or_entered_again_is_not_counted(play: Play) -> None:
    def scenario(bus: Bus) -> None:
        bus.sign()
        bus.ride(200)
        undone = bus.ledger.rows[-1]
        bus.ride(100)
        clock, at = undone.event.clock, undone.at
        bus.ledger.write(Recovery(clock=clock, reason="not-executed", about=at))
        for was in (at, Reference("f" * 32, 2)):  # behind the shift's beginning, and before it
            bus.ledger.write(undone.event, was)
        summary = bus.desk.summary()
        assert summary is not None
        assert (summary.rides, summary.amount) == (1, 100)

    play(scenario)


def test_what_cannot_be_stored_signs_nobody_on_or_off(play: Play) -> None:
    def scenario(bus: Bus) -> None:
        bus.ledger.broken = True
        with pytest.raises(DiskFull):
            bus.sign()
        assert bus.desk.shown()["shift"] is None
        bus.ledger.broken = False
        bus.sign()
        bus.world.wait(60)
        bus.ledger.broken = True
        with pytest.raises(DiskFull):
            bus.sign()
        assert bus.desk.shown()["shift"] is not None

    play(scenario)


def test_nobody_on_is_said(play: Play) -> None:
    def scenario(bus: Bus) -> None:
        assert bus.desk.summary() is None
        with pytest.raises(NobodyOn):
            bus.desk.sign_off()

    play(scenario)


@pytest.mark.parametrize("signed_on", [False, True])
def test_the_power_goes_between_the_journal_and_the_file(play: Play, signed_on: bool) -> None:
    def scenario(bus: Bus) -> None:
        if signed_on:
            bus.sign()
            bus.ride(200)
            bus.world.wait(60)
        bus.ledger.cut_after_write = True
        with pytest.raises(PowerCut):
            bus.sign()
        bus.restart()
        assert (bus.desk.shown()["shift"] is None) == signed_on
        bus.world.wait(60)
        assert bus.sign() == ("on" if signed_on else "off")

    play(scenario)


def test_a_shift_survives_the_loss_of_the_file(play: Play) -> None:
    def scenario(bus: Bus) -> None:
        bus.sign()
        bus.ride(200)
        (bus.folder / NAME).write_bytes(b"\x00" * 40)
        bus.restart()
        summary = bus.desk.summary()
        assert summary is not None
        assert summary.amount == 200

    play(scenario)


def test_a_disk_that_keeps_nothing_stops_no_vehicle(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scenario(bus: Bus) -> None:
        def full(*_: object) -> None:
            raise OSError(28, "no space")

        monkeypatch.setattr(bus.world, "replace_file", full)
        bus.desk.set_stop("S3")
        assert bus.desk.journey().boarded == "S3"

    play(scenario)


def test_nothing_that_is_shown_names_the_driver(play: Play) -> None:
    def scenario(bus: Bus) -> None:
        bus.sign()
        assert ANN not in str(bus.desk.shown())
        assert ANN[:8] in str(bus.desk.shown())
        assert bus.desk.ride().driver == ANN

    play(scenario)


# Places


def test_the_satellites_lead_it_from_stop_to_stop_and_back(play: Play) -> None:
    def scenario(bus: Bus) -> None:
        book = bus.rules.lines
        places = [(s.lat, s.lon) for s in book.course("9", "up") if s.lat and s.lon]
        seen: list[tuple[str, str]] = []
        for lat, lon in [*way(places), *way(places[::-1])]:
            bus.drive(lat, lon)
            now = bus.desk.journey()
            if not seen or seen[-1] != (now.boarded, now.direction):
                seen.append((now.boarded, now.direction))
        assert seen == [
            ("", "up"), ("S1", "up"), ("S2", "up"), ("S3", "up"), ("S4", "up"), ("S5", "down"),
            ("S4", "down"), ("S3", "down"), ("S2", "down"), ("S1", "up"),
        ]  # fmt: skip

    play(scenario)


def test_a_stop_chosen_by_hand_holds_for_its_time_and_not_longer(play: Play) -> None:
    def scenario(bus: Bus) -> None:
        bus.at("S1")
        bus.desk.set_stop("S4")
        bus.world.jump_clock(-86_400)
        bus.at("S2")
        assert bus.desk.journey().boarded == "S4"
        assert bus.desk.shown()["source"] == "manual"
        bus.world.wait(20 * 60)
        bus.at("S2")
        assert bus.desk.journey().boarded == "S2"
        assert bus.desk.shown()["source"] == "gnss"

    play(scenario)


def test_following_ends_what_was_chosen_by_hand(play: Play) -> None:
    def scenario(bus: Bus) -> None:
        bus.desk.set_stop("S4")
        bus.desk.follow()
        bus.at("S2")
        assert bus.desk.journey().boarded == "S2"

    play(scenario)


def test_what_was_chosen_by_hand_survives_a_restart_with_what_is_left_of_its_time(
    play: Play,
) -> None:
    def scenario(bus: Bus) -> None:
        bus.desk.set_line("9", "down")
        bus.desk.set_stop("S4")
        bus.world.wait(15 * 60)
        bus.restart()
        bus.at("S2")
        assert bus.desk.journey() == Journey("9", "down", "S4")
        bus.world.wait(5 * 60)
        bus.at("S2")
        assert bus.desk.journey().boarded == "S2"

    play(scenario)


def test_a_clock_that_was_set_back_makes_no_choice_last_for_ever(play: Play) -> None:
    def scenario(bus: Bus) -> None:
        bus.desk.set_stop("S4")
        bus.world.jump_clock(-86_400 * 365)
        bus.restart()
        bus.world.wait(20 * 60)
        bus.at("S2")
        assert bus.desk.journey().boarded == "S2"

    play(scenario)


def test_line_and_stop_have_to_exist(play: Play) -> None:
    def scenario(bus: Bus) -> None:
        with pytest.raises(LineUnknown):
            bus.desk.set_line("77", "up")
        with pytest.raises(StopUnknown):
            bus.desk.set_stop("M11")
        bus.desk.set_stop("S2")
        bus.desk.set_line("1", "up")
        assert bus.desk.journey() == Journey("1", "up", "")

    play(scenario)


def test_without_a_list_of_lines_it_drives_on(play: Play) -> None:
    def scenario(bus: Bus) -> None:
        bus.rules = Rules()
        bus.drive(30.0, 120.0)
        assert bus.desk.journey() == Journey("9", "up", "")
        assert bus.desk.ride().line == "9"

    play(scenario)


def test_a_record_gets_what_the_back_office_is_owed(play: Play) -> None:
    def scenario(bus: Bus) -> None:
        bus.at("S3")
        bus.sign()
        found = bus.desk.ride()
        assert found == Ride(
            vehicle="bus-1",
            line="9",
            direction="up",
            station="S3",
            line_code=9,
            station_code=3,
            driver=ANN,
            shift=shifts(bus)[0].shift,
        )
        assert found.shift

    play(scenario)
