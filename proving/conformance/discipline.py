"""What every function owes its caller: names, sizes, texts, and bad parameters that hurt nobody."""

from functools import partial

from agent.facade.functions import FUNCTIONS, INTEGERS, Function, step
from proving.conformance.cases import (
    Bench,
    Mismatch,
    case,
    require,
    require_result,
    text,
)
from proving.conformance.cast import CARDS
from proving.conformance.subject import Argument, Call, Got

CALLED = [function for function in FUNCTIONS.values() if function.group != "pki"]
OVER_LONG = "9" * 70_000
# A text for each parameter that is in good form, and belongs to no card that lies anywhere.
PLAIN: dict[str, Argument] = {
    "iType": 1,
    "iAuthType": 2,
    "pCardInfo": f"{CARDS['3.0-sm4'].told_id}|{CARDS['3.0-sm4'].order.card_number}|",
    "pFileAddr": "SSSEEF06|09|$",
    "pWriteData": "林青禾|$",
    "pPayInfo": "1.00|1.00|20260101120000|",
    "pKey": "0" * 32 + "|" + "0" * 32 + "|",
}
NEVER = [-1, 0, 5, 99, 2**31 - 1, -(2**31)]


def plain(function: Function, **instead: Argument) -> Call:
    arguments = {**PLAIN, **instead}
    return Call(function.name, tuple(arguments[name] for name in function.parameters))


def _must_refuse(got: Got) -> Got:
    """A negative result, and a text in GBK that says why."""
    if got.result >= 0:
        raise Mismatch("a negative result", f"result {got.result}")
    if not text(got).strip():
        raise Mismatch(f"a text for {got.result}", "none")
    return got


def _must_fit(call: Call, got: Got) -> None:
    if got.beyond:
        raise Mismatch(f"{call.name}: at most {call.room} bytes", f"{got.beyond} bytes behind them")
    if not got.ended:
        raise Mismatch(f"{call.name}: a NUL within {call.room} bytes", "none")
    if not got.inputs:
        raise Mismatch(f"{call.name}: inputs as they were", "changed inputs")


def _exported(bench: Bench, *, name: str) -> None:
    if not bench.subject.exports(name):
        raise Mismatch(f"{name} exported", "no such name")


for _number, _name in enumerate(FUNCTIONS, 1):
    case(f"EXP-{_number:03}", f"{_name} is exported", f"导出 {_name}", "library")(
        partial(_exported, name=_name)
    )


def _no_card(bench: Bench, *, function: Function) -> None:
    """Without a card: no crash, an error with its text, nothing beyond the buffer."""
    call = plain(function)
    got = bench.subject.call(call)
    _must_refuse(got)
    _must_fit(call, got)


for _number, _function in enumerate(CALLED, 1):
    case(f"BUF-{_number:03}", f"{_function.name} without a card: an error within its buffer",
         f"{_function.name} 无卡：错误说明不越界", "library", "cards")(
        partial(_no_card, function=_function)
    )  # fmt: skip


@case("BUF-050", "A good read writes nothing beyond 1024 bytes and no input",
      "读卡成功时不越界、不改输入", "library", "cards", "psam")  # fmt: skip
def good_read_fits(bench: Bench) -> None:
    bench.stage.lay(CARDS["long-name"].fresh())
    for name in ("iReadCardBas", "iReadCardBas_HSM_Step1"):
        call = Call(name, (1,))
        _must_fit(call, require_result(bench.subject.call(call), 0))


@case("BUF-051", "A key is not changed by step 2", "第二步不改传入的密钥", "library", "cards")
def key_unchanged(bench: Bench) -> None:
    bench.stage.lay(CARDS["3.0-sm4"].fresh())
    key = bench.stage.hsm.basic(bench.good("iReadCardBas_HSM_Step1", 1))
    call = Call("iReadCardBas_HSM_Step2", (key,))
    _must_fit(call, require_result(bench.subject.call(call), 0))


def _null(bench: Bench, *, function: Function) -> None:
    """Each text NULL in turn, then the output: −14, no crash."""
    texts = [name for name in function.parameters if name not in INTEGERS]
    for name in texts:
        got = bench.subject.call(plain(function, **{name: None}))
        require(f"{name} NULL: result", -14, got.result)
    call = plain(function)
    got = bench.subject.call(Call(call.name, call.arguments, output=False))
    require("pOutInfo NULL: result", -14, got.result)


for _number, _function in enumerate(CALLED, 1):
    case(f"NUL-{_number:03}", f"{_function.name}: NULL for any text is -14",
         f"{_function.name}：空指针返回 -14", "library")(
        partial(_null, function=_function)
    )  # fmt: skip


def _long(bench: Bench, *, function: Function) -> None:
    for name in function.parameters:
        if name in INTEGERS:
            continue
        call = plain(function, **{name: OVER_LONG})
        got = bench.subject.call(call)
        _must_refuse(got)
        _must_fit(call, got)


_TEXTED = [one for one in CALLED if any(name not in INTEGERS for name in one.parameters)]
for _number, _function in enumerate(_TEXTED, 1):
    case(f"LEN-{_number:03}", f"{_function.name}: a text of 70 000 bytes is an error",
         f"{_function.name}：超长参数报错", "library")(
        partial(_long, function=_function)
    )  # fmt: skip


def _type(bench: Bench, *, function: Function) -> None:
    for type_ in NEVER:
        require(
            f"iType {type_}: result", -14, bench.subject.call(plain(function, iType=type_)).result
        )


_TYPED = [  # without the right to PINs a caller hears of nothing else
    one for one in CALLED if "iType" in one.parameters and one.supported and not one.hands_out_pin
]
for _number, _function in enumerate(_TYPED, 1):
    case(f"TYP-{_number:03}", f"{_function.name}: an unknown iType is -14",
         f"{_function.name}：未知 iType 返回 -14")(
        partial(_type, function=_function)
    )  # fmt: skip


@case("TYP-050", "iReadCard: an unknown iAuthType is -14", "未知 iAuthType 返回 -14")
def auth_type(bench: Bench) -> None:
    for kind in (0, 3, -1):
        got = bench.subject.call(plain(FUNCTIONS["iReadCard"], iAuthType=kind))
        require(f"iAuthType {kind}: result", -14, got.result)


def _not_gbk(bench: Bench, *, function: Function) -> None:
    """A lone lead byte, a byte that is none, and control characters."""
    for bad in (b"\xff\xfe|", b"abc\x81", b"a\x01b|"):
        for name in function.parameters:
            if name not in INTEGERS:
                _must_refuse(bench.subject.call(plain(function, **{name: bad})))


for _number, _function in enumerate(_TEXTED, 1):
    case(f"CHR-{_number:03}", f"{_function.name}: bytes that are no GBK are an error",
         f"{_function.name}：非 GBK 字节报错")(
        partial(_not_gbk, function=_function)
    )  # fmt: skip


def _unsupported(bench: Bench, *, function: Function) -> None:
    require("result", -13, bench.subject.call(plain(function)).result)


for _number, _function in enumerate([one for one in CALLED if not one.supported], 1):
    case(f"UNS-{_number:03}", f"{_function.name} says that it is not supported: -13",
         f"{_function.name}：-13 不支持")(
        partial(_unsupported, function=_function)
    )  # fmt: skip


def _pki(bench: Bench, *, function: Function) -> None:
    """Its parameters are in no public source: it may refuse, it may not crash or write."""
    call = Call(function.name, ("", "", "", "", ""))
    got = bench.subject.call(call)
    if got.result >= 0:
        raise Mismatch("a negative result", f"result {got.result}")
    if got.beyond or not got.inputs:
        raise Mismatch("nothing written", "something written")


for _number, _function in enumerate([one for one in FUNCTIONS.values() if one.group == "pki"], 1):
    case(f"PKI-{_number:03}", f"{_function.name} refuses and touches nothing",
         f"{_function.name}：拒绝且不改任何参数", "library")(
        partial(_pki, function=_function)
    )  # fmt: skip


def _later_step_first(bench: Bench, *, function: Function) -> None:
    _must_refuse(bench.subject.call(plain(function)))


_LATER = [one for one in CALLED if step(one.name) > 1 and one.supported]
for _number, _function in enumerate(_LATER, 1):
    case(f"SEQ-{100 + _number}", f"{_function.name} without the step before is an error",
         f"{_function.name}：缺前一步报错", "cards")(
        partial(_later_step_first, function=_function)
    )  # fmt: skip
