"""Readers that are called what their drivers like: beyond ASCII, beyond UTF-8, full of signs."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from smartcard import scard

from agent.doctor.suggest import slot_pattern
from contracts.drivers.echo import EchoCard
from contracts.drivers.reader import COMMAND, READY_WITHIN, expect, until
from drivers.contract import Absence, DeviceState, Interface, Presence, SlotBinding
from drivers.pcsc.calls import shown, status_change
from drivers.pcsc.readers import PcscReaders
from simulators.pcscd import Pcscd
from simulators.vpcd import Slot
from tests.conftest import MakePcscd
from world.real import RealWorld

WORLD = RealWorld()
LATIN = b"Lecteur \xe0 puce".decode(errors="surrogateescape")
CUT = "读卡器".encode()[:-1].decode(errors="surrogateescape")  # in the middle of a character
NAMES = {
    "lecteur": "Lecteur à puce",
    "chinese": "读卡器 9540",
    "latin": LATIN,
    "cut": CUT,
    "ccid": "Acme Reader 9540 [CCID Interface]",
    "signs": "Acme *|? \\[x]",
    "plain": "Plain",
}


@pytest.fixture
def pcscd(own_pcscd: MakePcscd) -> Pcscd:
    return own_pcscd(*NAMES.values())


@pytest.fixture
def driver(pcscd: Pcscd) -> Iterator[PcscReaders]:
    """A reader for each name, as it is pasted from what is shown."""
    pasted = {key: shown(pcscd.ports[name].attached) for key, name in NAMES.items()}
    driver = PcscReaders(
        WORLD, [SlotBinding(key, match, Interface.CONTACT) for key, match in pasted.items()]
    )
    driver.start()
    yield driver
    driver.stop()


def test_every_reader_is_found_by_its_own_name_and_serves_cards(
    pcscd: Pcscd, driver: PcscReaders
) -> None:
    until(lambda: all(r.status().state is DeviceState.READY for r in driver.readers()))
    for reader in driver.readers():
        name = pcscd.ports[NAMES[reader.name]].attached
        assert reader.status().attached == shown(name)
        slot = Slot(pcscd, NAMES[reader.name])
        slot.insert(EchoCard())
        assert expect(reader, Presence).came
        card = reader.open()
        assert card.transmit(COMMAND) == COMMAND + b"\x90\x00"
        card.close()
        slot.remove()
        expect(reader, Absence)


def test_a_card_whose_atr_comes_late_is_opened_whatever_its_reader_is_called(
    pcscd: Pcscd, driver: PcscReaders
) -> None:
    """pcscd may tell of a card before it knows its ATR; then the open card is asked for it."""
    until(lambda: all(r.status().state is DeviceState.READY for r in driver.readers()))
    for reader in driver.readers():
        slot = Slot(pcscd, NAMES[reader.name])
        slot.insert(EchoCard())
        told = expect(reader, Presence)
        reader.seen = replace(reader.seen, atr=b"")
        card = reader.open()
        assert card.atr == told.atr
        card.close()
        slot.remove()
        expect(reader, Absence)


def test_names_that_no_output_takes_are_shown_by_signs_that_it_does(
    pcscd: Pcscd, driver: PcscReaders
) -> None:
    until(lambda: len(driver.attached()) == len(NAMES))
    assert "Lecteur \\xe0 puce 00 00" in driver.attached()
    assert "Lecteur à puce 00 00" in driver.attached()
    for name in driver.attached():
        assert json.loads(json.dumps(name).encode()) == name  # no lone surrogate in it
        name.encode()


def test_what_is_suggested_for_a_reader_binds_it_and_no_other(
    pcscd: Pcscd, driver: PcscReaders
) -> None:
    until(lambda: len(driver.attached()) == len(NAMES))
    driver.stop()
    for name in driver.attached():
        match = slot_pattern(name, driver.attached())
        again = PcscReaders(WORLD, [SlotBinding("one", match, Interface.CONTACT)])
        again.start()
        (reader,) = again.readers()
        until(lambda reader=reader: reader.status().state is DeviceState.READY)  # type: ignore[misc]
        assert reader.status().attached == name
        again.stop()


def test_a_reader_with_such_a_name_that_comes_later_ends_nobodys_service(
    own_pcscd: MakePcscd,
) -> None:
    pcscd = own_pcscd("Plain", LATIN, plugged=("Plain",))
    bindings = [("plain", "Plain*"), ("latin", "Lecteur*")]
    driver = PcscReaders(WORLD, [SlotBinding(*words, Interface.CONTACT) for words in bindings])
    driver.start()
    reader, latin = driver.readers()
    until(lambda: reader.status().state is DeviceState.READY)
    for _ in range(2):
        pcscd.plug(LATIN)
        until(lambda: latin.status().state is DeviceState.READY, READY_WITHIN)
        Slot(pcscd, LATIN).insert(EchoCard())
        slot = Slot(pcscd, "Plain")
        slot.insert(EchoCard())
        expect(reader, Presence)
        slot.remove()
        expect(reader, Absence)
        pcscd.unplug(LATIN)
        until(lambda: latin.status().state is DeviceState.ABSENT, READY_WITHIN)
    driver.stop()


def test_control_pyscard_alone_raises_for_such_a_name(pcscd: Pcscd) -> None:
    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    with pytest.raises(UnicodeEncodeError):
        scard.SCardGetStatusChange(context, 0, [("Lecteur à puce 00 00", 0)])
    scard.SCardReleaseContext(context)


def test_an_atr_is_cut_where_it_ends(pcscd: Pcscd) -> None:
    Slot(pcscd, "Plain").insert(card := EchoCard())
    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)

    def atr() -> bytes:
        error, states = status_change(context, 0, [("Plain 00 00", scard.SCARD_STATE_UNAWARE)])
        assert error == scard.SCARD_S_SUCCESS
        return states[0][2]

    until(lambda: atr() == card.atr)
    scard.SCardReleaseContext(context)
