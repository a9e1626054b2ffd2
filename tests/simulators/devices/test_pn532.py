"""The simulated PN532 is no easier than a real one: it sleeps, waits, and keeps to its contexts."""

import queue
from collections.abc import Iterator

import pytest

from contracts.drivers.echo import CONTACTLESS_ATR, EchoCard
from simulators.devices.pn532 import Pn532Chip, ats_of, framed

ACK = bytes.fromhex("0000FF00FF00")
WAKE_UP = bytes.fromhex("5555") + bytes(14)
SOON = 60.0  # seconds
NEVER = 0.1  # seconds; long for something that would come at once


class Host:
    """Bare bytes to and from a chip."""

    def __init__(self, chip: Pn532Chip) -> None:
        self.chip = chip
        self.heard: queue.Queue[bytes] = queue.Queue()

    def say(self, data: bytes) -> None:
        self.chip.received(data, self.heard.put)

    def ask(self, command: str) -> str:
        """A command that is acknowledged and answered: the answer's data."""
        self.say(framed(b"\xd4" + bytes.fromhex(command)))
        assert self.heard.get(timeout=SOON) == ACK
        return self.answer()

    def answer(self) -> str:
        frame = self.heard.get(timeout=SOON)
        content = frame[5:-2]
        assert framed(content) == frame
        return content[1:].hex()

    def silent(self) -> bool:
        try:
            self.heard.get(timeout=NEVER)
        except queue.Empty:
            return True
        return False


@pytest.fixture
def host() -> Iterator[Host]:
    chip = Pn532Chip()
    yield Host(chip)
    chip.close()


@pytest.fixture
def awake(host: Host) -> Host:
    host.say(WAKE_UP)
    assert host.ask("140100") == "15"
    return host


def test_asleep_it_hears_nothing_and_in_low_battery_mode_one_command(host: Host) -> None:
    host.say(framed(bytes.fromhex("D402")))
    assert host.silent()
    host.say(WAKE_UP + framed(bytes.fromhex("D402")))
    assert host.silent()
    assert host.ask("140100") == "15"
    assert host.ask("02") == "0332010607"


def test_it_calls_for_a_second_card_as_long_as_for_a_first(awake: Host) -> None:
    awake.chip.put(EchoCard())
    awake.say(framed(bytes.fromhex("D44A0200")))
    assert awake.heard.get(timeout=SOON) == ACK
    assert awake.silent()
    awake.chip.put(EchoCard())
    assert awake.answer().startswith("4b02")


def test_an_ack_calls_the_command_off(awake: Host) -> None:
    awake.say(framed(bytes.fromhex("D44A0100")))
    assert awake.heard.get(timeout=SOON) == ACK
    awake.say(ACK)
    awake.chip.put(EchoCard())
    assert awake.silent()
    assert awake.ask("02") == "0332010607"


def test_a_nack_has_the_last_answer_repeated(awake: Host) -> None:
    assert awake.ask("02") == "0332010607"
    awake.say(bytes.fromhex("0000FFFF0000"))
    assert awake.answer() == "0332010607"


def test_active_card_answers_no_call_until_the_field_was_off(awake: Host) -> None:
    awake.ask("3205FF0100")
    awake.chip.put(EchoCard())
    assert awake.ask("4A0100").startswith("4b01")
    assert awake.ask("4A0100") == "4b00"
    awake.ask("320100")
    assert awake.ask("4A0100").startswith("4b01")


def test_of_two_cards_none_is_selected(awake: Host) -> None:
    for _ in range(2):
        awake.chip.put(EchoCard())
    assert awake.ask("4A0200").startswith("4b02")
    assert awake.ask("400100A4040000") == "4127"
    assert awake.ask("5402") == "5500"
    assert awake.ask("400200A4040000") == "410000a40400009000"


def test_frame_with_a_wrong_sum_is_not_heard(awake: Host) -> None:
    frame = framed(bytes.fromhex("D402"))
    awake.say(frame[:-2] + b"\x00\x00")
    assert awake.silent()


def test_unknown_command_is_a_syntax_error(awake: Host) -> None:
    awake.say(framed(bytes.fromhex("D4EE")))
    assert awake.heard.get(timeout=SOON) == ACK
    assert awake.heard.get(timeout=SOON) == bytes.fromhex("0000FF01FF7F8100")


def test_ats_carries_the_atrs_historical_bytes() -> None:
    assert ats_of(CONTACTLESS_ATR).hex() == "0578778102"
