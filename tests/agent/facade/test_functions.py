"""Every function on cards of every edition: files by PIN, by key, by the caller's HSM; PINs."""

import pytest

from agent.facade.call import CallAnswer
from agent.facade.functions import FUNCTIONS
from apdu.social_security.city_keys import CityKeys
from contracts.scenes.stand import KEYS
from drivers.contract import PinCancelled, PinLength, PinMismatch, PinTimeout
from simulators.cards import Interface as CardInterface
from simulators.cards.ciphers import Algorithm
from simulators.cards.contents import Transaction
from simulators.cards.files import CyclicFile
from simulators.cards.layout import Generation
from simulators.ceremony import CardOrder, card_number
from sync.contract.services import ResolvedPerson
from tests.agent.facade.counter import EVERYTHING, Counter, client, play

EDITIONS = ["lin", "zhang", "zhao", "qian"]  # 3.0 SM4, 2.0 3DES, 2.0 SSF33, 1.0 3DES
NAME, NUMBER = "SSSEEF06|09|$", "SSSEEF06|08|$"


def values(output: str) -> list[str]:
    return output.split("|")[1:-1]


@pytest.mark.parametrize("key", EDITIONS)
def test_files_are_read_by_key_in_the_address_order(key: str) -> None:
    def scenario(counter: Counter) -> None:
        counter.insert(key)
        person = counter.stand.cast.person(counter.stand.cast.card(key).person)
        answer = counter.call("iReadCard", "1", "2", counter.info(key), "SSSEEF06|09|08|$")
        assert answer.result == 0, answer.output
        assert answer.output == f"SSSEEF06|{person.name}|{person.number}|$"
        (event,) = counter.disclosures()
        assert event.fields == "SSSEEF06|09|08|$"
        assert event.person == counter.stand.references.person(person.number)
        assert counter.powered_down()

    play(scenario)


@pytest.mark.parametrize("key", EDITIONS)
def test_a_file_is_read_with_the_key_that_the_callers_hsm_wins(key: str) -> None:
    def scenario(counter: Counter) -> None:
        counter.insert(key)
        question = counter.good("iReadCard_HSM_Step1", "1", counter.info(key), "DF03EF06|5F|$")
        assert len(question) == 4
        assert question[1] == "0384"
        told = counter.call("iReadCard_HSM_Step2", counter.hsm_key("RK1DF03", question, key))
        assert told.result == 0, told.output
        assert told.output.startswith("DF03EF06|")
        assert counter.powered_down()

    play(scenario, psam=False)


def test_a_file_that_needs_no_key_needs_no_hsm() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("zhang")
        told = counter.call("iReadCard_HSM_Step1", "1", counter.info("zhang"), NAME)
        assert told.result == -2204
        assert counter.powered_down()

    play(scenario)


def test_writing_by_the_terminals_key_and_by_the_callers() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        info, address = counter.info(), "DF01EF05|20|$"
        assert counter.call("iWriteCard", "1", info, address, "DF01EF05|甲|$").result == 0
        assert counter.call("iReadCard", "1", "2", info, address).output == "DF01EF05|甲|$"
        question = counter.good("iWriteCard_HSM_Step1", "1", info, address)
        key = counter.hsm_key("UK1DF01", question)
        assert counter.call("iWriteCard_HSM_Step2", key, "DF01EF05|乙|$").result == 0
        assert counter.call("iReadCard", "1", "2", info, address).output == "DF01EF05|乙|$"

    play(scenario)


def test_a_verified_pin_serves_the_same_callers_next_calls_and_no_one_else() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        counter.pins.entries = ["123456"]
        assert counter.call("iVerifyPIN", "1").result == 0
        assert counter.slot.powered
        other = counter.caller(client("pharmacy"))
        assert other.call("iReadCardBas", ["1"]).result == -12
        read = counter.call("iReadCard", "1", "1", counter.info(), "DF01EF15|40:2|$")
        assert read.result == 0, read.output
        assert counter.call("iReadCardBas", "1").result == 0
        assert [event.act for event in counter.disclosures()] == ["pin-entered"] * 2
        counter.me.close()
        assert counter.powered_down()
        assert all(not pin.digits for pin in counter.pins.pins), "every PIN is wiped"

    play(scenario)


def test_a_refused_call_does_not_end_the_verified_session() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        counter.pins.entries = ["123456"]
        assert counter.call("iVerifyPIN", "1").result == 0
        wrong = counter.call("iReadCard", "1", "1", counter.info("wang"), NAME)
        assert wrong.result == -22
        assert counter.call("iReadCard", "1", "1", counter.info(), "DF01EF15|40:2|$").result == 0

    play(scenario)


def test_a_wrong_pin_is_told_with_the_tries_left_and_costs_one() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        left = []
        for _ in range(9):
            counter.pins.entries = ["999999"]
            answer = counter.call("iVerifyPIN", "1")
            left.append(answer.result)
            if answer.result == -52:
                break
            assert any(digit in answer.output for digit in "0123456789")
        assert left[-1] == -52
        assert set(left[:-1]) == {-51}
        verifies = [
            apdu for apdu in counter.slot.sent if apdu[:2] == b"\x00\x20" and apdu[4:5] != b"\0"
        ]
        assert len(verifies) == len(left) - 1 or len(verifies) == len(left)
        assert counter.powered_down()

    play(scenario)


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        (PinCancelled(device="pad"), -31),
        (PinTimeout(device="pad"), -32),
        (PinLength(device="pad", minimum=6, maximum=6), -33),
        (PinMismatch(device="pad"), -34),
    ],
)
def test_no_pin_no_try(fault, result: int) -> None:  # type: ignore[no-untyped-def]
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        counter.pins.entries = [fault]
        assert counter.call("iVerifyPIN", "1").result == result
        assert not [a for a in counter.slot.sent if a[1:2] == b"\x20" and len(a) > 5]
        assert counter.powered_down()

    play(scenario)


def test_a_changed_a_reset_and_an_unblocked_pin() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")

        def verifies(pin: str) -> int:
            counter.pins.entries = [pin]
            result = counter.call("iVerifyPIN", "1").result
            counter.me.release()
            counter.settle()
            return result

        counter.pins.entries = ["123456", "654321"]
        assert counter.call("iChangePIN", "1").result == 0
        assert verifies("654321") == 0
        counter.pins.entries = ["222222"]
        assert counter.call("iReloadPIN", "1", counter.info()).result == 0
        assert verifies("222222") == 0
        while verifies("999999") == -51:
            pass
        assert counter.call("iUnblockPIN", "1", counter.info()).result == 0
        assert verifies("222222") == 0

    play(scenario)


@pytest.mark.parametrize("key", EDITIONS)
@pytest.mark.parametrize("digits", [4, 5, 8, 12, 14])
def test_pins_have_the_lengths_that_cards_take(key: str, digits: int) -> None:
    def scenario(counter: Counter) -> None:
        counter.insert(key)
        new, newer = "1" * digits, "2" * digits

        def verifies(pin: str) -> None:
            counter.pins.entries = [pin]
            assert counter.call("iVerifyPIN", "1").result == 0
            counter.me.release()
            counter.settle()

        counter.pins.entries = ["123456", new]
        assert counter.call("iChangePIN", "1").result == 0
        verifies(new)
        counter.pins.entries = [newer]
        assert counter.call("iReloadPIN", "1", counter.info(key)).result == 0
        verifies(newer)

    play(scenario)


@pytest.mark.parametrize(("key", "digits", "result"), [("lin", 16, 0), ("zhang", 15, -33)])
def test_a_pin_is_set_anew_with_as_many_digits_as_one_block_holds(
    key: str, digits: int, result: int
) -> None:
    def scenario(counter: Counter) -> None:
        counter.insert(key)
        counter.pins.entries = ["1" * digits]
        told = counter.call("iReloadPIN", "1", counter.info(key))
        assert told.result == result
        assert result == 0 or "4 到 14" in told.output

    play(scenario)


@pytest.mark.parametrize("rows", [0, 10, 22, 23, 30])
def test_a_card_full_of_transactions_is_read_to_its_last_row(rows: int) -> None:
    def scenario(counter: Counter) -> None:
        answer = debit_records(counter, rows, account=2_999_999_999, own=0)
        assert answer.result == 0, answer.output
        told = answer.output.split("|")[:-1]
        assert [int(row[:4], 16) for row in told] == list(range(rows, 0, -1))
        assert len(answer.output.encode("gbk")) < FUNCTIONS["iReadDebitRecord"].output

    play(scenario)


def test_of_more_transactions_than_fit_the_newest_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def append(file: CyclicFile, record: bytes) -> None:
        file.records = [record, *file.records]

    monkeypatch.setattr(CyclicFile, "append", append)

    def scenario(counter: Counter) -> None:
        answer = debit_records(counter, 60, account=2_999_999_999, own=1_000_000_000)
        assert answer.result == 0
        told = answer.output.split("|")[:-1]
        assert [int(row[:4], 16) for row in told] == list(range(60, 60 - len(told), -1))
        size = len(answer.output.encode("gbk"))
        assert 2047 - len(told[0]) - 1 <= size <= 2047

    play(scenario)


def debit_records(counter: Counter, rows: int, *, account: int, own: int) -> CallAnswer:
    cast = counter.stand.cast
    order = CardOrder(
        holder=cast.person("zhang").holder(),
        generation=Generation.V2,
        algorithm=Algorithm.DES3,
        serial="0000AAAA",
        card_number=card_number("A0000001"),
        transactions=[
            Transaction(at, f"5199000000{at:02}", "20260102030405", account, own, pool=0)
            for at in range(1, rows + 1)
        ],
    )
    counter.slot.insert(cast.city.card(order, CardInterface.CONTACT))
    counter.settle()
    counter.pins.entries = ["123456"]
    return counter.call("iReadDebitRecord", "1")


@pytest.mark.parametrize("key", ["zhang", "lin"])
def test_a_whole_photo_is_written_and_read_back(key: str) -> None:
    def scenario(counter: Counter) -> None:
        counter.insert(key)
        photo = bytes(range(256)).hex().upper() * 16
        data = f"SSSEEF08|{photo}|$"
        told = counter.call("iWriteCard", "1", counter.info(key), "SSSEEF08|$", data)
        assert told.result == 0, told.output
        back = counter.call("iReadCard", "1", "2", counter.info(key), "SSSEEF08|$")
        assert back.output == data

    play(scenario)


@pytest.mark.parametrize(
    ("address", "value", "result"),
    [
        ("SSSEEF06|09|$", "买" * 15, 0),
        ("SSSEEF06|09|$", "买" * 16, -42),
        ("SSSEEF06|09|$", "A" * 31, -42),
        ("SSSEEF06|0D|$", "1990010", 0),
        ("SSSEEF06|0D|$", "199001011", -42),
        ("SSSEEF06|0D|$", "1990-101", -41),
        ("SSSEEF08|$", "AB" * 0x1001, -42),
        ("SSSEEF08|$", "XY", -41),
    ],
)
def test_a_value_that_is_too_long_is_a_length_and_a_sign_that_cannot_be_is_a_character(
    address: str, value: str, result: int
) -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("zhang")
        data = f"{address.removesuffix('$')[:8]}|{value}|$"
        told = counter.call("iWriteCard", "1", counter.info("zhang"), address, data)
        assert told.result == result, told.output

    play(scenario)


def test_a_parameter_that_is_longer_than_any_data_is_refused() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("zhang")
        for size, parameter in ((20 * 1024 + 1, "data"), (8 * 1024 + 1, "address")):
            long = "A" * size
            given = (NAME, long) if parameter == "data" else (long, "X")
            told = counter.call("iWriteCard", "1", counter.info("zhang"), *given)
            assert told.result == -42

    play(scenario)


def test_a_client_may_keep_to_the_lengths_of_its_city() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        caller = counter.caller(client("clinic", pin_shortest=6, pin_longest=6))
        for digits in ("12345", "1234567"):
            counter.pins.entries = [digits]
            told = caller.call("iVerifyPIN", ["1"])
            assert told.result == -33
            assert "6 到 6" in told.output
        counter.pins.entries = ["123456"]
        assert caller.call("iVerifyPIN", ["1"]).result == 0

    play(scenario)


@pytest.mark.parametrize("key", EDITIONS)
def test_a_pin_is_reset_in_three_steps_by_the_callers_hsm(key: str) -> None:
    def scenario(counter: Counter) -> None:
        counter.insert(key)
        counter.pins.entries = ["222222"]
        question = counter.good("iReloadPIN_HSM_Step1", "1", counter.info(key))
        assert question[1] == "0006"
        question = counter.good("iReloadPIN_HSM_Step2", counter.hsm_key("PUK", question, key))
        assert question[1] == "0173"
        assert question[3] == ("8424000114" if question[0] != "01" else "842400010C")
        assert question[4] == "222222"
        assert counter.call("iReloadPIN_HSM_Step3", counter.hsm_command(question, key)).result == 0
        counter.pins.entries = ["222222"]
        assert counter.call("iVerifyPIN", "1").result == -2201, "this terminal has no PSAM"
        assert [event.fields for event in counter.disclosures()] == ["new-pin"]

    play(scenario, psam=False)


def test_the_steps_name_a_key_by_the_authoritys_own_address() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        question = counter.good("iReadCard_HSM_Step1", "1", counter.info(), "DF03EF06|5F|$")
        assert question[1] == "0301"
        counter.pins.entries = ["222222"]
        question = counter.good("iReloadPIN_HSM_Step1", "1", counter.info())
        assert question[1] == "0090"
        question = counter.good("iReloadPIN_HSM_Step2", counter.hsm_key("PUK", question))
        assert question[1] == "0175"
        assert counter.call("iReloadPIN_HSM_Step3", counter.hsm_command(question)).result == 0

    own = {"RK1DF03": "0301", "PUK": "0090", "STK": "0175"}
    play(scenario, psam=False, keys=CityKeys.of(kids=KEYS.kids, addresses=own))


def test_a_pin_is_unblocked_in_three_steps_by_the_callers_hsm() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        question = counter.good("iUnblockPIN_HSM_Step1", "1", counter.info())
        question = counter.good("iUnblockPIN_HSM_Step2", counter.hsm_key("PUK", question))
        assert question[3:] == ["8424000004", ""]
        command = counter.hsm_command(question)
        assert len(command) == 18
        assert counter.call("iUnblockPIN_HSM_Step3", command).result == 0
        assert counter.powered_down()

    play(scenario)


def test_the_plain_pin_needs_a_capability_of_its_own() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        usual = counter.caller(client(capabilities=[c for c in EVERYTHING if c != "pin-clear"]))
        told = usual.call("iReloadPIN_HSM_Step1", ["1", counter.info()])
        assert told.result == -13
        assert "pin-clear" in told.output
        assert not counter.slot.sent

    play(scenario)


@pytest.mark.parametrize("name", sorted(name for name, f in FUNCTIONS.items() if f.supported))
def test_what_is_kept_for_staff_is_done_for_nobody_else(name: str) -> None:
    def scenario(counter: Counter) -> None:
        function = FUNCTIONS[name]
        assert function.needs
        counter.keep_for_staff(function.needs)
        counter.insert("lin")
        answer = counter.call(name, *["1"] * len(function.parameters))
        assert answer.result == -13
        assert "没有工作人员登录" in answer.output
        assert not counter.slot.sent
        assert counter.desk.leases.current() == []

    play(scenario)


def test_whoever_signs_in_at_the_terminal_signs_in_for_its_programs() -> None:
    def scenario(counter: Counter) -> None:
        counter.keep_for_staff("identity")
        counter.insert("lin")
        assert counter.call("iReadCardBas", "1").result == -13
        assert counter.staff.enter(ResolvedPerson(number="519900199203149007", name="甲"))
        question = counter.good("iReadCardBas_HSM_Step1", "1")
        counter.staff.leave()
        assert counter.call("iReadCardBas_HSM_Step2", counter.hsm(question)).result == -13
        assert counter.staff.enter(ResolvedPerson(number="519900199203149007", name="甲"))
        told = counter.good("iReadCardBas_HSM_Step2", counter.hsm(question))
        assert len(told) == 11, "the flow has waited"

    play(scenario)


def test_control_what_is_kept_for_staff_is_that_and_no_more() -> None:
    def scenario(counter: Counter) -> None:
        counter.keep_for_staff("write", "pin", "pin-clear", "lend-devices")
        counter.insert("lin")
        assert counter.call("iReadCardBas", "1").result == 0

    play(scenario)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_without_capabilities_nothing_is_done(name: str) -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        nobody = counter.caller(client(capabilities=[]))
        answer = nobody.call(name, ["1"] * len(FUNCTIONS[name].parameters))
        assert answer.result == -13
        assert not counter.slot.sent

    play(scenario)


@pytest.mark.parametrize("name", [n for n, f in FUNCTIONS.items() if not f.supported])
def test_what_is_not_sourced_says_so(name: str) -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        answer = counter.call(name, *["1"] * len(FUNCTIONS[name].parameters))
        assert answer.result == -13
        assert name in answer.output

    play(scenario)


def test_a_dying_caller_ends_the_question_at_the_pin_pad() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        caller = counter.beside(lambda: counter.call("iVerifyPIN", "1"))
        counter.pins.asking.wait()
        counter.me.close()
        assert caller.join(1.0)
        assert counter.pins.cancelled.is_set()
        assert counter.powered_down()
        assert counter.caller(client("pharmacy")).call("iReadCardBas", ["1"]).result == 0

    play(scenario)


def test_without_a_pin_pad_nobody_is_asked() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        assert counter.call("iVerifyPIN", "1").result == -11
        assert counter.powered_down()

    play(scenario, pinpad=False)


def test_debit_records_are_told_newest_first_with_total_and_what_account_and_pool_paid() -> None:
    def scenario(counter: Counter) -> None:
        cast = counter.stand.cast
        row = cast.card("zhang")
        order = CardOrder(
            holder=cast.person(row.person).holder(),
            generation=Generation.V2,
            algorithm=Algorithm.DES3,
            serial=row.serial,
            card_number=row.card_number,
            transactions=[
                Transaction(1, "519900000001", "20260102030405", account=100, own=20, pool=3),
                Transaction(2, "519900000002", "20260203040506", account=7, own=0, pool=0),
            ],
        )
        counter.slot.insert(cast.city.card(order, CardInterface.CONTACT))
        counter.settle()
        counter.pins.entries = ["123456"]
        assert counter.good("iReadDebitRecord", "1") == [
            "0002^519900000002^20260203040506^7^7^",
            "0001^519900000001^20260102030405^123^103^",
        ]
        (event,) = counter.disclosures()
        assert event.act == "pin-entered"

    play(scenario)
