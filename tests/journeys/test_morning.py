"""A whole morning on real parts: everybody as expected, every row once at the platform, no secrets.

The journey is the demo's own; here it is judged by what it left behind.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.secrets_probe import Probe
from proving.demos.library_gate import Morning, Outcome, Row
from simulators.site import TERMINAL, Site


class Quiet:
    """Watches without a word."""

    def __init__(self) -> None:
        self.incidents: list[str] = []
        self.rows: list[Row] = []

    def incident(self, name: str) -> None:
        self.incidents.append(name)

    def visit(self, row: Row) -> None:
        self.rows.append(row)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site(language="en") as site:
        yield site


@pytest.fixture(scope="module")
def audience() -> Quiet:
    return Quiet()


@pytest.fixture(scope="module")
def outcome(site: Site, audience: Quiet) -> Outcome:
    return Morning(site, audience).play()


def test_everybody_is_decided_as_expected(outcome: Outcome) -> None:
    wrong = [(row.visit.card, row.visit.reason, row.reason) for row in outcome.rows]
    assert [each for each in wrong if each[1] != each[2]] == []
    assert len({row.person for row in outcome.rows}) >= 14


def test_all_incidents_really_happened(outcome: Outcome, audience: Quiet) -> None:
    assert set(audience.incidents) == {
        "reader-unplugged",
        "pcscd-restarted",
        "broker-killed",
        "agent-killed",
    }
    assert outcome.broker_starts == 2


def test_the_platform_has_every_journal_row_once_with_equal_hash(outcome: Outcome) -> None:
    assert outcome.same
    assert outcome.whole
    assert outcome.alarms == 0
    assert outcome.good


def test_the_journey_sees_a_row_that_is_missing_or_another(outcome: Outcome) -> None:
    """The control: the same morning with one wrong row at the platform is not good."""
    key = next(iter(outcome.platform))
    missing = {k: v for k, v in outcome.platform.items() if k != key}
    other = {**outcome.platform, key: "0" * 64}
    unexpected = replace(outcome.rows[0], reason="repeated")
    for broken in (
        replace(outcome, platform=missing),
        replace(outcome, platform=other),
        replace(outcome, rows=[unexpected, *outcome.rows[1:]]),
        replace(outcome, reader_stack=""),
        replace(outcome, broker_pid=0),
    ):
        assert not broken.good


def test_a_person_who_was_refused_for_a_reason_left_an_event(outcome: Outcome) -> None:
    refused = [row for row in outcome.rows if row.verdict == "refused"]
    assert refused
    assert all(row.record is not None for row in refused)


def test_a_tap_that_the_agent_died_in_left_no_half_event(outcome: Outcome) -> None:
    """One event per visit: the person whose tap was cut came again and is there once."""
    taps = [record.event() for record in outcome.journal if record.event().kind == "tap"]
    assert len(taps) == len(outcome.rows)


def test_no_identity_in_clear_in_anything_that_was_written_or_sent(
    site: Site, outcome: Outcome
) -> None:
    planted = {}
    for person in site.cast.people:
        planted[f"number of {person.key}"] = person.number
        if len(person.name.encode()) >= 9:
            planted[f"name of {person.key}"] = person.name
    for card in site.cast.cards:
        planted[f"card id of {card.key}"] = site.cast.card_id(card)
    for name, secret in site.cast.city.terminal_secrets(TERMINAL).items():
        planted[name] = secret.hex()
    probe = Probe(planted)
    probe.check_all(
        {
            "agent's output": site.agent.printed(),
            "journal": "\n".join(record.body for record in outcome.journal),
            "status": str(site.agent.status()),
            **{str(path): path.read_bytes() for path in _written(site.folder)},
        }
    )


def _written(folder: Path) -> Iterator[Path]:
    """What agent, platform and broker wrote, but for keys and certificates."""
    for path in folder.rglob("*"):
        inside = path.relative_to(folder).parts[0]
        if path.is_file() and inside not in ("keys", "platform-keys", "ca"):
            yield path
