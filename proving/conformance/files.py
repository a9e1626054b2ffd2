"""iReadCard, iWriteCard, iReadDebitRecord and their HSM steps: files by key, by PIN, by both."""

from collections.abc import Sequence
from functools import partial

from proving.conformance.cases import (
    Bench,
    Mismatch,
    case,
    fields,
    require,
    require_fields,
    require_result,
    text,
)
from proving.conformance.cast import CARDS, PIN, PIPE_NAME, TRANSACTIONS, StageCard
from proving.conformance.stage import AIR, SLOT
from proving.conformance.subject import Argument, Call, Got
from simulators.vpcd import Faults, Moment, TearAtApdu

BY_PIN, BY_KEY = 1, 2
HOLDER = "SSSEEF06|08|09|4E|0A|0B|0C|0D|$"
HOLDER_1 = "SSSEEF06|08|09|0A|0B|0C|0D|$"  # 1.0 has no 4E
SECOND_ROW = "DF01EF15|40:2|$"
ROW = "257^190001^259"
TRIES = 6


def _told(got: Got) -> list[list[str]]:
    """Files of an output: each its name and its values."""
    told = text(require_result(got, 0))
    if not told.endswith("|$"):
        raise Mismatch("`|$` at the end", "something else")
    return [file.split("|")[:-1] for file in told.split("$")[:-1]]


def _read(bench: Bench, card: StageCard, address: str, how: int = BY_KEY) -> list[list[str]]:
    return _told(bench.call("iReadCard", _type(bench), how, card.info, address))


def _type(bench: Bench) -> int:
    return 2 if bench.stage.slots[AIR].inside else 1


def _lay(bench: Bench, key: str = "3.0-sm4", where: str = SLOT) -> StageCard:
    card = CARDS[key].fresh()
    bench.stage.lay(card, where)
    return card


def _holder(card: StageCard, *, extension: bool = True) -> list[str]:
    holder = card.order.holder
    name = holder.name.encode("gbk")
    long = [name[:30].decode("gbk"), name[30:].decode("gbk")] if extension else [holder.name]
    return [holder.number, *long, holder.sex, holder.nation, holder.birthplace, holder.birth]


def _whole_holder(bench: Bench, *, card: str, where: str, address: str) -> None:
    laid = _lay(bench, card, where)
    told = _read(bench, laid, address)
    name, _, items = address.rstrip("|$").partition("|")
    expected = [name, *_holder(laid, extension="4E" in address)]
    require("number of files", 1, len(told))
    require_fields(["file", *items.split("|")], expected, told[0])


_HOLDERS = (
    ("FIL-001", "1.0-3des", SLOT, HOLDER_1, "1.0, 3DES", "1.0 3DES"),
    ("FIL-002", "2.0-3des", SLOT, HOLDER, "2.0, 3DES", "2.0 3DES"),
    ("FIL-003", "3.0-sm4", SLOT, HOLDER, "3.0, SM4, contact", "3.0 SM4 接触"),
    ("FIL-004", "3.0-sm4", AIR, HOLDER, "3.0, SM4, contactless", "3.0 SM4 非接"),
    ("FIL-005", "3.0-sm4", SLOT, HOLDER.replace("SSSE", "3F00", 1), "named 3F00", "以 3F00 为名"),
)
for _id, _card, _where, _address, _title, _zh in _HOLDERS:
    case(_id, f"iReadCard: EF06 by read key: {_title}", f"按读密钥读 EF06：{_zh}", "cards", "psam")(
        partial(_whole_holder, card=_card, where=_where, address=_address)
    )


@case("FIL-006", "Two files in one call, in the order asked", "一次读两个文件", "cards", "psam")
def two_files(bench: Bench) -> None:
    card = _lay(bench)
    told = _read(bench, card, "SSSEEF06|09|08|$SSSEEF05|07|01|$")
    holder = card.order.holder
    expected = [
        ["SSSEEF06", holder.name, holder.number],
        ["SSSEEF05", card.order.card_number, card.told_id],
    ]
    require("files", expected, told)


@case("FIL-007", "The second record of a tag, by key", "按密钥读同标签的第二条记录",
      "cards", "psam", "keys")  # fmt: skip
def second_row(bench: Bench) -> None:
    require("files", [["DF01EF15", ROW]], _read(bench, _lay(bench), SECOND_ROW))


@case("FIL-008", "The same by PIN", "按密码读", "cards", "psam", "pad")
def by_pin(bench: Bench) -> None:
    card = _lay(bench)
    bench.stage.typist.will_type(PIN)
    require("files", [["DF01EF15", ROW]], _read(bench, card, SECOND_ROW, BY_PIN))


@case("FIL-009", "A file that needs PIN and key", "既要密码又要密钥的文件",
      "cards", "psam", "pad")  # fmt: skip
def pin_and_key(bench: Bench) -> None:
    card = _lay(bench)
    bench.stage.typist.will_type(PIN)
    require("files", [["DF04EF06", "1"]], _read(bench, card, "DF04EF06|90|$", BY_PIN))


@case("FIL-010", "A transparent file of 4096 bytes, whole", "整个透明文件 4096 字节",
      "cards", "psam")  # fmt: skip
def transparent(bench: Bench) -> None:
    told = _read(bench, _lay(bench), "SSSEEF08|$")
    require("number of values", 2, len(told[0]))
    require("hex digits", 2 * 0x1000, len(told[0][1]))


@case("FIL-011", "A part of a transparent file", "透明文件的一段", "cards", "psam")
def part(bench: Bench) -> None:
    require("files", [["SSSEEF08", "0" * 32]], _read(bench, _lay(bench), "SSSEEF08|10:10|$"))


@case("FIL-012", "A card that is meant by its number alone", "pCardInfo 只给卡号",
      "cards", "psam")  # fmt: skip
def number_alone(bench: Bench) -> None:
    card = _lay(bench)
    info = f"|{card.order.card_number}|"
    got = bench.call("iReadCard", 1, BY_KEY, info, "SSSEEF06|08|$")
    require("files", [["SSSEEF06", card.order.holder.number]], _told(got))


@case("FIL-013", "An empty value keeps its place", "空值保留位置", "cards", "psam")
def empty_value(bench: Bench) -> None:
    card = _lay(bench)
    told = _read(bench, card, "SSSEEF06|09|4E|0A|$")
    require("files", [["SSSEEF06", card.order.holder.name, "", card.order.holder.sex]], told)


@case("FIL-014", "A name whose second byte is 7C", "姓名第二字节为 7C", "cards", "psam")
def pipe_name(bench: Bench) -> None:
    told = _read(bench, _lay(bench, "pipe-name"), "SSSEEF06|09|0A|$")
    require("files", [["SSSEEF06", PIPE_NAME, "2"]], told)


def _malformed(bench: Bench, *, address: str) -> None:
    card = _lay(bench)
    got = bench.call("iReadCard", 1, BY_KEY, card.info, address)
    if got.result not in (-23, -41, -42):
        raise Mismatch("-23, -41 or -42", f"result {got.result}")


for _number, (_address, _title) in enumerate(
    {
        "": "empty",
        "SSSEEF06|08|": "without its $",
        "EF06|08|$": "without an application",
        "SSSEEF0G|08|$": "no hexadecimal",
        "SSSEEF06|XYZ|$": "an item that is none",
        "$$$": "only dividers",
    }.items(),
    1,
):
    case(f"FIL-{100 + _number}", f"A file address that is malformed ({_title}) is an error",
         f"文件地址格式错（{_number}）", "cards", "psam")(
        partial(_malformed, address=_address)
    )  # fmt: skip


@case("FIL-107", "A file that no card has is an error", "不存在的文件报错", "cards", "psam")
def no_file(bench: Bench) -> None:
    card = _lay(bench)
    got = bench.call("iReadCard", 1, BY_KEY, card.info, "DF09EF05|01|$")
    if got.result >= 0:
        raise Mismatch("an error", f"result {got.result}")


@case("DEB-001", "iReadDebitRecord: rows of seq^terminal^time^total^account+pool^, by PIN",
      "读消费记录", "cards", "psam", "pad")  # fmt: skip
def debit_records(bench: Bench) -> None:
    _lay(bench)
    bench.stage.typist.will_type(PIN)
    rows = fields(require_result(bench.call("iReadDebitRecord", 1), 0))
    require("number of rows", len(TRANSACTIONS), len(rows))
    for row, transaction in zip(rows, reversed(TRANSACTIONS), strict=True):
        parts = row.removesuffix("^").split("^")
        require("number of fields in a row", 5, len(parts))
        require("sequence number", transaction.sequence, int(parts[0], 16))
        require("terminal", transaction.terminal, parts[1])
        require("time", transaction.time, parts[2])


@case("DEB-002", "A card without transactions: no row, no error", "无消费记录",
      "cards", "psam", "pad")  # fmt: skip
def no_debit_records(bench: Bench) -> None:
    _lay(bench, "other")
    bench.stage.typist.will_type(PIN)
    require("rows", "", text(require_result(bench.call("iReadDebitRecord", 1), 0)).strip("|"))


# -- by HSM


def _step_1(bench: Bench, name: str, card: StageCard, *arguments: Argument) -> list[str]:
    """Step 1's four fields: algorithm, key address, factor, original."""
    told = bench.good(f"{name}_HSM_Step1", 1, card.info, *arguments)
    require("sizes of the fields", [2, 4, 16, 16], [len(field) for field in told])
    require("algorithm", f"{card.order.algorithm.value:02d}", told[0])
    return told


def _key(bench: Bench, card: StageCard, asked: Sequence[str]) -> str:
    return bench.stage.hsm.one(card.historical.hex(), asked)


@case("HSM-020", "iReadCard_HSM: four fields, then the file: 3.0", "加密机读文件：3.0", "cards")
def read_by_hsm(bench: Bench) -> None:
    card = _lay(bench)
    asked = _step_1(bench, "iReadCard", card, "SSSEEF06|08|09|$")
    got = bench.call("iReadCard_HSM_Step2", _key(bench, card, asked))
    holder = card.order.holder
    require("files", [["SSSEEF06", holder.number, holder.name]], _told(got))


@case("HSM-021", "iReadCard_HSM: a file of an application", "加密机读应用文件", "cards", "keys")
def read_application_by_hsm(bench: Bench) -> None:
    for key in ("2.0-3des", "3.0-sm4"):
        card = _lay(bench, key)
        asked = _step_1(bench, "iReadCard", card, SECOND_ROW)
        got = bench.call("iReadCard_HSM_Step2", _key(bench, card, asked))
        require("files", [["DF01EF15", ROW]], _told(got))
        bench.stage.lift()


@case("HSM-022", "iReadCard_HSM with a wrong key: the card's error, no data",
      "加密机读文件：密钥错", "cards")  # fmt: skip
def read_by_wrong_key(bench: Bench) -> None:
    card = _lay(bench)
    key = _key(bench, card, _step_1(bench, "iReadCard", card, "SSSEEF06|08|09|$"))
    bench.refused(-0x63C9, "iReadCard_HSM_Step2", f"{int(key[0], 16) ^ 1:X}{key[1:]}")


@case("HSM-023", "-2204: a file that is free to read needs no HSM", "-2204：不需要加密机", "cards")
def hsm_not_needed(bench: Bench) -> None:
    card = _lay(bench, "2.0-3des")
    bench.refused(-2204, "iReadCard_HSM_Step1", 1, card.info, "SSSEEF06|08|09|$")


@case("HSM-024", "-25536: the last try of a key is gone (63C0)", "-25536：密钥最后一次尝试",
      "cards")  # fmt: skip
def last_try(bench: Bench) -> None:
    card = CARDS["3.0-sm4"].fresh()
    card.inside.key("SSSE", "RKSSSE").tries.left = 1
    bench.stage.lay(card)
    key = _key(bench, card, _step_1(bench, "iReadCard", card, "SSSEEF06|08|09|$"))
    bench.refused(-0x63C0, "iReadCard_HSM_Step2", f"{int(key[0], 16) ^ 1:X}{key[1:]}")


# -- writing


@case("WRI-001", "iWriteCard: what was written is read", "写后读回", "cards", "psam", "keys")
def write(bench: Bench) -> None:
    card = _lay(bench)
    require_result(bench.call("iWriteCard", 1, card.info, "SSSEEF06|09|$", f"{PIPE_NAME}|$"), 0)
    told = _read(bench, card, "SSSEEF06|09|0A|$")
    require("files", [["SSSEEF06", PIPE_NAME, "2"]], told)


@case("WRI-002", "iWriteCard with pCardInfo of another card changes nothing",
      "传入信息与卡不符时不写", "cards", "psam", "keys")  # fmt: skip
def write_other(bench: Bench) -> None:
    card = _lay(bench)
    bench.refused(-22, "iWriteCard", 1, CARDS["other"].info, "SSSEEF06|09|$", "王|$")
    require("name", card.order.holder.name, _read(bench, card, "SSSEEF06|09|$")[0][1])


@case("WRI-003", "iWriteCard: a value too long is an error and changes nothing",
      "写入值过长报错", "cards", "psam", "keys")  # fmt: skip
def write_long(bench: Bench) -> None:
    card = _lay(bench)
    got = bench.call("iWriteCard", 1, card.info, "SSSEEF06|09|$", "长" * 16 + "|$")
    if got.result >= 0:
        raise Mismatch("an error", f"result {got.result}")
    require("name", card.order.holder.name, _read(bench, card, "SSSEEF06|09|$")[0][1])


@case("WRI-004", "iWriteCard: fewer values than items is an error", "写入值个数不符报错",
      "cards", "psam", "keys")  # fmt: skip
def write_few(bench: Bench) -> None:
    card = _lay(bench)
    got = bench.call("iWriteCard", 1, card.info, "SSSEEF06|09|0A|$", "王|$")
    if got.result >= 0:
        raise Mismatch("an error", f"result {got.result}")


@case("WRI-005", "iWriteCard_HSM: four fields, then the data with the key", "加密机写文件",
      "cards", "psam", "keys")  # fmt: skip
def write_by_hsm(bench: Bench) -> None:
    card = _lay(bench)
    asked = _step_1(bench, "iWriteCard", card, "SSSEEF06|09|$")
    key = _key(bench, card, asked)
    require_result(bench.call("iWriteCard_HSM_Step2", key, "王砚秋|$"), 0)
    require("name", "王砚秋", _read(bench, card, "SSSEEF06|09|$")[0][1])


@case("WRI-006", "iWriteCard_HSM with a wrong key writes nothing", "加密机写文件：密钥错不写",
      "cards", "psam", "keys")  # fmt: skip
def write_by_wrong_key(bench: Bench) -> None:
    card = _lay(bench)
    key = _key(bench, card, _step_1(bench, "iWriteCard", card, "SSSEEF06|09|$"))
    wrong = f"{int(key[0], 16) ^ 1:X}{key[1:]}"
    bench.refused(-0x63C9, "iWriteCard_HSM_Step2", wrong, "王砚秋|$")
    require("name", card.order.holder.name, _read(bench, card, "SSSEEF06|09|$")[0][1])


@case("TEA-100", "The card leaves in the middle of a file: an error, no data", "读文件中取走卡",
      "cards", "psam")  # fmt: skip
def torn_file(bench: Bench) -> None:
    card = CARDS["3.0-sm4"].fresh()
    bench.stage.lay(card, AIR, Faults(tear=TearAtApdu(14, Moment.DURING)))
    call = Call("iReadCard", (2, BY_KEY, card.info, "SSSEEF08|$"))
    got = bench.subject.call(call)
    if got.result not in (-2, -3, -4):
        raise Mismatch("-2, -3 or -4", f"result {got.result}")
