"""The cast is sound: made-up people with right check characters, cards that can be issued, and the
kinds of visit that the gate's morning must have."""

from collections import Counter

import pytest

from agent.messages.reasons import Reason
from simulators.cards import Interface
from simulators.ceremony import card_number
from simulators.people import FOREIGN, Person, Wallet, load_cast

CAST = load_cast()
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643, MOD 11-2
SELECT = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")


@pytest.mark.parametrize("person", CAST.people, ids=lambda person: person.key)
def test_id_numbers_are_made_up_and_well_formed(person: Person) -> None:
    total = sum(int(d) * w for d, w in zip(person.number, WEIGHTS, strict=False))
    assert person.number[17] == "10X98765432"[total % 11]
    assert person.number[:6] in ("519900", "119900")  # there are no such places
    assert person.number[6:14] == person.birth
    assert int(person.number[16]) % 2 == int(person.sex) % 2
    assert len(person.name.encode("gbk")) <= 50


def test_keys_are_unique_and_refer() -> None:
    for rows in (CAST.people, CAST.cards):
        assert max(Counter(row.key for row in rows).values()) == 1
    for card in CAST.cards:
        CAST.person(card.person)
    for visit in CAST.visits:
        CAST.person(visit.person)
        assert visit.card == FOREIGN or CAST.card(visit.card).person == visit.person
    assert max(Counter(card.serial for card in CAST.cards).values()) == 1


def test_visits_are_in_order_of_time() -> None:
    times = [visit.at for visit in CAST.visits]
    assert times == sorted(set(times))


def test_the_morning_has_everything_that_happens_at_a_gate() -> None:
    assert len({visit.person for visit in CAST.visits}) >= 14
    used = [CAST.card(visit.card) for visit in CAST.visits if visit.card != FOREIGN]
    assert {(card.generation, card.algorithm) for card in used} == {
        ("1.0", "DES3"),
        ("1.0", "SSF33"),
        ("2.0", "DES3"),
        ("2.0", "SSF33"),
        ("3.0", "SM4"),
    }
    three = {v.interface for v in CAST.visits if v.card != FOREIGN and _is_3(v.card)}
    assert three == {"contact", "contactless"}
    assert {card.blacklisted for card in used} == {"", "card", "number"}
    assert any(card.forged for card in used)
    assert any(card.expires and card.expires < "20250101" for card in used)
    assert any(visit.tear for visit in CAST.visits)
    assert any(visit.mute_from is not None for visit in CAST.visits)
    assert any(visit.card == FOREIGN for visit in CAST.visits)
    assert {visit.incident for visit in CAST.visits if visit.incident} == {
        "reader-unplugged",
        "pcscd-restarted",
        "broker-killed",
        "agent-killed",
    }
    repeated = [visit for visit in CAST.visits if visit.reason == "repeated"]
    assert repeated
    assert any("·" in person.name for person in CAST.people)
    assert any(len(person.name.encode("gbk")) > 30 for person in CAST.people)


def test_long_names_are_on_cards_that_can_hold_them() -> None:
    for card in CAST.cards:
        if len(CAST.person(card.person).name.encode("gbk")) > 30:
            assert card.generation != "1.0"


def test_only_3_comes_through_the_air() -> None:
    for visit in CAST.visits:
        if visit.interface == "contactless" and visit.card != FOREIGN:
            assert _is_3(visit.card)


def test_every_card_can_be_issued_and_answers() -> None:
    wallet = Wallet(CAST)
    for visit in CAST.visits:
        card = wallet.bring(visit)
        card.power_on()
        status = card.transmit(SELECT)[-2:]
        assert (status == b"\x6a\x82") == (visit.card == FOREIGN)
        assert (status == b"\x93\x03") == (visit.reason == "card-blocked")


def test_reasons_are_the_agents() -> None:
    assert {visit.reason for visit in CAST.visits} <= set(Reason)


def test_a_card_that_comes_twice_is_the_same_card() -> None:
    wallet = Wallet(CAST)
    first = wallet.at("wang", Interface.CONTACT)
    first.power_on()
    first.transmit(SELECT)
    assert first.transmit(bytes.fromhex("0020000003000000")).hex() == "63c5"
    again = wallet.at("wang", Interface.CONTACTLESS)
    again.power_on()
    again.transmit(SELECT)
    assert again.transmit(bytes.fromhex("00200000")).hex() == "63c5"


def test_blacklist_names_cards_by_what_the_list_says() -> None:
    (by_card,) = CAST.blacklist("card")
    (by_number,) = CAST.blacklist("number")
    assert by_card == CAST.card_id(CAST.card("zhou"))
    assert by_number == CAST.card("wu-lost").card_number


def test_one_card_number_fails_its_check_as_real_ones_do() -> None:
    failing = [c.key for c in CAST.cards if card_number(c.card_number[:8]) != c.card_number]
    assert failing == ["zhu"]


def test_the_gates_psam_has_the_casts_terminal_number() -> None:
    psam = CAST.psam()
    psam.power_on()
    psam.transmit(SELECT)
    answer = psam.transmit(bytes.fromhex("00B0960006"))
    assert answer.hex() == CAST.terminal_number + "9000"


def _is_3(card: str) -> bool:
    return CAST.card(card).generation == "3.0"
