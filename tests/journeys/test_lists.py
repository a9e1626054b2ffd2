"""Lists from the platform to a gate and back: a half one harms nobody, and who was accepted before
the terminal could know stays accepted and is flagged.
"""

from collections.abc import Iterator

import pytest

from offline_store.columns import verdict_of
from offline_store.lists.form import blacklist_payload
from simulators.site import TERMINAL, Site, until
from tests.journeys.gate import Doors, Wire

LISTED = "zhou"  # on the city's blacklist from the beginning


@pytest.fixture(scope="module")
def doors() -> Iterator[Doors]:
    with Site(language="en") as site:
        doors = Doors(site)
        doors.two_entries()
        doors.open()
        until(lambda: site.agent.status()["sync"]["state"] == "online", "no link")
        yield doors


def in_force(doors: Doors) -> int:
    return int(doors.site.agent.status()["lists"].get("blacklist", 0))


def publish(doors: Doors, *more: str) -> None:
    before = in_force(doors)
    doors.site.publish_blacklist(*more)
    until(lambda: in_force(doors) > before, "the list is not in force")


def await_refusal(doors: Doors, code: str) -> None:
    def refused() -> bool:
        fault = doors.site.agent.status()["sync"]["last_fault"]
        return fault is not None and fault["code"] == code

    until(refused, f"not refused with {code}")


def refusals(doors: Doors) -> int:
    """How many lists the terminal has answered as malformed."""
    (count,) = doors.site.platform.ledger.transaction(
        lambda db: db.execute(
            "SELECT count(*) FROM applied WHERE result = 'refused' AND code = 'list.malformed'"
        ).fetchone()
    )
    return int(count)


def everybody_as_before(doors: Doors) -> bool:
    return doors.tap("lin").accepted and doors.tap(LISTED).reason == "blacklisted"


def test_an_incomplete_list_makes_nobody_invalid_and_nobody_valid(doors: Doors) -> None:
    publish(doors)
    version = in_force(doors)
    assert everybody_as_before(doors)
    cast = doors.site.cast
    card = doors.site.references().card(bytes.fromhex(cast.card_id(cast.card("lin"))))
    whole = blacklist_payload([{"card": card}, {"card": "ab" * 32}, {"card": "cd" * 32}])
    for cut in (len(whole) - 17, len(whole) - 5):  # after a record, and within one
        refused = refusals(doors)
        doors.site.platform.publish("list", "blacklist", whole[:cut])
        until(lambda before=refused: refusals(doors) > before, "not refused")  # type: ignore[misc]
        assert in_force(doors) == version
        assert everybody_as_before(doors)
    # The control: the whole of that list does bar him, and lets in whom it no longer names.
    doors.site.platform.publish("list", "blacklist", whole)
    until(lambda: in_force(doors) > version, "the whole list is not in force")
    assert doors.tap("lin").reason == "blacklisted"
    assert doors.tap(LISTED).accepted


def test_a_list_cut_or_changed_on_its_way_is_not_used(doors: Doors) -> None:
    with Wire(doors.site) as wire:
        publish(doors)
        version = in_force(doors)
        sent = next(m for m in reversed(wire.messages) if m.topic.endswith("down/list/blacklist"))
        half = sent.payload[: len(sent.payload) // 2]
        changed = sent.payload[:-3] + b"\0\0\n"
        for payload, code in ((half, "envelope.malformed"), (changed, "envelope.forged")):
            wire.publish(sent.topic, payload)
            await_refusal(doors, code)
    assert in_force(doors) == version
    assert everybody_as_before(doors)


def test_accepted_offline_and_revoked_since_stays_accepted_and_is_flagged(doors: Doors) -> None:
    site = doors.site
    publish(doors)
    site.broker.kill()
    until(lambda: site.agent.status()["sync"]["state"] == "offline", "the broker is not missed")
    offline = [doors.tap("wang"), doors.tap("zhu")]
    assert all(tap.accepted for tap in offline)
    site.publish_blacklist("wang")  # revoked while this terminal cannot hear it
    site.broker.start()
    doors.drained()
    until(lambda: doors.tap("wang").reason == "blacklisted", "the new list is not in force")

    flagged = {(row.epoch, row.seq) for row in site.platform.ledger.flagged(TERMINAL)}
    wang, zhu = ((tap.record.epoch, tap.record.seq) for tap in offline if tap.record)
    assert wang in flagged
    assert zhu not in flagged
    kept = {(r.epoch, r.seq): verdict_of(r.event()) for r in site.agent.records()}
    assert kept[wang] == "accepted"
    at_platform = {(r.epoch, r.seq): r.hash for r in site.platform.ledger.rows(TERMINAL)}
    assert offline[0].record is not None
    assert at_platform[wang] == offline[0].record.hash
    assert site.platform.ledger.alarms(TERMINAL) == []
