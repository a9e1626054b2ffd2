import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.channel import CardMute
from apdu.command import Command, CommandFault, Response


@pytest.mark.parametrize(
    ("text", "case"),
    [
        ("00200000", 1),
        ("0084000008", 2),
        ("BFDE6708 02 0102", 3),
        ("00A4040002 EF05 00", 4),
    ],
)
def test_the_four_cases_survive_a_round_trip(text: str, case: int) -> None:
    command = Command.from_hex(text)
    assert command.case == case
    assert bytes(command) == bytes.fromhex(text)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_command_or_a_fault(raw: bytes) -> None:
    try:
        command = Command.parse(raw)
    except CommandFault:
        return
    assert bytes(command) == raw


@pytest.mark.parametrize("text", ["", "00A404", "00A4040005EF", "00A40400000000", "zz", "00610000"])
def test_what_is_no_short_command_is_refused(text: str) -> None:
    with pytest.raises(CommandFault):
        Command.from_hex(text)


def test_values_out_of_range_are_refused() -> None:
    with pytest.raises(CommandFault):
        Command(0x100, 0xA4, 0, 0)
    with pytest.raises(CommandFault):
        Command(0, 0xA4, 0, 0, bytes(256))
    with pytest.raises(CommandFault):
        Command(0, 0xB0, 0, 0, expected=257)


@given(st.binary(max_size=1))
def test_an_answer_without_status_word_is_a_mute_card(raw: bytes) -> None:
    with pytest.raises(CardMute):
        Response.parse(raw)


def test_data_never_shows() -> None:
    secret = bytes.fromhex("123456FF")
    assert "123456" not in repr(Command(0, 0x20, 0, 0, secret))
    assert repr(secret) not in repr(Command(0, 0x20, 0, 0, secret))
    assert repr(secret) not in repr(Response(secret, 0x9000))
