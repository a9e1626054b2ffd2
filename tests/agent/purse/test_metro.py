"""Metro gates over the real flow: what stands on the card, what in the journal, what it costs."""

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from agent.messages.reasons import Reason
from agent.purse.trips import Inside, RailRecord
from agent.scenes.metro.layouts import load_layouts
from apdu.channel import CardGone
from offline_store.events.happened import ListUsed
from offline_store.events.tap import Tap
from simulators.transit.city import blank_records
from simulators.transit.metro import CITY, INSTITUTION, OPERATOR
from simulators.vpcd import Moment, TearAtInstruction
from tests.agent.events import as_kind
from tests.agent.purse.impostor import NO_ROW, Impostor
from tests.agent.purse.metro_stand import (
    MetroStand,
    Network,
    metro_settings,
    rows_of,
    told_of,
    trip_of,
)
from tests.agent.purse.stand import GREY_AFTER, LOST, UNSENT, Barred, payment
from world.real import RealWorld

SELECT, READ, RECORD, BEGIN, UPDATE, DEBIT = 0xA4, 0xB0, 0xB2, 0x50, 0xDC, 0x54
M11_RECORD = f"010065000B{OPERATOR}00"
M14_RECORD = f"010065000E{OPERATOR}00"


def test_an_entry_stands_on_the_card_and_in_the_journal(metro_stand: MetroStand) -> None:
    def scenario(metro: Network) -> None:
        gate = metro.at("M11")
        assert gate.enter(passenger) == Reason.TRIP_BEGUN
        assert gate.instructions() == [SELECT, READ, RECORD, BEGIN, UPDATE, UPDATE, DEBIT]
        intent, end = payment(gate.rows())
        assert end.confirmed == end.purchase.amount == 0
        assert (end.purchase.type, told_of(end).end, told_of(end).type) == (9, "entry", 3)
        assert end.mac2 == "verified"
        assert intent.seen.trip is not None
        assert intent.seen.trip.inside == Inside.INITIAL
        assert ListUsed("fares", 1) in intent.lists
        trip = trip_of(passenger)
        assert (trip.inside, trip.entry.city, trip.entry.station) == (1, CITY, M11_RECORD)
        assert trip.entry.time == end.purchase.moment
        assert trip.entry.terminal == "0000" + end.purchase.terminal.upper()

    passenger = metro_stand.passenger()
    metro_stand.run(scenario)
    assert passenger.inside.money == 10_000
    [row] = rows_of(passenger)
    assert (row["type"], row["amount"]) == (3, 0)
    assert (row["line"], row["station"], row["balance"]) == ("0065", "000B", 10_000)
    assert (row["city"], row["institution"]) == (CITY, INSTITUTION)


def test_an_exit_charges_the_table_s_fare_from_where_he_entered(metro_stand: MetroStand) -> None:
    def scenario(metro: Network) -> None:
        metro.at("M11").enter(passenger)
        entered = trip_of(passenger).entry
        metro.minutes(20)
        gate = metro.at("M14")
        assert gate.leave(passenger) == Reason.TRIP_ENDED
        end = gate.end()
        assert (end.confirmed, end.ride.full) == (500, 500)
        told = told_of(end)
        assert (told.end, told.type) == ("exit", 4)
        assert (told.entry_station, told.entry_moment) == ("M11", entered.time)
        trip = trip_of(passenger)
        assert (trip.inside, trip.entry) == (Inside.OUT, entered)
        assert (trip.exit.station, trip.exit.time) == (M14_RECORD, end.purchase.moment)

    passenger = metro_stand.passenger()
    metro_stand.run(scenario)
    assert passenger.inside.money == 9_500
    leaving, entering = rows_of(passenger)
    assert (leaving["type"], leaving["amount"], leaving["balance"]) == (4, 500, 9_500)
    assert entering["type"] == 3


@pytest.mark.parametrize(
    ("card_type", "paid", "concession"), [(1, 300, ""), (2, 150, "student"), (3, 0, "senior")]
)
def test_who_rides_for_less_leaves_for_less(
    metro_stand: MetroStand, card_type: int, paid: int, concession: str
) -> None:
    def scenario(metro: Network) -> None:
        metro.at("M11").enter(passenger)
        metro.minutes(10)
        gate = metro.at("M13")
        assert gate.leave(passenger) == Reason.TRIP_ENDED
        assert gate.end().ride.full == 300
        assert gate.end().ride.concession == concession

    passenger = metro_stand.passenger(card_type=card_type)
    metro_stand.run(scenario)
    assert passenger.inside.money == 10_000 - paid


def test_the_time_of_day_goes_by_the_entry(metro_stand: MetroStand) -> None:
    def scenario(metro: Network) -> None:
        metro.minutes(500)  # from 22:13 to 06:33
        metro.at("M11").enter(passenger)
        metro.minutes(45)
        assert metro.at("M14").leave(passenger) == Reason.TRIP_ENDED
        assert "early-bird" in metro.at("M14").end().ride.steps

    passenger = metro_stand.passenger()
    metro_stand.run(scenario)
    assert passenger.inside.money == 10_000 - 250


def test_one_trip_may_change_lines(metro_stand: MetroStand) -> None:
    def scenario(metro: Network) -> None:
        metro.at("M22").enter(passenger)
        metro.minutes(30)
        assert metro.at("M14").leave(passenger) == Reason.TRIP_ENDED

    passenger = metro_stand.passenger()
    metro_stand.run(scenario)
    assert passenger.inside.money == 10_000 - 600


def test_an_entry_is_no_ride_that_one_could_transfer_from(metro_stand: MetroStand) -> None:
    def scenario(metro: Network) -> None:
        gate = metro.at("M11")
        gate.enter(passenger)
        metro.minutes(1)
        gate.leave(passenger)  # 200, and no transfer
        assert gate.end().confirmed == 200
        gate.enter(passenger)
        gate.leave(passenger)
        assert "transfer again" in gate.end().ride.steps

    passenger = metro_stand.passenger()
    metro_stand.run(scenario)
    assert passenger.inside.money == 10_000 - 200 - 100


@pytest.mark.parametrize(("stop", "paid"), [("M11", 200), ("M22", 300)])
def test_who_leaves_where_he_entered_pays_that_or_the_least(
    metro_stand: MetroStand, stop: str, paid: int
) -> None:
    def scenario(metro: Network) -> None:
        metro.at(stop).enter(passenger)
        metro.minutes(30)
        assert metro.at(stop).leave(passenger) == Reason.TRIP_ENDED

    passenger = metro_stand.passenger()
    metro_stand.run(scenario)
    assert passenger.inside.money == 10_000 - paid


def test_who_turns_back_at_once_pays_nothing_where_the_settings_say_so(
    metro_stand: MetroStand,
) -> None:
    def scenario(metro: Network) -> None:
        metro.at("M11").enter(passenger)
        metro.minutes(9)
        assert metro.at("M11").leave(passenger) == Reason.TRIP_ENDED
        assert trip_of(passenger).inside == Inside.OUT

    passenger = metro_stand.passenger()
    metro_stand.run(scenario, metro_settings(turn_back_minutes=10))
    assert passenger.inside.money == 10_000


def test_a_city_that_lays_its_record_out_otherwise_is_a_data_file(
    metro_stand: MetroStand, tmp_path: Path
) -> None:
    """Another record with another id, everything five bytes further on."""
    shipped = (files("apdu.transit") / "layouts" / "rail.toml").read_text("utf-8")
    moved = re.sub(
        r"offset = (\d+)",
        lambda found: f"offset = {int(found[1]) + 5 * (found[1] != '0')}",
        shipped,
    )
    for was, becomes in (
        ('name = "rail"', 'name = "rail-1000"'),
        ('cities = ["*"]', 'cities = ["1000"]'),
        ("number = 0x01", "number = 0x02"),
        ("id = 0x27", "id = 0x2F"),
        ('value = "27"', 'value = "2F"'),
    ):
        assert moved.count(was) == 1
        moved = moved.replace(was, becomes)
    path = tmp_path / "rail-1000.toml"
    path.write_text(moved, encoding="utf-8")
    metro_stand.layouts = load_layouts(RealWorld(), [str(path)])
    own = metro_stand.layouts.find("1000", "rail")

    def scenario(metro: Network) -> None:
        assert metro.at("M11").enter(passenger) == Reason.TRIP_BEGUN
        assert RailRecord.read(own, passenger.inside.state.records[1]).inside == Inside.IN
        metro.minutes(20)
        assert metro.at("M14").leave(passenger, LOST) == Reason.PAY_AGAIN
        metro.at("M14").slot.pull()
        metro.world.wait(1.0)
        assert metro.at("M14").leave(passenger) == Reason.TORN_RECOVERED
        assert RailRecord.read(own, passenger.inside.state.records[1]).inside == Inside.OUT
        assert passenger.inside.state.records[0] == blank_records(CITY)[0]

    records = (blank_records(CITY)[0], own.encode({}))
    passenger = metro_stand.passenger(city="1000", records=records)
    metro_stand.run(scenario)
    assert passenger.inside.money == 9_500


# Who does not get in


@pytest.mark.parametrize(("money", "told"), [(199, "low-balance"), (200, "trip-begun")])
def test_who_could_not_pay_the_cheapest_way_out_does_not_enter(
    metro_stand: MetroStand, money: int, told: str
) -> None:
    passenger = metro_stand.passenger(money)
    assert metro_stand.run(lambda metro: metro.at("M11").enter(passenger)) == told


def test_the_least_balance_may_be_a_setting(metro_stand: MetroStand) -> None:
    poor = metro_stand.passenger(499)
    settings = metro_settings(least_balance=500)
    told = metro_stand.run(lambda metro: metro.at("M11").enter(poor), settings)
    assert told == Reason.LOW_BALANCE


def test_who_rides_for_nothing_enters_without_money(metro_stand: MetroStand) -> None:
    senior = metro_stand.passenger(0, card_type=3)
    assert metro_stand.run(lambda metro: metro.at("M11").enter(senior)) == Reason.TRIP_BEGUN


@pytest.mark.parametrize(("money", "told"), [(0, "trip-begun"), (-700, "low-balance")])
def test_whether_an_overdraft_covers_it_the_card_says(
    metro_stand: MetroStand, money: int, told: str
) -> None:
    passenger = metro_stand.passenger(money, overdraft=800)
    assert metro_stand.run(lambda metro: metro.at("M11").enter(passenger)) == told
    assert passenger.inside.money == money


def test_a_listed_card_does_not_enter(metro_stand: MetroStand) -> None:
    passenger = metro_stand.passenger()
    lists = Barred(passenger.number)
    told = metro_stand.run(lambda metro: metro.at("M11").enter(passenger), lists=lists)
    assert told == Reason.BLACKLISTED


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ({"city": "1000", "interoperable": False}, Reason.WRONG_CITY),
        ({"city": "1000"}, Reason.TRIP_BEGUN),
        ({"expires": "20250101"}, Reason.CARD_EXPIRED),
        ({"card_type": 4}, Reason.CARD_NOT_TAKEN),
        ({"records": ()}, Reason.CARD_NOT_TAKEN),
    ],
)
def test_who_may_not_ride_does_not_enter(
    metro_stand: MetroStand, order: dict[str, Any], told: Reason
) -> None:
    passenger = metro_stand.passenger(**order)
    assert metro_stand.run(lambda metro: metro.at("M11").enter(passenger)) is told


def test_a_card_that_runs_out_at_midnight_still_leaves(metro_stand: MetroStand) -> None:
    def scenario(metro: Network) -> None:
        metro.minutes(80)  # 23:33
        metro.at("M11").enter(passenger)
        metro.minutes(60)
        assert metro.at("M14").leave(passenger) == Reason.TRIP_ENDED
        assert metro.at("M14").enter(passenger) == Reason.CARD_EXPIRED

    passenger = metro_stand.passenger(expires="20260921")
    metro_stand.run(scenario)


def test_who_cannot_pay_does_not_leave_and_is_still_inside(metro_stand: MetroStand) -> None:
    def scenario(metro: Network) -> None:
        metro.at("M11").enter(passenger)
        metro.minutes(20)
        assert metro.at("M14").leave(passenger) == Reason.LOW_BALANCE
        [event] = metro.at("M14").events()
        assert told_of(as_kind(event, Tap)).entry_station == "M11"
        assert trip_of(passenger).inside == Inside.IN

    passenger = metro_stand.passenger(300)
    metro_stand.run(scenario)


# Torn cards


@pytest.mark.parametrize("instruction", [SELECT, READ, RECORD, BEGIN, UPDATE])
@pytest.mark.parametrize("moment", list(Moment))
def test_a_card_that_leaves_before_the_intent_leaves_nothing(
    metro_stand: MetroStand, instruction: int, moment: Moment
) -> None:
    def scenario(metro: Network) -> None:
        with pytest.raises(CardGone):
            metro.at("M11").enter(passenger, TearAtInstruction(instruction, moment))
        assert not metro.at("M11").events()
        assert trip_of(passenger).inside == Inside.INITIAL
        assert metro.at("M11").enter(passenger) == Reason.TRIP_BEGUN

    passenger = metro_stand.passenger()
    metro_stand.run(scenario)
    assert len(rows_of(passenger)) == 1


@pytest.mark.parametrize("pulled", [False, True])
def test_a_torn_entry_that_did_commit_lets_in_when_it_is_back(
    metro_stand: MetroStand, pulled: bool
) -> None:
    """`pulled`: the PSAM has forgotten it, so the card's own record has to tell."""

    def scenario(metro: Network) -> None:
        gate = metro.at("M11")
        assert gate.enter(passenger, LOST) == Reason.PAY_AGAIN
        if pulled:
            gate.slot.pull()
            metro.world.wait(1.0)
        assert gate.enter(passenger) == Reason.TORN_RECOVERED
        assert (BEGIN in gate.instructions()) is pulled  # then it proves itself by 0 fen
        end = gate.end()
        assert (end.confirmed, told_of(end).end) == (0, "entry")
        assert end.mac2 == ("proved" if pulled else "verified")

    passenger = metro_stand.passenger()
    metro_stand.run(scenario)
    assert len(rows_of(passenger)) == 1


def test_a_torn_entry_that_did_not_commit_is_none(metro_stand: MetroStand) -> None:
    def scenario(metro: Network) -> None:
        gate = metro.at("M11")
        assert gate.enter(passenger, UNSENT) == Reason.PAY_AGAIN
        assert trip_of(passenger).inside == Inside.INITIAL
        assert gate.enter(passenger) == Reason.TRIP_BEGUN
        assert [e.reason for e in gate.events("payment-end")] == ["not-paid", "trip-begun"]

    passenger = metro_stand.passenger()
    metro_stand.run(scenario)


@pytest.mark.parametrize(
    ("tear", "reasons"), [(LOST, ["torn-recovered"]), (UNSENT, ["not-paid", "trip-ended"])]
)
def test_a_torn_exit_is_charged_once(
    metro_stand: MetroStand, tear: TearAtInstruction, reasons: list[str]
) -> None:
    def scenario(metro: Network) -> None:
        metro.at("M11").enter(passenger)
        metro.minutes(20)
        gate = metro.at("M14")
        assert gate.leave(passenger, tear) == Reason.PAY_AGAIN
        assert gate.leave(passenger) == reasons[-1]
        assert [event.reason for event in gate.events("payment-end")] == reasons

    passenger = metro_stand.passenger()
    metro_stand.run(scenario)
    assert passenger.inside.money == 9_500
    assert trip_of(passenger).inside == Inside.OUT


def test_a_torn_exit_that_is_made_good_at_an_entry_lets_nobody_in_by_itself(
    metro_stand: MetroStand,
) -> None:
    """He climbed over the gate, and comes back to ride: the exit ends, and a new trip begins."""

    def scenario(metro: Network) -> None:
        metro.at("M11").enter(passenger)
        metro.minutes(20)
        gate = metro.at("M14")
        assert gate.leave(passenger, LOST) == Reason.PAY_AGAIN
        assert gate.enter(passenger) == Reason.TRIP_BEGUN
        assert [(end.reason, told_of(end).end) for end in gate.ends()] == [
            ("torn-recovered", "exit"),
            ("trip-begun", "entry"),
        ]
        assert trip_of(passenger).inside == Inside.IN

    passenger = metro_stand.passenger()
    metro_stand.run(scenario)


def test_a_record_that_had_that_second_before_is_no_witness(metro_stand: MetroStand) -> None:
    """A power cut sets the clock back, and the card was here in the very same second."""

    def ride(metro: Network) -> str:
        gate = metro.at("M11")
        gate.enter(passenger)
        moment = gate.end().purchase.moment
        metro.minutes(1)
        gate.leave(passenger)
        return moment

    def again(metro: Network) -> None:
        gate = metro.at("M11")
        assert gate.enter(passenger, UNSENT) == Reason.PAY_AGAIN
        assert gate.intents()[-1].purchase.moment == moment
        assert gate.enter(passenger) == Reason.TRIP_BEGUN
        assert [end.reason for end in gate.events("payment-end")][-2:] == ["not-paid", "trip-begun"]

    passenger = metro_stand.passenger()
    moment = metro_stand.run(ride)
    metro_stand.run(again)


@pytest.mark.parametrize("moment", list(Moment))
def test_torn_again_while_it_is_asked_it_stays_open(
    metro_stand: MetroStand, moment: Moment
) -> None:
    """Its end is not told before it is known whether that lets its holder out."""

    def scenario(metro: Network) -> None:
        metro.at("M11").enter(passenger)
        metro.minutes(20)
        gate = metro.at("M14")
        assert gate.leave(passenger, LOST) == Reason.PAY_AGAIN
        if moment is Moment.AFTER:
            assert gate.leave(passenger, TearAtInstruction(RECORD, moment)) == "torn-recovered"
            return
        with pytest.raises(CardGone):
            gate.leave(passenger, TearAtInstruction(RECORD, moment))
        assert len(gate.payments.open) == 1
        assert gate.leave(passenger) == Reason.TORN_RECOVERED

    passenger = metro_stand.passenger()
    metro_stand.run(scenario)
    assert passenger.inside.money == 9_500


def test_a_grey_entry_that_did_commit_enters_once_and_no_more(metro_stand: MetroStand) -> None:
    """As at another terminal of the station, which has never seen the card: the card tells."""

    def scenario(metro: Network) -> None:
        metro.at("M11").enter(passenger, LOST)
        metro.minutes(GREY_AFTER / 60 + 0.1)
        gate = metro.at("M11")
        assert gate.end().reason == Reason.PAYMENT_GREY
        assert gate.enter(passenger) == Reason.TRIP_AGAIN
        assert gate.enter(passenger) == Reason.TRIP_OPEN

    passenger = metro_stand.passenger()
    metro_stand.run(scenario)


# Once more, for nothing


@pytest.mark.parametrize(("lane", "state"), [("in", Inside.IN), ("out", Inside.OUT)])
def test_a_card_that_says_it_was_just_here_is_let_through_when_it_has_proved_itself(
    metro_stand: MetroStand, lane: str, state: Inside
) -> None:
    """Twenty invented ones are not; nor is a good one twice for the same trip."""

    def scenario(metro: Network) -> None:
        gate = metro.at("M11")
        for _ in range(20):
            nobody = metro_stand.passenger()
            gate.made(nobody, state, "M11", 1)
            trip = nobody.inside.state.records[0] + b"\x90\x00"
            says = {RECORD: lambda told, trip=trip: trip if told[3] >> 3 == 0x1A else NO_ROW}
            card = Impostor(metro.world, nobody.order, says=says)
            took = gate.take(lane, nobody, around=lambda _, card=card: card)  # type: ignore[misc]
            assert (took.reason, took.proof) == (Reason.PAYMENT_FORGED, None)
        gate.made(passenger, state, "M11", 1)
        took = gate.take(lane, passenger)
        assert (took.reason, took.proof is not None) == (Reason.TRIP_AGAIN, True)
        assert gate.end().purchase.type == 9
        assert gate.take(lane, passenger).reason in (Reason.TRIP_OPEN, Reason.NOT_ENTERED)

    passenger = metro_stand.passenger()
    metro_stand.run(scenario, metro_settings(reexit_minutes=5))
    assert passenger.inside.money == 10_000


@pytest.mark.parametrize("pulled", [False, True])
@pytest.mark.parametrize("tear", [LOST, UNSENT])
def test_a_torn_proof_lets_in_once_and_no_more(
    metro_stand: MetroStand, tear: TearAtInstruction, pulled: bool
) -> None:
    def scenario(metro: Network) -> None:
        gate = metro.at("M11")
        gate.made(passenger, Inside.IN, "M11", 1)
        assert gate.enter(passenger, tear) == Reason.PAY_AGAIN
        if pulled:
            gate.slot.pull()
            metro.world.wait(1.0)
        assert gate.enter(passenger) == Reason.TRIP_AGAIN
        assert gate.enter(passenger) == Reason.TRIP_OPEN
        assert not gate.store.open_intents()
        assert {end.outcome == "grey" for end in gate.ends()} == {False}

    passenger = metro_stand.passenger()
    metro_stand.run(scenario)
    assert passenger.inside.money == 10_000
    assert not rows_of(passenger)


def test_an_exit_for_nothing_needs_a_card(metro_stand: MetroStand) -> None:
    """Who turns back at once pays 0 fen, by a composite purchase like any other."""

    def scenario(metro: Network) -> None:
        gate = metro.at("M11")
        gate.made(nobody, Inside.IN, "M11", 1)
        trip = nobody.inside.state.records[0] + b"\x90\x00"
        card = Impostor(metro.world, nobody.order, says={RECORD: trip})
        assert gate.take("out", nobody, around=lambda _: card).reason == Reason.PAYMENT_FORGED

    nobody = metro_stand.passenger()
    metro_stand.run(scenario, metro_settings(turn_back_minutes=10))
