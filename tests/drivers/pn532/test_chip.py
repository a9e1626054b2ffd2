"""Conversations with the chip, to the byte: waking, waiting, looking, APDUs, letting go; and what
becomes of them when the chip or the line does something else.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.contract import DeviceFault, DeviceLost, DeviceProtocol, DeviceSilent
from drivers.io.flight import Flight
from drivers.io.line import LineOptions, open_line
from drivers.pn532.chip import NOISE, REPEATS, CardFailed, Chip
from simulators.devices.pn532 import framed
from simulators.devices.pty import PtyPort
from tests.drivers.pn532.script import ACK, NACK, Script
from world.real import RealWorld

WORLD = RealWorld()
PATIENCE = 60.0  # seconds

# The host's words and the chip's, by UM0701-02, 6.2 and 7.2 and 7.3.
Turn = tuple[str, str]
WAKE_UP = "55550000000000000000000000000000"
SAM = ("0000FF05FBD4140100011600", ACK + "0000FF02FED5151600")
FIRMWARE = ("0000FF02FED4022A00", ACK + "0000FF06FAD50332010607E800")
FIELD_OFF = ("0000FF04FCD4320100F900", ACK + "0000FF02FED533F800")
FIELD_ON = ("0000FF04FCD4320101F800", ACK + "0000FF02FED533F800")
FOR_EVER = ("0000FF06FAD43205FF01FFF600", ACK + "0000FF02FED533F800")
A_LOOK = ("0000FF06FAD43205FF0102F300", ACK + "0000FF02FED533F800")
LIST_ONE, LIST_TWO = "0000FF04FCD44A0100E100", "0000FF04FCD44A0200E000"
FOUND = "0000FF14ECD54B010103442007040102030405060578778102E000"
NOBODY = "0000FF03FDD54B00E000"
SELECT = "0000FF08F8D4400100A40400004300"
YES = "0000FF05FBD5410090005A00"
LATE = "0000FF03FDD54101E900"
ARE_YOU_THERE = "0000FF03FDD442B23800"
RELEASE = ("0000FF03FDD45200DA00", ACK + "0000FF03FDD55300D800")
APDU = bytes.fromhex("00A4040000")


class Talk:
    """A chip at a script, and what it counted."""

    def __init__(self, port: PtyPort) -> None:
        self.counted: Counter[str] = Counter()
        self.flight = Flight(WORLD)
        line = open_line(WORLD, LineOptions(port=str(port.path), baudrate=115_200), device="air")
        self.chip = Chip(WORLD, line, flight=self.flight, device="air", count=self._count)

    def _count(self, what: str) -> None:
        self.counted[what] += 1


@contextmanager
def talking(folder: Path, *turns: Turn) -> Iterator[Talk]:
    """Afterwards the host has said every word, no other, and its farewell."""
    farewell = (ACK + FIELD_OFF[0], "")
    script = Script([*turns, farewell])
    with PtyPort(folder / "pn532", script) as port:
        talk = Talk(port)
        try:
            yield talk
        finally:
            talk.chip.close()
        assert script.over.wait(PATIENCE), f"unsaid; heard {script.heard.hex()}"
        assert not script.wrong


def test_waking(tmp_path: Path) -> None:
    with talking(tmp_path, (WAKE_UP + ACK, ""), SAM, FIRMWARE, FIELD_OFF) as talk:
        talk.chip.wake()


def test_chip_that_sleeps_through_the_first_word_is_woken_again(tmp_path: Path) -> None:
    turns = [(WAKE_UP + ACK, ""), (SAM[0], ""), (WAKE_UP, ""), SAM, FIRMWARE, FIELD_OFF]
    with talking(tmp_path, *turns) as talk:
        talk.chip.wake()


def test_another_chip_is_a_protocol_error(tmp_path: Path) -> None:
    pn533 = (FIRMWARE[0], ACK + framed(bytes.fromhex("D50333020707")).hex())
    with talking(tmp_path, (WAKE_UP + ACK, ""), SAM, pn533) as talk:
        with pytest.raises(DeviceProtocol) as caught:
            talk.chip.wake()
        assert caught.value.facts["found"] == "33"


def test_waiting_for_a_card_is_the_chips_own(tmp_path: Path) -> None:
    with talking(tmp_path, FOR_EVER, FIELD_ON, (LIST_ONE, ACK + FOUND)) as talk:
        assert talk.chip.await_card(PATIENCE)


def test_wait_in_vain_is_called_off_and_what_still_comes_is_skipped(tmp_path: Path) -> None:
    late = (SAM[0], FOUND + SAM[1])
    turns = [FOR_EVER, FIELD_ON, (LIST_ONE, ACK), (ACK, ""), (WAKE_UP + ACK, ""), late]
    with talking(tmp_path, *turns, FIRMWARE, FIELD_OFF) as talk:
        assert not talk.chip.await_card(0.05)
        talk.chip.wake()


def test_chip_that_does_not_wait_finds_nobody(tmp_path: Path) -> None:
    with talking(tmp_path, FOR_EVER, FIELD_ON, (LIST_ONE, ACK + NOBODY)) as talk:
        assert not talk.chip.await_card(PATIENCE)


def test_a_look_resets_every_card_and_asks_for_two(tmp_path: Path) -> None:
    looks = [FIELD_OFF, A_LOOK, FIELD_ON, (LIST_TWO, ACK + FOUND)]
    again = [FIELD_OFF, FIELD_ON, (LIST_TWO, ACK + NOBODY)]
    with talking(tmp_path, *looks, *again) as talk:
        (found,) = talk.chip.inventory()
        assert (found.number, found.identifier.hex()) == (1, "04010203040506")
        assert found.atr.hex().upper() == "3B80800101"
        assert talk.chip.inventory() == []


def test_list_that_is_cut_short_is_a_protocol_error(tmp_path: Path) -> None:
    short = framed(bytes.fromhex("D54B 02 01 0344")).hex()
    turns = [FIELD_OFF, A_LOOK, FIELD_ON, (LIST_TWO, ACK + short)]
    with talking(tmp_path, *turns) as talk, pytest.raises(DeviceProtocol):
        talk.chip.inventory()


def test_an_apdu_and_a_power_down(tmp_path: Path) -> None:
    with talking(tmp_path, (SELECT, ACK + YES), RELEASE, FIELD_OFF) as talk:
        assert talk.chip.exchange(1, APDU).hex() == "9000"
        talk.chip.power_down()


def test_longest_short_apdu_goes_in_one_frame_and_its_answer_comes_in_one(tmp_path: Path) -> None:
    command = bytes.fromhex("00D60000FF") + bytes(255) + b"\x00"
    answer = bytes(256) + b"\x90\x00"
    said = framed(b"\xd4\x40\x01" + command).hex()
    assert said.startswith("0000ffffff0108f7")
    with talking(tmp_path, (said, ACK + framed(b"\xd5\x41\x00" + answer).hex())) as talk:
        assert talk.chip.exchange(1, command) == answer


def test_longer_ones_go_and_come_in_parts(tmp_path: Path) -> None:
    command, answer = bytes(range(256)) + bytes(300), bytes(range(256)) * 2
    turns = [
        (framed(b"\xd4\x40\x41" + command[:262]).hex(), ACK + framed(b"\xd5\x41\x00").hex()),
        (framed(b"\xd4\x40\x41" + command[262:524]).hex(), ACK + framed(b"\xd5\x41\x00").hex()),
        (
            framed(b"\xd4\x40\x01" + command[524:]).hex(),
            ACK + framed(b"\xd5\x41\x40" + answer[:262]).hex(),
        ),
        (framed(b"\xd4\x40\x01").hex(), ACK + framed(b"\xd5\x41\x00" + answer[262:]).hex()),
    ]
    with talking(tmp_path, *turns) as talk:
        assert talk.chip.exchange(1, command) == answer


@pytest.mark.parametrize("size", [0, 1, 261, 262, 263, 524, 525])
def test_no_byte_is_lost_between_parts(tmp_path: Path, size: int) -> None:
    command = bytes(at & 0xFF for at in range(size))
    parts = [command[at : at + 262] for at in range(0, size, 262)] or [b""]
    turns = [
        (framed(bytes((0xD4, 0x40, 0x41)) + part).hex(), ACK + framed(b"\xd5\x41\x00").hex())
        for part in parts[:-1]
    ]
    turns.append((framed(bytes((0xD4, 0x40, 0x01)) + parts[-1]).hex(), ACK + YES))
    with talking(tmp_path, *turns) as talk:
        assert talk.chip.exchange(1, command).hex() == "9000"


def test_endless_answer_is_a_failed_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.pn532.chip.LONGEST_ANSWER", 600)
    more = ACK + framed(b"\xd5\x41\x40" + bytes(262)).hex()
    turns = [(SELECT, more), *[(framed(b"\xd4\x40\x01").hex(), more)] * 2]
    with talking(tmp_path, *turns) as talk, pytest.raises(CardFailed):
        talk.chip.exchange(1, APDU)


def test_answer_that_goes_on_with_nothing_is_a_failed_card(tmp_path: Path) -> None:
    more = framed(b"\xd5\x41\x40\x90").hex()
    nothing = framed(b"\xd5\x41\x40").hex()
    turns = [(SELECT, ACK + more), (framed(b"\xd4\x40\x01").hex(), ACK + nothing)]
    with talking(tmp_path, *turns) as talk, pytest.raises(CardFailed):
        talk.chip.exchange(1, APDU)


def test_card_that_does_not_answer_has_failed_and_the_chip_has_not(tmp_path: Path) -> None:
    with talking(tmp_path, (SELECT, ACK + LATE)) as talk, pytest.raises(CardFailed):
        talk.chip.exchange(1, APDU)


@pytest.mark.parametrize("status", ["0D", "10", "27", "2D"])
def test_status_that_is_not_about_the_card_is_a_protocol_error(tmp_path: Path, status: str) -> None:
    answer = framed(bytes.fromhex("D541" + status)).hex()
    with talking(tmp_path, (SELECT, ACK + answer)) as talk, pytest.raises(DeviceProtocol):
        talk.chip.exchange(1, APDU)


def test_presence_is_asked_without_changing_the_card(tmp_path: Path) -> None:
    there = (ARE_YOU_THERE, ACK + "0000FF04FCD54300A24600")
    gone = (ARE_YOU_THERE, ACK + framed(bytes.fromhex("D54301")).hex())
    with talking(tmp_path, there, gone, there, gone, gone) as talk:
        assert [talk.chip.is_there() for _ in range(3)] == [True, True, False]


def test_what_the_watchdog_gave_up_is_called_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drivers.pn532.chip.GIVEN_UP_WITHIN", 0.05)
    with talking(tmp_path, (SELECT, ACK), (ACK, "")) as talk, talk.flight:
        talk.flight.give_up()
        with pytest.raises(CardFailed):
            talk.chip.exchange(1, APDU)


# What the line does to it


GARBLED = "0000FF05FBD5410090005B00"
HALF = "0000FF05FBD541"


@pytest.mark.parametrize("broken", [GARBLED, HALF, "0000FF05FAD5410090005A00"])
def test_garbled_answer_of_a_card_is_a_failed_card(tmp_path: Path, broken: str) -> None:
    """It is not asked for again: that could bring the answer to the APDU before."""
    with talking(tmp_path, (SELECT, ACK + broken), (ACK, "")) as talk:
        with pytest.raises(CardFailed):
            talk.chip.exchange(1, APDU)
        assert talk.counted["garbled"] == 1


def test_garbled_answer_of_the_chip_is_asked_for_again(tmp_path: Path) -> None:
    said, answer = FIELD_OFF
    broken = [(said, ACK + "0000FF02FED533F900"), (NACK, "0000FF02FDD533F800")]
    with talking(tmp_path, *broken, (NACK, answer.removeprefix(ACK))) as talk:
        talk.chip.field_off()
        assert talk.counted["garbled"] == REPEATS


def test_answer_that_stays_garbled_is_a_protocol_error(tmp_path: Path) -> None:
    broken = "0000FF02FED533F900"
    turns = [(FIELD_OFF[0], ACK + broken), *[(NACK, broken)] * REPEATS]
    with talking(tmp_path, *turns) as talk, pytest.raises(DeviceProtocol):
        talk.chip.field_off()


def test_command_without_acknowledgement_is_not_sent_again(tmp_path: Path) -> None:
    """It may have been done: an APDU that counts tries must not be done twice."""
    with talking(tmp_path, (SELECT, YES)) as talk, pytest.raises(DeviceSilent):
        talk.chip.exchange(1, APDU)


def test_answer_to_another_command_is_skipped(tmp_path: Path) -> None:
    with talking(tmp_path, (SELECT, FOUND + ACK + FOUND + YES)) as talk:
        assert talk.chip.exchange(1, APDU).hex() == "9000"


def test_syntax_error_is_a_protocol_error(tmp_path: Path) -> None:
    with (
        talking(tmp_path, (SELECT, ACK + "0000FF01FF7F8100")) as talk,
        pytest.raises(DeviceProtocol),
    ):
        talk.chip.exchange(1, APDU)


def test_noise_without_end_is_a_protocol_error(tmp_path: Path) -> None:
    with talking(tmp_path, (SELECT, "A5" * (NOISE + 8))) as talk, pytest.raises(DeviceProtocol):
        talk.chip.exchange(1, APDU)


def test_noise_around_frames_does_no_harm(tmp_path: Path) -> None:
    noise = "A5 7E 13 00"
    with talking(tmp_path, (SELECT, noise + ACK + noise + YES)) as talk:
        assert talk.chip.exchange(1, APDU).hex() == "9000"


def test_port_that_goes_away_is_lost(tmp_path: Path) -> None:
    with PtyPort(tmp_path / "pn532", Script([(SELECT, ACK)])) as port:
        talk = Talk(port)
        port.unplug()
        with pytest.raises(DeviceLost):
            talk.chip.exchange(1, APDU)
        talk.chip.close()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from([bytes.fromhex(one) for one in (ACK, YES, LATE, FOUND, HALF)]),
            st.binary(min_size=1, max_size=20).map(framed),
            st.binary(max_size=20).map(lambda data: framed(b"\xd5\x41" + data)),
        ),
        max_size=6,
    )
)
def test_whatever_the_chip_says_an_apdu_ends_in_an_answer_or_a_named_fault(
    tmp_path_factory: pytest.TempPathFactory, said: Sequence[bytes]
) -> None:
    """Answers are only ever what a whole frame with good sums carried after an ACK."""
    with pytest.MonkeyPatch.context() as patch:
        for limit in ("ACK_WITHIN", "PAUSE", "CARD_WITHIN", "GIVEN_UP_WITHIN"):
            patch.setattr(f"drivers.pn532.chip.{limit}", 0.02)
        folder = tmp_path_factory.mktemp("pn532")
        with PtyPort(folder / "pn532", Script([(SELECT, b"".join(said).hex())])) as port:
            talk = Talk(port)
            try:
                answer = talk.chip.exchange(1, APDU)
            except (CardFailed, DeviceFault):
                return
            finally:
                talk.chip.close()
        line = b"".join(said)
        assert bytes.fromhex(ACK)[1:5] in line
        assert any(framed(b"\xd5\x41" + bytes((s,)) + answer)[1:-1] in line for s in (0, 0x80))
