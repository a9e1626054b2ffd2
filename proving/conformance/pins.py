"""The PIN functions: typed at the pad, never seen by the caller, no try spent twice."""

from functools import partial

from proving.conformance.cases import Bench, Mismatch, case, require, require_result, text
from proving.conformance.cast import CARDS, PIN, StageCard
from proving.conformance.subject import Call
from simulators.cards.contract import Answer, Apdu, Processor

NEW = "654321"
TRIES = 6
SECURED = 0x24  # INS of 8424
LONG_WAIT = 30.0


def _lay(bench: Bench, key: str = "3.0-sm4", tries: int = TRIES) -> StageCard:
    card = CARDS[key].fresh()
    card.inside.pin.tries.left = tries
    bench.stage.lay(card)
    return card


def _left(card: StageCard) -> int:
    return card.inside.pin.tries.left


@case("PIN-001", "iVerifyPIN: right", "校验密码：正确", "cards", "psam", "pad")
def right(bench: Bench) -> None:
    for key in ("1.0-3des", "2.0-3des", "3.0-sm4"):
        _lay(bench, key)
        bench.stage.typist.will_type(PIN)
        require_result(bench.call("iVerifyPIN", 1), 0)
        bench.stage.lift()


@case("PIN-002", "iVerifyPIN: wrong is -51 with the tries left, and costs one",
      "校验密码：错误 -51，告知剩余次数", "cards", "psam", "pad")  # fmt: skip
def wrong(bench: Bench) -> None:
    card = _lay(bench)
    bench.stage.typist.will_type("111111")
    got = bench.refused(-51, "iVerifyPIN", 1)
    require("tries left", TRIES - 1, _left(card))
    if str(TRIES - 1) not in text(got):
        raise Mismatch(f"the {TRIES - 1} tries left in the text", "they are not")
    if "111111" in text(got):
        raise Mismatch("no PIN in the text", "the PIN")


def _no_try_spent(bench: Bench, *, name: str, how: str, result: int) -> None:
    card = _lay(bench)
    typist = bench.stage.typist
    if how == "cancel":
        typist.will_cancel()
    elif how == "hesitate":
        typist.will_hesitate()
    else:
        typist.will_type(how)
    arguments = (1,) if name in ("iVerifyPIN", "iChangePIN") else (1, card.info)
    require_result(bench.subject.call(Call(name, arguments), LONG_WAIT), result)
    require("tries left", TRIES, _left(card))
    require("PIN", PIN, card.inside.pin.digits)


_UNSPENT = (
    ("PIN-003", "iVerifyPIN", "cancel", -31, "cancelled", "取消"),
    ("PIN-004", "iVerifyPIN", "hesitate", -32, "nobody types", "超时"),
    ("PIN-005", "iVerifyPIN", "123", -33, "too short", "长度错"),
    ("PIN-006", "iChangePIN", "cancel", -31, "cancelled", "取消"),
    ("PIN-007", "iReloadPIN", "cancel", -31, "cancelled", "取消"),
    ("PIN-008", "iReloadPIN", "hesitate", -32, "nobody types", "超时"),
)
for _id, _name, _how, _result, _title, _zh in _UNSPENT:
    case(_id, f"{_name}: {_title} is {_result}, and costs no try", f"{_name}：{_zh} {_result}",
         "cards", "psam", "pad")(
        partial(_no_try_spent, name=_name, how=_how, result=_result)
    )  # fmt: skip


@case("PIN-009", "A locked PIN is -52, and nobody is asked", "密码已锁定 -52，不再询问",
      "cards", "psam", "pad")  # fmt: skip
def locked(bench: Bench) -> None:
    _lay(bench, tries=0)
    bench.refused(-52, "iVerifyPIN", 1)
    require("questions asked", 0, bench.stage.typist.asked)


@case("PIN-010", "The last try wrong: -51 or -52, and the PIN is locked", "最后一次密码错",
      "cards", "psam", "pad")  # fmt: skip
def last_try(bench: Bench) -> None:
    card = _lay(bench, tries=1)
    bench.stage.typist.will_type("111111")
    got = bench.call("iVerifyPIN", 1)
    if got.result not in (-51, -52):
        raise Mismatch("-51 or -52", f"result {got.result}")
    require("tries left", 0, _left(card))


@case("PIN-011", "iChangePIN: the new PIN holds", "修改密码", "cards", "psam", "pad")
def change(bench: Bench) -> None:
    card = _lay(bench)
    bench.stage.typist.will_type(PIN, NEW, NEW)
    got = require_result(bench.call("iChangePIN", 1), 0)
    require("PIN", NEW, card.inside.pin.digits)
    if NEW in text(got) or PIN in text(got):
        raise Mismatch("no PIN for the caller", "a PIN")


@case("PIN-012", "iChangePIN: two different new PINs are -34, the old one holds",
      "修改密码：两次不一致 -34", "cards", "psam", "pad")  # fmt: skip
def mismatch(bench: Bench) -> None:
    card = _lay(bench)
    bench.stage.typist.will_type(PIN, NEW, "654320")
    bench.refused(-34, "iChangePIN", 1)
    require("PIN", PIN, card.inside.pin.digits)
    require("tries left", TRIES, _left(card))


@case("PIN-013", "iChangePIN with a wrong old PIN is -51, the old one holds",
      "修改密码：原密码错 -51", "cards", "psam", "pad")  # fmt: skip
def wrong_old(bench: Bench) -> None:
    card = _lay(bench)
    bench.stage.typist.will_type("111111", NEW, NEW)
    bench.refused(-51, "iChangePIN", 1)
    require("PIN", PIN, card.inside.pin.digits)
    require("tries left", TRIES - 1, _left(card))


@case("PIN-014", "iReloadPIN: a new PIN by the terminal's keys", "重置密码",
      "cards", "psam", "pad", "keys")  # fmt: skip
def reload(bench: Bench) -> None:
    for key in ("2.0-3des", "3.0-sm4"):
        card = _lay(bench, key, tries=0)
        bench.stage.typist.will_type(NEW, NEW)
        got = require_result(bench.call("iReloadPIN", 1, card.info), 0)
        require("PIN", NEW, card.inside.pin.digits)
        require("tries left", TRIES, _left(card))
        if NEW in text(got):
            raise Mismatch("no PIN for the caller", "the PIN")
        bench.stage.lift()


@case("PIN-015", "iReloadPIN: two different PINs are -34, nothing changes",
      "重置密码：两次不一致 -34", "cards", "psam", "pad")  # fmt: skip
def reload_mismatch(bench: Bench) -> None:
    card = _lay(bench)
    bench.stage.typist.will_type(NEW, "654320")
    bench.refused(-34, "iReloadPIN", 1, card.info)
    require("PIN", PIN, card.inside.pin.digits)


@case("PIN-016", "iReloadPIN with pCardInfo of another card is -22, and nobody is asked",
      "重置密码：卡不符 -22", "cards", "psam", "pad")  # fmt: skip
def reload_other(bench: Bench) -> None:
    _lay(bench)
    bench.refused(-22, "iReloadPIN", 1, CARDS["other"].info)
    require("questions asked", 0, bench.stage.typist.asked)


@case("PIN-017", "iUnblockPIN: all tries are back, the PIN is the old one", "解锁密码",
      "cards", "psam", "keys")  # fmt: skip
def unblock(bench: Bench) -> None:
    for key in ("2.0-3des", "3.0-sm4"):
        card = _lay(bench, key, tries=0)
        require_result(bench.call("iUnblockPIN", 1, card.info), 0)
        require("PIN", PIN, card.inside.pin.digits)
        require("tries left", TRIES, _left(card))
        bench.stage.lift()


class _NinetyThreeOhTwo:
    """A card that finds every 8424's MAC wrong, in the words of some makers."""

    def __init__(self, inside: Processor) -> None:
        self._inside = inside

    def reset(self) -> None:
        self._inside.reset()

    def process(self, apdu: Apdu) -> Answer:
        return Answer(b"", 0x9302) if apdu.ins == SECURED else self._inside.process(apdu)


@case("PIN-018", "-37634: the card finds the MAC wrong (9302)", "-37634：MAC 错",
      "cards", "psam", "keys")  # fmt: skip
def wrong_mac(bench: Bench) -> None:
    card = CARDS["3.0-sm4"].fresh()
    bench.stage.lay(card, wrong=_NinetyThreeOhTwo)
    bench.refused(-37634, "iUnblockPIN", 1, card.info)


@case("PIN-019", "-27272: the card has no such key or PIN (6A88)", "-27272：找不到密钥或密码",
      "cards", "psam", "keys")  # fmt: skip
def no_pin(bench: Bench) -> None:
    card = _lay(bench, "no-pin")
    bench.refused(-27272, "iUnblockPIN", 1, card.info)


@case("PIN-020", "A card pulled while its holder types: an error, no hang", "输入密码时取走卡",
      "cards", "psam", "pad")  # fmt: skip
def pulled_while_typing(bench: Bench) -> None:
    _lay(bench)
    bench.stage.typist.will_hesitate()
    bench.subject.begin(Call("iVerifyPIN", (1,)))
    bench.stage.typist.await_asked(1)
    bench.stage.lift()
    got = bench.subject.finish(LONG_WAIT)
    if got.result not in (-2, -4, -32):
        raise Mismatch("-2, -4 or -32", f"result {got.result}")


# -- in steps


@case("RLD-001", "iReloadPIN_HSM without the right to see the PIN is refused: -13, nobody is asked",
      "无权取得密码的调用者被拒", "cards", "settings")  # fmt: skip
def no_right(bench: Bench) -> None:
    card = _lay(bench)
    bench.refused(-13, "iReloadPIN_HSM_Step1", 1, card.info)
    require("questions asked", 0, bench.stage.typist.asked)


def _two_steps(bench: Bench, card: StageCard, name: str, pin: str) -> list[str]:
    """Up to the fields of step 2: algorithm, key address, factor, header, PIN."""
    asked = bench.good(f"{name}_HSM_Step1", 1, card.info)
    require("sizes of the fields", [2, 4, 16, 16], [len(field) for field in asked])
    key = bench.stage.hsm.one(card.historical.hex(), asked)
    told = bench.good(f"{name}_HSM_Step2", key)
    require("number of fields", 5, len(told))
    require("new PIN", pin, told[4])
    return told


@case("RLD-002", "iReloadPIN_HSM in three steps: the PIN for the HSM, then the card has it",
      "加密机三步重置密码", "cards", "pad", "settings")  # fmt: skip
def reload_in_steps(bench: Bench) -> None:
    bench.stage.hand_out_pins(allowed=True)
    for key, header in (("2.0-3des", "842400010C"), ("3.0-sm4", "8424000114")):
        card = _lay(bench, key, tries=0)
        bench.stage.typist.will_type(NEW, NEW)
        told = _two_steps(bench, card, "iReloadPIN", NEW)
        require("header", header, told[3])
        command = bench.stage.hsm.command(card.historical.hex(), told)
        require_result(bench.call("iReloadPIN_HSM_Step3", command), 0)
        require("PIN", NEW, card.inside.pin.digits)
        require("tries left", TRIES, _left(card))
        bench.stage.lift()


@case("RLD-003", "iReloadPIN_HSM: a wrong command in step 3 changes nothing",
      "加密机重置密码：第三步错误不改密码", "cards", "pad", "settings")  # fmt: skip
def wrong_step_3(bench: Bench) -> None:
    bench.stage.hand_out_pins(allowed=True)
    card = _lay(bench)
    bench.stage.typist.will_type(NEW, NEW)
    told = _two_steps(bench, card, "iReloadPIN", NEW)
    command = bench.stage.hsm.command(card.historical.hex(), told)
    wrong_mac = f"{command[:-2]}{int(command[-2:], 16) ^ 1:02X}"
    bench.refused(-0x6988, "iReloadPIN_HSM_Step3", wrong_mac)
    require("PIN", PIN, card.inside.pin.digits)


@case("RLD-004", "iReloadPIN_HSM: step 3 after step 1 is refused", "加密机重置密码：跳步被拒",
      "cards", "pad", "settings")  # fmt: skip
def skipped_step(bench: Bench) -> None:
    bench.stage.hand_out_pins(allowed=True)
    card = _lay(bench)
    bench.stage.typist.will_type(NEW, NEW)
    bench.good("iReloadPIN_HSM_Step1", 1, card.info)
    got = bench.call("iReloadPIN_HSM_Step3", "8424000114" + "0" * 40)
    if got.result >= 0:
        raise Mismatch("an error", f"result {got.result}")
    require("PIN", PIN, card.inside.pin.digits)


@case("UBL-001", "iUnblockPIN_HSM in three steps: no PIN is told, all tries are back",
      "加密机三步解锁密码", "cards", "pad", "keys")  # fmt: skip
def unblock_in_steps(bench: Bench) -> None:
    for key in ("2.0-3des", "3.0-sm4"):
        card = _lay(bench, key, tries=0)
        told = _two_steps(bench, card, "iUnblockPIN", "")
        require("header", "8424000004", told[3])
        command = bench.stage.hsm.command(card.historical.hex(), told)
        require_result(bench.call("iUnblockPIN_HSM_Step3", command), 0)
        require("PIN", PIN, card.inside.pin.digits)
        require("tries left", TRIES, _left(card))
        bench.stage.lift()
