"""A day at a service window on real parts: three provinces, codes, ID cards, PINs, a lost platform,
and an old business program that calls `libsscard`. The journey is the demo's own.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from contracts.secrets_probe import Probe
from offline_store.columns import whose
from offline_store.events.terminal import Disclosure
from proving.demos.service_window import Outcome, Row, WindowDay
from simulators.window.counter_day import CounterDay, load_counter_day
from simulators.window.site import WindowSite


class Quiet:
    """Watches without a word."""

    def __init__(self) -> None:
        self.incidents: list[str] = []

    def incident(self, name: str) -> None:
        self.incidents.append(name)

    def visit(self, row: Row) -> None:
        pass


@pytest.fixture(scope="module")
def day() -> CounterDay:
    return load_counter_day()


@pytest.fixture(scope="module")
def audience() -> Quiet:
    return Quiet()


@pytest.fixture(scope="module")
def site(day: CounterDay) -> Iterator[WindowSite]:
    with WindowSite(day.cast, language="en") as site:
        yield site


@pytest.fixture(scope="module")
def outcome(site: WindowSite, day: CounterDay, audience: Quiet) -> Outcome:
    return WindowDay(site, day.visits, audience).play()


def disclosures(outcome: Outcome) -> list[Disclosure]:
    events = [record.event() for record in outcome.journal]
    return [event for event in events if isinstance(event, Disclosure)]


def test_who_comes_first_and_shows_a_code_is_served(day: CounterDay) -> None:
    first = next(visit for visit in day.visits if visit.shows == "code")
    with WindowSite(day.cast, language="en") as site:
        (row,) = WindowDay(site, [first], Quiet()).play().rows
    assert row.agrees


def test_every_visit_ends_as_expected(outcome: Outcome) -> None:
    assert [(row.visit.at, row.got) for row in outcome.rows if not row.agrees] == []
    assert len(outcome.rows) >= 12


def test_the_day_has_what_a_window_meets(
    outcome: Outcome, day: CounterDay, audience: Quiet
) -> None:
    regions = {card.region or day.cast.region for card in day.cast.cards}
    assert len({region[:2] for region in regions}) == 3
    assert {row.visit.shows for row in outcome.rows} == {
        "card", "code", "id-card", "program", "phone",
    }  # fmt: skip
    assert {row.way for row in outcome.rows} >= {"psam", "hsm", "platform", "sam-v"}
    assert audience.incidents == ["platform-lost", "platform-back"]
    assert any(row.age_s is not None for row in outcome.rows)


def test_the_platform_has_every_journal_row_once_with_equal_hash(outcome: Outcome) -> None:
    assert outcome.same
    assert outcome.whole
    assert outcome.good


def test_each_identity_that_was_handed_out_says_to_whom_what_for_and_which_fields(
    outcome: Outcome,
) -> None:
    told = disclosures(outcome)
    assert told
    for event in told:
        assert event.client == "old-business"
        assert event.purpose
        assert event.fields
        assert event.card


def test_of_each_basic_read_it_says_how_holder_card_and_business_stood(outcome: Outcome) -> None:
    read = [event for event in disclosures(outcome) if "name" in event.fields]
    assert read
    for event in read:
        assert [check.subject for check in event.checks] == ["holder", "card", "business"]
        assert all(check.source != "none" for check in event.checks)


def test_card_code_and_id_card_of_one_person_are_one_person(
    outcome: Outcome, day: CounterDay
) -> None:
    def persons(key: str) -> set[str]:
        rows = [row for row in outcome.rows if row.visit.person == key]
        found = {whose(record.event())[1] for row in rows for record in row.records}
        return found - {""}

    for key in ("wang", "zhao"):  # card and code; card and ID card
        assert len(persons(key)) == 1


def test_control_a_visit_that_ends_otherwise_is_not_good(outcome: Outcome) -> None:
    other = replace(outcome.rows[1], got="card-gone")
    key = next(iter(outcome.platform))
    for broken in (
        replace(outcome, rows=[outcome.rows[0], other, *outcome.rows[2:]]),
        replace(outcome, platform={**outcome.platform, key: "0" * 64}),
        replace(outcome, disclosures=0),
        replace(outcome, reader_stack=""),
    ):
        assert not broken.good


def test_no_identity_pin_or_code_in_anything_that_the_agent_wrote(
    site: WindowSite, outcome: Outcome, day: CounterDay
) -> None:
    planted = {f"number of {person.key}": person.number for person in day.cast.people}
    planted |= {f"card id of {card.key}": day.cast.card_id(card) for card in day.cast.cards}
    planted |= {f"PIN {pin}": pin for visit in day.visits for pin in visit.types}
    probe = Probe(planted)
    files = [path for path in (site.folder / "data").rglob("*") if path.is_file()]
    probe.check_all(
        {
            "agent's output": site.agent.printed(),
            "journal": "\n".join(record.body for record in outcome.journal),
            "status": str(site.agent.status()),
            **{str(path): path.read_bytes() for path in files},
        }
    )
