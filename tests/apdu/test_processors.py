import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.channel import CardGone, CardMute, Transport
from apdu.command import Command
from apdu.processors import MAX_FOLLOWS, ChainFault, RedactedExchange, chain
from apdu.social_security.quirks import Quirks, Rewrite
from tests.apdu.scripted import Answering, Scripted
from world import Fault

CASES = {
    1: Command(0x00, 0x20, 0x00, 0x00),
    2: Command(0x00, 0x84, 0x00, 0x00, expected=8),
    3: Command(0xBF, 0xDE, 0x67, 0x08, b"\x01\x02"),
    4: Command(0x00, 0xA4, 0x04, 0x00, b"\x01\x02", expected=256),
}


@pytest.mark.parametrize(
    ("case", "sent"),
    [(1, "0020000000"), (2, "0084000008"), (3, "BFDE6708020102"), (4, "00A40400020102")],
)
def test_t0_has_no_le_beside_data(case: int, sent: str) -> None:
    channel = Scripted([(sent, "9000")], Transport.T0)
    assert chain(channel).send(CASES[case]).ok


@pytest.mark.parametrize(
    ("case", "sent"),
    [(1, "00200000"), (2, "0084000008"), (3, "BFDE6708020102"), (4, "00A4040002010200")],
)
def test_t1_and_contactless_end_case_4_with_le_00(case: int, sent: str) -> None:
    assert chain(Scripted([(sent, "9000")])).send(CASES[case]).ok


def test_the_le_of_contactless_has_a_switch() -> None:
    channel = Scripted([("00A40400020102", "9000")])
    assert chain(channel, quirks=Quirks(le_zero=False)).send(CASES[4]).ok


def test_chains_of_61xx_add_up() -> None:
    channel = Scripted(
        [
            ("00A40400020102", "6102"),
            ("00C0000002", "AAAA6103"),
            ("00C0000003", "BBBBBB6100"),
            ("00C0000000", "CC9000"),
        ],
        Transport.T0,
    )
    response = chain(channel).send(CASES[4])
    assert response.data.hex() == "aaaabbbbbbcc"
    assert response.ok


def test_6cxx_is_repeated_once_with_the_cards_length() -> None:
    channel = Scripted([("0084000008", "6C04"), ("0084000004", "010203049000")], Transport.T0)
    assert chain(channel).send(CASES[2]).data == bytes.fromhex("01020304")


def test_6cxx_to_get_response_is_repeated_too() -> None:
    channel = Scripted(
        [("00A40400020102", "6110"), ("00C0000010", "6C02"), ("00C0000002", "AABB9000")],
        Transport.T0,
    )
    assert chain(channel).send(CASES[4]).data == bytes.fromhex("AABB")


def test_a_second_6cxx_is_cut() -> None:
    channel = Answering(lambda command: bytes((0x6C, command[-1] + 1 & 0xFF)))
    with pytest.raises(ChainFault):
        chain(channel).send(CASES[2])
    assert len(channel.sent) == 2


@pytest.mark.parametrize("more", [b"\x61\x10", b"\x00" * 16 + b"\x61\x10"])
def test_endless_61xx_is_cut(more: bytes) -> None:
    channel = Answering(lambda command: more, Transport.T0)
    with pytest.raises(ChainFault):
        chain(channel).send(CASES[4])
    assert len(channel.sent) == 1 + MAX_FOLLOWS


def test_the_longest_allowed_chain_is_not_cut() -> None:
    """The control: the bound cuts only what is beyond it."""
    answers = iter([b"\x61\x01"] + [b"\x00\x61\x01"] * (MAX_FOLLOWS - 1) + [b"\x00\x90\x00"])
    response = chain(Answering(lambda command: next(answers), Transport.T0)).send(CASES[4])
    assert len(response.data) == MAX_FOLLOWS


@pytest.mark.parametrize("ins", [0x20, 0x82, 0x24, 0x5E])
@pytest.mark.parametrize("data", [b"", bytes(16)])
@pytest.mark.parametrize("transport", list(Transport))
def test_what_spends_tries_is_never_repeated(ins: int, data: bytes, transport: Transport) -> None:
    channel = Answering(lambda command: b"\x6c\x08", transport)
    response = chain(channel).send(Command(0x00, ins, 0x00, 0x0A, data))
    assert response.sw == 0x6C08
    assert len(channel.sent) == 1


@pytest.mark.parametrize("answer", [b"", b"\x90", bytes(257) + b"\x90\x00"])
def test_an_answer_that_cannot_be_one_is_a_mute_card(answer: bytes) -> None:
    with pytest.raises(CardMute):
        chain(Answering(lambda command: answer)).send(CASES[2])


def test_a_rewrite_sends_the_other_header() -> None:
    quirks = Quirks(rewrites=(Rewrite(bytes.fromhex("00A402"), bytes.fromhex("00A400")),))
    channel = Scripted([("00A4000002EF0500", "9000")])
    command = Command(0x00, 0xA4, 0x02, 0x00, bytes.fromhex("EF05"), expected=256)
    assert chain(channel, quirks=quirks).send(command).ok


def test_a_trace_sees_every_exchange_and_no_data() -> None:
    seen: list[RedactedExchange] = []
    channel = Scripted(
        [("0020000003123456", "63C2"), ("00B2093020", "6C05"), ("00B2093005", "D5C5C8FD209000")]
    )
    sender = chain(channel, observer=seen.append)
    sender.send(Command(0x00, 0x20, 0x00, 0x00, bytes.fromhex("123456")))
    sender.send(Command(0x00, 0xB2, 0x09, 0x30, expected=32))
    assert [one.sw for one in seen] == ["63C2", "6C05", "9000"]
    assert seen[0] == RedactedExchange("00200000", "<3 bytes>", "", "63C2")
    assert seen[2] == RedactedExchange("00B20930", "", "<5 bytes>", "9000")
    assert "123456" not in repr(seen)
    assert "D5C5" not in repr(seen)


def test_a_trace_shows_which_name_was_selected() -> None:
    seen: list[RedactedExchange] = []
    chain(Answering(lambda command: b"\x6a\x82"), observer=seen.append).send(CASES[4])
    assert seen == [RedactedExchange("00A40400", "0102", "", "6A82")]


def test_a_trace_names_the_fault_and_lets_it_pass() -> None:
    seen: list[RedactedExchange] = []

    def gone(command: bytes) -> bytes:
        raise CardGone

    with pytest.raises(CardGone):
        chain(Answering(gone), observer=seen.append).send(CASES[2])
    assert seen[0].fault == "card.gone"


@given(st.lists(st.binary(max_size=260), min_size=1, max_size=80), st.sampled_from(Transport))
def test_any_answers_are_a_response_or_a_fault(answers: list[bytes], transport: Transport) -> None:
    endless = iter(answers * 100)
    for command in CASES.values():
        channel = Answering(lambda _: next(endless, b""), transport)
        try:
            chain(channel).send(command)
        except Fault:
            continue
