"""The clearing's rows: each debit in one, grey ones flagged, nothing that was not paid."""

from pathlib import Path

from agent.transit.clearing import CODE_COLUMNS, COLUMNS, clearing_rows, code_rows
from simulators.transit import tickets
from tests.agent.test_tap_bus import NIGHT, event, fresh, play
from tests.agent.transit.metro_stand import MetroStand, Network, trip_of
from tests.agent.transit.stand import FARE, GREY_AFTER, LOST, UNSENT, Bus, BusStand
from tests.agent.transit_codes.hall import SM2, Hall

DOCUMENT = Path(__file__).parents[3] / "docs" / "clearing.md"


def test_every_debit_is_one_row_and_grey_is_flagged(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        bus.tap(paid)
        bus.tap(lost, LOST)
        bus.tap(lost)
        bus.tap(unsent, UNSENT)
        bus.tap(unsent)
        bus.tap(away, LOST)
        bus.world.wait(GREY_AFTER + 1)
        rows = list(clearing_rows(iter(bus.events())))
        assert [(row["card_number"], row["grey"], row["reason"]) for row in rows] == [
            (paid.number, 0, "paid"),
            (lost.number, 0, "torn-recovered"),
            (unsent.number, 0, "paid"),
            (away.number, 1, "payment-grey"),
        ]
        assert {row["amount"] for row in rows} == {FARE}
        assert all(row["tac"] for row in rows if not row["grey"])
        assert {row["line"] for row in rows} == {"18"}

    paid, lost, unsent, away = (bus_stand.passenger() for _ in range(4))
    bus_stand.drive(scenario)


def test_a_ride_by_code_is_one_row_with_the_codes_bytes() -> None:
    def scenario(hall: Hall) -> None:
        code = fresh(hall)
        paid = event(hall, code)
        hall.stand.world.wait(3)
        events = [paid, event(hall, code), event(hall, tickets.made(SM2))]
        assert list(clearing_rows(iter(events))) == []
        [row] = code_rows(iter(events))
        assert (row["kind"], row["amount"], row["full"]) == ("ministry-three-level", 150, NIGHT)
        assert (row["moment"], row["concession"]) == ("20260529042640", "student")
        assert row["code"] == code.hex().upper()

    play(scenario, "student")


def test_a_trip_is_two_rows_that_say_which_end_they_are(metro_stand: MetroStand) -> None:
    def scenario(metro: Network) -> None:
        metro.at("M11").enter(passenger)
        entered = trip_of(passenger).entry.time
        metro.minutes(20)
        metro.at("M14").leave(passenger)
        [entry] = clearing_rows(iter(metro.at("M11").events()))
        [leaving] = clearing_rows(iter(metro.at("M14").events()))
        names = ("type", "trip", "trip_type", "amount", "station", "entry_station", "entry_moment")
        assert [entry[name] for name in names] == [9, "entry", 3, 0, 11, "", ""]
        assert [leaving[name] for name in names] == [9, "exit", 4, 500, 14, "M11", entered]
        assert all(row["tac"] for row in (entry, leaving))

    passenger = metro_stand.passenger()
    metro_stand.run(scenario)


def test_every_column_is_documented() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert not [name for name in (*COLUMNS, *CODE_COLUMNS) if f"`{name}`" not in text]
