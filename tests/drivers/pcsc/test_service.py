"""pcscd late, restarted, killed; readers that come and go: the driver recovers and says so once."""

import logging
from collections.abc import Callable

import pytest

from apdu.channel import CardGone, ReaderGone
from contracts.drivers.echo import EchoCard
from contracts.drivers.reader import COMMAND, READY_WITHIN, expect, until
from drivers.contract import Absence, CardReader, DeviceAbsent, DeviceState, Presence
from simulators.pcscd import Pcscd
from simulators.vpcd import Faults, Slot
from tests.conftest import MakePcscd
from tests.drivers.conftest import GATE, MakeReaders
from world.tasks import RealTask

A, B = "Onecard Contactless A", "Onecard Contactless B"


def _ready(reader: CardReader) -> bool:
    return reader.status().state is DeviceState.READY


def _absent(reader: CardReader) -> bool:
    return reader.status().state is DeviceState.ABSENT


def _tap(reader: CardReader, slot: Slot) -> None:
    slot.insert(EchoCard())
    expect(reader, Presence)
    card = reader.open()
    assert card.transmit(COMMAND) == COMMAND + b"\x90\x00"
    card.close()
    slot.remove()
    expect(reader, Absence)


def test_pcscd_that_comes_late_is_found(own_pcscd: MakePcscd, make_readers: MakeReaders) -> None:
    pcscd = own_pcscd(A, started=False)
    reader = make_readers(GATE[0], bound=False)["air-a"]
    with pytest.raises(DeviceAbsent):
        reader.open()
    pcscd.start()
    until(lambda: _ready(reader), READY_WITHIN)
    _tap(reader, Slot(pcscd, A))


@pytest.mark.parametrize("end", [Pcscd.stop, Pcscd.kill])
def test_pcscd_that_ends_and_comes_back_is_lost_once_and_back_once(
    end: Callable[[Pcscd], None],
    own_pcscd: MakePcscd,
    make_readers: MakeReaders,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "onecard.pcsc")
    pcscd = own_pcscd(A)
    reader = make_readers(GATE[0])["air-a"]
    _tap(reader, Slot(pcscd, A))
    end(pcscd)
    until(lambda: _absent(reader))
    pcscd.start()
    until(lambda: _ready(reader), READY_WITHIN)
    _tap(reader, Slot(pcscd, A))
    lines = [record.getMessage() for record in caplog.records]
    assert sum("pcscd lost" in line for line in lines) == 1
    assert sum("pcscd is back" in line for line in lines) == 1
    assert sum("reader air-a: lost" in line for line in lines) == 1
    assert sum("reader air-a: back" in line for line in lines) == 1
    assert reader.status().lost == 1


def test_card_that_lies_there_while_pcscd_restarts_is_presented_again(
    own_pcscd: MakePcscd, make_readers: MakeReaders
) -> None:
    pcscd = own_pcscd(A)
    reader = make_readers(GATE[0])["air-a"]
    slot = Slot(pcscd, A)
    slot.insert(EchoCard())
    first = expect(reader, Presence)
    pcscd.restart()
    expect(reader, Absence)
    assert expect(reader, Presence).count > first.count
    reader.open().close()


@pytest.mark.parametrize("mute", [True, False])
def test_pcscd_killed_under_an_open_card_is_reader_gone(
    mute: bool, own_pcscd: MakePcscd, make_readers: MakeReaders
) -> None:
    pcscd = own_pcscd(A)
    reader = make_readers(GATE[0])["air-a"]
    slot = Slot(pcscd, A)
    inside = slot.insert(EchoCard(), Faults(mute_from=0 if mute else None))
    expect(reader, Presence)
    card = reader.open()

    def lane() -> None:
        if not mute:
            pcscd.kill()
        with pytest.raises(ReaderGone):
            card.transmit(COMMAND)

    task = RealTask(lane, "lane")
    if mute:
        assert inside.muted.wait(60)
        reader.give_up()
        assert not _ready(reader)
        pcscd.kill()
    assert task.join(READY_WITHIN)
    slot.remove()
    pcscd.start()
    until(lambda: _ready(reader), READY_WITHIN)
    expect(reader, Absence)
    _tap(reader, slot)


def test_last_reader_unplugged_and_plugged_again(
    own_pcscd: MakePcscd, make_readers: MakeReaders
) -> None:
    pcscd = own_pcscd(A)
    reader = make_readers(GATE[0])["air-a"]
    for _ in range(5):
        pcscd.unplug(A)
        until(lambda: _absent(reader), READY_WITHIN)
        pcscd.plug(A)
        until(lambda: _ready(reader), READY_WITHIN)
    _tap(reader, Slot(pcscd, A))


def test_reader_that_only_appears_later_is_found(
    own_pcscd: MakePcscd, make_readers: MakeReaders
) -> None:
    pcscd = own_pcscd(A, B, plugged=(A,))
    readers = make_readers(*GATE[:2], bound=False)
    until(lambda: _ready(readers["air-a"]))
    assert _absent(readers["air-b"])
    pcscd.plug(B)
    until(lambda: _ready(readers["air-b"]), READY_WITHIN)
    _tap(readers["air-b"], Slot(pcscd, B))


def test_reader_that_comes_back_while_others_are_busy_is_found(
    own_pcscd: MakePcscd, make_readers: MakeReaders
) -> None:
    pcscd = own_pcscd(A, B)
    readers = make_readers(*GATE[:2])
    for _ in range(5):
        pcscd.unplug(A)
        until(lambda: _absent(readers["air-a"]), READY_WITHIN)
        _tap(readers["air-b"], Slot(pcscd, B))
        pcscd.plug(A)
        until(lambda: _ready(readers["air-a"]), READY_WITHIN)


def test_reader_unplugged_with_a_card_in_it_and_another_undisturbed(
    own_pcscd: MakePcscd, make_readers: MakeReaders
) -> None:
    pcscd = own_pcscd(A, B)
    readers = make_readers(*GATE[:2])
    first, second = Slot(pcscd, A), Slot(pcscd, B)
    inside = first.insert(EchoCard(), Faults(mute_from=1))
    expect(readers["air-a"], Presence)
    card = readers["air-a"].open()
    card.transmit(COMMAND)

    def lane() -> None:
        with pytest.raises((CardGone, ReaderGone)):  # the card has lost its power as well
            card.transmit(COMMAND)

    task = RealTask(lane, "lane")
    assert inside.muted.wait(60)
    pcscd.unplug(A)
    until(lambda: _absent(readers["air-a"]), READY_WITHIN)
    assert task.join(READY_WITHIN)
    expect(readers["air-a"], Absence)
    _tap(readers["air-b"], second)
    first.remove()
    pcscd.plug(A)
    until(lambda: _ready(readers["air-a"]), READY_WITHIN)
    _tap(readers["air-a"], first)
