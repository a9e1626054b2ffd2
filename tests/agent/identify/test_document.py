"""An ID card is a tap like any other: the same person as his social security card, its own dates,
and a refusal with a reason where nothing could be read."""

import logging
from datetime import date

import msgspec
import pytest

from agent.identify.document import CREDENTIAL, DocumentIdentifier
from agent.identify.identity import Identity, Unidentified
from agent.messages.reasons import Reason
from agent.tap.tap import TapReport
from apdu.id_document import DocumentFault, DocumentLayout
from contracts.scenes.stand import CITY_KEY, FakeLists, Stand, play
from contracts.secrets_probe import Probe
from drivers.contract import DeviceLost, DeviceSilent, Document, Unread
from drivers.idcard.module import DocumentGone, DocumentUnread
from simulators.devices.idcard import IdCard, document_of
from simulators.people import load_cast
from tests.agent.events import noted
from trust.references import References
from world import Fault

REFERENCES = References(CITY_KEY)
DESK = DocumentIdentifier(REFERENCES)
CAST = load_cast()
LIN = CAST.person("lin")


def told(card: IdCard, seen: float = 0.0) -> Document:
    return Document(
        source="id",
        count=1,
        text=card.text,
        photo=card.photo,
        fingerprint=card.fingerprint,
        newest_address=card.newest_address,
        seen=seen,
        at=seen,
        came=True,
    )


def identified(card: IdCard) -> Identity:
    found = DESK.read(told(card))
    assert isinstance(found, Identity)
    return found


def refused(card: IdCard) -> Unidentified:
    found = DESK.read(told(card))
    assert isinstance(found, Unidentified)
    assert found.reason == Reason.DOCUMENT_UNREADABLE
    return found


def lay(stand: Stand, card: IdCard, *, leaving: bool = False) -> TapReport:
    lane = stand.exit if leaving else stand.entry
    return stand.taps.handle_document(lane, told(card, stand.world.monotonic()))


def test_an_identity_of_references_and_the_documents_own_dates() -> None:
    found = identified(document_of(LIN, issued="20200101", expires="20400101"))
    assert found.credential == CREDENTIAL == "id-card"
    assert found.person == REFERENCES.person(LIN.number)
    assert (found.issued, found.expires) == (date(2020, 1, 1), date(2040, 1, 1))
    assert found.number == ""
    assert identified(document_of(LIN)).expires is None  # 长期


def test_an_id_card_after_the_social_security_card_is_the_same_person_again() -> None:
    """Through everything: the card's keys are derived, authenticated and read, and both numbers
    are turned into references."""

    def scenario(stand: Stand) -> None:
        assert stand.tap("lin").reason == Reason.ACCEPTED
        assert lay(stand, document_of(LIN)).reason == Reason.REPEATED
        card, document = stand.store.taps()
        assert card.person == document.person != ""
        assert card.card != document.card
        assert (card.credential, document.credential) == ("card-contactless", "id-card")

    play(scenario)


def test_a_social_security_card_after_the_id_card_is_too() -> None:
    def scenario(stand: Stand) -> None:
        assert lay(stand, document_of(LIN)).reason == Reason.ACCEPTED
        assert stand.tap("lin").reason == Reason.REPEATED
        assert stand.barrier.opened == 1

    play(scenario)


@pytest.mark.parametrize("layout", [DocumentLayout.COMPATRIOT, DocumentLayout.FOREIGNER_2023])
def test_other_documents_with_a_national_number_are_that_person_too(layout: DocumentLayout) -> None:
    assert identified(document_of(LIN, layout)).person == REFERENCES.person(LIN.number)


def test_foreigners_of_2017_are_a_person_by_their_own_number() -> None:
    found = identified(document_of(LIN, DocumentLayout.FOREIGNER_2017))
    assert found.person == REFERENCES.person(f"UTO{LIN.number[:12]}")
    assert found.person != REFERENCES.person(LIN.number)


def test_another_person_is_another_person() -> None:
    persons = {identified(document_of(person)).person for person in CAST.people}
    assert len(persons) == len(CAST.people)


def test_a_small_x_makes_nobody_another_person() -> None:
    qian = CAST.person("qian")
    assert qian.number.endswith("X")
    small = document_of(qian, number=qian.number.lower())
    assert identified(small).person == REFERENCES.person(qian.number)


def test_a_renewed_document_is_another_document_of_the_same_person() -> None:
    old, new = (identified(document_of(LIN, issued=day)) for day in ("20100101", "20200101"))
    assert old.person == new.person
    assert old.card != new.card


@pytest.mark.parametrize(
    ("issued", "expires", "reason"),
    [
        ("20000101", "20100101", Reason.CARD_EXPIRED),
        ("20900101", "20990101", Reason.CARD_NOT_YET_VALID),
        ("20000101", "20990101", Reason.ACCEPTED),
        ("20000101", "长期", Reason.ACCEPTED),
    ],
)
def test_the_documents_days_are_kept_to(issued: str, expires: str, reason: Reason) -> None:
    def scenario(stand: Stand) -> None:
        assert lay(stand, document_of(LIN, issued=issued, expires=expires)).reason == reason
        assert stand.barrier.opened == (reason == Reason.ACCEPTED)

    play(scenario)


@pytest.mark.parametrize("by", ["card", "person"])
def test_who_is_listed_is_refused_by_document_and_by_person(by: str) -> None:
    card = document_of(LIN)
    reference = getattr(identified(card), by)

    def scenario(stand: Stand) -> None:
        stand.store.lists = (
            FakeLists(cards=[reference]) if by == "card" else FakeLists(persons=[reference])
        )
        assert lay(stand, card).reason == Reason.BLACKLISTED

    play(scenario)


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"number": LIN.number[:17] + "0"}, "number-check"),
        ({"number": ""}, "document.malformed"),
    ],
    ids=["check character", "no number"],
)
def test_a_document_that_does_not_say_whose_it_is_is_nobodys(
    fields: dict[str, str], detail: str
) -> None:
    assert refused(document_of(LIN, **fields)).detail == detail  # type: ignore[arg-type]


@pytest.mark.parametrize("text", [b"", bytes(256), b"\xff" * 256, bytes(1024)], ids=len)
def test_rubbish_is_nobodys(text: bytes) -> None:
    assert refused(IdCard(text)).detail.startswith("document.")


@pytest.mark.parametrize(
    "fault",
    [
        DocumentUnread(device="id", step="read", sw="41", status="read"),
        DocumentGone(device="id"),
        DocumentFault(),
        DeviceSilent(device="id"),
        DeviceLost(device="id"),
    ],
    ids=lambda fault: fault.code,
)
def test_what_could_not_be_read_is_told_to_the_person_and_recorded(fault: Fault) -> None:
    def scenario(stand: Stand) -> None:
        seen = stand.world.monotonic()
        unread = Unread("id", 1, fault, seen, seen, came=True)
        report = stand.taps.handle_document(stand.entry, unread)
        assert report.reason == Reason.DOCUMENT_UNREADABLE
        assert stand.barrier.opened == 0
        assert [code for code, _ in stand.prompts.shown] == ["document-unreadable"]
        (event,) = stand.store.taps()
        assert (event.verdict, event.credential, event.person) == ("refused", "id-card", "")
        assert noted(event) == {"fault": fault.code}

    play(scenario)


def test_leaving_never_waits_for_a_document_to_be_legible() -> None:
    def scenario(stand: Stand) -> None:
        assert lay(stand, IdCard(bytes(256)), leaving=True).reason == Reason.ACCEPTED_EXIT
        assert stand.calls[0] == "open exit"

    play(scenario)


@pytest.mark.parametrize(
    ("fields", "doubt"),
    [
        ({"name": "林青禾\0王小明"}, "text"),
        ({"name": "林青禾\n"}, "text"),
        ({"address": "测试路1号" + "\u202e"}, "text"),
        ({"expires": "20401301"}, "validity"),
        ({"issued": "00000000"}, "validity"),
        ({"expires": "99999999"}, "validity"),
    ],
)
def test_an_odd_text_or_date_of_a_document_turns_nobody_away_and_is_in_the_record(
    fields: dict[str, str], doubt: str
) -> None:
    def scenario(stand: Stand) -> None:
        assert lay(stand, document_of(LIN, **fields)).reason == Reason.ACCEPTED  # type: ignore[arg-type]
        assert noted(stand.store.taps()[0]) == {"doubts": (doubt,)}

    play(scenario)


def test_nobody_is_named_anywhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    planted: dict[str, str | bytes] = {}
    for person in CAST.people:
        planted[f"number of {person.key}"] = person.number
        if min(len(person.name.encode(charset)) for charset in ("utf-8", "gb18030")) >= 6:
            planted[f"name of {person.key}"] = person.name
    planted["address"] = "测试省测试市测试路1号"
    planted["newest address"] = "测试市别处2号"

    def scenario(stand: Stand) -> dict[str, str | bytes]:
        told_of = []
        for person in CAST.people:
            for layout in DocumentLayout:
                card = document_of(person, layout, newest_address="测试市别处2号")
                lay(stand, card)
                told_of.append(repr((told(card), DESK.read(told(card)))))
                cut = document_of(person, layout, expires="20401301")
                lay(stand, cut)
        return {
            "journal": "\n".join(record.body for record in stand.store.records),
            "bodies": msgspec.json.encode(stand.store.records),
            "reports": repr(stand.reports),
            "told": "\n".join(told_of),
            "calls": repr(stand.calls),
            "log": caplog.text,
        }

    probe = Probe(planted)
    probe.check_all(play(scenario))
    assert len(probe.leaks("control", document_of(LIN).text)) >= 3
