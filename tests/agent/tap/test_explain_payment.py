"""Why a purse paid what it paid: again from its row and the fare lists that the row names."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest

from agent.fares.ride import Journey
from agent.fares.rules import Rules
from agent.fares.tariff import parse_tariff
from agent.messages.results import Results
from agent.messages.texts import LANGUAGES, Texts
from agent.purse.pricing import FlatFare, ListedFare
from agent.tap.deciding import Decider
from agent.tap.explain import Explanation, answer, explain, sentences
from config.model import SceneSettings
from contracts.scenes.shipped import scene_of
from offline_store.chain import body_hash
from offline_store.events.happened import ListUsed
from offline_store.events.payment import Intent, PaymentEnd
from offline_store.events.row import Record
from offline_store.events.tap import Tap
from offline_store.faults import ListUnreadable
from offline_store.turn import ListView, NoLists
from tests.agent.fares.city import MADE_UP, lines
from tests.agent.purse.stand import Bus, BusStand

TARIFF = {
    "form": 1,
    "list": "fares",
    "cities": [MADE_UP],
    "tables": [{"kind": "flat", "name": "all", "amount": 200}],
    "card_types": {"02": "student"},
    "concessions": [{"name": "student", "percent": 50}],
}


def version(number: int, amount: int) -> Rules:
    said = {**TARIFF, "tables": [{"kind": "flat", "name": "all", "amount": amount}]}
    return Rules(parse_tariff(json.dumps(said).encode()), lines=lines(), versions={"fares": number})


THAT_DAY, TODAY = version(3, 200), version(4, 260)


@dataclass(frozen=True)
class Shelf:
    """The versions of `fares` that the terminal still has; see `agent.tap.explain.HeldLists`."""

    kept: tuple[Rules, ...]
    altered: bool = False

    def missing(self, versions: Mapping[str, int]) -> str:
        return "" if self.rules_of(versions) else "fares"

    def view_of(self, versions: Mapping[str, int]) -> ListView | None:
        return NoLists()

    def rules_of(self, versions: Mapping[str, int]) -> Rules | None:
        if self.altered:
            raise ListUnreadable(list="fares", cause="altered")
        found = (one for one in self.kept if one.versions["fares"] == versions.get("fares"))
        return next(found, None)


class Newest(Shelf):
    """The control: whatever version is asked for, the newest is given."""

    def rules_of(self, versions: Mapping[str, int]) -> Rules | None:
        return TODAY


WHOLE = Shelf((THAT_DAY, TODAY))


class Changed:
    """A journal in which rows are others; see `agent.tap.explain.Rows`."""

    def __init__(self, rows: Sequence[Record]) -> None:
        self.rows = list(rows)

    def records(self, epoch: str | None, after: int, limit: int) -> Sequence[Record]:
        return [row for row in self.rows if row.epoch == epoch and row.seq > after][:limit]

    def place_of(self, kind: type) -> int:
        """The index of the first row of that kind."""
        return next(at for at, row in enumerate(self.rows) if isinstance(row.event(), kind))


Change = Callable[[Changed], None]


@pytest.fixture
def bus_stand(tmp_path: Path) -> BusStand:
    return BusStand(tmp_path / "bus")


def explained(
    stand: BusStand, kind: type, held: Shelf = WHOLE, change: Change | None = None
) -> Explanation:
    """Somebody pays while `THAT_DAY` is in force; the row of that kind is explained."""
    passenger = stand.passenger(city=MADE_UP, card_type=2)
    fares = ListedFare(lambda: THAT_DAY, lambda: Journey("1", boarded="S1"), FlatFare(999), "bus")

    def scenario(bus: Bus) -> Explanation:
        bus.tap(passenger)
        journal = Changed(bus.store.records(None, 0, 100))
        row = journal.rows[journal.place_of(kind)]
        if change is not None:
            change(journal)
        scene = scene_of(SceneSettings(kind="bus"), "519900", fares, payer=bus.payments)
        decider = Decider(scene, Results(Texts("en")).verdict)
        return explain(row.epoch, row.seq, journal, decider, held)

    return stand.drive(scenario, fares=fares)


@pytest.mark.parametrize("kind", [Intent, PaymentEnd])
def test_a_price_comes_out_again_by_the_version_that_its_row_names(
    bus_stand: BusStand, kind: type
) -> None:
    found = explained(bus_stand, kind)
    assert found.agreement == "same"
    assert found.by == (ListUsed("fares", 3),)
    assert found.price is not None
    assert found.price.amount == 100
    said = sentences(found, Texts("en"))
    assert "List fares, version 3, decided it." in said
    assert "the price is 100 fen: table all=200; concession student card-02 50%=100." in said


def test_control_the_newest_list_gives_another_price(bus_stand: BusStand) -> None:
    found = explained(bus_stand, Intent, Newest(()))
    assert found.agreement == "differs"
    assert found.price is not None
    assert found.price.amount == 130


@pytest.mark.parametrize("kind", [Intent, PaymentEnd])
def test_a_version_that_is_not_kept_any_more_is_told_and_nothing_is_made_up(
    bus_stand: BusStand, kind: type
) -> None:
    found = explained(bus_stand, kind, Shelf((TODAY,)))
    assert (found.agreement, found.price, found.now) == ("gone", None, None)
    assert sentences(found, Texts("en")).endswith(
        "Version 3 of list fares is not kept any more, so the decision cannot be computed again."
    )


def test_a_fare_list_that_was_altered_is_told(bus_stand: BusStand) -> None:
    found = explained(bus_stand, Intent, replace(WHOLE, altered=True))
    assert (found.agreement, found.by) == ("list", (ListUsed("fares", 3),))


def _rewritten(journal: Changed, kind: type, old: str, new: str, *, fitting: bool) -> None:
    """One row says something else; `fitting`: the rows behind it are chained anew."""
    at = journal.place_of(kind)
    row = journal.rows[at]
    assert old in row.body
    body = row.body.replace(old, new)
    journal.rows[at] = msgspec.structs.replace(row, body=body, hash=body_hash(body))
    if fitting:
        for later in range(at + 1, len(journal.rows)):
            before, behind = journal.rows[later - 1], journal.rows[later]
            chained = msgspec.structs.replace(behind.row(), prev=before.hash)
            text = msgspec.json.encode(chained).decode()
            journal.rows[later] = msgspec.structs.replace(behind, body=text, hash=body_hash(text))


@pytest.mark.parametrize("kind", [Intent, PaymentEnd])
def test_an_intent_that_was_altered_is_told_from_its_row_and_from_its_end(
    bus_stand: BusStand, kind: type
) -> None:
    """Also where the chain was made to fit: the end names its intent by the hash."""

    def cheaper(journal: Changed) -> None:
        _rewritten(journal, Intent, '"amount":100', '"amount":90', fitting=kind is PaymentEnd)

    assert explained(bus_stand, kind, change=cheaper).agreement == "row"


def test_an_amount_that_no_list_gives_is_told(bus_stand: BusStand) -> None:
    def cheaper(journal: Changed) -> None:
        _rewritten(journal, Intent, '"amount":100', '"amount":90', fitting=True)

    assert explained(bus_stand, Intent, change=cheaper).agreement == "differs"


def test_an_end_that_says_otherwise_than_its_intent_is_told(bus_stand: BusStand) -> None:
    def cheaper(journal: Changed) -> None:
        _rewritten(journal, PaymentEnd, '"amount":100', '"amount":90', fitting=True)

    assert explained(bus_stand, PaymentEnd, change=cheaper).agreement == "differs"


def test_an_end_whose_intent_the_journal_no_longer_holds_is_told(bus_stand: BusStand) -> None:
    def forgotten(journal: Changed) -> None:
        del journal.rows[: journal.place_of(Intent) + 1]

    assert explained(bus_stand, PaymentEnd, change=forgotten).agreement == "intent"


def test_a_row_that_does_not_say_what_was_seen_of_the_card_is_told(bus_stand: BusStand) -> None:
    """As those of version 1 are."""

    def unseen(journal: Changed) -> None:
        at = journal.place_of(Intent)
        row = journal.rows[at].row()
        event = row.event
        assert isinstance(event, Intent)
        bare = msgspec.structs.replace(event, seen=msgspec.structs.replace(event.seen, purse=None))
        text = msgspec.json.encode(msgspec.structs.replace(row, event=bare)).decode()
        record = msgspec.structs.replace(journal.rows[at], body=text, hash=body_hash(text))
        journal.rows[:] = [record]

    assert explained(bus_stand, Intent, change=unseen).agreement == "unseen"


def test_a_list_that_could_not_be_read_has_decided_nothing(bus_stand: BusStand) -> None:
    def unreadable() -> Rules:
        raise ListUnreadable(list="fares", cause="missing")

    fares = ListedFare(unreadable, lambda: Journey("1"), FlatFare(999), "bus")
    passenger = bus_stand.passenger(city=MADE_UP)

    def scenario(bus: Bus) -> Explanation:
        bus.tap(passenger)
        journal = Changed(bus.store.records(None, 0, 100))
        row = journal.rows[journal.place_of(Tap)]
        scene = scene_of(SceneSettings(kind="bus"), "519900", fares, payer=bus.payments)
        decider = Decider(scene, Results(Texts("en")).verdict)
        return explain(row.epoch, row.seq, journal, decider, WHOLE)

    found = bus_stand.drive(scenario, fares=fares)
    assert (found.agreement, found.event.reason) == ("unread", "no-fare")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", [Intent, PaymentEnd])
def test_a_payment_is_told_in_words_and_as_json_without_its_holder(
    bus_stand: BusStand, kind: type, language: str
) -> None:
    found = explained(bus_stand, kind)
    said = answer(found, Texts(language))  # type: ignore[arg-type]
    assert (said["amount"], said["list"], said["list_version"]) == (100, "fares", 3)
    assert "{" not in str(said["sentence"])
    assert found.event.card not in json.dumps(said)
