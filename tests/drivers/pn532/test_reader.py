"""PN532 readers on a simulated chip: the reader contract, and what is the PN532's own."""

import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apdu.channel import CardGone, CardMute, ReaderGone, Transport
from contracts.drivers.echo import EchoCard
from contracts.drivers.reader import COMMAND, READY_WITHIN, ReaderContract, expect, until
from drivers import registry
from drivers.contract import (
    Absence,
    DeviceAbsent,
    DeviceBusy,
    DeviceFault,
    DeviceState,
    Interface,
    Presence,
    SeveralCards,
    SlotBinding,
)
from drivers.options import OptionsFault
from drivers.pn532.reader import FIRST_LOOKS, Pn532Readers
from simulators.devices.lines import BOOT_TEXT, EchoingLine, RestartingBoard
from simulators.devices.pn532 import ChipFaults
from simulators.devices.pty import Peer
from simulators.vpcd import Faults, Moment, TearAtApdu
from tests.drivers.pn532.conftest import MakeBench, Pn532Bench
from world import Fault
from world.real import RealWorld
from world.tasks import RealTask

WORLD = RealWorld()
RELEASE, LIST = 0x52, 0x4A
GOOD = b"\x90\x00"


class TestPn532Reader(ReaderContract):
    """The fixture `bench` is in conftest."""


class TestTakingEach(ReaderContract):
    @pytest.fixture
    def bench(self, make_bench: MakeBench) -> Pn532Bench:
        return make_bench(several="each")


def test_driver_is_installed() -> None:
    assert registry.reader_driver("pn532") is Pn532Readers


# Several cards


def test_two_cards_are_one_presence_that_nobody_may_open(bench: Pn532Bench) -> None:
    tags = [bench.chip.put(EchoCard()), bench.chip.put(EchoCard())]
    presence = expect(bench.reader, Presence)
    assert presence.atr == b""
    for _ in range(2):
        with pytest.raises(SeveralCards):
            bench.reader.open(presence.count)
    assert all(tag.trace == [] for tag in tags)
    bench.chip.take(tags[0])  # the other one stays a little longer, and is not taken for it
    WORLD.wait(0.3)
    assert len(bench.reader.events) == 0
    bench.chip.take()
    assert expect(bench.reader, Absence).count == presence.count
    bench.insert()
    expect(bench.reader, Presence)
    bench.reader.open().close()


def test_second_card_beside_a_served_one_is_refused_with_it(bench: Pn532Bench) -> None:
    bench.chip.put(EchoCard())
    bench.reader.open(expect(bench.reader, Presence).count).close()
    bench.chip.put(EchoCard())
    expect(bench.reader, Absence)
    count = expect(bench.reader, Presence).count
    with pytest.raises(SeveralCards):
        bench.reader.open(count)


def test_second_card_does_not_disturb_an_open_one(bench: Pn532Bench) -> None:
    bench.insert()
    expect(bench.reader, Presence)
    card = bench.reader.open()
    assert card.transmit(COMMAND)[-2:] == GOOD
    bench.chip.put(EchoCard())
    WORLD.wait(0.3)
    assert card.transmit(COMMAND)[-2:] == GOOD
    assert len(bench.reader.events) == 0
    card.close()
    expect(bench.reader, Absence)


def test_each_is_presented_in_turn_and_once_until_it_leaves(make_bench: MakeBench) -> None:
    bench = make_bench(several="each", interval_ms=40)
    tags = [bench.chip.put(EchoCard()), bench.chip.put(EchoCard())]
    for tag in tags:
        card = bench.reader.open(expect(bench.reader, Presence).count)
        assert card.transmit(COMMAND)[-2:] == GOOD
        assert [len(one.trace) for one in tags] == [int(one.trace != []) for one in tags]
        assert tag.trace
        card.close()
        if tag is tags[0]:
            expect(bench.reader, Absence)
    WORLD.wait(0.2)
    assert len(bench.reader.events) == 0
    bench.chip.take(tags[0])
    WORLD.wait(0.2)
    assert len(bench.reader.events) == 0
    bench.chip.put(EchoCard())
    expect(bench.reader, Absence)
    expect(bench.reader, Presence)


def test_each_goes_on_when_the_first_cannot_be_opened(make_bench: MakeBench) -> None:
    bench = make_bench(several="each", interval_ms=40)
    dead = bench.chip.put(EchoCard(), Faults(timeout_from=0))
    bench.chip.put(EchoCard())
    first = bench.reader.open(expect(bench.reader, Presence).count)
    with pytest.raises(CardMute):
        first.transmit(COMMAND)
    expect(bench.reader, Absence)
    second = bench.reader.open(expect(bench.reader, Presence).count)
    assert second.transmit(COMMAND)[-2:] == GOOD
    assert [exchange.response for exchange in dead.trace] == [None]


# Cards


def test_transport_is_that_of_contactless_cards(bench: Pn532Bench) -> None:
    bench.insert()
    expect(bench.reader, Presence)
    assert bench.reader.open().transport is Transport.T1


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("apdu", [0, 2])
def test_card_torn_at_any_moment_is_gone_and_the_next_is_ready(
    bench: Pn532Bench, apdu: int, moment: Moment
) -> None:
    bench.chip.put(EchoCard(), Faults(tear=TearAtApdu(apdu, moment)))
    expect(bench.reader, Presence)
    card = bench.reader.open()
    answered = 0
    with suppress(CardGone):
        while answered < apdu + 2:
            card.transmit(COMMAND)
            answered += 1
    assert answered == apdu + (moment is Moment.AFTER)
    with pytest.raises(CardGone):
        card.transmit(COMMAND)
    expect(bench.reader, Absence)
    bench.insert()
    expect(bench.reader, Presence)
    assert bench.reader.open().transmit(COMMAND)[-2:] == GOOD


def test_card_that_the_chip_waits_for_in_vain_is_mute_and_powered_down(bench: Pn532Bench) -> None:
    card_inside = EchoCard()
    bench.chip.put(card_inside, Faults(timeout_from=1))
    expect(bench.reader, Presence)
    card = bench.reader.open()
    card.transmit(COMMAND)
    with pytest.raises(CardMute):
        card.transmit(COMMAND)
    until(lambda: not card_inside.powered)
    assert not card.present()


def test_card_that_hangs_and_lies_there_is_mute_once_it_is_given_up(bench: Pn532Bench) -> None:
    tag = bench.chip.put(EchoCard(), Faults(mute_from=0))
    expect(bench.reader, Presence)
    outcome: list[type[Fault]] = []

    def tap() -> None:
        card = bench.reader.open()
        with pytest.raises(CardMute) as caught:
            card.transmit(COMMAND)
        outcome.append(caught.type)

    lane = RealTask(tap, "lane")
    assert tag.muted.wait(60)
    bench.reader.give_up()
    assert lane.join(60)
    assert outcome == [CardMute]
    assert bench.is_state(DeviceState.READY)


def test_card_with_a_random_identifier_stays_one_card(bench: Pn532Bench) -> None:
    bench.chip.put(EchoCard(), random_identifier=True)
    expect(bench.reader, Presence)
    for _ in range(3):
        card = bench.reader.open()
        assert card.transmit(COMMAND)[-2:] == GOOD
        card.close()
    WORLD.wait(0.3)
    assert len(bench.reader.events) == 0


def test_card_without_14443_4_has_no_application_and_gets_no_apdu(bench: Pn532Bench) -> None:
    tag = bench.chip.put(EchoCard(), storage=True)
    assert expect(bench.reader, Presence).atr[:5].hex() == "3b8f800180"
    card = bench.reader.open()
    assert card.transmit(COMMAND).hex() == "6a82"
    card.close()
    assert tag.trace == []


def test_card_that_gives_no_ats_is_mute(bench: Pn532Bench) -> None:
    bench.chip.put(EchoCard(), Faults(dead=True))
    assert expect(bench.reader, Presence).atr == b""
    with pytest.raises(CardMute):
        bench.reader.open()


@pytest.mark.parametrize("size", [5, 250, 261, 262, 263, 700])
def test_apdus_of_any_length_arrive_whole(bench: Pn532Bench, size: int) -> None:
    bench.insert()
    expect(bench.reader, Presence)
    command = bytes(at & 0xFF for at in range(size))
    assert bench.reader.open().transmit(command) == command + GOOD


def test_second_handle_is_busy(bench: Pn532Bench) -> None:
    bench.insert()
    expect(bench.reader, Presence)
    card = bench.reader.open()
    with pytest.raises(DeviceBusy):
        bench.reader.open()
    assert card.transmit(COMMAND)[-2:] == GOOD


def test_presence_of_before_opens_no_later_card(bench: Pn532Bench) -> None:
    bench.insert()
    before = expect(bench.reader, Presence).count
    bench.insert()
    expect(bench.reader, Absence)
    now = expect(bench.reader, Presence).count
    with pytest.raises(CardGone):
        bench.reader.open(before)
    bench.reader.open(now).close()


def test_close_releases_the_card_and_takes_the_field(bench: Pn532Bench) -> None:
    bench.insert()
    expect(bench.reader, Presence)
    card = bench.reader.open()
    del bench.chip.commands[:]
    card.close()
    assert bench.chip.commands[:2] == [RELEASE, 0x32]


def test_card_that_works_is_not_asked_whether_it_is_there(bench: Pn532Bench) -> None:
    bench.insert()
    expect(bench.reader, Presence)
    card = bench.reader.open()
    del bench.chip.commands[:]
    for _ in range(20):
        card.transmit(COMMAND)
    assert bench.chip.commands.count(0x40) == 20


def test_empty_field_is_the_chips_to_watch(bench: Pn532Bench) -> None:
    """A wait of its own for a card, and a word every second; no polling by us."""
    until(lambda: bench.chip.commands.count(LIST) > FIRST_LOOKS)
    before, began = len(bench.chip.commands), WORLD.monotonic()
    WORLD.wait(0.5)
    words = len(bench.chip.commands) - before
    assert words <= 3 + (WORLD.monotonic() - began)  # a busy machine wakes us late


# The chip and its line


def test_stop_leaves_chip_idle_and_field_off(bench: Pn532Bench) -> None:
    bench.insert()
    expect(bench.reader, Presence)
    card = bench.reader.open()
    bench.reader.stop()
    until(lambda: not bench.chip.field)
    assert not card.present()
    with pytest.raises(ReaderGone):
        card.transmit(COMMAND)
    expect(bench.reader, Absence)


def test_unplugged_with_a_card_it_is_gone_and_back_by_itself(
    bench: Pn532Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.insert()
    expect(bench.reader, Presence)
    card = bench.reader.open()
    with caplog.at_level(logging.INFO, logger="onecard.devices"):
        bench.port.unplug()
        with pytest.raises(ReaderGone):
            card.transmit(COMMAND)
        expect(bench.reader, Absence)
        until(lambda: bench.is_state(DeviceState.ABSENT))
        with pytest.raises(DeviceFault):
            bench.reader.open()
        bench.port.plug()
        bench.reader.look()
        assert expect(bench.reader, Presence).count == 2
    assert bench.reader.open().transmit(COMMAND)[-2:] == GOOD
    told = [record.getMessage() for record in caplog.records]
    assert told == ["device air: device.lost", "device air: back"]
    assert bench.reader.status().lost == 1


def test_chip_that_lost_power_is_silent_until_it_has_some_and_is_woken(bench: Pn532Bench) -> None:
    bench.chip.lose_power()
    until(lambda: bench.is_state(DeviceState.NO_ANSWER), within=60)
    assert bench.reader.status().fault == "device.silent"
    bench.chip.restore_power()
    bench.reader.look()
    until(lambda: bench.is_state(DeviceState.READY), within=60)
    bench.insert()
    expect(bench.reader, Presence)


@pytest.mark.parametrize(
    ("faults", "state"),
    [
        (ChipFaults(wrong_checksum=-1), DeviceState.PROTOCOL_ERROR),
        (ChipFaults(wrong_length_checksum=-1), DeviceState.PROTOCOL_ERROR),
        (ChipFaults(truncated=-1), DeviceState.PROTOCOL_ERROR),
        (ChipFaults(unacknowledged=-1), DeviceState.NO_ANSWER),
        (ChipFaults(silent=True), DeviceState.NO_ANSWER),
        (ChipFaults(firmware=bytes.fromhex("33020707")), DeviceState.PROTOCOL_ERROR),
    ],
)
def test_chip_that_answers_wrongly_has_its_state_and_comes_back(
    make_bench: MakeBench,
    faults: ChipFaults,
    state: DeviceState,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("drivers.pn532.chip.PAUSE", 0.2)
    bench = make_bench(ready=False, faults=faults)
    until(lambda: bench.is_state(state) and bench.reader.status().fault != "", within=60)
    assert len(bench.reader.events) == 0
    bench.chip.faults = ChipFaults()
    bench.insert()
    bench.reader.look()
    expect_within(bench, Presence)
    assert bench.reader.open().transmit(COMMAND)[-2:] == GOOD


def expect_within(bench: Pn532Bench, kind: type[Presence]) -> None:
    until(lambda: len(bench.reader.events) > 0, within=60)
    assert isinstance(bench.reader.events.get(), kind)


@pytest.mark.parametrize("fault", ["wrong_checksum", "wrong_length_checksum", "truncated"])
def test_one_broken_answer_of_the_chip_costs_nothing(bench: Pn532Bench, fault: str) -> None:
    setattr(bench.chip.faults, fault, 1)
    bench.insert()
    expect(bench.reader, Presence)
    assert bench.reader.open().transmit(COMMAND)[-2:] == GOOD
    assert bench.reader.status().counters["garbled"] == 1


@pytest.mark.parametrize("fault", ["wrong_checksum", "wrong_length_checksum", "truncated"])
def test_broken_answer_of_a_card_is_no_answer(bench: Pn532Bench, fault: str) -> None:
    bench.insert()
    expect(bench.reader, Presence)
    card = bench.reader.open()
    setattr(bench.chip.faults, fault, 1)
    with pytest.raises(CardMute):
        card.transmit(COMMAND)
    assert bench.tag is not None
    assert len(bench.tag.trace) == 1  # and it was not sent again
    assert bench.reader.open().transmit(COMMAND)[-2:] == GOOD


def test_endless_garbage_is_a_protocol_error_and_ends_with_it(bench: Pn532Bench) -> None:
    bench.chip.babble()
    until(lambda: bench.is_state(DeviceState.PROTOCOL_ERROR), within=60)
    bench.chip.be_quiet()
    bench.insert()
    bench.reader.look()
    expect_within(bench, Presence)


def test_wrong_baud_rate_is_never_ready(make_bench: MakeBench) -> None:
    bench = make_bench(ready=False, baudrate=9600)
    until(lambda: bench.reader.status().fault != "", READY_WITHIN)
    assert bench.reader.status().state in (DeviceState.NO_ANSWER, DeviceState.PROTOCOL_ERROR)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.one_of(st.binary(max_size=64), st.sampled_from(list(b"\x00\xff"))), max_size=5))
def test_whatever_comes_in_between_no_answer_is_wrong(
    bench: Pn532Bench, said: list[bytes | int]
) -> None:
    """Noise before and during a live tap: an answer is the card's own, or there is a fault."""
    bench.chip.take()
    bench.insert()
    noise = [one if isinstance(one, bytes) else bytes((one,)) for one in said]
    for one in noise:
        bench.port.send(one)
    until(lambda: _opened(bench, noise), within=60)


def _opened(bench: Pn532Bench, noise: list[bytes]) -> bool:
    try:
        card = bench.reader.open()
        for one in noise:
            bench.port.send(one)
            assert card.transmit(COMMAND) == COMMAND + GOOD
        card.close()
    except (DeviceFault, CardGone, CardMute, ReaderGone, SeveralCards):
        WORLD.wait(0.01)
        return False
    return True


# Its line


@pytest.mark.parametrize("text", [b"", 40 * BOOT_TEXT], ids=["silent", "boot text"])
def test_a_chip_that_restarts_when_its_port_is_opened_comes_to_work(
    bench: Pn532Bench, text: bytes
) -> None:
    board = RestartingBoard(bench.chip, text=text)
    hang_on(bench, board)
    assert board.openings == 1
    bench.insert()
    expect(bench.reader, Presence)
    card = bench.reader.open()
    assert card.transmit(COMMAND) == COMMAND + GOOD
    card.close()


def test_a_chip_on_an_echoing_line_reads_and_an_echo_alone_is_no_chip(bench: Pn532Bench) -> None:
    """An echo holds the host's own acknowledgements, which are equal to the chip's."""
    line = EchoingLine(bench.chip)
    hang_on(bench, line)
    for _ in range(2):
        bench.insert()
        expect(bench.reader, Presence)
        card = bench.reader.open()
        assert card.transmit(COMMAND) == COMMAND + GOOD
        card.close()
        bench.remove()
        expect(bench.reader, Absence)
    line.powered = False
    until(lambda: bench.reader.status().fault == "device.echo", within=60)


def hang_on(bench: Pn532Bench, peer: Peer) -> None:
    """Something else is on the reader's port now, and it is ready."""
    bench.port.unplug()
    until(lambda: bench.is_state(DeviceState.ABSENT))
    bench.port.peer = peer
    bench.port.plug()
    bench.reader.look()
    until(lambda: bench.is_state(DeviceState.READY), within=60)


# Settings


def made(**options: object) -> Callable[[], Pn532Readers]:
    binding = SlotBinding("air", "/dev/serial/by-id/x", Interface.CONTACTLESS, options)
    return lambda: Pn532Readers(WORLD, [binding])


@pytest.mark.parametrize(
    "options",
    [{"several": "both"}, {"interval_ms": 5}, {"baudrate": 1}, {"port": "/dev/ttyUSB0"}],
)
def test_options_that_do_not_fit_are_told(options: dict[str, object]) -> None:
    with pytest.raises(OptionsFault):
        made(**options)()


def test_only_contactless_readers_are_made() -> None:
    binding = SlotBinding("air", "/dev/ttyUSB0", Interface.CONTACT, {})
    with pytest.raises(OptionsFault):
        Pn532Readers(WORLD, [binding])


def test_reader_that_is_missing_is_absent_and_looked_for(tmp_path: Path) -> None:
    binding = SlotBinding("air", str(tmp_path / "by-id" / "*"), Interface.CONTACTLESS, {})
    driver = Pn532Readers(WORLD, [binding])
    assert not driver.looked()
    driver.start()
    until(driver.looked)
    (reader,) = driver.readers()
    assert reader.status().state is DeviceState.ABSENT
    with pytest.raises(DeviceAbsent):
        reader.open()
    assert driver.attached() == []
    driver.stop()


def test_attached_names_the_port(bench: Pn532Bench) -> None:
    assert bench.reader.status().attached == str(bench.port.path)
