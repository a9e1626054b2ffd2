"""iReadCardBas by PSAM and in steps by the caller's own HSM: exact fields, exact errors."""

import pytest

from offline_store.events.terminal import Disclosure
from tests.agent.facade.counter import Counter, play

CONTACT = ["lin", "zhang", "zhao", "qian", "sun"]  # 3.0 SM4, 2.0 3DES and SSF33, 1.0 likewise


def expected(counter: Counter, key: str) -> list[str]:
    cast = counter.stand.cast
    card = cast.card(key)
    person = cast.person(card.person)
    issuer = cast.issuer_of(card)
    version = card.version if card.version is not None else f"{card.generation}0"
    return [
        issuer.region,
        person.number,
        card.card_number,
        cast.card_id(card),
        person.name,
        issuer.historical(card.serial).hex().upper(),
        version,
        card.issued,
        card.expires,
    ]


@pytest.mark.parametrize("key", CONTACT)
def test_the_eleven_fields_are_those_of_the_card(key: str) -> None:
    def scenario(counter: Counter) -> None:
        counter.insert(key)
        told = counter.good("iReadCardBas", "1")
        assert told == [*expected(counter, key), counter.stand.cast.terminal_number, "WINDOW-7"]
        assert counter.powered_down()

    play(scenario)


@pytest.mark.parametrize("key", CONTACT)
def test_two_steps_with_the_callers_hsm_give_the_same_card_without_a_psam(key: str) -> None:
    def scenario(counter: Counter) -> None:
        counter.insert(key)
        question = counter.good("iReadCardBas_HSM_Step1", "3")
        card = counter.stand.cast.card(key)
        assert len(question) == 8
        assert question[3] == counter.stand.cast.card_id(card)
        assert (question[6:] == ["", ""]) == (card.generation != "3.0")
        assert counter.slot.powered, "between the steps the card stays powered"
        told = counter.good("iReadCardBas_HSM_Step2", counter.hsm(question))
        assert told == [*expected(counter, key), "000000000000", "WINDOW-7"]
        assert counter.powered_down()
        assert counter.slot.closed == 1

    play(scenario, psam=False)


@pytest.mark.parametrize("seed", range(10))
def test_a_card_that_its_readers_thread_has_yet_to_hear_of_is_no_missing_card(seed: int) -> None:
    def scenario(counter: Counter) -> None:
        counter.slot.insert(counter.stand.card("lin", counter.slot.interface))
        assert counter.call("iReadCardBas", "3").result == 0
        counter.slot.remove()
        assert counter.call("iReadCardBas", "3").result == -2

    play(scenario, seed)


def test_a_wrong_internal_answer_of_the_hsm_is_minus_21_and_nothing_of_the_holder() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        question = counter.good("iReadCardBas_HSM_Step1", "1")
        key = counter.hsm(question)
        answer = counter.call("iReadCardBas_HSM_Step2", "0" * 16 + key[16:])
        assert answer.result == -21
        assert [event.function for event in counter.disclosures()] == ["iReadCardBas_HSM_Step1"]
        assert counter.powered_down()

    play(scenario)


@pytest.mark.parametrize(
    ("spoil", "result"),
    [
        (lambda key: "G" + key[1:], -41),
        (lambda key: key[2:], -42),
        (lambda key: "|", -23),
        (lambda key: key[:33], -23),  # the external answer is missing
        (lambda key: key[:16] + "0" * 16 + key[32:], -23),  # another challenge's
        (lambda key: key + "00|", -23),
        (lambda key: "\x00" + key, -41),
    ],
)
def test_a_malformed_key_is_refused_before_the_card_is_asked(spoil, result: int) -> None:  # type: ignore[no-untyped-def]
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        question = counter.good("iReadCardBas_HSM_Step1", "1")
        before = len(counter.slot.sent)
        assert counter.call("iReadCardBas_HSM_Step2", spoil(counter.hsm(question))).result == result
        assert len(counter.slot.sent) == before

    play(scenario)


def test_what_is_handed_out_is_journaled_first() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        assert counter.call("iReadCardBas", "1").result == 0
        (event,) = counter.disclosures()
        cast = counter.stand.cast
        card = cast.card("lin")
        assert event == Disclosure(
            clock=event.clock,
            reason="disclosed",
            lane="window",
            scene=event.scene,
            credential="card-contact",
            card=counter.stand.references.card(bytes.fromhex(cast.card_id(card))),
            person=counter.stand.references.person(cast.person("lin").number),
            application=event.application,
            authentication=event.authentication,
            checks=event.checks,
            client="clinic",
            caller="user:clinic uid:1000 pid:7",
            purpose="made-up work of clinic",
            function="iReadCardBas",
            fields="region,social-security-number,card-number,card-id,name,historical-bytes,"
            "version,issue-date,expiry-date",
            act="card-inserted",
        )

    play(scenario)


def test_what_cannot_be_journaled_is_not_handed_out() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        counter.stand.store.broken = True
        answer = counter.call("iReadCardBas", "1")
        assert answer.result == -11
        person = counter.stand.cast.person("lin")
        assert person.number not in answer.output
        assert person.name not in answer.output
        assert counter.powered_down()

    play(scenario)
