"""Every row of the interface's error table that a call can bring about."""

from collections.abc import Callable
from functools import partial

from proving.conformance.cases import Bench, Mismatch, case, require_result, text
from proving.conformance.cast import CARDS
from proving.conformance.stage import AIR, SLOT
from proving.conformance.subject import Call
from simulators.cards import Algorithm, PsamKeyId
from simulators.cards.contract import Interface
from simulators.cards.faults import wrong_record_lengths
from simulators.cards.foreign import foreign_card
from simulators.vpcd import Faults, Moment, TearAtApdu

Prepare = Callable[[Bench], None]
FIRST_APDU_OF_BASIC = 1
LONG_WAIT = 30.0  # seconds for a call whose card keeps silent


def _lay(card: str = "3.0-sm4", where: str = SLOT, faults: Faults | None = None) -> Prepare:
    def prepare(bench: Bench) -> None:
        bench.stage.lay(CARDS[card].fresh(), where, faults or Faults())

    return prepare


def _foreign(bench: Bench) -> None:
    bench.stage.lay(foreign_card(Interface.CONTACT))


def _nothing(bench: Bench) -> None:
    bench.stage.await_empty()


def _elsewhere(where: str) -> Prepare:
    """A good card there, and nothing in any other reader."""

    def prepare(bench: Bench) -> None:
        bench.stage.await_empty()
        _lay("3.0-sm4", where)(bench)

    return prepare


def _unplugged(bench: Bench) -> None:
    bench.stage.unplug(SLOT, AIR)


def _no_psam(bench: Bench) -> None:
    bench.stage.take_psam()
    _lay()(bench)


def _psam(**kind: object) -> Prepare:
    def prepare(bench: Bench) -> None:
        bench.stage.change_psam(**kind)  # type: ignore[arg-type]
        _lay()(bench)

    return prepare


def _blocked(what: str) -> Prepare:
    def prepare(bench: Bench) -> None:
        card = CARDS["3.0-sm4"].fresh()
        if what == "card":
            card.inside.blocked = True
        else:
            card.inside.application("SSSE").blocked = True
        bench.stage.lay(card)

    return prepare


def _locked_read_key(bench: Bench) -> None:
    card = CARDS["3.0-sm4"].fresh()
    card.inside.key("SSSE", "RKSSSE").tries.left = 0
    bench.stage.lay(card)


def _basic(bench: Bench, *, prepare: Prepare, result: int, type_: int = 1) -> None:
    """iReadCardBas on that stage: the code, and a text that says what is wrong."""
    prepare(bench)
    got = bench.subject.call(Call("iReadCardBas", (type_,)), LONG_WAIT)
    if not text(require_result(got, result)).strip():
        raise Mismatch(f"a text for {result}", "none")


_ROWS = (
    ("ERR-001", -1, _foreign, 1, "a card that is none of ours", "卡类型不对"),
    ("ERR-002", -2, _nothing, 1, "no card", "无卡"),
    ("ERR-003", -2, _nothing, 3, "no card in any reader", "自动寻卡无卡"),
    ("ERR-004", -3, _lay(faults=Faults(dead=True)), 1, "no answer to reset", "未上电"),
    ("ERR-005", -4, _lay(faults=Faults(mute_from=3)), 1, "a card that falls silent", "无应答"),
    ("ERR-006", -11, _unplugged, 1, "no reader", "读卡器未连接"),
    ("ERR-007", -11, _unplugged, 3, "no reader at all", "无任何读卡器"),
    ("ERR-009", -20, _lay("bad-id"), 1, "a malformed card identification code", "卡识别码格式错"),
    ("ERR-010", -21, _lay("forged"), 1, "a forged card", "伪卡"),
    ("ERR-011", -2201, _no_psam, 1, "no PSAM", "无 PSAM 卡"),
    ("ERR-012", -2202, _psam(algorithms=[Algorithm.DES3]), 1, "a PSAM without SM4",
     "PSAM 不支持算法"),
    ("ERR-013", -2203, _psam(keys=[PsamKeyId.IRK]), 1, "a PSAM without RKSSSE", "PSAM 无 RKSSSE"),
    ("ERR-014", -24, _psam(level=4), 1, "a PSAM whose keys have another level", "PSAM 密钥级别"),
    ("ERR-015", -0x6A81, _blocked("card"), 1, "a blocked card: its status word", "卡已锁定"),
    ("ERR-016", -0x6983, _locked_read_key, 1, "a read key without tries: its status word",
     "读密钥已锁定"),
    ("ERR-017", -1, _elsewhere(AIR), 1, "iType 1, the card is on the antenna",
     "iType 1，卡在非接口"),
    ("ERR-018", -1, _elsewhere(SLOT), 2, "iType 2, the card is in the slot",
     "iType 2，卡在接触口"),
)  # fmt: skip
for _id, _result, _prepare, _kind, _title, _zh in _ROWS:
    case(_id, f"{_result}: {_title}", f"{_result}：{_zh}", "cards", "psam")(
        partial(_basic, prepare=_prepare, result=_result, type_=_kind)
    )


@case("ERR-008", "-12: the service is not there", "-12：未建立连接", "daemon", "cards")
def no_service(bench: Bench) -> None:
    bench.stage.stop_daemon()
    try:
        got = bench.refused(-12, "iReadCardBas", 1)
        if not text(got).strip():
            raise Mismatch("a text for -12", "none")
    finally:
        bench.stage.start_daemon()


@case("ERR-019", "No card and no reader are told apart", "无卡与无读卡器不同", "cards")
def card_or_reader(bench: Bench) -> None:
    without_card = bench.call("iReadCardBas", 3)
    bench.stage.unplug(SLOT, AIR)
    without_reader = bench.call("iReadCardBas", 3)
    if without_card.result == without_reader.result:
        raise Mismatch("two results", f"{without_card.result} twice")


@case("ERR-020", "-22: pCardInfo of another card", "-22：传入信息与卡不符", "cards", "psam")
def other_card(bench: Bench) -> None:
    bench.stage.lay(CARDS["3.0-sm4"].fresh())
    bench.refused(-22, "iReadCard", 1, 2, CARDS["other"].info, "SSSEEF06|09|$")


@case("ERR-021", "-23: pCardInfo without its fields", "-23：传入信息不合法", "cards", "psam")
def no_fields(bench: Bench) -> None:
    bench.stage.lay(CARDS["3.0-sm4"].fresh())
    bench.refused(-23, "iReadCard", 1, 2, f"{'0' * 32}|A|B|", "SSSEEF06|09|$")


@case("ERR-022", "-41: characters that a key cannot have", "-41：非法字符", "cards")
def bad_characters(bench: Bench) -> None:
    bench.stage.lay(CARDS["3.0-sm4"].fresh())
    bench.good("iReadCardBas_HSM_Step1", 1)
    bench.refused(-41, "iReadCardBas_HSM_Step2", f"{'Z' * 32}|{'Z' * 32}|")


@case("ERR-023", "-42: a key of another length", "-42：长度错", "cards")
def bad_length(bench: Bench) -> None:
    bench.stage.lay(CARDS["3.0-sm4"].fresh())
    bench.good("iReadCardBas_HSM_Step1", 1)
    bench.refused(-42, "iReadCardBas_HSM_Step2", "0123|4567|")


@case("ERR-024", "Out of a fault the next read is good again", "故障恢复后可读", "cards", "psam")
def after_faults(bench: Bench) -> None:
    for prepare in (_foreign, _lay("forged"), _lay(faults=Faults(dead=True))):
        prepare(bench)
        bench.call("iReadCardBas", 1)
        bench.stage.lift()
    bench.stage.lay(CARDS["3.0-sm4"].fresh())
    bench.good("iReadCardBas", 1)


@case("ERR-025", "A reader that came back is used again", "读卡器重新插上后可用", "cards", "psam")
def reader_back(bench: Bench) -> None:
    bench.stage.unplug(SLOT)
    bench.stage.plug(SLOT)
    bench.stage.lay(CARDS["3.0-sm4"].fresh())
    bench.good("iReadCardBas", 1)


@case("ERR-026", "A card that blocks its application is refused with its status word",
      "应用已锁定：返回卡片错误", "cards", "psam")  # fmt: skip
def blocked_application(bench: Bench) -> None:
    _blocked("application")(bench)
    got = bench.call("iReadCardBas", 1)
    if got.result >= -1000:
        raise Mismatch("a card's error", f"result {got.result}")


@case("ERR-027", "-15: a record whose length is not what it says", "-15：卡内数据长度不符",
      "cards", "psam")  # fmt: skip
def wrong_length(bench: Bench) -> None:
    bench.stage.lay(CARDS["3.0-sm4"].fresh(), wrong=partial(wrong_record_lengths, by=-2))
    bench.refused(-15, "iReadCardBas", 1)


def _torn(bench: Bench, *, where: str, apdu: int) -> None:
    """Pulled at that APDU of iReadCardBas: an error, never data, and no hang."""
    faults = Faults(tear=TearAtApdu(apdu, Moment.DURING))
    bench.stage.lay(CARDS["3.0-sm4"].fresh(), where, faults)
    got = bench.subject.call(Call("iReadCardBas", (1 if where == SLOT else 2,)), LONG_WAIT)
    if got.result not in (-2, -3, -4):
        raise Mismatch("-2, -3 or -4", f"result {got.result}")


for _apdu in range(10):
    case(f"TEA-{_apdu:03}", f"The card leaves at APDU {_apdu}: an error, no data",
         f"第 {_apdu} 条指令时取走卡", "cards", "psam")(
        partial(_torn, where=AIR, apdu=_apdu)
    )  # fmt: skip


@case("TXT-001", "Errors have a text in GBK, not the same for all",
      "错误说明为 GBK，各不相同", "cards", "psam")  # fmt: skip
def texts(bench: Bench) -> None:
    found = {text(bench.call("iReadCardBas", 1)), text(bench.call("iReadCardBas", 9))}
    _foreign(bench)
    found.add(text(bench.call("iReadCardBas", 1)))
    if len(found) < 3 or not all(found):
        raise Mismatch("three texts", f"{len(found)}")
    if any(not any("一" <= sign <= "鿿" for sign in one) for one in found):
        raise Mismatch("Chinese", "a text without any")


@case("TXT-002", "Errors are negative", "错误码为负数", "cards")
def negative(bench: Bench) -> None:
    for got in (bench.call("iReadCardBas", 1), bench.call("iReadCardBas", 9)):
        if got.result >= 0:
            raise Mismatch("a negative result", f"result {got.result}")
