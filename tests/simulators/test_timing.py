"""The time table against sums done by hand (spec devices.md, "Time of a card, for benchmarks")."""

import pytest

from simulators.cards import Interface
from simulators.timing import Air, Exchange, TimeTable

SELECT = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF00")  # 21 bytes
FCI = bytes(30) + b"\x90\x00"


@pytest.mark.parametrize("air", [106, 212, 424, 848])
def test_contactless(air: Air) -> None:
    seconds = TimeTable(air).exchange_seconds(Interface.CONTACTLESS, SELECT, FCI)
    bits = 9 * ((21 + 3) + (32 + 3))
    assert seconds == pytest.approx(bits / (air * 1000) + 0.000177 + 0.004)


def test_contact_is_38400_baud_and_12_bits_a_byte() -> None:
    seconds = TimeTable().exchange_seconds(Interface.CONTACT, SELECT[:-1], b"\x61\x1e")
    assert seconds == pytest.approx(22 * 12 / 38400 + 0.004)


@pytest.mark.parametrize(
    ("interface", "header", "milliseconds"),
    [
        (Interface.CONTACT, "00B20128", 2),
        (Interface.CONTACT, "00B09600", 2),
        (Interface.CONTACT, "00840000", 3),
        (Interface.CONTACT, "00880000", 12),
        (Interface.CONTACT, "0082000A", 12),
        (Interface.CONTACT, "00200000", 8),
        (Interface.CONTACT, "80500102", 10),
        (Interface.CONTACT, "80DC00F0", 4),
        (Interface.CONTACT, "80540100", 20),
        (Interface.CONTACT, "00DC0628", 8),
        (Interface.CONTACT, "00D68700", 8),
        (Interface.CONTACT, "00C00000", 0),
        (Interface.SAM, "00A40400", 4),
        (Interface.SAM, "00B09600", 2),
        (Interface.SAM, "BFDE6708", 8),
        (Interface.SAM, "80FA0000", 6),
        (Interface.SAM, "80700000", 15),
        (Interface.SAM, "80720000", 8),
        (Interface.SAM, "00C00000", 0),
    ],
)
def test_work_of_each_command(interface: Interface, header: str, milliseconds: float) -> None:
    command = bytes.fromhex(header)
    seconds = TimeTable().exchange_seconds(interface, command, b"")
    assert seconds - 4 * 12 / 38400 == pytest.approx(milliseconds / 1000)


def test_activation_is_of_the_air_only() -> None:
    table = TimeTable()
    assert table.activation_seconds(Interface.CONTACTLESS) == pytest.approx(0.0064)
    assert table.activation_seconds(Interface.CONTACT) == 0
    assert table.at(Interface.CONTACTLESS).activation_seconds == pytest.approx(0.0064)


def test_floor_is_the_sum_and_a_column_is_the_table() -> None:
    table = TimeTable(212)
    exchanges = [
        Exchange(Interface.CONTACTLESS, SELECT, FCI),
        Exchange(Interface.SAM, bytes.fromhex("80FA000008") + bytes(8), b"\x61\x08"),
    ]
    assert table.floor(exchanges) == pytest.approx(
        sum(table.at(e.interface).exchange_seconds(e.command, e.response) for e in exchanges)
    )
    assert table.floor([]) == 0
