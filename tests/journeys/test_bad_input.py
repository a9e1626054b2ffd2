"""Whatever is held to a reader or breaks behind it: a refusal with its reason and its record, the
other lane undisturbed, and the next person let in within two seconds. On a whole daemon.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.messages.texts import Texts, catalogue
from offline_store.columns import verdict_of
from simulators.cards import Card
from simulators.cards.faults import (
    EndlessChain,
    Garbage,
    malformed_fci,
    wrong_cryptogram,
    wrong_record_lengths,
)
from simulators.ceremony import seeded
from simulators.city.hsm import Manners
from simulators.people import FOREIGN
from simulators.site import DOOR, DOOR_SLOT, PSAM, Site, until
from simulators.vpcd import SOUND, Faults, Moment, TearAtApdu
from tests.journeys.gate import AT, GOOD, OTHER, Doors, Tap

MEGABYTES = 8
FLOW = 60  # more APDUs than any flow has
UNREADABLE = ("card-unreadable",)
GONE = ("card-gone", "card-unreadable")  # the second: another card had the answer
# T=0: a SELECT has no length that 6Cxx could correct, so it is a refusal as any other.
NOT_OURS = ("unknown-card",)


@pytest.fixture(scope="module")
def doors() -> Iterator[Doors]:
    with Site(language="en", disk_megabytes=MEGABYTES) as site:
        doors = Doors(site)
        doors.two_entries()
        doors.open()
        yield doors


@dataclass(frozen=True)
class Wrong:
    """A card that is wrong, and the reasons that a refusal of it may have."""

    name: str
    make: Callable[[Doors, str], Card]
    reasons: tuple[str, ...]
    door: str = DOOR
    faults: Faults = SOUND


def foreign(doors: Doors, door: str) -> Card:
    return doors.card(FOREIGN, door)


def good(doors: Doors, door: str) -> Card:
    return doors.card(GOOD, door)


def fci(raw: bytes) -> Callable[[Doors, str], Card]:
    return lambda doors, door: doors.wallet.at(
        GOOD, AT[door], wrong=lambda inside: malformed_fci(inside, raw)
    )


def lengths(by: int) -> Callable[[Doors, str], Card]:
    return lambda doors, door: doors.wallet.at(
        GOOD, AT[door], wrong=lambda inside: wrong_record_lengths(inside, by=by)
    )


def endless(sw1: int, start: int) -> Callable[[Doors, str], Card]:
    return lambda doors, door: EndlessChain(doors.card(GOOD, door), sw1, start)


def garbage(start: int) -> Callable[[Doors, str], Card]:
    return lambda doors, door: Garbage(doors.card(GOOD, door), seeded(b"%d" % start), start)


def forged(doors: Doors, door: str) -> Card:
    return doors.wallet.at(GOOD, AT[door], wrong=wrong_cryptogram)


WRONG = [
    Wrong("foreign chip card", foreign, ("unknown-card",)),
    Wrong("foreign chip card, contact", foreign, ("unknown-card",), DOOR_SLOT),
    Wrong("FCI cut in its length", fci(b"\x6f\x82"), UNREADABLE),
    Wrong("FCI longer than its bytes", fci(b"\x6f\x20\x84\x0e"), UNREADABLE),
    Wrong("FCI nested without end", fci(b"\x6f\x1c" + b"\xa5\x1a" * 14), UNREADABLE),
    Wrong("FCI of one byte", fci(b"\x6f"), UNREADABLE),
    Wrong("records short by one", lengths(-1), UNREADABLE),
    Wrong("records short by four", lengths(-4), UNREADABLE),
    Wrong("records long by one", lengths(+1), UNREADABLE),
    Wrong("wrong cryptogram", forged, ("authentication-failed",)),
    Wrong("endless 61xx", endless(0x61, 0), UNREADABLE),
    Wrong("endless 61xx later", endless(0x61, 6), UNREADABLE),
    Wrong("endless 61xx, contact", endless(0x61, 0), UNREADABLE, DOOR_SLOT),
    Wrong("endless 61xx later, contact", endless(0x61, 6), UNREADABLE, DOOR_SLOT),
    Wrong("endless 6Cxx", endless(0x6C, 0), UNREADABLE),
    Wrong("endless 6Cxx later", endless(0x6C, 6), UNREADABLE),
    Wrong("endless 6Cxx, contact", endless(0x6C, 0), NOT_OURS, DOOR_SLOT),
    Wrong("endless 6Cxx later, contact", endless(0x6C, 6), UNREADABLE, DOOR_SLOT),
    *(
        Wrong(
            f"garbage from APDU {start}",
            garbage(start),
            ("card-unreadable", "card-mute", "authentication-failed", "unknown-card"),
        )
        for start in range(9)
    ),
    Wrong("no ATR", good, ("card-mute",), faults=Faults(dead=True)),
    Wrong("the reader waits in vain", good, ("card-mute",), faults=Faults(timeout_from=4)),
]


def refused_with_a_record(tap: Tap, *reasons: str) -> bool:
    """Not let in, for one of these reasons, with a record that staff can read in any language."""
    event = tap.event
    return (
        not tap.accepted
        and tap.reason in reasons
        and (event.kind, event.verdict, event.reason) == ("tap", "refused", tap.reason)
        and (event.authentication is None or event.authentication.result == "failed")
        and not event.card
        and all(_has_words(Texts(language), tap) for language in ("zh", "en"))
    )


def _has_words(texts: Texts, tap: Tap) -> bool:
    code = tap.event.fault
    return (
        texts.reason(tap.reason) != tap.reason != texts.remedy(tap.reason)
        and code in catalogue(texts.language)["fault"]
    )


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_a_wrong_card_is_refused_and_disturbs_nobody(doors: Doors, wrong: Wrong) -> None:
    with doors.held(wrong.make(doors, wrong.door), wrong.door, wrong.faults):
        assert doors.others_pass()
        tap = doors.report(wrong.door)
    assert refused_with_a_record(tap, *wrong.reasons), tap
    assert doors.passes_again(wrong.door)


def test_control_a_good_card_is_no_wrong_card(doors: Doors) -> None:
    assert not refused_with_a_record(doors.tap(), *{reason for w in WRONG for reason in w.reasons})


@pytest.mark.parametrize("door", [DOOR, DOOR_SLOT])
def test_a_card_gone_at_any_apdu_is_refused_and_may_come_again(doors: Doors, door: str) -> None:
    for apdu in range(FLOW):
        with doors.held(
            good(doors, door), door, Faults(tear=TearAtApdu(apdu, Moment.DURING))
        ) as insertion:
            tap = doors.report(door)
        if not insertion.left.is_set() or len(insertion.trace) <= apdu:
            break
        assert refused_with_a_record(tap, "card-gone"), (apdu, tap)
    assert tap.accepted, "the flow has an end"
    assert apdu > 10
    assert doors.passes_again(door)


@pytest.mark.parametrize("apdu", range(1, 13, 3))
def test_a_card_put_back_for_another_is_never_taken_for_it(doors: Doors, apdu: int) -> None:
    """ifdnlnfc #3: each card has a record of its own, and only its own.

    Mostly the first one's tap ends with "card-gone". pcscd on a busy machine may hand its next
    command to the card that lies there by then, and may tell of that one twice.
    """
    references, cast = doors.site.references(), doors.site.cast
    other = references.card(bytes.fromhex(cast.card_id(cast.card(OTHER))))
    person = doors.tap().event.person
    faults = Faults(tear=TearAtApdu(apdu, Moment.AFTER))
    with doors.held(good(doors, DOOR), faults=faults) as first:
        assert first.left.wait(60)
        with doors.held(doors.card(OTHER)):
            taps = [doors.report()]
            while not taps[-1].accepted or taps[-1].event.card != other:
                taps.append(doors.report())
    *before, second = taps
    assert second.event.person != person
    assert before
    assert all(refused_with_a_record(tap, *GONE) for tap in before)


@pytest.mark.parametrize("apdu", [0, 3, 11])
def test_a_mute_card_is_told_to_leave_while_others_pass(doors: Doors, apdu: int) -> None:
    before = _alarms(doors)
    with doors.held(good(doors, DOOR), faults=Faults(mute_from=apdu)) as insertion:
        assert insertion.muted.wait(60)
        assert doors.others_pass()
        until(lambda: _alarms(doors) > before, "nobody was told to take the card away")
        assert doors.reader(DOOR)["state"] == "no-answer"
        assert doors.others_pass()
    assert refused_with_a_record(doors.report(), "card-mute")
    assert doors.passes_again()


def _alarms(doors: Doors) -> int:
    records = doors.site.agent.records()
    return sum(record.event().reason == "take-card-away" for record in records)


def test_without_psam_and_hsm_people_are_refused_until_one_is_back(doors: Doors) -> None:
    doors.site.slots[PSAM].remove()
    doors.site.hsm.manners = Manners(error="unknown-region")
    assert refused_with_a_record(doors.tap(), "hsm-unsuitable")
    doors.site.hsm.manners = Manners()
    assert doors.passes_again()
    doors.site.slots[PSAM].insert(doors.site.cast.psam())
    assert doors.passes_again()


def test_without_a_broker_people_pass_and_nothing_is_lost(doors: Doors) -> None:
    site = doors.site
    site.broker.kill()
    until(lambda: site.agent.status()["sync"]["state"] == "offline", "the broker is not missed")
    taps = [doors.tap(key) for key in ("lin", "wang", "zhu")]
    assert all(tap.accepted for tap in taps)
    status = site.agent.status()
    assert status["sync"]["last_fault"]["code"] in ("sync.unreachable", "sync.connection-lost")
    assert status["store"]["unreceipted"] >= len(taps)
    site.broker.start()
    doors.drained()
    assert {r.hash for r in site.platform.ledger.rows(site.agent.status()["terminal"])} == {
        record.hash for record in site.agent.records()
    }


@contextmanager
def full_disk(data: Path) -> Iterator[None]:
    """Not a byte is left where the agent's data lie."""
    ballast = data / "ballast"
    with ballast.open("wb", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2
    try:
        yield
    finally:
        ballast.unlink()


def test_on_a_full_disk_nobody_is_let_in_without_a_record(doors: Doors) -> None:
    before = len(doors.site.agent.records())
    with full_disk(doors.site.agent.data):
        taps = [doors.tap()]
        while taps[-1].accepted:  # what the files have already is still written to
            taps.append(doors.tap())
            assert len(taps) < 500
        taps.append(doors.tap("wang", DOOR_SLOT))
        assert doors.site.agent.status()["store"]["last_fault"] == "journal.disk-full"
    assert {tap.reason for tap in taps if tap.record is None} == {"not-stored"}
    assert all(tap.accepted == (tap.record is not None) for tap in taps)
    next_one = doors.tap()
    assert next_one.accepted
    told = [tap.event.unstored_before for tap in [*taps, next_one] if tap.record]
    assert sum(told) == sum(tap.record is None for tap in taps)
    assert len(doors.site.agent.records()) == before + len(told)
    assert doors.passes_again()


GOOD_TO_BAD: Mapping[str, Callable[[str], bytes]] = {
    "not TOML": lambda good: f'{good}\n[scene\nkind = "'.encode(),
    "not UTF-8": lambda good: good.encode() + b"\n# \xff\xfe",
    "empty": lambda good: b"",
    "unknown key": lambda good: good.replace("psam_silent", "psam_silnet").encode(),
    "no such reader": lambda good: good.replace('readers = ["door"', 'readers = ["dor"').encode(),
    "no such driver": lambda good: good.replace(
        'name = "psam"', 'name = "psam"\ndriver = "pscs"'
    ).encode(),
}


@pytest.mark.parametrize("slip", GOOD_TO_BAD)
def test_a_wrong_configuration_is_told_and_the_old_one_stays(doors: Doors, slip: str) -> None:
    site = doors.site
    good = site.config.read_text()
    said = len(site.agent.printed())
    site.config.write_bytes(GOOD_TO_BAD[slip](good))
    try:
        site.agent.reload()
        until(lambda: "ERROR" in site.agent.printed()[said:], "the error was not told")
    finally:
        site.config.write_text(good)
    assert doors.passes_again()
    assert doors.others_pass()


def test_whatever_was_held_there_nothing_opened_without_an_accepted_record(doors: Doors) -> None:
    """The last test of this file: over all that went before."""
    opened = doors.site.agent.printed().count("gate: open")
    accepted = [r for r in doors.site.agent.records() if verdict_of(r.event()) == "accepted"]
    assert opened == len(accepted) == doors.accepted
    assert doors.site.agent.client.get("/v1/journal/verify")["whole"]
