"""What holds of every fare whatever the rules: bounds, monotony, sameness. By hypothesis."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from agent.fares.decide import fare
from agent.fares.lines import LineBook
from agent.fares.ride import Fare, Journey, Rider
from agent.fares.rules import Rules
from agent.fares.tariff import (
    Cap,
    Concession,
    ConcessionPrice,
    Discount,
    Distance,
    Flat,
    Rounding,
    Segments,
    Tariff,
    Transfer,
    WeekWindow,
)
from offline_store.clock import ClockReading
from offline_store.events.seen import LastRide, RidesBefore
from tests.agent.fares.city import ELSEWHERE, MADE_UP, NOON, as_recorded, at, lines, people, person

BOOK: LineBook = lines()
CLASSES = ("senior", "student", "disabled", "staff")
amounts = st.integers(0, 5000)
when = st.sampled_from([(), ("peak",), ("night",), ("peak", "night")])
scope = st.sampled_from([(), ("1",), ("9", "M1"), ("*",)])


def prices() -> st.SearchStrategy[dict[str, Any]]:
    shares = st.integers(0, 100)
    return st.one_of(
        shares.map(lambda value: {"percent": value}),
        amounts.map(lambda value: {"amount": value}),
        amounts.map(lambda value: {"off": value}),
    )


@st.composite
def concessions(draw: st.DrawFn) -> Concession:
    return Concession(
        name=draw(st.sampled_from(CLASSES)),
        lines=draw(scope),
        when=draw(when),
        rides_per_day=draw(st.none() | st.integers(1, 4)),
        **draw(prices()),
    )


@st.composite
def transfers(draw: st.DrawFn) -> Transfer:
    return Transfer(
        name="change",
        lines=draw(scope),
        from_lines=draw(scope),
        minutes=draw(st.integers(1, 120)),
        same_line=draw(st.booleans()),
        most=draw(st.integers(1, 3)),
        with_concession=draw(st.booleans()),
        **draw(prices()),
    )


@st.composite
def tariffs(draw: st.DrawFn) -> Tariff:
    rising = sorted(draw(st.lists(amounts, min_size=2, max_size=2)))
    ab, bb = draw(amounts), draw(amounts)
    return Tariff(
        form=1,
        list="fares",
        cities=(MADE_UP,),
        windows=(
            WeekWindow(name="peak", days=(1, 2, 3, 4, 5), begins="07:00", ends="09:00"),
            WeekWindow(name="night", begins="23:00", ends="05:00"),
        ),
        tables=(
            Flat(name="late", lines=("1",), when=("night",), amount=draw(amounts)),
            Flat(name="bus", lines=("1", "2"), amount=draw(amounts)),
            Segments(name="far", lines=("9",), upto=((1, rising[0]), (3, rising[1]))),
            Distance(
                name="metro",
                zones={"M11": "a", "M12": "a", "M13": "b", "M14": "b"},
                amounts={"a": {"a": draw(amounts), "b": ab}, "b": {"b": bb}},
            ),
        ),
        card_types={"02": "student", "03": "senior"},
        concessions=tuple(draw(st.lists(concessions(), max_size=5))),
        discounts=tuple(
            Discount(name=f"d{n}", when=draw(when), **draw(prices()))
            for n in range(draw(st.integers(0, 2)))
        ),
        transfers=tuple(draw(st.lists(transfers(), max_size=2))),
        caps=tuple(
            Cap(
                name=f"c{n}", amount=draw(amounts), classes=draw(st.sampled_from([(), ("senior",)]))
            )
            for n in range(draw(st.integers(0, 2)))
        ),
        rounding=Rounding(
            to=draw(st.sampled_from([1, 10, 50, 100])),
            how=draw(st.sampled_from(["down", "up", "half-up"])),
        ),
        minimum=draw(st.sampled_from([0, 10, 100])),
    )


riders = st.builds(
    Rider,
    person=st.sampled_from(
        [person(name) for name in ("senior", "student", "both", "anon", "graduate")] + [""]
    ),
    card_type=st.none() | st.sampled_from([1, 2, 3, 0x70]),
    city=st.sampled_from(["", MADE_UP, ELSEWHERE]),
)
stops = st.sampled_from([*BOOK.stops, "", "X9"])
journeys = st.builds(
    Journey,
    line=st.sampled_from(["1", "2", "9", "M1", "77"]),
    direction=st.sampled_from(["up", "down"]),
    boarded=stops,
    left=stops,
)
lasts = st.builds(
    LastRide,
    line=st.sampled_from(["1", "2", "9", "M1"]),
    time_ms=st.integers(-200, 200).map(lambda minutes: NOON + minutes * 60_000),
    paid=amounts,
    transfers=st.integers(0, 3),
)
states = st.builds(
    RidesBefore,
    paid_today=amounts,
    rides_today=st.integers(0, 9),
    conceded_today=st.integers(0, 9),
    last=st.none() | lasts,
)
clocks = st.builds(at, st.integers(-24, 24), known=st.booleans())
everything = given(tariff=tariffs(), journey=journeys, rider=riders, state=states, clock=clocks)


def decide(
    tariff: Tariff, journey: Journey, rider: Rider, state: RidesBefore, clock: ClockReading
) -> Fare:
    return fare(journey, rider, Rules(tariff, people(), BOOK), state, clock)


@everything
@settings(deadline=None)
def test_never_negative_never_above_the_undiscounted_fare_and_always_explained(
    tariff: Tariff, journey: Journey, rider: Rider, state: RidesBefore, clock: ClockReading
) -> None:
    found = decide(tariff, journey, rider, state, clock)
    highest = max(
        amount
        for table in tariff.tables
        for amount in (
            [table.amount]
            if isinstance(table, Flat)
            else [most for _, most in table.upto]
            if isinstance(table, Segments)
            else [most for row in table.amounts.values() for most in row.values()]
        )
    )
    assert 0 <= found.amount_fen <= found.full_fen <= highest
    assert found.steps
    assert found.steps[-1].amount == found.amount_fen
    assert found.accepted or found.amount_fen == 0


@everything
@settings(deadline=None)
def test_the_same_input_gives_the_same_fare(
    tariff: Tariff, journey: Journey, rider: Rider, state: RidesBefore, clock: ClockReading
) -> None:
    first = decide(tariff, journey, rider, state, clock)
    assert decide(tariff, journey, rider, as_recorded(state), clock) == first


@everything
@settings(deadline=None)
def test_whoever_has_paid_more_today_pays_no_more_now(
    tariff: Tariff, journey: Journey, rider: Rider, state: RidesBefore, clock: ClockReading
) -> None:
    more = RidesBefore(state.paid_today + 300, state.rides_today, state.conceded_today, state.last)
    now = decide(tariff, journey, rider, state, clock)
    assert decide(tariff, journey, rider, more, clock).amount_fen <= now.amount_fen


@everything
@settings(deadline=None)
def test_without_concessions_discounts_and_transfers_nobody_pays_less(
    tariff: Tariff, journey: Journey, rider: Rider, state: RidesBefore, clock: ClockReading
) -> None:
    bare = replace(tariff, concessions=(), card_types={}, discounts=(), transfers=())
    # a cap of a class reaches nobody who has none, so only those of everybody are compared
    capped = replace(bare, caps=tuple(cap for cap in tariff.caps if not cap.classes))
    full = decide(capped, journey, rider, state, clock)
    assert decide(tariff, journey, rider, state, clock).amount_fen <= full.amount_fen


@everything
@settings(deadline=None)
def test_a_dearer_table_makes_no_ride_cheaper(
    tariff: Tariff, journey: Journey, rider: Rider, state: RidesBefore, clock: ClockReading
) -> None:
    dearer = replace(
        tariff,
        tables=tuple(
            replace(table, amount=table.amount + 70) if isinstance(table, Flat) else table
            for table in tariff.tables
        ),
    )
    now = decide(tariff, journey, rider, state, clock)
    then = decide(dearer, journey, rider, state, clock)
    # a dearer ride may bring somebody into a concession that has a cap of its own
    if now.concession == then.concession:
        assert now.amount_fen <= then.amount_fen


@given(amounts, amounts, prices())
def test_a_price_keeps_the_order_and_never_adds(
    one: int, other: int, price: dict[str, Any]
) -> None:
    priced = ConcessionPrice(**price)
    assert 0 <= priced.of(one) <= one
    assert priced.of(min(one, other)) <= priced.of(max(one, other))
