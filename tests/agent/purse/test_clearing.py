"""The clearing's rows: each debit in one, grey ones flagged, nothing that was not paid."""

from pathlib import Path

import pytest

from agent.purse.clearing import CODE_COLUMNS, COLUMNS, clearing_rows, code_rows
from agent.scenes.bus.shift import summarise
from offline_store.events.payment import Intent, PaymentEnd
from offline_store.events.reference import Reference
from offline_store.events.ride import Ride
from offline_store.faults import Unstored
from offline_store.files import journal_file
from offline_store.store import Entry
from simulators.transit import tickets
from tests.agent.events import purchase
from tests.agent.identify.ministry_codes.code_terminal import SM2, CodeTerminal
from tests.agent.purse.metro_stand import MetroStand, Network, trip_of
from tests.agent.purse.stand import FARE, GREY_AFTER, LOST, UNSENT, Bus, BusStand
from tests.agent.tap.test_bus import NIGHT, fresh, play
from tests.offline_store.support import ANNA, IOERR, Site, draft, every_record, tap
from tests.offline_store.test_damage import PAGE, overwrite, page_of

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
        rows = list(clearing_rows(iter(bus.rows())))
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
    def scenario(terminal: CodeTerminal) -> None:
        code = fresh(terminal)
        terminal.show(code)
        terminal.stand.world.wait(3)
        terminal.show(code)
        terminal.show(tickets.made(SM2))
        assert len(terminal.stand.store.taps()) == len(terminal.stand.store.rows) == 3
        assert list(clearing_rows(iter(terminal.stand.store.rows))) == []
        [row] = code_rows(iter(terminal.stand.store.rows))
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
        [entry] = clearing_rows(iter(metro.at("M11").rows()))
        [leaving] = clearing_rows(iter(metro.at("M14").rows()))
        names = ("type", "trip", "trip_type", "amount", "station", "entry_station", "entry_moment")
        assert [entry[name] for name in names] == [9, "entry", 3, 0, 11, "", ""]
        assert [leaving[name] for name in names] == [9, "exit", 4, 500, 14, "M11", entered]
        assert all(row["tac"] for row in (entry, leaving))

    passenger = metro_stand.passenger()
    metro_stand.run(scenario)


def test_every_column_is_documented() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert not [name for name in (*COLUMNS, *CODE_COLUMNS) if f"`{name}`" not in text]


def test_a_debit_that_is_told_twice_is_cleared_once(tmp_path: Path) -> None:
    """The COMMIT of its end failed, and the file was damaged as well: the end is entered once more
    in a new epoch, which calls the first one not executed."""
    site = Site(tmp_path / "journal")
    with site.open() as store:
        for number in range(120):
            store.turn(tap(f"{number:064x}"))
        begun = store.turn(lambda turn: Entry(_intent()))
        site.world.disk.fail("COMMIT", IOERR, after=True)
        with pytest.raises(Unstored):
            store.turn(lambda turn: Entry(_paid(begun.reference)))
        path = journal_file(site.folder, 1)
        overwrite(path, page_of(path, "events", leaf=18), b"\xa5" * PAGE)
        store.turn(tap("dd" * 32))  # meets the damage, and goes on in a new epoch
        [still_open] = store.open_intents()
        told = store.turn(lambda turn: Entry(_paid(still_open.at)))
        rows = [record.stored() for record in every_record(store)]
    assert [row.event.kind for row in rows[-4:]].count("recovery") == 1
    [cleared] = clearing_rows(iter(rows))
    assert (cleared["epoch"], cleared["seq"], cleared["amount"]) == (told.epoch, told.seq, FARE)
    summary = summarise(row for row in rows if row.event.scene == "bus" or not row.event.scene)
    assert (summary.rides, summary.amount) == (1, FARE)


def _intent() -> Intent:
    return Intent(
        clock=draft().clock,
        lane="entry",
        scene="bus",
        person=ANNA,
        reason="payment-begun",
        purchase=purchase(FARE),
        ride=Ride(full=FARE),
    )


def _paid(intent: Reference) -> PaymentEnd:
    return PaymentEnd(
        clock=draft().clock,
        lane="entry",
        scene="bus",
        person=ANNA,
        reason="paid",
        verdict="accepted",
        intent=intent,
        outcome="confirmed",
        purchase=purchase(FARE),
        ride=Ride(full=FARE),
    )
