"""iReadCardBas and its HSM steps: each generation, each interface, hard names, wrong order."""

from functools import partial

from proving.conformance.cases import (
    BASIC_FIELDS,
    Bench,
    Mismatch,
    Need,
    case,
    fields,
    require,
    require_fields,
    require_result,
)
from proving.conformance.cast import CARDS, LONG_NAME
from proving.conformance.stage import AIR, SLOT, TERMINAL_NUMBER
from proving.conformance.subject import Call

NO_TERMINAL = "0" * 12
STAGED: tuple[Need, ...] = ("cards", "psam")


def _whole(bench: Bench, *, card: str, where: str, type_: int) -> None:
    """The 11 fields, exactly."""
    laid = CARDS[card].fresh()
    bench.stage.lay(laid, where)
    told = bench.good("iReadCardBas", type_)
    # Whose device number it is the interface does not say.
    require_fields(BASIC_FIELDS, laid.basic(TERMINAL_NUMBER, told[-1]), told)


_GOOD = (
    ("BAS-001", "1.0-3des", SLOT, 1, "1.0, 3DES, contact", "1.0 3DES 接触"),
    ("BAS-002", "2.0-3des", SLOT, 1, "2.0, 3DES, contact", "2.0 3DES 接触"),
    ("BAS-003", "3.0-sm4", SLOT, 1, "3.0, SM4, contact", "3.0 SM4 接触"),
    ("BAS-004", "3.0-sm4", AIR, 2, "3.0, SM4, contactless", "3.0 SM4 非接"),
    ("BAS-005", "2.0-ssf33", SLOT, 1, "2.0, SSF33 (by the PSAM), contact", "2.0 SSF33 接触"),
    ("BAS-006", "3.0-sm4", SLOT, 3, "iType 3, card in the slot", "iType 3，卡在接触口"),
    ("BAS-007", "3.0-sm4", AIR, 3, "iType 3, card on the antenna", "iType 3，卡在非接口"),
    ("BAS-008", "3.0-sm4", SLOT, 4, "iType 4, card in the slot", "iType 4，卡在接触口"),
    ("BAS-009", "3.0-sm4", AIR, 4, "iType 4, card on the antenna", "iType 4，卡在非接口"),
    ("GBK-001", "long-name", SLOT, 1, "a name of 30 + 20 bytes, a character across the border",
     "姓名 30+20 字节，一个汉字跨两条记录"),
    ("GBK-002", "dotted-name", AIR, 2, "a name with ·", "姓名含间隔号"),
    ("GBK-003", "pipe-name", SLOT, 1, "a name whose second byte is 7C, the separator's",
     "姓名第二字节为 7C"),
    ("FLD-001", "empty-fields", SLOT, 1, "empty fields stay empty and keep their place",
     "空字段保留位置"),
    ("FLD-002", "padded-e", SLOT, 1, "1.0 data padded with E", "1.0 卡以 E 填充"),
)  # fmt: skip
for _id, _key, _where, _type, _title, _zh in _GOOD:
    case(_id, f"iReadCardBas: {_title}", f"读基本信息：{_zh}", *STAGED)(
        partial(_whole, card=_key, where=_where, type_=_type)
    )


@case("BAS-010", "iType 3 takes the slot's card first", "iType 3 接触优先", *STAGED)
def contact_first(bench: Bench) -> None:
    _two_cards(bench, 3, CARDS["3.0-sm4"].told_id)


@case("BAS-011", "iType 4 takes the antenna's card first", "iType 4 非接优先", *STAGED)
def contactless_first(bench: Bench) -> None:
    _two_cards(bench, 4, CARDS["other"].told_id)


def _two_cards(bench: Bench, type_: int, expected: str) -> None:
    bench.stage.lay(CARDS["3.0-sm4"].fresh(), SLOT)
    bench.stage.lay(CARDS["other"].fresh(), AIR)
    require("card identification code", expected, bench.good("iReadCardBas", type_)[3])


@case("BAS-012", "The same card again and again", "同一张卡连续读取", *STAGED)
def again(bench: Bench) -> None:
    bench.stage.lay(CARDS["3.0-sm4"].fresh())
    told = [bench.good("iReadCardBas", 1) for _ in range(3)]
    require("answers alike", 1, len({tuple(one) for one in told}))


@case("BAS-013", "After one card left, the next one's data come", "换卡后读到新卡", *STAGED)
def next_card(bench: Bench) -> None:
    for key in ("3.0-sm4", "other"):
        bench.stage.lay(CARDS[key].fresh())
        require("card identification code", CARDS[key].told_id, bench.good("iReadCardBas", 1)[3])
        bench.stage.lift()


@case("FLD-003", "11 fields, the last one followed by |", "11 个字段，末尾有 |", *STAGED)
def count(bench: Bench) -> None:
    bench.stage.lay(CARDS["1.0-3des"].fresh())
    got = require_result(bench.call("iReadCardBas", 1), 0)
    require("separators", 11, got.output.count(b"|"))
    if not got.output.endswith(b"|"):
        raise Mismatch("a `|` behind the last field", "none")


@case("FLD-004", "Card and social security number, card and dates in their order",
      "字段次序：社会保障号码、卡号、发卡日期、有效期", *STAGED)  # fmt: skip
def order(bench: Bench) -> None:
    card = CARDS["2.0-3des"].fresh()
    bench.stage.lay(card)
    told = bench.good("iReadCardBas", 1)
    require_fields(BASIC_FIELDS[:9], card.basic("", "")[:9], told[:9])


# -- HSM


def _hsm(bench: Bench, *, card: str, where: str, type_: int) -> None:
    """Step 1's 8 fields, and step 2's 11."""
    laid = CARDS[card].fresh()
    bench.stage.lay(laid, where)
    asked = bench.good("iReadCardBas_HSM_Step1", type_)
    require("number of fields", 8, len(asked))
    algorithm = f"{laid.order.algorithm.value:02d}"
    expected = [laid.told_id[:6], laid.historical.hex().upper(), algorithm, laid.told_id]
    names = ("region", "historical bytes", "algorithm", "card identification code")
    require_fields(names, expected, asked[:4])
    external = laid.order.generation.value == "3.0"
    require("sizes of the challenges", [16, 16, *([16, 16] if external else [0, 0])],
            [len(field) for field in asked[4:]])  # fmt: skip
    told = bench.good("iReadCardBas_HSM_Step2", bench.stage.hsm.basic(asked))
    require_fields(BASIC_FIELDS[:9], laid.basic("", "")[:9], told[:9])
    require("number of fields", 11, len(told))
    require("terminal number", NO_TERMINAL, told[9])


_HSM = (
    ("HSM-001", "1.0-3des", SLOT, 1, "1.0, 3DES", "1.0 3DES"),
    ("HSM-002", "2.0-3des", SLOT, 1, "2.0, 3DES", "2.0 3DES"),
    ("HSM-003", "3.0-sm4", SLOT, 1, "3.0, SM4, contact", "3.0 SM4 接触"),
    ("HSM-004", "3.0-sm4", AIR, 2, "3.0, SM4, contactless", "3.0 SM4 非接"),
    ("HSM-005", "2.0-ssf33", SLOT, 3, "2.0, SSF33 (only the HSM can)", "2.0 SSF33"),
)
for _id, _key, _where, _type, _title, _zh in _HSM:
    case(_id, f"iReadCardBas_HSM: 8 fields, then 11: {_title}",
         f"加密机读基本信息：{_zh}", "cards")(
        partial(_hsm, card=_key, where=_where, type_=_type)
    )  # fmt: skip


@case("HSM-006", "Two steps without a PSAM", "无 PSAM 时加密机两步", "cards", "psam")
def without_psam(bench: Bench) -> None:
    bench.stage.take_psam()
    _hsm(bench, card="3.0-sm4", where=SLOT, type_=1)


@case("HSM-007", "A name of 50 bytes by two steps", "加密机读 50 字节姓名", "cards")
def long_name(bench: Bench) -> None:
    bench.stage.lay(CARDS["long-name"].fresh())
    asked = bench.good("iReadCardBas_HSM_Step1", 1)
    told = bench.good("iReadCardBas_HSM_Step2", bench.stage.hsm.basic(asked))
    require("name", LONG_NAME, told[4])


@case("HSM-008", "1.0: step 2 takes a key without its empty second field",
      "1.0 卡第二步：可不带空的第二字段", "cards")  # fmt: skip
def one_field(bench: Bench) -> None:
    bench.stage.lay(CARDS["1.0-3des"].fresh())
    asked = bench.good("iReadCardBas_HSM_Step1", 1)
    key = bench.stage.hsm.basic(asked).removesuffix("|")
    require("number of fields", 11, len(bench.good("iReadCardBas_HSM_Step2", key)))


@case("SEQ-001", "Step 2 without step 1 is refused", "无第一步的第二步被拒", "cards")
def no_step_one(bench: Bench) -> None:
    bench.stage.lay(CARDS["3.0-sm4"].fresh())
    key = f"{'0' * 32}|{'0' * 32}|"
    _must_refuse(bench, "iReadCardBas_HSM_Step2", key)


@case("SEQ-002", "A wrong internal answer is -21, and nothing of the holder is told",
      "内部认证结果错：-21，不给出持卡人信息", "cards")  # fmt: skip
def wrong_internal(bench: Bench) -> None:
    card = CARDS["3.0-sm4"].fresh()
    bench.stage.lay(card)
    internal, external = _keys(bench)
    wrong = f"{_turned(internal)}|{external}|"
    got = bench.refused(-21, "iReadCardBas_HSM_Step2", wrong)
    if card.order.holder.number.encode() in got.output:
        raise Mismatch("nothing of the holder", "the holder's number")


@case("SEQ-003", "A wrong external answer is refused with the card's own error",
      "外部认证结果错：返回卡片错误", "cards")  # fmt: skip
def wrong_external(bench: Bench) -> None:
    bench.stage.lay(CARDS["3.0-sm4"].fresh())
    internal, external = _keys(bench)
    bench.refused(-0x63C9, "iReadCardBas_HSM_Step2", f"{internal}|{_turned(external)}|")


@case("SEQ-004", "A wrong key on a 1.0 card is -21", "1.0 卡内部认证结果错：-21", "cards")
def wrong_internal_of_old(bench: Bench) -> None:
    bench.stage.lay(CARDS["1.0-3des"].fresh())
    internal, _ = _keys(bench)
    bench.refused(-21, "iReadCardBas_HSM_Step2", f"{_turned(internal)}||")


@case("SEQ-005", "Step 2 twice: the second time there is no step 1 any more",
      "第二步不可重复", "cards")  # fmt: skip
def twice(bench: Bench) -> None:
    bench.stage.lay(CARDS["3.0-sm4"].fresh())
    asked = bench.good("iReadCardBas_HSM_Step1", 1)
    key = bench.stage.hsm.basic(asked)
    bench.good("iReadCardBas_HSM_Step2", key)
    _must_refuse(bench, "iReadCardBas_HSM_Step2", key)


@case("SEQ-006", "Step 2 of another function is refused", "其他函数的第二步被拒", "cards")
def other_function(bench: Bench) -> None:
    bench.stage.lay(CARDS["3.0-sm4"].fresh())
    bench.good("iReadCardBas_HSM_Step1", 1)
    _must_refuse(bench, "iReadCard_HSM_Step2", "0" * 32)


@case("SEQ-007", "A key of an earlier step 1 is refused", "上一次第一步的密钥被拒", "cards")
def earlier_key(bench: Bench) -> None:
    bench.stage.lay(CARDS["3.0-sm4"].fresh())
    earlier = bench.stage.hsm.basic(bench.good("iReadCardBas_HSM_Step1", 1))
    bench.good("iReadCardBas_HSM_Step1", 1)
    _must_refuse(bench, "iReadCardBas_HSM_Step2", earlier)


@case("SEQ-008", "The card was pulled between the steps", "两步之间取走卡", "cards")
def pulled_between(bench: Bench) -> None:
    bench.stage.lay(CARDS["3.0-sm4"].fresh())
    key = bench.stage.hsm.basic(bench.good("iReadCardBas_HSM_Step1", 1))
    bench.stage.lift()
    _must_refuse(bench, "iReadCardBas_HSM_Step2", key)


@case("SEQ-009", "Another card lies there at step 2", "两步之间换卡", "cards")
def changed_between(bench: Bench) -> None:
    bench.stage.lay(CARDS["3.0-sm4"].fresh())
    key = bench.stage.hsm.basic(bench.good("iReadCardBas_HSM_Step1", 1))
    bench.stage.lift()
    bench.stage.lay(CARDS["other"].fresh())
    _must_refuse(bench, "iReadCardBas_HSM_Step2", key)


@case("SEQ-010", "Step 2 after the time between two steps is refused", "第二步超时被拒",
      "cards", "settings")  # fmt: skip
def too_late(bench: Bench) -> None:
    bench.stage.lay(CARDS["3.0-sm4"].fresh())
    key = bench.stage.hsm.basic(bench.good("iReadCardBas_HSM_Step1", 1))
    bench.stage.await_leases_over()
    _must_refuse(bench, "iReadCardBas_HSM_Step2", key)


@case("SEQ-011", "After a refused step the next whole read works", "出错后可以重新读取", "cards")
def after_refusal(bench: Bench) -> None:
    bench.stage.lay(CARDS["3.0-sm4"].fresh())
    internal, external = _keys(bench)
    bench.refused(-21, "iReadCardBas_HSM_Step2", f"{_turned(internal)}|{external}|")
    asked = bench.good("iReadCardBas_HSM_Step1", 1)
    bench.good("iReadCardBas_HSM_Step2", bench.stage.hsm.basic(asked))


@case("CON-001", "Two threads at once: both are answered, one after the other",
      "两个线程同时读", *STAGED)  # fmt: skip
def two_threads(bench: Bench) -> None:
    card = CARDS["3.0-sm4"].fresh()
    bench.stage.lay(card)
    for got in bench.subject.together([Call("iReadCardBas", (1,))] * 2):
        require_result(got, 0)
        require("card identification code", card.told_id, fields(got)[3])


@case("CON-002", "Two processes at once: each has the card's data or an error with its text",
      "两个进程同时读", *STAGED)  # fmt: skip
def two_processes(bench: Bench) -> None:
    card = CARDS["3.0-sm4"].fresh()
    bench.stage.lay(card)
    other = bench.another()
    bench.subject.begin(Call("iReadCardBas", (1,)))
    other.begin(Call("iReadCardBas", (1,)))
    both = [bench.subject.finish(), other.finish()]
    if not any(got.result == 0 for got in both):
        raise Mismatch("one of them is served", f"results {[got.result for got in both]}")
    for got in both:
        if got.result == 0:
            require("card identification code", card.told_id, fields(got)[3])
        elif got.result > 0 or not got.output:
            raise Mismatch("an error with its text", f"result {got.result}")


@case("CON-003", "A process that ends between the steps leaves the reader to the next one",
      "进程在两步之间退出，读卡器可用", *STAGED)  # fmt: skip
def process_ends(bench: Bench) -> None:
    bench.stage.lay(CARDS["3.0-sm4"].fresh())
    other = bench.another()
    require_result(other.call(Call("iReadCardBas_HSM_Step1", (1,))), 0)
    other.close()
    bench.stage.await_leases_over()
    bench.good("iReadCardBas", 1)


def _keys(bench: Bench) -> tuple[str, str]:
    """Step 1, and both fields of the right key."""
    internal, external, _ = bench.stage.hsm.basic(bench.good("iReadCardBas_HSM_Step1", 1)).split(
        "|"
    )
    return internal, external


def _turned(key: str) -> str:
    """The answer with one bit wrong; the original as it was."""
    return f"{int(key[:2], 16) ^ 1:02X}{key[2:]}"


def _must_refuse(bench: Bench, name: str, key: str) -> None:
    """Which error it is the interface does not say."""
    got = bench.call(name, key)
    if got.result >= 0:
        raise Mismatch("an error", f"result {got.result}")
