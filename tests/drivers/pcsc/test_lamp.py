"""A reader's own lamp and buzzer: escapes through the real pcscd, and never during a tap."""

from collections.abc import Iterator, Mapping

import pytest

from contracts.drivers.echo import CONTACTLESS_ATR, EchoCard
from contracts.drivers.reader import COMMAND, expect
from drivers.contract import (
    Absence,
    Beep,
    DeviceState,
    Interface,
    Lamp,
    Presence,
    Prompt,
    SignallingReader,
    SlotBinding,
)
from drivers.options import OptionsFault
from drivers.pcsc.card import PcscReader
from drivers.pcsc.lamp import LANGUAGES, escapes
from drivers.pcsc.readers import PcscReaders
from simulators.pcscd import Pcscd, Port
from simulators.vpcd import Slot
from tests.drivers.conftest import MakeReaders
from world.real import RealWorld

NAME = "Onecard Contactless A"
WELCOME = Prompt("accepted", "welcome", "green", "short")
WELCOME_122 = bytes.fromhex("FF00400E0401000101")


def binding(**options: str | int | bool) -> SlotBinding:
    return SlotBinding("air-a", f"*{NAME[8:]}*", Interface.CONTACTLESS, options)


@pytest.fixture
def port(pcscd: Pcscd) -> Iterator[Port]:
    port = pcscd.ports[NAME]
    port.take_escapes()
    yield port
    port.refuse_escapes()


@pytest.fixture
def reader(port: Port, make_readers: MakeReaders) -> PcscReader:
    reader = make_readers(binding(lamp="acr122"))["air-a"]
    assert isinstance(reader, PcscReader)
    assert isinstance(reader, SignallingReader)
    return reader


def test_prompt_becomes_the_models_escape_command(reader: PcscReader, port: Port) -> None:
    reader.signal(WELCOME)
    assert port.escapes == [WELCOME_122]
    assert reader.status().counters == {"signalled": 1}


def test_with_the_card_still_there_and_the_next_tap_goes_on_undisturbed(
    reader: PcscReader, port: Port, slots: Mapping[str, Slot]
) -> None:
    for turn in range(1, 4):
        slots[NAME].insert(EchoCard(CONTACTLESS_ATR))
        presence = expect(reader, Presence)
        card = reader.open(presence.count)
        assert card.transmit(COMMAND) == COMMAND + b"\x90\x00"
        card.close()
        reader.signal(WELCOME)
        card = reader.open(presence.count)  # the same card, the same presence
        assert card.transmit(COMMAND) == COMMAND + b"\x90\x00"
        card.close()
        slots[NAME].remove()
        expect(reader, Absence)
        reader.signal(WELCOME)
        assert len(port.escapes) == 2 * turn
    assert len(reader.events) == 0
    assert reader.status().presented == 3


def test_reader_that_takes_no_escape_is_counted_and_stays_ready(
    reader: PcscReader, port: Port
) -> None:
    port.refuse_escapes()
    reader.signal(WELCOME)
    assert reader.status().counters == {"unsignalled": 1}
    assert reader.status().state is DeviceState.READY
    port.take_escapes()
    reader.signal(WELCOME)
    assert port.escapes == [WELCOME_122]


def test_without_a_lamp_in_the_settings_nothing_is_sent(
    port: Port, make_readers: MakeReaders
) -> None:
    reader = make_readers(binding())["air-a"]
    assert isinstance(reader, SignallingReader)
    reader.signal(WELCOME)
    assert port.escapes == []
    assert reader.status().counters == {}


def test_reader_that_is_away_is_left_alone() -> None:
    reader = PcscReader(RealWorld(), binding(lamp="acr122"))
    reader.signal(WELCOME)
    assert reader.status().counters == {}


@pytest.mark.parametrize("options", [{"lamp": "acr9"}, {"light": "acr122"}])
def test_options_that_do_not_fit_are_told(options: dict[str, str]) -> None:
    with pytest.raises(OptionsFault):
        PcscReaders(RealWorld(), [binding(**options)])


@pytest.mark.parametrize(
    ("model", "lamp", "beep", "expected"),
    [
        ("acr122", "red", "long", ["FF00400D0403000101"]),
        ("acr122", "yellow", "double", ["FF00400F0401010201"]),
        ("acr122", "off", "none", ["FF00400C0400000000"]),
        ("acr1281", "green", "short", ["E00000290102", "E0000028010A"]),
        ("acr1281", "red", "none", ["E00000290101"]),
        ("none", "green", "short", []),
    ],
)
def test_tables_byte_for_byte(model: str, lamp: Lamp, beep: Beep, expected: list[str]) -> None:
    prompt = Prompt("any", "any", lamp, beep)
    found = [command.hex().upper() for command in escapes(model, prompt)]  # type: ignore[arg-type]
    assert found == expected


def test_every_table_has_every_lamp() -> None:
    for language in LANGUAGES.values():
        assert set(language.lamps) == {"green", "red", "yellow", "off"}
