"""What `prove tear` says of a call, on calls that went wrong by hand."""

from collections.abc import Sequence

import pytest

from agent.facade.call import CallAnswer
from proving.proofs.tear.business import NEW_PIN, PIN_BUSINESS, Business
from proving.proofs.tear.cards import PIN, PIN_TRIES, Content, Done, NotedCard
from proving.proofs.tear.judging import Seen, Whole, half_written, pins_shown
from simulators.cards import Interface
from simulators.cards.contract import Apdu
from simulators.people import load_cast
from simulators.vpcd import Exchange

VERIFY, STEPPED = PIN_BUSINESS[0], PIN_BUSINESS[-1]
SSSE, DF01 = b"\x00\xa4\x04\x00\x01\x01", b"\x00\xa4\x04\x00\x01\x02"
SHOWN = bytes.fromhex("0020000003739184")
KEY = bytes.fromhex("0082008310") + bytes(16)
OLD: Content = {"DF01EF05": [b"\x20\x01a", b"\x21\x01b"], "DF01EF16": [b"\0"] * 4}
NEW: Content = {"DF01EF05": [b"\x20\x01c", b"\x21\x01d"], "DF01EF16": [b"\1"] * 4}
WHOLE = Whole(1, [0], OLD, OLD)


def exchange(command: bytes, response: str = "9000") -> Exchange:
    return Exchange(command, bytes.fromhex(response) or None, 0.0, 0.0)


def done(header: str, sw: int = 0x9000, file: str = "", data: bytes = b"\0") -> Done:
    cla, ins, p1, p2 = bytes.fromhex(header)
    return Done(Apdu(cla, ins, p1, p2, data), sw, "SSSE", file)


def seen(
    result: int,
    trace: Sequence[Exchange],
    book: Sequence[Done] = (),
    business: Business = VERIFY,
    text: str = "",
) -> Seen:
    return Seen(business, [CallAnswer(result, text)], book, trace)


def test_success_needs_a_card_that_did_it_said_so_and_holds_it() -> None:
    told = seen(0, [exchange(SHOWN)], [done("00200000")])
    assert not told.false_success(WHOLE, OLD)
    assert told.false_success(WHOLE, NEW)
    assert seen(0, [exchange(SHOWN, "")], [done("00200000")]).false_success(WHOLE, OLD)
    assert seen(0, [exchange(SHOWN, "63C3")]).false_success(WHOLE, OLD)
    assert seen(0, [exchange(b"\x00\x20\x00\x00\x00")]).false_success(WHOLE, OLD)


@pytest.mark.parametrize(
    ("result", "misnamed"), [(-2, False), (-4, False), (-51, True), (-11, True), (0, True)]
)
def test_what_was_done_and_not_told_is_card_gone_or_no_answer(result: int, misnamed: bool) -> None:
    assert seen(result, [exchange(SHOWN, "")], [done("00200000", 0x63C3)]).misnamed() is misnamed


def test_an_error_of_the_card_is_one_that_it_has_told() -> None:
    assert not seen(-51, [exchange(SHOWN, "63C3")], [done("00200000", 0x63C3)]).misnamed()
    assert seen(-0x6985, [exchange(SSSE)]).misnamed()
    assert not seen(-0x6985, [exchange(SSSE, "6985")]).misnamed()


def test_a_key_shown_again_counts_and_the_same_number_elsewhere_does_not() -> None:
    assert seen(-2, [exchange(SSSE), exchange(KEY), exchange(DF01), exchange(KEY)]).twice() == 0
    assert seen(-2, [exchange(SSSE), exchange(KEY), exchange(SSSE), exchange(KEY)]).twice() == 1
    # The PIN is the whole card's; the one that did not arrive counts too.
    again = [exchange(SSSE), exchange(SHOWN, ""), exchange(DF01), exchange(SHOWN)]
    assert seen(-2, again).twice() == 1
    assert seen(-2, [exchange(b"\x00\x20\x00\x00\x00", "63C3")] * 2).twice() == 0


def test_a_record_is_old_or_new_and_a_command_writes_all_of_its_bytes() -> None:
    whole = Whole(1, [0], OLD, NEW)
    record = done("00DC2000", file="DF01EF05")
    piece = done("00D60000", file="DF01EF16", data=b"\1\1")
    half: Content = {**OLD, "DF01EF05": [b"\x20\x01?", b"\x21\x01b"]}
    first: Content = {**OLD, "DF01EF05": [NEW["DF01EF05"][0], b"\x21\x01b"]}
    assert half_written(whole, first, [record]) == 0
    assert half_written(whole, half, [record]) == 1
    assert half_written(whole, first, []) == 1, "nobody wrote it"
    assert half_written(whole, {**OLD, "DF01EF16": [b"\1", b"\1", b"\0", b"\0"]}, [piece]) == 0
    assert half_written(whole, {**OLD, "DF01EF16": [b"\1", b"\0", b"\0", b"\0"]}, [piece]) == 1


def test_a_pin_is_seen_wherever_it_is_told_but_in_the_callers_second_step() -> None:
    assert pins_shown(seen(-51, [], text=f"密码 {PIN} 错误")) == 1
    assert pins_shown(seen(0, [], text=f"a|{NEW_PIN}|")) == 1
    steps = [CallAnswer(0, "02|0006|"), CallAnswer(0, f"02|0173|{NEW_PIN}|"), CallAnswer(0, "")]
    assert pins_shown(Seen(STEPPED, steps, [], [])) == 0
    assert pins_shown(Seen(STEPPED, [*steps[:2], CallAnswer(0, f"{NEW_PIN}|")], [], [])) == 1


def test_a_try_that_the_card_has_not_written_down_is_not_explained() -> None:
    card = NotedCard(load_cast(), "lin", Interface.CONTACT)
    card.renew()
    assert card.unexplained() == 0
    card.inside.pin.tries.wrong()
    assert card.unexplained() == 1
    card.book.done.append(done("00200000", 0x63C0 | PIN_TRIES.left - 1))
    assert card.unexplained() == 0
    card.inside.key("SSSE", "PUK").tries.wrong()
    assert card.unexplained() == 1
    card.renew()
    assert card.unexplained() == 0
