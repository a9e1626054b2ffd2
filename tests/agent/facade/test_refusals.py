"""What a caller can do wrong, and where a card can lie: an error code and a sentence each."""

from collections.abc import Callable
from functools import partial

import pytest

from agent.facade import fields
from agent.facade.errors import answer_for, row_of, table
from agent.facade.functions import FUNCTIONS, step
from agent.facade.plans import PLANS
from apdu.channel import CardMute
from apdu.command import Command
from apdu.status import fault as status_fault
from drivers.contract import DeviceState, DeviceStatus
from simulators.cards import Card
from simulators.cards import Interface as CardInterface
from simulators.cards.ciphers import Algorithm
from simulators.cards.contract import Processor
from simulators.cards.faults import (
    READ_RECORD,
    Lying,
    malformed_fci,
    wrong_cryptogram,
    wrong_record_lengths,
)
from simulators.cards.psam import PsamKeyId
from simulators.people import FOREIGN, Cast
from tests import product
from tests.agent.facade.counter import Counter, client, play

INFO = "0" * 32 + "|X00000019|"


@pytest.mark.parametrize(
    ("function", "parameters", "result"),
    [
        ("iReadCardBas", [], -14),
        ("iReadCardBas", ["1", "2"], -14),
        ("iReadCardBas", ["0"], -14),
        ("iReadCardBas", ["5"], -14),
        ("iReadCardBas", [""], -14),
        ("iReadCardBas", ["-1"], -14),
        ("iReadCardBas", ["1\x00"], -41),
        ("iReadCardBas", [b"\xff\xff"], -41),
        ("iReadCardBas", [b"1" * 10_000], -42),
        ("iReadCard", ["1", "3", INFO, "SSSEEF06|09|$"], -14),
        ("iReadCard", ["1", "2", "", "SSSEEF06|09|$"], -23),
        ("iReadCard", ["1", "2", "|", "SSSEEF06|09|$"], -23),
        ("iReadCard", ["1", "2", "a|b|c|", "SSSEEF06|09|$"], -42),
        ("iReadCard", ["1", "2", "G" * 32 + "||", "SSSEEF06|09|$"], -41),
        ("iReadCard", ["1", "2", "A" * 31 + "||", "SSSEEF06|09|$"], -42),
        ("iReadCard", ["1", "2", INFO, ""], -23),
        ("iReadCard", ["1", "2", INFO, "SSSEEF06|09|"], -23),
        ("iReadCard", ["1", "2", INFO, "XXXXEF06|09|$"], -23),
        ("iReadCard", ["1", "2", INFO, "SSSEEF06|ZZ|$"], -23),
        ("iReadCard", ["1", "2", INFO, "SSSEEF06|09|$"], -22),
        ("iWriteCard", ["1", INFO, "SSSEEF06|09|$", "SSSEEF06|a|b|$"], -23),
        ("iReadCard_HSM_Step1", ["1", INFO, "SSSEEF06|09|$SSSEEF05|07|$"], -23),
        ("iReadcardbas", ["1"], -13),
        ("", [], -13),
        ("iReadCardBas\x00", ["1"], -13),
    ],
)
def test_a_wrong_call_is_refused(function: str, parameters: list[str], result: int) -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        answer = counter.call(function, *parameters)
        assert answer.result == result, answer.output
        assert answer.output
        assert counter.powered_down()
        assert not counter.disclosures()

    play(scenario)


def test_where_the_card_lies_and_what_was_asked_for() -> None:
    def scenario(counter: Counter) -> None:
        asked = ("1", "2", "3", "4")
        assert [counter.call("iReadCardBas", kind).result for kind in asked] == [-2] * 4
        counter.insert("lin", counter.pad)
        results = [counter.call("iReadCardBas", kind).result for kind in asked]
        assert results == [-1, 0, 0, 0]
        counter.insert("wang", counter.slot)
        names = [counter.good("iReadCardBas", kind)[4] for kind in asked]
        lin, wang = (counter.stand.cast.person(key).name for key in ("lin", "wang"))
        assert names == [wang, lin, wang, lin]

    play(scenario)


def test_no_reader_is_not_no_card() -> None:
    def scenario(counter: Counter) -> None:
        for reader in (counter.slot, counter.pad):
            reader.status = lambda: DeviceStatus("gone", DeviceState.ABSENT)  # type: ignore[method-assign]
        assert counter.call("iReadCardBas", "3").result == -11
        elsewhere = counter.caller(client(lanes=("nowhere",)))
        assert elsewhere.call("iReadCardBas", ["3"]).result == -11

    play(scenario)


def test_another_card_than_a_social_security_card_is_minus_1() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert(FOREIGN)
        assert counter.call("iReadCardBas", "1").result == -1

    play(scenario)


def test_a_card_that_does_not_take_power_is_minus_3() -> None:
    def scenario(counter: Counter) -> None:
        def mute() -> None:
            raise CardMute(reader="slot")

        counter.insert("lin")
        counter.slot.on_open = mute
        assert counter.call("iReadCardBas", "1").result == -3
        counter.slot.on_open = None
        assert counter.call("iReadCardBas", "1").result == 0

    play(scenario)


@pytest.mark.parametrize("step", range(16))
def test_a_card_pulled_at_any_apdu_is_no_card_and_nothing_is_told(step: int) -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        counter.slot.steps[step] = counter.slot.remove
        answer = counter.call("iReadCardBas", "1")
        assert answer.result == -2
        assert not counter.disclosures()
        assert counter.powered_down()
        counter.slot.steps.clear()
        counter.insert("lin")
        assert counter.call("iReadCardBas", "1").result == 0

    play(scenario)


def test_a_lane_that_takes_taps_takes_calls_too() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        assert len(counter.tapped) == 1
        assert counter.call("iReadCardBas", "1").result == 0
        question = counter.good("iReadCardBas_HSM_Step1", "1")
        counter.insert("wang")
        assert counter.call("iReadCardBas_HSM_Step2", counter.hsm(question)).result == -12
        assert len(counter.tapped) == 1, "a card that comes during a lease is no tap"

    play(scenario, taps=True)


# The table itself


def test_every_fault_of_the_product_has_a_row_or_is_a_status_word() -> None:
    for kind in product.faults():
        row = row_of(kind)
        assert row is None or row.result < 0


def test_every_code_in_the_table_is_a_fault_of_ours() -> None:
    codes = {kind.code for kind in product.faults()}
    assert not {code for row in table() for code in row.faults} - codes


@pytest.mark.parametrize(
    ("sw", "result"), [(0x6A88, -27272), (0x63C0, -25536), (0x9302, -37634), (0x6982, -27010)]
)
def test_a_card_error_is_minus_its_status_word(sw: int, result: int) -> None:
    answer = answer_for(status_fault(Command(0x00, 0xB2, 0x01, 0x04, expected=8), sw))
    assert answer.result == result
    assert f"{sw:04X}" in answer.output


def test_every_row_but_the_reserved_ones_has_a_fault_of_its_own() -> None:
    rows = {row.result for kind in product.faults() if (row := row_of(kind)) is not None}
    assert rows == {row.result for row in table() if row.faults}
    assert {row.result for row in table()} - rows == {-35, -36}


class Unable:
    """A PSAM that answers one status word to DELIVER SESSION KEY."""

    def __init__(self, card: Card, sw: int) -> None:
        self._card = card
        self._sw = sw.to_bytes(2, "big")
        self.atr = card.atr
        self.power_on = card.power_on
        self.power_off = card.power_off

    def transmit(self, command: bytes) -> bytes:
        return self._sw if command[:2] == b"\xbf\xde" else self._card.transmit(command)


@pytest.mark.parametrize(
    ("psam", "result"),
    [
        (None, -2201),
        (lambda cast: cast.city.psam("519900000001", algorithms=(Algorithm.DES3,)), -2202),
        (lambda cast: cast.city.psam("519900000001", keys=(PsamKeyId.IRK,)), -2203),
        (lambda cast: Unable(cast.psam(), 0x6A88), -27272),
        (lambda cast: Unable(cast.psam(), 0x6A80), -24),
    ],
)
def test_what_a_psam_cannot_do_has_its_number(
    psam: Callable[[Cast], Card] | None, result: int
) -> None:
    def scenario(counter: Counter) -> None:
        if psam is not None:
            for slot in (counter.stand.psam, counter.stand.spare):
                slot.insert(psam(counter.stand.cast))
            counter.world.wait(1.0)  # they are probed
        counter.insert("lin")
        assert counter.call("iReadCardBas", "1").result == result
        assert counter.powered_down()

    play(scenario, psam=False)


@pytest.mark.parametrize(
    ("wrong", "result"),
    [
        (wrong_cryptogram, -21),
        (partial(wrong_record_lengths, by=-1), -15),
        (partial(malformed_fci, fci=b"\x6f\x7f"), -15),
        (lambda inside: Lying(inside, READ_RECORD, lambda data: data[:2] + b"\xaa" * 16), -20),
    ],
)
def test_what_is_wrong_with_a_card_has_its_number(
    wrong: Callable[[Processor], Processor], result: int
) -> None:
    def scenario(counter: Counter) -> None:
        counter.slot.insert(counter.stand.wallet.at("lin", CardInterface.CONTACT, wrong=wrong))
        counter.settle()
        answer = counter.call("iReadCardBas", "1")
        assert answer.result == result, answer.output
        assert counter.powered_down()

    play(scenario)


# GBK


@pytest.mark.parametrize(
    ("text", "gbk"),
    [
        ("张三|", "张三|".encode("gbk")),
        ("㐀𠀀龦", b"???"),  # beyond GBK: GB 18030 writes four bytes
        ("·", b"\xa1\xa4"),
        ("\ud800", b"?"),
        ("", b""),
    ],
)
def test_gbk_has_a_documented_replacement(text: str, gbk: bytes) -> None:
    assert fields.to_gbk(text) == gbk


@pytest.mark.parametrize(
    ("text", "parts"), [("", []), ("|", [""]), ("a|", ["a"]), ("a", ["a"]), ("|a||", ["", "a", ""])]
)
def test_empty_fields_are_kept(text: str, parts: list[str]) -> None:
    assert fields.split(text) == parts


def test_functions_and_plans_agree() -> None:
    first = {name for name in FUNCTIONS if step(name) < 2}
    assert set(PLANS) == {name for name in first if FUNCTIONS[name].supported}
