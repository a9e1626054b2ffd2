"""Entries and exits in any order, torn anywhere, with power cuts between: no fen is lost or made
up, and what the cards say of their trips is what the journals say."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import agent.purse.purchase as purchase
from agent.purse.paying import Payments
from agent.purse.trips import Inside
from agent.scenes.metro.offers import Trips
from agent.scenes.metro.options import MetroOptions
from offline_store.events.payment import Intent, PaymentEnd
from offline_store.events.row import Event, Stored
from proving.malice.purse import Gang, Keyless
from proving.proofs.mallory import Trusting, robs
from simulators.transit.bus import Passenger
from simulators.vpcd import Moment, TearAtInstruction
from tests.agent.purse.metro_stand import (
    MetroStand,
    Network,
    metro_settings,
    rows_of,
    told_of,
    trip_of,
)
from tests.agent.purse.stand import GREY_AFTER, LOST, UNSENT
from world import Fault

STOPS = ("M11", "M13", "M14")
THROUGH = ("trip-begun", "trip-ended", "trip-again", "torn-recovered")
PEOPLE = 3


@dataclass(frozen=True)
class Tap:
    who: int
    stop: str
    lane: str
    tear: TearAtInstruction | None = None


@dataclass(frozen=True)
class Wait:
    minutes: float


@dataclass(frozen=True)
class Pull:
    """The PSAM, out and in again."""

    stop: str


@dataclass(frozen=True)
class Cut:
    stop: str


@dataclass(frozen=True)
class Fake:
    """Somebody without a key, who shows that person's number."""

    who: int
    stop: str
    lane: str
    chance: int


Step = Tap | Wait | Pull | Cut | Fake

TEARS = st.one_of(
    st.none(),
    st.sampled_from([LOST, UNSENT]),
    st.builds(
        TearAtInstruction, st.sampled_from([0xA4, 0xB2, 0x50, 0xDC, 0x54, 0x5A]),
        st.sampled_from(list(Moment)),
    ),
)  # fmt: skip
STEPS = st.one_of(
    *[
        st.builds(
            Tap,
            st.integers(0, PEOPLE - 1),
            st.sampled_from(STOPS),
            st.sampled_from(["in", "out"]),
            TEARS,
        )
    ]
    * 6,
    st.builds(Wait, st.sampled_from([0.1, 0.6, 3.0, 20.0, 300.0])),
    st.builds(Pull, st.sampled_from(STOPS)),
    st.builds(Cut, st.sampled_from(STOPS)),
    *[
        st.builds(
            Fake,
            st.integers(0, PEOPLE - 1),
            st.sampled_from(STOPS),
            st.sampled_from(["in", "out"]),
            st.integers(0, 2**32),
        )
    ]
    * 2,
)
SETTINGS = st.sampled_from(
    [
        metro_settings(),
        metro_settings(no_exit="highest", no_entry="lowest", reexit_minutes=2),
        metro_settings(
            turn_back_minutes=5, longest_minutes=240, overstay="surcharge", overstay_fare=300
        ),
    ]
)


def played(steps: Sequence[Step], metro: MetroOptions) -> list[str]:
    """What does not hold after these."""
    with tempfile.TemporaryDirectory() as folder:
        stand = MetroStand(Path(folder))
        people = [stand.passenger(money) for money in (10_000, 700, 250)]

        def scenario(network: Network) -> list[str]:
            found = [wrong for step in steps for wrong in _done(network, people, step)]
            for stop in STOPS:
                network.at(stop)
            network.world.wait(GREY_AFTER + 1)
            rows = [row for stop in STOPS for row in network.at(stop).rows()]
            return [*found, *_judged(people, rows)]

        return stand.run(scenario, metro)


def _done(network: Network, people: Sequence[Passenger], step: Step) -> Iterator[str]:
    match step:
        case Wait():
            network.minutes(step.minutes)
        case Pull():
            network.at(step.stop).slot.pull()
            network.world.wait(1.0)
        case Cut():
            network.cut(step.stop)
        case Tap():
            yield from _tapped(network, people[step.who], step)
        case Fake():
            yield from _faked(network, people[step.who], step)


def _tapped(network: Network, passenger: Passenger, step: Tap) -> Iterator[str]:
    """Who is let in is inside by his card, who is let out is not."""
    with suppress(Fault):
        reason = network.at(step.stop).take(step.lane, passenger, step.tear).reason
        inside = trip_of(passenger).inside
        accepted = reason in THROUGH
        if accepted and inside != (Inside.IN if step.lane == "in" else Inside.OUT):
            yield f"{step}: {reason}, and the card says {inside}"


def _faked(network: Network, passenger: Passenger, step: Fake) -> Iterator[str]:
    """Nobody is let through without a key, and nothing that was open ends by that."""
    gate, chance = network.at(step.stop), Random(step.chance)
    before = gate.store.status()
    gang = Gang(numbers=[passenger.inside.state.seq])
    for _ in range(1 + chance.randrange(3)):
        card = Keyless(chance, passenger.order, gang, network.world.wait, network.moment)
        with suppress(Fault):
            took = gate.take(step.lane, passenger, around=lambda _, card=card: card)  # type: ignore[misc]
            if took.proof is not None or took.reason in THROUGH:
                yield f"{step}: {took.reason} without a key"
    head = before.epoch, before.seq
    for row in (record.stored() for record in gate.store.records(*head, 100)):
        if robs(row, step.lane, head):
            yield f"{step}: somebody's payment was ended without a key"


def _judged(people: Sequence[Passenger], rows: Sequence[Stored[Event]]) -> Iterator[str]:
    intents = {
        (row.event.purchase.terminal, row.at.place) for row in rows if isinstance(row.event, Intent)
    }
    ends = [row.event for row in rows if isinstance(row.event, PaymentEnd)]
    if sorted(intents) != sorted((end.purchase.terminal, end.intent.place) for end in ends):
        yield "intents without an end, or with several"
    counted = [end for end in ends if end.outcome in ("confirmed", "grey")]
    for passenger in people:
        mine = [end for end in counted if end.purchase.card_number[1:] == passenger.number]
        yield from _of_card(passenger, mine)


def _of_card(passenger: Passenger, ends: Sequence[PaymentEnd]) -> Iterator[str]:
    debits = {debit.psam_seq: debit.amount for debit in passenger.debits}
    made = sorted(
        (end for end in ends if end.purchase.psam_seq in debits),
        key=lambda end: end.purchase.card_seq,
    )
    if sorted(end.purchase.psam_seq for end in made) != sorted(debits):
        yield "debits that are in no record, or in two"
    if any(end.confirmed is not None for end in ends if end not in made):
        yield "confirmed, and no card paid it"
    if passenger.spent_here != sum(end.purchase.amount for end in made):
        yield "the money equation does not hold"
    made = [end for end in made if not end.purchase.proof]
    trips = [told_of(end).end or "" for end in made]
    told = {"": Inside.INITIAL, "entry": Inside.IN, "exit": Inside.OUT}[trips[-1] if trips else ""]
    if trip_of(passenger).inside != told:
        yield f"the journal says {told!r}, the card {trip_of(passenger).inside}"
    rows = [row["type"] for row in rows_of(passenger)]
    if rows != [told_of(end).type for end in reversed(made)][:30]:
        yield "001E has other rows than the journal"
    yield from _of_trips(made)


def _of_trips(made: Sequence[PaymentEnd]) -> Iterator[str]:
    """Each row follows from the one before: by where its holder was."""
    follows = {3: {0, 4, 7}, 4: {3, 8}, 7: {0, 4, 7}, 8: {3, 8}}
    before: PaymentEnd | None = None
    for end in made:
        kind = told_of(end).type
        if (told_of(before).type if before else 0) not in follows[kind]:
            yield f"a row {kind} in the wrong place"
        if before and kind in (4, 8) and told_of(end).entry_station != before.ride.station:
            yield "charged from where he did not enter"
        if kind == 3 and end.purchase.amount:
            yield "an entry was charged"
        before = end


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, min_size=4, max_size=25), SETTINGS)
def test_whatever_happens_cards_and_journals_agree(steps: list[Step], metro: MetroOptions) -> None:
    assert played(steps, metro) == []


@pytest.mark.parametrize("seed", range(8))
def test_control_what_a_card_says_of_itself_lets_the_keyless_in(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """What the machine is to find: an agent that takes a card's word, and one torn card."""
    monkeypatch.setattr(Payments, "_prove", Trusting._prove)
    fakes: list[Step] = [Fake(0, "M11", "in", seed * 100 + n) for n in range(60)]
    tears: list[Step] = [Tap(0, "M11", "in", LOST), Tap(1, "M11", "in")]
    found = played([*tears, *fakes], metro_settings())
    assert any("without a key" in wrong for wrong in found)


BACK: list[Step] = [Tap(0, "M11", "in", LOST), Tap(0, "M14", "out"), Tap(0, "M11", "in")]
TRIP: list[Step] = [Tap(0, "M11", "in"), Wait(20), Tap(0, "M14", "out", LOST), Tap(0, "M14", "out")]


@pytest.mark.parametrize("steps", [BACK, TRIP])
def test_known_histories(steps: list[Step]) -> None:
    assert played(steps, metro_settings()) == []


def test_control_a_recovered_entry_whose_trip_is_over_lets_nobody_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Trips, "serves", lambda self, purse, intent, lane: True)
    assert any("the card says" in wrong for wrong in played(BACK, metro_settings()))


@pytest.mark.parametrize(("kept", "wrong"), [(0, "001E"), (1, "the journal says")])
def test_control_a_record_that_is_not_written_is_noticed(
    monkeypatch: pytest.MonkeyPatch, kept: int, wrong: str
) -> None:
    written: Callable[..., None] = purchase._write

    class Half:
        def __init__(self, priced: object) -> None:
            self.stamp = self
            self._priced = priced

        def records(self, *said: object) -> object:
            return [self._priced.stamp.records(*said)[kept]]  # type: ignore[attr-defined]

    monkeypatch.setattr(
        purchase, "_write", lambda purse, priced, *said: written(purse, Half(priced), *said)
    )
    found = played(TRIP[:1], metro_settings())
    assert any(wrong in one for one in found), found
