"""Why a tap was decided: again from its row and its lists, and what was altered is told."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import msgspec
import pytest

from agent.fares.rules import Rules
from agent.messages.reasons import Reason
from agent.messages.texts import LANGUAGES, Texts
from agent.scenes.port import ListsInTurn
from agent.tap.explain import (
    Agreement,
    Explanation,
    NoSuchRow,
    RowUnreadable,
    answer,
    explain,
    sentences,
)
from contracts.scenes.stand import EPOCH, FakeLists, Stand, play
from offline_store.chain import body_hash
from offline_store.events.happened import ListUsed
from offline_store.events.row import Record
from offline_store.faults import ListUnreadable
from offline_store.turn import ListView

BLACKLIST = (ListUsed("blacklist", 7),)
LISTED = 4  # the row of whom a list refused


class Held:
    """The lists of every day: those of the stand, or none, or one that was altered."""

    def __init__(self, lists: ListsInTurn | None, altered: str = "") -> None:
        self._lists = lists
        self._altered = altered

    def missing(self, versions: Mapping[str, int]) -> str:
        return "" if self._lists else "blacklist"

    def view_of(self, versions: Mapping[str, int]) -> ListView | None:
        if self._altered:
            raise ListUnreadable(list=self._altered, cause="altered")
        return cast("ListView | None", self._lists)  # no purse comes to that gate

    def rules_of(self, versions: Mapping[str, int]) -> Rules | None:
        return Rules()


class Few:
    """A journal of these rows; see `agent.tap.explain.Rows`."""

    def __init__(self, rows: Sequence[Record]) -> None:
        self._rows = rows

    def records(self, epoch: str | None, after: int, limit: int) -> Sequence[Record]:
        return [row for row in self._rows if row.epoch == epoch and row.seq > after][:limit]


def chained(records: Sequence[Record]) -> list[Record]:
    """The stand's rows as a journal chains them."""
    done: list[Record] = []
    for record in records:
        row = msgspec.structs.replace(record.row(), prev=done[-1].hash if done else "0" * 64)
        body = msgspec.json.encode(row).decode()
        done.append(msgspec.structs.replace(record, body=body, hash=body_hash(body)))
    return done


def taps(stand: Stand) -> list[Record]:
    """Accepted, refused as a repetition, refused by the list; the first row is another one."""
    stand.tap("lin")
    stand.tap("lin")
    stand.tap("lin")
    stand.store.lists = FakeLists(persons=[stand.store.taps()[0].person])
    stand.tap("lin")
    return chained(stand.store.records)


def explained(
    seq: int, held: Callable[[Stand, int], Held], change: Callable[[Record], Record] | None = None
) -> Explanation:
    def scenario(stand: Stand) -> Explanation:
        rows = taps(stand)
        if change is not None:
            rows = [change(row) if row.seq == seq else row for row in rows]
        around = [row for row in rows if abs(row.seq - seq) <= 1 and row.seq > 1]
        return explain(EPOCH, seq, Few(around), stand.decider, held(stand, seq))

    return play(scenario)


def with_lists(stand: Stand, seq: int) -> Held:
    """The last tap alone met a list in which the holder stood."""
    return Held(stand.store.lists if seq == LISTED else FakeLists())


def without(stand: Stand, seq: int) -> Held:
    return Held(None)


def altered(stand: Stand, seq: int) -> Held:
    return Held(stand.store.lists, altered="blacklist")


@pytest.mark.parametrize(("seq", "reason"), [(2, Reason.REPEATED), (LISTED, Reason.BLACKLISTED)])
@pytest.mark.parametrize("held", [with_lists, without])
def test_the_same_comes_out_again_with_the_lists_of_that_day_or_without(
    seq: int, reason: Reason, held: Callable[[Stand, int], Held]
) -> None:
    found = explained(seq, held)
    assert (found.agreement, found.event.reason) == ("same", reason)
    assert found.held == (held is with_lists)
    assert ([one.name for one in found.by] == ["blacklist"]) == (reason == Reason.BLACKLISTED)


def forged(record: Record) -> Record:
    body = record.body.replace('"refused"', '"accepted"')
    return msgspec.structs.replace(record, body=body)


def forged_with_its_hash(record: Record) -> Record:
    return msgspec.structs.replace(forged(record), hash=body_hash(forged(record).body))


@pytest.mark.parametrize("change", [forged, forged_with_its_hash])
def test_a_row_that_was_altered_is_told(change: Callable[[Record], Record]) -> None:
    assert explained(2, with_lists, change).agreement == "row"


def test_a_list_that_was_altered_is_told() -> None:
    found = explained(2, altered)
    assert (found.agreement, found.by, found.now) == ("list", (ListUsed("blacklist", 7),), None)


def test_settings_of_another_day_are_told_by_what_comes_out() -> None:
    def scenario(stand: Stand) -> Explanation:
        rows = taps(stand)
        row = msgspec.structs.replace(rows[1].row(), prev=rows[0].hash)
        later = msgspec.structs.replace(row.event.seen, last_entry_ms=0)  # type: ignore[union-attr]
        event = msgspec.structs.replace(row.event, seen=later)
        body = msgspec.json.encode(msgspec.structs.replace(row, event=event)).decode()
        changed = msgspec.structs.replace(rows[1], body=body, hash=body_hash(body))
        return explain(EPOCH, 2, Few([changed]), stand.decider, with_lists(stand, 2))

    found = play(scenario)
    assert found.agreement == "differs"
    assert found.now is not None
    assert found.now.verdict == "accepted"


def test_what_is_no_row_or_no_tap_is_told() -> None:
    def scenario(stand: Stand) -> None:
        rows = taps(stand)
        with pytest.raises(NoSuchRow):
            explain(EPOCH, 99, Few(rows), stand.decider, with_lists(stand, 2))
        with pytest.raises(NoSuchRow):
            explain("f" * 32, 2, Few(rows), stand.decider, with_lists(stand, 2))
        broken = msgspec.structs.replace(rows[1], body="{")
        with pytest.raises(RowUnreadable):
            explain(EPOCH, 2, Few([broken]), stand.decider, with_lists(stand, 2))

    play(scenario)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("agreement", Agreement.__args__)  # type: ignore[attr-defined]
def test_each_agreement_has_a_sentence(language: str, agreement: Agreement) -> None:
    found = explained(2, with_lists)
    told = sentences(
        Explanation(found.at, found.event, agreement, found.now, None, BLACKLIST),
        Texts(language),  # type: ignore[arg-type]
    )
    assert "{" not in told
    assert "2" in told


def test_the_answer_is_json_without_a_person() -> None:
    found = explained(LISTED, with_lists)
    said = json.dumps(answer(found, Texts("en")))
    assert json.loads(said)["list"] == "blacklist"
    assert found.event.person not in said
    assert found.event.card not in said
