"""Every state of the card at either lane: what is decided, told and written. One row, one rule."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.fares.memory import JournalMemory
from agent.fares.ride import Rider
from agent.messages.reasons import Reason
from agent.purse.trips import Inside, RailRecord, moment_of
from agent.scenes.metro.offers import EnteringCard, LeavingCard
from agent.scenes.metro.options import MetroOptions
from apdu.transit.files import Layouts, TransitRecordFault
from contracts.scenes.stand import FakeLists, FakeTurn
from offline_store.clock import ClockQuality, ClockReading
from offline_store.events.tap import Tap
from simulators.transit.bus import Passenger
from simulators.transit.metro import CITY, gates, record
from tests.agent.events import as_kind
from tests.agent.purse.metro_stand import MetroStand, Network, metro_settings, rows_of, trip_of
from tests.agent.purse.stand import LOST, UNSENT

IN, OUT, INITIAL = Inside.IN, Inside.OUT, Inside.INITIAL
BEGUN, ENDED, AGAIN = Reason.TRIP_BEGUN, Reason.TRIP_ENDED, Reason.TRIP_AGAIN
QUALITIES: tuple[ClockQuality, ...] = ("synchronised", "holdover", "unset")
HERE, THERE, NOWHERE = "M14", "M11", "M99"


@dataclass(frozen=True)
class Row:
    """`card`: its state; `was`: the station that it is of, and how many minutes ago. `then`: state
    and type of the newest row, 0: nothing was written."""

    rule: str
    lane: str
    card: Inside | int
    was: tuple[str, float]
    told: Reason
    paid: int = 0
    then: tuple[int, int] = (0, 0)
    settings: MetroOptions = field(default_factory=metro_settings)
    city: str = CITY


ROWS = [
    Row("a new card enters", "in", INITIAL, ("", 0), BEGUN, 0, (IN, 3)),
    Row("who has left enters", "in", OUT, (THERE, 60), BEGUN, 0, (IN, 3)),
    Row("who has just left here enters", "in", OUT, (HERE, 1), BEGUN, 0, (IN, 3)),
    Row("who is inside leaves", "out", IN, (THERE, 20), ENDED, 500, (OUT, 4)),
    Row("who has just entered elsewhere leaves", "out", IN, (THERE, 0), ENDED, 500, (OUT, 4)),
    Row("who entered here leaves", "out", IN, (HERE, 20), ENDED, 200, (OUT, 4)),
    # never left
    Row("who never left is sent to the counter", "in", IN, (THERE, 60), Reason.TRIP_OPEN),
    Row("who entered here long ago, too", "in", IN, (HERE, 6), Reason.TRIP_OPEN),
    Row("who entered here just now goes in", "in", IN, (HERE, 4), AGAIN),
    Row("also where this clock is behind", "in", IN, (HERE, -2), AGAIN),
    Row("but not by a clock that is far off", "in", IN, (HERE, -30), Reason.TRIP_OPEN),
    Row("who entered elsewhere just now does not", "in", IN, (THERE, 4), Reason.TRIP_OPEN),
    Row(
        "where the settings allow none, nobody goes in again",
        "in",
        IN,
        (HERE, 0),
        Reason.TRIP_OPEN,
        settings=metro_settings(reentry_minutes=0),
    ),
    Row(
        "who never left pays the most from there, and enters",
        "in",
        IN,
        (THERE, 60),
        BEGUN,
        500,
        (IN, 8),
        metro_settings(no_exit="highest"),
    ),
    Row(
        "or the least",
        "in",
        IN,
        (THERE, 60),
        BEGUN,
        200,
        (IN, 8),
        metro_settings(no_exit="lowest"),
    ),
    Row(
        "who just entered here is not charged for that",
        "in",
        IN,
        (HERE, 4),
        AGAIN,
        settings=metro_settings(no_exit="highest"),
    ),
    Row(
        "a station that nobody knows has no price",
        "in",
        IN,
        (NOWHERE, 60),
        Reason.TRIP_OPEN,
        settings=metro_settings(no_exit="highest"),
    ),
    Row(
        "nor has another city's",
        "in",
        IN,
        (THERE, 60),
        Reason.TRIP_OPEN,
        settings=metro_settings(no_exit="highest"),
        city="1000",
    ),
    # never entered
    Row("a new card does not leave", "out", INITIAL, ("", 0), Reason.NOT_ENTERED),
    Row("who has left does not leave", "out", OUT, (THERE, 60), Reason.NOT_ENTERED),
    Row("who has just left here neither", "out", OUT, (HERE, 1), Reason.NOT_ENTERED),
    Row(
        "but where the settings say so",
        "out",
        OUT,
        (HERE, 1),
        AGAIN,
        settings=metro_settings(reexit_minutes=2),
    ),
    Row(
        "and not later",
        "out",
        OUT,
        (HERE, 3),
        Reason.NOT_ENTERED,
        settings=metro_settings(reexit_minutes=2),
    ),
    Row(
        "who never entered pays the most to here",
        "out",
        OUT,
        (THERE, 60),
        ENDED,
        600,
        (OUT, 7),
        metro_settings(no_entry="highest"),
    ),
    Row(
        "or the least",
        "out",
        INITIAL,
        ("", 0),
        ENDED,
        200,
        (OUT, 7),
        metro_settings(no_entry="lowest"),
    ),
    # entered, but where?
    Row("a station that nobody knows", "out", IN, (NOWHERE, 20), Reason.ENTRY_UNKNOWN),
    Row("another city's", "out", IN, (THERE, 20), Reason.ENTRY_UNKNOWN, city="1000"),
    Row("a state that there is not, at an exit", "out", 9, (THERE, 20), Reason.ENTRY_UNKNOWN),
    Row("a state that there is not, at an entry", "in", 9, (THERE, 20), Reason.ENTRY_UNKNOWN),
    # too long
    Row(
        "who stayed too long",
        "out",
        IN,
        (THERE, 241),
        Reason.OVERSTAYED,
        settings=metro_settings(longest_minutes=240),
    ),
    Row(
        "who stayed as long as one may",
        "out",
        IN,
        (THERE, 239),
        ENDED,
        500,
        (OUT, 4),
        metro_settings(longest_minutes=240),
    ),
    Row(
        "or pays more",
        "out",
        IN,
        (THERE, 241),
        ENDED,
        800,
        (OUT, 4),
        metro_settings(longest_minutes=240, overstay="surcharge", overstay_fare=300),
    ),
    # turning back
    Row(
        "who turns back pays nothing",
        "out",
        IN,
        (HERE, 9),
        ENDED,
        0,
        (OUT, 4),
        metro_settings(turn_back_minutes=10),
    ),
    Row(
        "unless he stayed",
        "out",
        IN,
        (HERE, 11),
        ENDED,
        200,
        (OUT, 4),
        metro_settings(turn_back_minutes=10),
    ),
    Row(
        "elsewhere there is no turning back",
        "out",
        IN,
        (THERE, 1),
        ENDED,
        500,
        (OUT, 4),
        metro_settings(turn_back_minutes=10),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.lane}: {row.rule}" for row in ROWS])
def test_what_is_done(metro_stand: MetroStand, row: Row) -> None:
    def scenario(metro: Network) -> None:
        metro.at(HERE).made(passenger, row.card, *row.was, city=row.city)
        state = passenger.inside.state
        took = metro.at(HERE).take(row.lane, passenger)
        assert took.reason == row.told
        assert 10_000 - passenger.inside.money == row.paid
        if row.told is AGAIN:  # nothing but the proof of the card
            assert passenger.inside.state.records == state.records
            assert passenger.inside.state.trips == state.trips
            assert len(passenger.debits) == 1
            assert metro.at(HERE).end().verdict == "accepted"
            assert metro.at(HERE).end().mac2 == "verified"
        elif row.then == (0, 0):
            assert passenger.inside.state == state
            [event] = metro.at(HERE).events()
            seen = as_kind(event, Tap).seen.trip
            assert seen is not None
            assert seen.inside == row.card
        else:
            assert (trip_of(passenger).inside, rows_of(passenger)[0]["type"]) == row.then
            assert metro.at(HERE).end().confirmed == row.paid
            assert rows_of(passenger)[0]["amount"] == row.paid

    passenger: Passenger = metro_stand.passenger()
    metro_stand.run(scenario, row.settings)


def test_every_rule_has_a_name_of_its_own() -> None:
    assert len({(row.lane, row.rule, row.settings) for row in ROWS}) == len(ROWS)


def test_control_two_entry_lanes_decide_otherwise(metro_stand: MetroStand) -> None:
    """Were the lane's direction not looked at, who is inside would be told the same at both."""

    def scenario(metro: Network) -> None:
        gate = metro.at(HERE)
        gate.made(passenger, IN, THERE, 20)
        told = {lane: gate.take(lane, passenger).reason for lane in ("in", "out")}
        assert len(set(told.values())) == 2

    passenger = metro_stand.passenger()
    metro_stand.run(scenario)


# Times that decide nothing, and records that nobody has written


NO_TIME = ["00" * 7, "FF" * 7, "99" * 7, "2026EE21220000", "0A" * 7]


def holds(passenger: Passenger, raw: bytes) -> None:
    state = passenger.inside.state
    passenger.inside.state = replace(state, records=(raw, *state.records[1:]))


def with_time(passenger: Passenger, end: str, time: str) -> None:
    """As others have left that time on the card."""
    raw = bytearray(passenger.inside.state.records[0])
    layout = Layouts.shipped().find(CITY, "rail")
    field = next(one for one in layout.fields if one.name == f"{end}_time")
    raw[field.offset : field.end] = bytes.fromhex(time)
    holds(passenger, bytes(raw))


@pytest.mark.parametrize("time", NO_TIME)
@pytest.mark.parametrize(
    ("lane", "card", "end", "told", "paid"),
    [
        ("out", IN, "exit", ENDED, 500),
        ("in", INITIAL, "exit", BEGUN, 0),
        ("in", INITIAL, "entry", BEGUN, 0),
        ("in", OUT, "exit", BEGUN, 0),
        ("in", OUT, "entry", BEGUN, 0),
        ("in", IN, "exit", Reason.TRIP_OPEN, 0),
        # By these it is decided, and so nobody leaves or enters by them.
        ("out", IN, "entry", Reason.ENTRY_UNKNOWN, 0),
        ("in", IN, "entry", Reason.TRIP_OPEN, 0),
        ("out", INITIAL, "entry", Reason.NOT_ENTERED, 0),
        ("out", OUT, "exit", Reason.NOT_ENTERED, 0),
    ],
)
def test_only_the_state_and_the_end_of_this_trip_decide(
    metro_stand: MetroStand, lane: str, card: Inside, end: str, told: Reason, paid: int, time: str
) -> None:
    def scenario(metro: Network) -> None:
        gate = metro.at(HERE)
        gate.made(passenger, card, THERE, 20)
        with_time(passenger, end, time)
        before = passenger.inside.state
        assert gate.take(lane, passenger).reason == told
        assert 10_000 - passenger.inside.money == paid
        if told in (BEGUN, ENDED):
            made = trip_of(passenger).at("entry" if lane == "in" else "exit")
            assert moment_of(made) is not None
        else:
            assert passenger.inside.state == before

    passenger = metro_stand.passenger()
    metro_stand.run(
        scenario, metro_settings(reentry_minutes=60, reexit_minutes=60, longest_minutes=240)
    )


@pytest.mark.parametrize("lane", ["in", "out"])
def test_a_torn_end_of_a_trip_is_made_good_beside_an_odd_time(
    metro_stand: MetroStand, lane: str
) -> None:
    def scenario(metro: Network) -> None:
        gate = metro.at(HERE)
        gate.made(passenger, OUT if lane == "in" else IN, THERE, 20)
        with_time(passenger, "exit" if lane == "out" else "entry", "FF" * 7)
        assert gate.take(lane, passenger, UNSENT).reason == Reason.PAY_AGAIN
        assert gate.take(lane, passenger, LOST).reason == Reason.PAY_AGAIN
        with_time(passenger, "entry" if lane == "out" else "exit", "FF" * 7)
        assert gate.take(lane, passenger).reason == Reason.TORN_RECOVERED
        ends = sorted(end.reason for end in gate.events("payment-end"))
        assert ends == ["not-paid", "torn-recovered"]

    passenger = metro_stand.passenger()
    metro_stand.run(scenario)


@pytest.mark.parametrize("byte", [0x00, 0xFF])
def test_a_record_that_nobody_has_written_is_the_initial_one(
    metro_stand: MetroStand, byte: int
) -> None:
    def scenario(metro: Network) -> None:
        holds(passenger, bytes([byte]) * 128)
        assert trip_of(passenger).inside == Inside.INITIAL
        assert metro.at(THERE).leave(passenger) == Reason.NOT_ENTERED
        assert metro.at(THERE).enter(passenger, UNSENT) == Reason.PAY_AGAIN
        assert metro.at(THERE).enter(passenger) is BEGUN
        assert passenger.inside.state.records[0][0] == 0x27
        metro.minutes(20)
        assert metro.at(HERE).leave(passenger) is ENDED

    passenger = metro_stand.passenger()
    metro_stand.run(scenario)
    assert passenger.inside.money == 9_500


@pytest.mark.parametrize("lane", ["in", "out"])
@pytest.mark.parametrize("blank", [False, True])
def test_control_a_record_of_another_id_stays_a_fault(
    metro_stand: MetroStand, lane: str, blank: bool
) -> None:
    def scenario(metro: Network) -> None:
        gate = metro.at(HERE)
        if not blank:
            gate.made(passenger, IN, THERE, 20)
        holds(passenger, b"\x28" + passenger.inside.state.records[0][1:])
        with pytest.raises(TransitRecordFault):
            gate.take(lane, passenger)
        assert not gate.events()

    passenger = metro_stand.passenger()
    metro_stand.run(scenario)


@pytest.mark.parametrize("lane", ["in", "out"])
def test_an_empty_record_is_as_a_missing_one(metro_stand: MetroStand, lane: str) -> None:
    def scenario(metro: Network) -> list[str]:
        told = []
        for records in ((), (b"",)):
            passenger.inside.state = replace(passenger.inside.state, records=records)
            told.append(metro.at(HERE).take(lane, passenger).reason)
        return told

    passenger = metro_stand.passenger()
    assert metro_stand.run(scenario) == [Reason.CARD_NOT_TAKEN, Reason.CARD_NOT_TAKEN]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_a_record_says_somebody_is_told_something(data: st.DataObject) -> None:
    """A price is made in the journal's turn, which must not be carried out by a card's contents."""
    layout = Layouts.shipped().find(CITY, "rail")
    known = [record(IN, stop, "20260921220000") for stop in (HERE, THERE)]
    raw = bytearray(data.draw(st.sampled_from(known)))
    for at, byte in data.draw(st.dictionaries(st.integers(1, 127), st.integers(0, 255))).items():
        raw[at] = byte
    times = st.text("0123456789", min_size=14, max_size=14) | st.sampled_from(NO_TIME)
    raw[67:74] = bytes.fromhex(
        data.draw(st.sampled_from(["20260921220000", "00010101000000"]) | times)
    )
    raw[74:81] = bytes.fromhex(data.draw(times))
    try:
        trip = RailRecord.read(layout, bytes(raw))
    except TransitRecordFault:
        return
    common = gates(HERE, metro_settings(no_exit="lowest", no_entry="highest")).gates
    for kind in (EnteringCard, LeavingCard):
        offer = kind(common, layout, bytes(raw), trip)
        clock = ClockReading(1_790_000_000_000, data.draw(st.sampled_from(QUALITIES)), "boot")
        priced = offer.price(
            JournalMemory(FakeTurn([], FakeLists())), Rider("a" * 64, 1, CITY), clock
        )
        assert priced.instead is not None or priced.stamp is not None
        assert priced.amount >= 0
