"""Transfers, day caps and rides a day hold across terminals, by what the card itself tells: read
only where the tariff goes by it, written beside the debit, believed only of a card that proves
itself."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.fares.carried import Carried, joined
from agent.fares.decide import fare
from agent.fares.history import state_of
from agent.fares.lines import parse_lines
from agent.fares.memory import JournalMemory
from agent.fares.ride import Journey, Rider
from agent.fares.rules import Rules
from agent.fares.tariff import parse_tariff
from agent.messages.reasons import Reason
from agent.purse.card_memory import CardMemory, Operator, RideStamp, held_alone
from agent.purse.pricing import FlatFare, ListedFare
from agent.scenes.metro.layouts import load_layouts
from apdu.channel import Channel, Transport
from apdu.transit.files import LayoutFault, Layouts, Value, national
from apdu.transit.purse import Purse
from apdu.transit.values import Initialised, Kind, PsamTerminal
from offline_store.clock import CHINA, ClockReading
from offline_store.events.payment import Intent, PaymentEnd
from offline_store.events.reference import Reference
from offline_store.events.ride import Ride
from offline_store.events.row import Event, Stored
from offline_store.turn import Done
from simulators.transit import lists, metro
from simulators.transit.bus import Passenger
from simulators.transit.city import blank_records
from tests.agent.events import purchase
from tests.agent.purse.metro_stand import MetroStand, Network
from tests.agent.purse.stand import LOST, Bus, BusStand
from world.real import RealWorld

T = TypeVar("T")
MINUTE, DAY = 60.0, 86_400.0
BOOK = parse_lines(lists.lines())
FULL, CHANGED = lists.FULL, lists.FULL - 100
BINARY, RECORD, INIT, WRITE, DEBIT = 0xB0, 0xB2, 0x50, 0xDC, 0x54


def tariff(**changed: Any) -> Rules:
    """The made-up bus city's list: from line 42 to 18 within the hour, 20.00 a day at most."""
    return Rules(
        parse_tariff(json.dumps({**json.loads(lists.fares()), **changed}).encode()), lines=BOOK
    )


CITY = tariff()
NO_CAP = tariff(caps=[])
PLAIN = tariff(caps=[], transfers=[])
BOTH_WAYS = tariff(
    transfers=[{"name": "change", "minutes": 60, "off": 100}, {"name": "x", "minutes": 1, "off": 1}]
)
COUNTED = tariff(
    caps=[],
    transfers=[],
    concessions=[{"name": "student", "amount": 50, "rides_per_day": 2}],
    card_types={"02": "student"},
)


def listed(rules: Rules, line: str) -> ListedFare:
    return ListedFare(lambda: rules, lambda: Journey(line), FlatFare(999, "5199"), "bus")


class Fleet:
    """Buses with a journal each; cards go from one to the other, in one time."""

    def __init__(self, folder: Path, rules: Rules) -> None:
        self._folder = folder
        self._rules = rules
        self._stands: dict[str, BusStand] = {}
        self._lasted = 0.0  # what went by on the buses before

    def stand(self, name: str = "a") -> BusStand:
        if name not in self._stands:
            self._stands[name] = BusStand(self._folder / name)
        return self._stands[name]

    def on(
        self, name: str, line: str, scenario: Callable[[Bus], T], rules: Rules | None = None
    ) -> T:
        def now(bus: Bus) -> T:
            bus.world.wait(self._lasted)
            found = scenario(bus)
            self._lasted = bus.world.monotonic()
            return found

        return self.stand(name).drive(now, fares=listed(rules or self._rules, line))

    def pays(self, name: str, line: str, passenger: Passenger) -> int | None:
        def scenario(bus: Bus) -> int | None:
            assert bus.tap(passenger).reason == Reason.PAID
            return bus.end().confirmed

        return self.on(name, line, scenario)

    def wait(self, minutes: float) -> None:
        self._lasted += minutes * MINUTE


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path, CITY)


def test_who_changes_the_bus_pays_what_who_changes_the_line_does(fleet: Fleet) -> None:
    passenger = fleet.stand().passenger()
    paid = [fleet.pays("a", "42", passenger)]
    fleet.wait(10)
    paid.append(fleet.pays("b", "18", passenger))
    assert paid == [FULL, CHANGED]


@pytest.mark.parametrize(
    ("minutes", "lines", "second"),
    [(59, ("42", "18"), CHANGED), (61, ("42", "18"), FULL), (10, ("18", "42"), FULL)],
)
def test_a_transfer_is_what_the_list_says(
    fleet: Fleet, minutes: float, lines: tuple[str, str], second: int
) -> None:
    passenger = fleet.stand().passenger()
    fleet.pays("a", lines[0], passenger)
    fleet.wait(minutes)
    assert fleet.pays("b", lines[1], passenger) == second


def test_a_days_cap_holds_on_every_bus_and_begins_anew(fleet: Fleet) -> None:
    passenger = fleet.stand().passenger()
    paid = [fleet.pays(f"bus{number}", "18", passenger) for number in range(11)]
    assert paid == [FULL] * 10 + [0]
    fleet.wait(24 * 60)
    assert fleet.pays("b", "18", passenger) == FULL


def test_rides_a_day_for_less_are_counted_on_every_bus(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, COUNTED)
    student = fleet.stand().passenger(card_type=2)
    assert [fleet.pays(name, "18", student) for name in "abcd"] == [50, 50, FULL, FULL]


def test_nobody_changes_for_less_twice_in_a_row(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, BOTH_WAYS)
    passenger = fleet.stand().passenger()
    paid = []
    for number, line in enumerate(("42", "18", "42", "18")):
        paid.append(fleet.pays(f"bus{number}", line, passenger))
        fleet.wait(10)
    assert paid == [FULL, CHANGED, FULL, CHANGED]


def test_where_only_the_trips_tell_nobody_changes_for_less_twice_either(tmp_path: Path) -> None:
    """001E does not say which ride was a transfer, so what may have been one is taken for one."""
    rules = tariff(caps=[], transfers=[{"name": "change", "minutes": 60, "off": 100}])
    fleet = Fleet(tmp_path, rules)
    passenger = fleet.stand().passenger()
    paid = []
    for number, line in enumerate(("42", "18", "42")):
        paid.append(fleet.pays(f"bus{number}", line, passenger))
        fleet.wait(10)
    fleet.wait(60)
    paid += [fleet.pays("x", "18", passenger), fleet.pays("y", "42", passenger)]
    assert paid == [FULL, CHANGED, FULL, FULL, CHANGED]


@pytest.mark.parametrize("operators", [("1234", "1234"), ("1234", "5678"), (None, "5678")])
def test_a_ride_stands_on_the_card_under_its_lines_operator(
    tmp_path: Path, operators: tuple[str | None, str]
) -> None:
    """As a metro writes its stations: the terminal's own is for lines of which the list says
    none."""
    said = json.loads(lists.lines())
    for line, operator in zip(said["lines"], operators, strict=False):
        if operator is not None:
            line["operator"] = operator
    book = parse_lines(json.dumps(said).encode())
    fleet = Fleet(tmp_path, replace(CITY, lines=book))
    passenger = fleet.stand().passenger()
    assert [fleet.pays("a", "42", passenger), fleet.pays("b", "18", passenger)] == [FULL, CHANGED]


@pytest.mark.parametrize("codes", [(0, 0), (18, 18)], ids=["none", "one for two lines"])
def test_nobody_changes_to_the_line_that_he_may_have_come_with(
    tmp_path: Path, codes: tuple[int, int]
) -> None:
    """A card names a line by its code alone: where that leaves it open, it is decided against."""
    said = json.loads(lists.lines())
    for line, code, stop in zip(said["lines"], codes, ("S1", "S2"), strict=True):
        line |= {"code": code, "up": [stop, "S3"]}
    said["lines"][1]["up"] = ["S2", "S3"]
    book = parse_lines(json.dumps(said).encode())
    rules = replace(
        tariff(caps=[], transfers=[{"name": "x", "minutes": 60, "off": 100}]), lines=book
    )
    fleet = Fleet(tmp_path, rules)
    passenger = fleet.stand().passenger()
    paid = []
    for bus in "ab":
        paid.append(fleet.pays(bus, "18", passenger))
        fleet.wait(10)
    assert paid == [FULL, FULL]


# What is exchanged


def instructions(fleet: Fleet, passenger: Passenger, rules: Rules) -> list[int]:
    def scenario(bus: Bus) -> list[int]:
        assert bus.tap(passenger).reason == Reason.PAID
        return bus.instructions()

    return fleet.on("a", "18", scenario, rules)


def test_only_what_the_tariff_goes_by_is_read_and_written(fleet: Fleet) -> None:
    passenger = fleet.stand().passenger()
    plain = instructions(fleet, passenger, PLAIN)
    assert plain.count(RECORD) == plain.count(WRITE) == 0
    caps = instructions(fleet, passenger, tariff(transfers=[]))
    assert (caps.count(RECORD), caps.count(WRITE)) == (1, 1)
    transfers = instructions(fleet, passenger, NO_CAP)
    assert (transfers.count(RECORD), transfers.count(WRITE)) == (1, 1)
    both = instructions(fleet, passenger, CITY)
    assert (both.count(RECORD), both.count(WRITE)) == (2, 2)


def test_what_is_written_is_a_row_as_the_trade_has_it(fleet: Fleet) -> None:
    passenger = fleet.stand().passenger()
    fleet.pays("a", "42", passenger)
    row = national().trip.decode(passenger.inside.state.trips[0])
    assert (row["type"], row["industry"], row["line"], row["amount"]) == (6, 2, "002A", FULL)
    assert row["balance"] == passenger.inside.money
    day = Layouts.shipped().find("5199", "bus").decode(passenger.inside.state.records[1])
    assert (day["line"], day["paid_today"], day["entry_time"]) == ("00002A", FULL, row["moment"])


def test_a_torn_ride_is_made_good_and_told_once(fleet: Fleet) -> None:
    passenger = fleet.stand().passenger()

    def scenario(bus: Bus) -> list[str]:
        return [bus.reason(passenger, LOST), bus.reason(passenger)]

    assert fleet.on("a", "42", scenario) == [Reason.PAY_AGAIN, Reason.TORN_RECOVERED]
    fleet.wait(10)
    assert fleet.pays("b", "18", passenger) == CHANGED
    assert passenger.spent_here == FULL + CHANGED


def test_a_time_of_the_day_record_that_decides_nothing_takes_nothing_from_it(fleet: Fleet) -> None:
    """Many a city has F for a ride that nobody ended: the card has still paid today."""
    layout = Layouts.shipped().find("5199", "bus")
    one = next(one for one in layout.fields if one.name == "exit_time")

    def second(time: str) -> int | None:
        passenger = fleet.stand().passenger()
        fleet.pays("a", "42", passenger)
        state = passenger.inside.state
        raw = bytearray(state.records[1])
        raw[one.offset : one.end] = bytes.fromhex(time)
        raw[72:76] = (1_950).to_bytes(4)
        passenger.inside.state = replace(state, records=(state.records[0], bytes(raw)))
        fleet.wait(10)
        return fleet.pays("b", "18", passenger)

    assert second("00" * 7) == second("FF" * 7) == 50


# Cards that tell nothing, or anything


class Without:
    """A card that answers some instructions so. See `apdu.channel.Channel`."""

    atr = b""

    def __init__(self, inner: Channel, answers: dict[int, bytes]) -> None:
        self._inner = inner
        self._answers = answers

    @property
    def transport(self) -> Transport:
        return self._inner.transport

    def transmit(self, command: bytes) -> bytes:
        return self._answers.get(command[1]) or self._inner.transmit(command)


@pytest.mark.parametrize(
    "answer",
    [
        "6A82",
        "6A83",
        "6982",
        "6D00",
        "9000",
        "EE" * 48 + "9000",
        "00" * 48 + "9000",
        "FF" * 20 + "9000",
    ],
)
def test_a_card_that_tells_nothing_that_can_be_read_rides_all_the_same(
    fleet: Fleet, answer: str
) -> None:
    passenger = fleet.stand().passenger()
    answers = {RECORD: bytes.fromhex(answer)}

    def scenario(bus: Bus) -> tuple[str, int | None]:
        took = bus.tap(passenger, around=lambda card: Without(card, answers))
        return took.reason, bus.end().confirmed

    assert fleet.on("a", "18", scenario) == (Reason.PAID, FULL)


@pytest.mark.parametrize("refusal", ["6A82", "6A80", "6985", "6982", "6D00"])
def test_a_card_that_will_not_have_it_written_rides_all_the_same(
    fleet: Fleet, refusal: str
) -> None:
    passenger = fleet.stand().passenger()
    answers = {WRITE: bytes.fromhex(refusal)}

    def scenario(bus: Bus) -> tuple[str, int | None, int]:
        took = bus.tap(passenger, around=lambda card: Without(card, answers))
        return took.reason, bus.end().confirmed, bus.end().purchase.type

    assert fleet.on("a", "18", scenario) == (Reason.PAID, FULL, Kind.SIMPLE.type)
    assert passenger.inside.state.trips == ()


def digits(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, CHINA):%Y%m%d%H%M%S}"


def forged(passenger: Passenger, *, line: int, minutes: float, at: float, paid_today: int) -> None:
    """Somebody writes to his emulator what he likes."""
    moment = digits(at - minutes * MINUTE)
    row: dict[str, Value] = {"type": 6, "line": f"{line:04X}", "moment": moment, "industry": 2}
    layout = Layouts.shipped().find("5199", "bus")
    day = layout.encode({"entry_time": moment, "paid_today": paid_today}, blank_records("5199")[1])
    state = passenger.inside.state
    passenger.inside.state = replace(
        state,
        trips=(national().trip.encode(row),),
        records=(state.records[0], day),
    )


@pytest.mark.parametrize(("paid_today", "amount"), [(0, CHANGED), (2000, 0)])
def test_what_an_emulator_says_of_rides_opens_nothing_without_the_cards_key(
    fleet: Fleet, paid_today: int, amount: int
) -> None:
    passenger = fleet.stand().passenger()

    def scenario(bus: Bus) -> tuple[str, PaymentEnd]:
        forged(passenger, line=42, minutes=5, at=bus.world.now(), paid_today=paid_today)
        passenger.inside.faults.wrong_mac2 = True
        return bus.tap(passenger).reason, bus.end()

    reason, end = fleet.on("a", "18", scenario)
    assert reason == Reason.PAYMENT_FORGED
    assert end.purchase.amount == amount
    assert end.verdict != "accepted"


def test_a_free_ride_by_the_days_cap_is_a_purchase_that_is_proved(fleet: Fleet) -> None:
    passenger = fleet.stand().passenger()

    def scenario(bus: Bus) -> tuple[str, PaymentEnd]:
        forged(passenger, line=42, minutes=5, at=bus.world.now(), paid_today=2000)
        return bus.tap(passenger).reason, bus.end()

    reason, end = fleet.on("a", "18", scenario)
    assert (reason, end.confirmed, end.mac2) == (Reason.PAID, 0, "verified")
    assert (end.ride.full, end.ride.steps) == (
        FULL,
        f"table city-bus={FULL}; transfer change -100={CHANGED}; cap day 2000=0",
    )


def test_the_record_says_what_the_card_told(fleet: Fleet) -> None:
    passenger = fleet.stand().passenger()
    fleet.pays("a", "42", passenger)
    fleet.wait(10)

    def scenario(bus: Bus) -> Intent:
        bus.tap(passenger)
        return bus.intents()[-1]

    seen = fleet.on("b", "18", scenario).seen
    assert seen.card is not None
    assert seen.rides is not None
    assert (seen.card.line, seen.card.paid_today, seen.rides.paid_today) == (42, FULL, FULL)
    assert seen.card.time_ms
    last = seen.rides.last
    assert last is not None
    assert (last.line, last.time_ms) == ("42", seen.card.time_ms)


@pytest.mark.parametrize("jump", [-DAY, -10 * MINUTE - 30, None])
def test_what_a_card_tells_of_a_time_to_come_makes_nothing_cheaper(
    fleet: Fleet, jump: float | None
) -> None:
    """This terminal's clock is behind; None: it was never set."""
    passenger = fleet.stand().passenger()
    fleet.pays("a", "42", passenger)
    fleet.wait(10)

    def scenario(bus: Bus) -> int | None:
        bus.world.jump_clock(-bus.world.now() if jump is None else jump)
        bus.tap(passenger)
        return bus.end().confirmed

    assert fleet.on("b", "18", scenario) == FULL


def test_another_citys_card_changes_for_less_and_has_no_day_here(fleet: Fleet) -> None:
    """Its record of 001A is its city's; 001E is everybody's."""
    passenger = fleet.stand().passenger(city="3399")
    fleet.pays("a", "42", passenger)
    fleet.wait(10)
    assert fleet.pays("b", "18", passenger) == CHANGED
    assert passenger.inside.state.records == blank_records("3399")


@pytest.mark.parametrize(
    ("cities", "told"),
    [
        (["5199"], []),
        (["3399"], [("rides-per-day", "3399")]),
        (["5199", "9901"], [("caps", "9901"), ("rides-per-day", "9901")]),
    ],
)
def test_what_each_terminal_keeps_for_itself_is_known_when_the_list_comes(
    cities: list[str], told: list[tuple[str, str]]
) -> None:
    """A made-up city's table has no field for one of them, another city has no table."""
    rules = tariff(
        cities=cities,
        concessions=[{"name": "student", "amount": 50, "rides_per_day": 2}],
        card_types={"02": "student"},
    )
    assert rules.tariff is not None
    assert [*held_alone(rules.tariff, Layouts.shipped())] == told
    plain = tariff(caps=[], concessions=[], card_types={}, cities=cities).tariff
    assert plain is not None
    assert [*held_alone(plain, Layouts.shipped())] == []


@pytest.mark.parametrize(
    "field",
    [
        '{ name = "entry_time", offset = 2, length = 7, kind = "hex" }',
        '{ name = "entry_time", offset = 2, length = 4, kind = "bcd" }',
        '{ name = "paid_today", offset = 2, length = 4, kind = "bcd" }',
        '{ name = "conceded_today", offset = 2, length = 1, kind = "hex" }',
    ],
)
def test_a_citys_table_that_nothing_can_be_told_by_is_refused(tmp_path: Path, field: str) -> None:
    path = tmp_path / "bus.toml"
    head = 'name = "x"\nindustry = "bus"\ncities = ["9901"]\nsize = 32\n'
    path.write_text(f"{head}fields = [{field}]\n")
    with pytest.raises(LayoutFault):
        load_layouts(RealWorld(), [str(path)])


# Bus and metro


def test_who_comes_from_a_metro_changes_for_less_at_another_station(
    metro_stand: MetroStand,
) -> None:
    """The made-up metro takes 1.00 off within 90 minutes; the entry's own row is no ride."""
    passenger = metro_stand.passenger()

    def scenario(network: Network) -> list[int | None]:
        paid = []
        for start, end in (("M11", "M14"), ("M14", "M11")):
            assert network.at(start).enter(passenger) == Reason.TRIP_BEGUN
            network.minutes(20)
            assert network.at(end).leave(passenger) == Reason.TRIP_ENDED
            paid.append(network.at(end).end().confirmed)
            network.minutes(5)
        return paid

    assert metro_stand.run(scenario) == [500, 400]


def test_a_metro_trip_and_a_bus_ride_are_one_day_and_may_be_changed_between(
    metro_stand: MetroStand, tmp_path: Path
) -> None:
    passenger = metro_stand.passenger()
    rules = Rules(
        parse_tariff(
            json.dumps(
                {
                    **json.loads(metro.FARES_LIST),
                    "transfers": [
                        {
                            "name": "to-bus",
                            "lines": ["18"],
                            "from_lines": ["M1"],
                            "minutes": 90,
                            "off": 150,
                        },
                    ],
                    "tables": [
                        *json.loads(metro.FARES_LIST)["tables"],
                        {"kind": "flat", "name": "bus", "amount": FULL},
                    ],
                    "caps": [{"name": "day", "amount": 550}],
                }
            ).encode()
        ),
        lines=parse_lines(
            json.dumps(
                {
                    **json.loads(metro.LINES_LIST),
                    "lines": [
                        *json.loads(metro.LINES_LIST)["lines"],
                        {"id": "18", "zh": "18", "code": 18, "up": ["M11", "M12"]},
                    ],
                }
            ).encode()
        ),
    )

    def ride(network: Network) -> int | None:
        network.at("M11").enter(passenger)
        network.minutes(20)
        network.at("M14").leave(passenger)
        return network.at("M14").end().confirmed

    assert metro_stand.run(ride, rules=rules) == 500
    fleet = Fleet(tmp_path, rules)
    fleet.wait(30)
    assert [fleet.pays(name, "18", passenger) for name in "ab"] == [50, 0]


# Any day of rides: as many terminals as one likes charge what one would


class Journal:
    """See `agent.fares.history.History`: what one terminal knows."""

    def __init__(self) -> None:
        self.rows: list[Stored[Event]] = []

    def accepted(self, person: str, *, scene: str) -> Any:
        return iter([Done(row) for row in reversed(self.rows)])

    def given_back(self, person: str) -> Any:
        return iter(())


class PaperCard:
    """A purse that only keeps files. See `apdu.channel.Channel`."""

    atr = b""

    def __init__(self) -> None:
        self.trips: list[bytes] = []
        self.records = list(blank_records("5199"))

    def transmit(self, command: bytes) -> bytes:
        rows = self.trips if command[3] >> 3 == 0x1E else self.records
        at = command[2] - 1
        return rows[at] + b"\x90\x00" if at < len(rows) else bytes.fromhex("6A83")

    @property
    def transport(self) -> Transport:
        return Transport.T1

    def write(self, layout: Any, raw: bytes) -> None:
        if layout.name == "001E":
            self.trips.insert(0, raw)
        else:
            self.records[layout.number - 1] = raw


RIDES = st.lists(
    st.tuples(st.sampled_from(["18", "42"]), st.integers(0, 4), st.integers(1, 400)),
    min_size=1,
    max_size=14,
)
TARIFFS = st.sampled_from([CITY, BOTH_WAYS, tariff(caps=[{"name": "day", "amount": 500}])])


@settings(deadline=None)
@given(TARIFFS, RIDES, st.sampled_from([1, 2]))
def test_many_terminals_charge_what_one_would(
    rules: Rules, rides: list[tuple[str, int, int]], card_type: int
) -> None:
    assert charged(rules, rides, card_type, one=False) == charged(rules, rides, card_type, one=True)


def charged(
    rules: Rules, rides: list[tuple[str, int, int]], card_type: int, *, one: bool
) -> list[int]:
    """(line, which terminal, minutes since the last ride) → what each cost."""
    assert rules.tariff is not None
    card, journals, found = PaperCard(), [Journal() for _ in range(5)], []
    now = 1_790_049_600_000
    memory = CardMemory(Layouts.shipped())
    for line, terminal, minutes in rides:
        now += minutes * 60_000
        clock = ClockReading(now, "synchronised", "boot")
        journal = journals[0 if one else terminal]
        source = listed(rules, line)
        rider = Rider("a" * 64, card_type, "5199")
        word = memory.read(Purse(card), "5199", source.wants())
        carried = Carried() if one else word.carried
        priced = source.price(JournalMemory(journal), rider, clock, None, carried)
        assert priced.refused is None
        assert priced.ridden is not None
        state = joined(
            state_of(journal, rider.person, rules.tariff, clock, scene="bus"),
            carried,
            rules.tariff,
            BOOK,
            clock,
        )
        assert fare(Journey(line), rider, rules, state, clock).amount_fen == priced.amount
        found.append(priced.amount)
        _ridden(journal, priced.amount, priced.ride, clock, rider.person)
        stamp = RideStamp(word, priced.ridden, Operator("5199"))
        for layout, raw in stamp.records(_begun(priced.amount), digits(now // 1000)):
            card.write(layout, raw)
    return found


def _begun(amount: int) -> Initialised:
    terminal = PsamTerminal(number=bytes(6), serial=bytes(14), key_index=1)
    return Initialised(Kind.COMPOSITE, amount, terminal, 10_000, 1, 0, 1, 0, bytes(4))


def _ridden(journal: Journal, amount: int, ride: Ride, clock: ClockReading, person: str) -> None:
    seq = len(journal.rows) + 1
    end = PaymentEnd(
        clock=clock,
        scene="bus",
        person=person,
        verdict="accepted",
        intent=Reference("e", 0),
        outcome="confirmed",
        purchase=purchase(amount),
        ride=ride,
    )
    journal.rows.append(Stored(Reference("e", seq), "t", end))
