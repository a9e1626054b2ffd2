"""A malicious card says what the good one said, before and after its lies."""

import pytest

from apdu.channel import CardGone, Transport
from proving.malice.card import UNKNOWN, Hang, Lie, MaliciousCard, Script

GOOD = [
    (b"\x00\xa4\x04\x00\x01\x01", b"\x61\x02"),
    (b"\x00\xc0\x00\x00\x02", b"\x6f\x00\x90\x00"),
    (b"\x00\x84\x00\x00\x08", b"AAAAAAAA\x90\x00"),
    (b"\x00\x84\x00\x00\x08", b"BBBBBBBB\x90\x00"),
]
SCRIPT = Script(Transport.T0, b"\x3b", [c for c, _ in GOOD], [a for _, a in GOOD])


def played(card: MaliciousCard, *commands: bytes) -> list[bytes]:
    return [card.transmit(command) for command in commands or SCRIPT.commands]


def test_without_a_lie_it_is_the_good_card() -> None:
    assert played(MaliciousCard(SCRIPT)) == list(SCRIPT.answers)


def test_after_a_lie_the_script_goes_on() -> None:
    card = MaliciousCard(SCRIPT, [Lie(2, "x", [b"\x6d\x00"])])
    assert played(card) == [*SCRIPT.answers[:2], b"\x6d\x00", SCRIPT.answers[3]]


def test_a_lie_of_several_answers_takes_as_many_commands() -> None:
    card = MaliciousCard(SCRIPT, [Lie(0, "x", [b"\x61\x01", b"\x61\x01", b"\x90\x00"])])
    more = b"\x00\xc0\x00\x00\x01"
    told = played(card, SCRIPT.commands[0], more, more, SCRIPT.commands[2], SCRIPT.commands[3])
    assert told == [b"\x61\x01", b"\x61\x01", b"\x90\x00", *SCRIPT.answers[2:]]


def test_a_lie_for_ever_is_told_to_the_end() -> None:
    card = MaliciousCard(SCRIPT, [Lie(1, "x", [b"\x61\x01"], forever=True)])
    assert played(card)[1:] == [b"\x61\x01"] * 3


def test_a_command_that_is_in_no_script_is_not_known_and_nothing_is_lost_by_it() -> None:
    card = MaliciousCard(SCRIPT)
    assert played(card, b"\x00\xb0\x00\x00\x00", *SCRIPT.commands) == [UNKNOWN, *SCRIPT.answers]


def test_it_can_leave() -> None:
    card = MaliciousCard(SCRIPT, [Lie(0, "gone", [CardGone()])])
    with pytest.raises(CardGone):
        card.transmit(SCRIPT.commands[0])
    assert card.said == [(SCRIPT.commands[0], b"")]


def test_a_flow_that_does_not_end_is_a_hang() -> None:
    card = MaliciousCard(SCRIPT)
    played(card, *[SCRIPT.commands[2]] * SCRIPT.bound)
    with pytest.raises(Hang):
        card.transmit(SCRIPT.commands[2])


def test_a_command_that_was_sent_again_after_6cxx_is_one_command() -> None:
    card = MaliciousCard(SCRIPT, [Lie(2, "x", [b"\x6c\x08"])])
    played(card, *SCRIPT.commands[:3])
    assert card.sent(0x84) == [b"\x6c\x08"]
    card.transmit(SCRIPT.commands[3])
    assert card.sent(0x84) == [GOOD[3][1][-2:]]


def test_an_answer_in_pieces_is_one_answer() -> None:
    card = MaliciousCard(SCRIPT)
    played(card)
    assert card.answered(0xA4) == (b"\x6f\x00", b"\x90\x00")
    assert card.answered(0x84) == (b"BBBBBBBB", b"\x90\x00")
    assert card.answered(0x88) == (b"", b"")
    assert card.sent(0xA4) == [b"\x90\x00"]
