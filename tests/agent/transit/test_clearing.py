"""The clearing's rows: each debit in one, grey ones flagged, nothing that was not paid."""

from pathlib import Path

from agent.transit.clearing import COLUMNS, clearing_rows
from tests.agent.transit.stand import FARE, GREY_AFTER, LOST, UNSENT, Bus, BusStand

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


def test_every_column_is_documented() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert not [name for name in COLUMNS if f"`{name}`" not in text]
