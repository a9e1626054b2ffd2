import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu import status
from apdu.command import Command, Response
from apdu.status import (
    CardBlocked,
    ExternalAuthenticationRefused,
    PinBlocked,
    SecurityStatusNotSatisfied,
    StatusFault,
    WrongPin,
)

VERIFY = Command(0x00, 0x20, 0x00, 0x00, bytes.fromhex("123456"))
EXTERNAL = Command(0x00, 0x82, 0x00, 0x0A, bytes(16))
READ = Command(0x00, 0xB2, 0x08, 0x30, expected=20)
SELECT = Command(0x00, 0xA4, 0x04, 0x00, b"name", expected=256)


@pytest.mark.parametrize(
    ("command", "sw", "kind"),
    [
        (VERIFY, 0x63C2, WrongPin),
        (VERIFY, 0x6983, PinBlocked),
        (EXTERNAL, 0x63C9, ExternalAuthenticationRefused),
        (EXTERNAL, 0x6983, CardBlocked),
        (READ, 0x6982, SecurityStatusNotSatisfied),
        (READ, 0x9303, CardBlocked),
        (SELECT, 0x6A81, CardBlocked),
        (READ, 0x6A81, StatusFault),
        (READ, 0x63C2, StatusFault),
    ],
)
def test_each_refusal_has_its_kind(command: Command, sw: int, kind: type[StatusFault]) -> None:
    assert type(status.fault(command, sw)) is kind


def test_a_wrong_pin_carries_the_tries_left_and_never_the_pin() -> None:
    fault = status.fault(VERIFY, 0x63C2)
    assert isinstance(fault, WrongPin)
    assert fault.tries == 2
    assert fault.facts["tries"] == 2
    assert fault.facts["command"] == "00200000"
    assert "123456" not in str(fault) + repr(fault)


def test_only_9000_gives_data() -> None:
    assert status.data_of(READ, Response(b"x", 0x9000)) == b"x"
    with pytest.raises(StatusFault):
        status.data_of(READ, Response(b"x", 0x6282))


@given(st.integers(0, 0xFFFF))
def test_every_status_word_has_a_row(sw: int) -> None:
    assert status.lookup(sw).name
    assert (status.tries_left(sw) is not None) == (0x63C0 <= sw <= 0x63CF)
