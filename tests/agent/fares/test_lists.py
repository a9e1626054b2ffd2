"""Fare lists, entitlements and lines: whole or refused with the place; swapped; never older."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.fares.entitlements import entitlements_payload, packed, read_packed
from agent.fares.lines import parse_lines
from agent.fares.rules import RuleBook
from agent.fares.tariff import parse_tariff
from agent.purse.trips import RailStop, stop_of
from offline_store.faults import (
    ListNotLoaded,
    ListRolledBack,
    ListUnknown,
    ListUnreadable,
    ListWrong,
)
from offline_store.lists.every import EveryList, WatchedList
from offline_store.lists.in_memory import Unfit
from offline_store.lists.on_disk import Lists
from simulators.world import SimWorld
from tests.agent.fares.city import FARES_JSON, LINES_JSON, PEOPLE, person
from trust.envelope import Envelope, Manifest
from world.real import RealWorld


def envelope(name: str, version: int, payload: bytes) -> Envelope:
    manifest = Manifest(
        kind="list", name=name, version=version, audience="*", issuer="city", created=1
    )
    return Envelope(manifest, payload)


def changed(payload: bytes, **fields: Any) -> bytes:
    return msgspec.json.encode(msgspec.json.decode(payload) | fields)


def handler(book: RuleBook, tmp_path: Path) -> EveryList:
    return EveryList(Lists(RealWorld(), tmp_path), book.lists)


def test_lists_come_into_force_and_are_there_after_a_restart(tmp_path: Path) -> None:
    book = RuleBook(RealWorld(), tmp_path)
    every = handler(book, tmp_path)
    before = book.rules()
    every.install(envelope("fares", 3, FARES_JSON))
    every.install(envelope("lines", 4, LINES_JSON))
    every.install(envelope("entitlements", 5, entitlements_payload(PEOPLE)))
    assert every.versions() == {"fares": 3, "lines": 4, "entitlements": 5}
    assert before.tariff is None  # what was taken before the swap stays as it was
    again = RuleBook(RealWorld(), tmp_path).rules()
    assert again.versions == book.rules().versions == every.versions()
    assert again.tariff == book.rules().tariff
    assert {one.name for one in again.entitlements.of(person("both"))} == {"disabled", "student"}


def test_an_older_version_never_comes_back_even_after_the_file_is_lost(tmp_path: Path) -> None:
    book = RuleBook(RealWorld(), tmp_path)
    every = handler(book, tmp_path)
    every.install(envelope("fares", 7, FARES_JSON))
    (tmp_path / "lists" / "fares-7.list").unlink()
    book = RuleBook(RealWorld(), tmp_path)
    with pytest.raises(ListUnreadable):
        book.rules()
    with pytest.raises(ListRolledBack):
        handler(book, tmp_path).install(envelope("fares", 6, FARES_JSON))
    handler(book, tmp_path).install(envelope("fares", 7, FARES_JSON))
    assert book.rules().versions == {"fares": 7}


def test_a_damaged_file_falls_back_to_the_one_before(tmp_path: Path) -> None:
    book = RuleBook(RealWorld(), tmp_path)
    every = handler(book, tmp_path)
    for version in (1, 2, 3):
        every.install(envelope("fares", version, FARES_JSON))
    (tmp_path / "lists" / "fares-3.list").write_bytes(FARES_JSON.replace(b"200", b"100"))
    assert RuleBook(RealWorld(), tmp_path).rules().versions == {"fares": 2}


def test_a_list_that_is_wrong_leaves_the_old_one(tmp_path: Path) -> None:
    book = RuleBook(RealWorld(), tmp_path)
    every = handler(book, tmp_path)
    every.install(envelope("fares", 1, FARES_JSON))
    wrong = changed(FARES_JSON, card_types={"03": "nobody"})
    with pytest.raises(ListWrong) as raised:
        every.install(envelope("fares", 2, wrong))
    assert raised.value.facts["problem"] == "card_types.03: no concession nobody"
    assert every.versions() == {"fares": 1}
    every.install(envelope("fares", 2, FARES_JSON))


def test_a_disk_that_takes_nothing_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = RealWorld()
    book = RuleBook(world, tmp_path)
    every = handler(book, tmp_path)
    every.install(envelope("fares", 1, FARES_JSON))

    def full(*_: object) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(world, "replace_file", full)
    with pytest.raises(ListNotLoaded):
        every.install(envelope("fares", 2, FARES_JSON))
    assert every.versions() == {"fares": 1}


def test_who_wants_to_hear_of_a_list_hears_when_it_is_in_force(tmp_path: Path) -> None:
    book, heard = RuleBook(RealWorld(), tmp_path), list[int]()
    lists = [
        WatchedList(one, lambda: heard.append(book.rules().versions["fares"])) for one in book.lists
    ]
    every = EveryList(Lists(RealWorld(), tmp_path), lists)
    every.install(envelope("fares", 1, FARES_JSON))
    with pytest.raises(ListWrong):
        every.install(envelope("fares", 2, b"{}"))
    every.install(envelope("fares", 3, FARES_JSON))
    assert (heard, every.versions()) == ([1, 3], {"fares": 3})


def test_a_list_that_nobody_uses_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ListUnknown):
        handler(RuleBook(RealWorld(), tmp_path), tmp_path).install(envelope("menu", 1, b"{}"))


def test_decisions_go_on_while_lists_are_swapped(tmp_path: Path) -> None:
    """Every decision sees one version of all three, whichever task is when."""
    for seed in range(20):
        world = SimWorld(seed)

        def scenario(world: SimWorld = world, folder: Path = tmp_path / str(seed)) -> None:
            folder.mkdir()
            book = RuleBook(world, folder)
            every = EveryList(Lists(world, folder), book.lists)

            def swap() -> None:
                for version in range(1, 6):
                    amount = changed(FARES_JSON, minimum=version)
                    every.install(envelope("fares", version, amount))

            task = world.spawn(swap, name="applier")
            while task.alive:
                rules = book.rules()
                if rules.tariff is not None:
                    assert rules.tariff.minimum == rules.versions["fares"]
                world.wait(0.001)

        world.play(scenario)


WRONG_FARES: dict[str, dict[str, Any]] = {
    "form": {"form": 2},
    "another list": {"list": "lines"},
    "unknown field": {"gift": 1},
    "no table": {"tables": []},
    "negative amount": {"tables": [{"kind": "flat", "name": "x", "amount": -1}]},
    "far too dear": {"tables": [{"kind": "flat", "name": "x", "amount": 1_000_001}]},
    "no such kind": {"tables": [{"kind": "lottery", "name": "x"}]},
    "no such window": {"tables": [{"kind": "flat", "name": "x", "amount": 1, "when": ["x"]}]},
    "falling segments": {"tables": [{"kind": "segments", "name": "x", "upto": [[1, 9], [2, 8]]}]},
    "unsorted segments": {"tables": [{"kind": "segments", "name": "x", "upto": [[2, 9], [1, 8]]}]},
    "one price for two": {"tables": [{"kind": "segments", "name": "x", "upto": [[1, 1], [1, 2]]}]},
    "two prices": {"discounts": [{"name": "x", "percent": 1, "off": 1}]},
    "no price": {"discounts": [{"name": "x"}]},
    "more than all": {"discounts": [{"name": "x", "percent": 101}]},
    "eighth day": {"windows": [{"name": "x", "days": [8]}]},
    "25 o'clock": {"windows": [{"name": "x", "begins": "25:00"}]},
    "two windows of one name": {"windows": [{"name": "x"}, {"name": "x"}]},
    "cap for nobody": {"caps": [{"name": "x", "amount": 1, "classes": ["nobody"]}]},
    "odd coin": {"rounding": {"to": 7}},
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_FARES)
def test_a_fare_list_that_does_not_fit_together_is_refused(name: str) -> None:
    with pytest.raises(Unfit):
        parse_tariff(changed(FARES_JSON, **WRONG_FARES[name]))


def zoned(zones: dict[str, str], amounts: dict[str, dict[str, int]]) -> dict[str, Any]:
    table = {"kind": "distance", "name": "m", "zones": zones, "amounts": amounts}
    return {"tables": [table]}


TWICE: dict[str, tuple[dict[str, Any], str]] = {
    "city": ({"cities": ["9901", "9902", "9901"]}, "cities 9901"),
    "window": ({"windows": [{"name": "x"}, {"name": "x"}]}, "windows x"),
    "table": ({"tables": [{"kind": "flat", "name": "x", "amount": a} for a in (1, 2)]}, "tables x"),
    "discount": ({"discounts": [{"name": "x", "off": a} for a in (1, 2)]}, "discounts x"),
    "transfer": ({"transfers": [{"name": "x", "off": 1, "minutes": a} for a in (1, 2)]}, "x"),
    "cap": ({"caps": [{"name": "x", "amount": a} for a in (1, 2)]}, "caps x"),
    "there and back": (
        {
            "tables": [
                {"kind": "distance", "name": "m", "amounts": {"a": {"b": 1}, "b": {"a": 2, "b": 1}}}
            ]
        },
        "tables.m: a-b 1, b-a 2",
    ),
    "a stop and its zone": (zoned({"A": "z"}, {"A": {"B": 500}, "z": {"B": 300}}), "tables.m: A"),
    "a stop and its zone, as the end": (zoned({"A": "z"}, {"B": {"A": 500, "z": 300}}), "A"),
    "a stop and another's zone": (zoned({"A": "b", "b": "z"}, {"z": {"C": 300}}), "tables.m: b"),
}


@pytest.mark.parametrize("name", TWICE)
def test_what_is_looked_up_by_a_name_stands_there_once_and_is_named(name: str) -> None:
    change, named = TWICE[name]
    with pytest.raises(Unfit, match=re.escape(named)):
        parse_tariff(changed(FARES_JSON, **change))


@pytest.mark.parametrize("table", ["card_types", "zones"])
def test_a_key_that_comes_twice_in_an_object_is_named(table: str) -> None:
    """Which of the two would count, the reader of the JSON decides; so neither does."""
    first = {"card_types": '"02": "student"', "zones": '"M11": "a"'}[table]
    text = FARES_JSON.decode()
    assert text.count(first) == 1
    with pytest.raises(Unfit, match=first.split('"')[1]):
        parse_tariff(text.replace(first, f"{first}, {first}").encode())


STOP = {"id": "A", "zh": "甲", "code": 1}


def coded(*stops: tuple[str, int | None], **lines: dict[str, Any]) -> bytes:
    """A list of stops with codes, or without, and lines."""
    said = [{"id": one, "zh": one, **({} if c is None else {"code": c})} for one, c in stops]
    return changed(
        LINES_JSON,
        stops=said,
        lines=[{"id": name, "zh": name, **line} for name, line in lines.items()],
    )


THREE = (("A", 1), ("B", 2), ("C", 1))
SAME_CODES: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "on one line": (coded(*THREE, M={"code": 7, "up": ["A", "B", "C"]}), ("A", "C", "line code 7")),
    "one on the way back only": (
        coded(*THREE, M={"code": 7, "up": ["A", "B"], "down": ["B", "C"]}),
        ("A", "C"),
    ),
    "on two lines of one code": (
        coded(*THREE, M={"code": 7, "up": ["A", "B"]}, N={"code": 7, "up": ["B", "C"]}),
        ("A", "line M", "C", "line N"),
    ),
    "on two lines that leave theirs out": (
        coded(*THREE, M={"up": ["A", "B"]}, N={"up": ["B", "C"]}),
        ("A", "C", "line code 0"),
    ),
    "of one operator": (
        coded(
            *THREE,
            M={"code": 7, "operator": "0101", "up": ["A", "B"]},
            N={"code": 7, "operator": "0101", "up": ["B", "C"]},
        ),
        ("A", "C"),
    ),
    "of an operator and of whichever": (
        coded(
            *THREE,
            M={"code": 7, "operator": "0101", "up": ["A", "B"]},
            N={"code": 7, "up": ["B", "C"]},
        ),
        ("A", "C"),
    ),
    "left out": (coded(("A", None), ("B", 2), M={"up": ["A", "B"]}), ("stop A: no code",)),
    "left out by a stop of no line": (coded(*THREE[:2], ("D", None)), ("stop D: no code",)),
}


@pytest.mark.parametrize("name", SAME_CODES)
def test_line_code_and_stop_code_name_one_stop(name: str) -> None:
    payload, named = SAME_CODES[name]
    with pytest.raises(Unfit) as caught:
        parse_lines(payload)
    assert all(one in str(caught.value) for one in named), str(caught.value)


GOOD_CODES = {
    "one stop of two lines": coded(
        *THREE[:2], M={"code": 7, "up": ["A", "B"]}, N={"code": 7, "up": ["B", "A"]}
    ),
    "lines of two codes": coded(
        *THREE, M={"code": 7, "up": ["A", "B"]}, N={"code": 8, "up": ["B", "C"]}
    ),
    "two operators": coded(
        *THREE,
        M={"code": 7, "operator": "0101", "up": ["A", "B"]},
        N={"code": 7, "operator": "0202", "up": ["B", "C"]},
    ),
    "a loop": coded(*THREE[:2], M={"code": 7, "up": ["A", "B", "A"]}),
}


@pytest.mark.parametrize("name", GOOD_CODES)
def test_a_stop_that_no_other_can_be_taken_for_is_good(name: str) -> None:
    book = parse_lines(GOOD_CODES[name])
    for line in book.lines.values():
        for stop in line.up:
            station = RailStop.find(line.id, stop, book)
            assert station is not None
            assert stop_of(station.record(line.operator or "0101"), book) == stop


def test_another_metros_station_is_none_of_ours() -> None:
    book = parse_lines(GOOD_CODES["two operators"])
    there = RailStop.find("N", "C", book)
    assert there is not None
    assert there.record("0101") == "0100070001020200", "its own operator is written"
    assert stop_of("0100070001030300", book) == ""


WRONG_LINES: dict[str, dict[str, Any]] = {
    "a stop that is not there": {"lines": [{"id": "1", "zh": "1", "up": ["S1", "S99"]}]},
    "a line of one stop": {"lines": [{"id": "1", "zh": "1", "up": ["S1"]}]},
    "half a place": {"stops": [{**STOP, "lat": 1.0}], "lines": []},
    "two stops of one id": {"stops": [STOP, STOP], "lines": []},
    "two lines of one id": {
        "stops": [STOP, {**STOP, "id": "B", "code": 2}],
        "lines": [{"id": "1", "zh": "1", "up": ["A", "B"]}] * 2,
    },
    "off the earth": {"stops": [{**STOP, "lat": 91.0, "lon": 1.0}], "lines": []},
    "a stop without segment": {
        "lines": [{"id": "1", "zh": "1", "up": ["S1", "S2"], "segments": {"S1": 1}}]
    },
}


@pytest.mark.parametrize("name", WRONG_LINES)
def test_lines_that_do_not_fit_together_are_refused(name: str) -> None:
    with pytest.raises(Unfit):
        parse_lines(changed(LINES_JSON, **WRONG_LINES[name]))


def _single_defects(payload: bytes) -> Iterator[bytes]:
    yield payload[:-1]
    yield payload + b"x\n"
    yield payload.replace(b"\n", b"\r\n")
    yield payload.replace(b" senior ", b" Senior ")
    yield payload.replace(b" 0 0", b" 0")
    yield payload.replace(b'"entries":11', b'"entries":10')
    yield payload.replace(b'"form":1', b'"form":2')
    yield payload.replace(b"entitlements", b"blacklist")
    yield b""


@pytest.mark.parametrize("at", range(9))
def test_entitlements_with_one_defect_are_refused(at: int) -> None:
    payload = entitlements_payload(PEOPLE)
    broken = list(_single_defects(payload))[at]
    assert broken != payload
    with pytest.raises(Unfit):
        read_packed(packed(broken))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_list_or_unfit(payload: bytes) -> None:
    for parse in (parse_tariff, parse_lines, packed):
        with pytest.raises(Unfit):
            parse(payload)


@given(st.binary(max_size=90), st.integers(0, 90))
def test_a_packed_file_that_was_changed_is_entitlements_or_unfit(noise: bytes, at: int) -> None:
    whole = packed(entitlements_payload([("ab" * 32, "senior", 0, 0), ("cd" * 32, "staff", 0, 0)]))
    for changed in (whole[:at] + noise + whole[at:], whole[:at] + noise + whole[at + len(noise) :]):
        with suppress(Unfit):
            found = read_packed(changed)
            for person in ("ab" * 32, "cd" * 32, "00" * 32):
                assert isinstance(found.of(person), tuple)


def test_an_entitlement_is_found_however_its_maker_spelled_the_reference() -> None:
    payload = entitlements_payload([(f" {'AB' * 32}\n", "senior", 0, 0)])
    assert read_packed(packed(payload)).of("ab" * 32) != ()
    with pytest.raises(ValueError, match="64 hex"):
        entitlements_payload([("", "senior", 0, 0)])


references = st.binary(min_size=32, max_size=32).map(bytes.hex)


@given(
    st.lists(st.tuples(references, st.sampled_from(["senior", "staff"]), st.just(0), st.just(0))),
    references,
)
def test_who_is_in_the_list_is_found_and_nobody_else(
    entries: list[tuple[str, str, int, int]], stranger: str
) -> None:
    found = read_packed(packed(entitlements_payload(entries)))
    assert len(found) == len(entries)
    for one in {entry[0] for entry in entries} | {stranger}:
        names = sorted(name for who, name, _, _ in entries if who == one)
        assert sorted(entitlement.name for entitlement in found.of(one)) == names


def test_entitlements_are_packed_by_a_child_that_says_what_is_wrong(tmp_path: Path) -> None:
    book = RuleBook(RealWorld(), tmp_path)
    every = handler(book, tmp_path)
    payload = entitlements_payload(PEOPLE)
    every.install(envelope("entitlements", 1, payload))
    with pytest.raises(ListWrong) as raised:
        every.install(envelope("entitlements", 2, payload.replace(b" senior ", b" Senior ")))
    assert raised.value.facts["problem"] == "line 2"
    assert every.versions() == {"entitlements": 1}
    kept = sorted(path.name for path in (tmp_path / "lists").glob("entitlements*"))
    assert kept == ["entitlements-1.list", "entitlements.json"]


def test_a_child_that_is_killed_leaves_the_old_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = RealWorld()
    every = handler(RuleBook(world, tmp_path), tmp_path)
    payload = entitlements_payload(PEOPLE)
    every.install(envelope("entitlements", 1, payload))
    monkeypatch.setattr(world, "run", lambda *_, **__: -9)
    every = handler(RuleBook(world, tmp_path), tmp_path)
    with pytest.raises(ListNotLoaded):
        every.install(envelope("entitlements", 2, payload))
    assert every.versions() == {"entitlements": 1}
