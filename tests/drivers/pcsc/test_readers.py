"""PC/SC readers on the real pcscd: the reader contract, binding, and rows of regressions.md."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from smartcard import scard

from apdu.channel import CardGone, CardMute, ReaderGone, Transport
from contracts.drivers.echo import CONTACT_ATR, CONTACTLESS_ATR, EchoCard
from contracts.drivers.reader import COMMAND, ReaderContract, expect, until
from drivers.contract import (
    Absence,
    CardHandle,
    CardReader,
    DeviceAbsent,
    DeviceBusy,
    DeviceDenied,
    DeviceProtocol,
    DeviceState,
    Interface,
    Presence,
    SlotBinding,
)
from drivers.pcsc.readers import PcscReaders, first_match
from drivers.pcsc.state import moves
from simulators.pcscd import Pcscd
from simulators.vpcd import Faults, Insertion, Moment, Slot, TearAtApdu
from tests.drivers.conftest import GATE, MakeReaders
from world import Fault
from world.real import RealWorld
from world.tasks import RealTask

WORLD = RealWorld()


@dataclass
class PcscBench:
    """See `contracts.drivers.reader.ReaderBench`."""

    reader: CardReader
    interface: Interface
    atr: bytes
    slot: Slot
    inside: Insertion | None = None

    def insert(self, *, mute: bool = False, pulled_in_apdu: int | None = None) -> None:
        faults = Faults(mute_from=0 if mute else None)
        if pulled_in_apdu is not None:
            faults = Faults(tear=TearAtApdu(pulled_in_apdu, Moment.DURING))
        self.card = EchoCard(self.atr)
        self.inside = self.slot.insert(self.card, faults)

    def remove(self) -> None:
        self.slot.remove()

    def powered(self) -> bool:
        return self.card.powered

    def await_command(self) -> None:
        assert self.inside is not None
        assert self.inside.muted.wait(60)


class TestContactlessReader(ReaderContract):
    @pytest.fixture
    def bench(self, slots: Mapping[str, Slot], make_readers: MakeReaders) -> PcscBench:
        slot = slots["Onecard Contactless A"]
        reader = make_readers(GATE[0])["air-a"]
        return PcscBench(reader, Interface.CONTACTLESS, CONTACTLESS_ATR, slot)


class TestContactReader(ReaderContract):
    @pytest.fixture
    def bench(self, slots: Mapping[str, Slot], make_readers: MakeReaders) -> PcscBench:
        reader = make_readers(GATE[2])["contact"]
        return PcscBench(reader, Interface.CONTACT, CONTACT_ATR, slots["Onecard Contact"])


def test_transport_follows_the_atr(slots: Mapping[str, Slot], make_readers: MakeReaders) -> None:
    readers = make_readers()
    slots["Onecard Contactless A"].insert(EchoCard(CONTACTLESS_ATR))
    slots["Onecard Contact"].insert(EchoCard(CONTACT_ATR))
    for name, transport in (("air-a", Transport.T1), ("contact", Transport.T0)):
        expect(readers[name], Presence)
        with_card = readers[name].open()
        assert with_card.transport is transport
        with_card.close()


def test_card_that_lies_there_at_the_start_is_a_presence(
    slots: Mapping[str, Slot], make_readers: MakeReaders
) -> None:
    slots["Onecard SAM"].insert(EchoCard())
    sam = make_readers()["sam"]
    assert expect(sam, Presence).interface is Interface.SAM


def test_forty_fast_taps_on_one_reader_then_one_on_the_other(
    slots: Mapping[str, Slot], make_readers: MakeReaders
) -> None:
    readers = make_readers()
    slot = slots["Onecard Contactless A"]
    for tap in range(1, 41):
        slot.insert(EchoCard())
        assert expect(readers["air-a"], Presence).count == tap
        slot.remove()
        expect(readers["air-a"], Absence)
    slots["Onecard Contactless B"].insert(EchoCard())
    assert expect(readers["air-b"], Presence).count == 1
    assert len(readers["air-a"].events) == 0


def test_fast_swap_is_two_presences(slots: Mapping[str, Slot], make_readers: MakeReaders) -> None:
    reader = make_readers()["air-a"]
    slot = slots["Onecard Contactless A"]
    slot.insert(EchoCard())
    before = expect(reader, Presence).count
    for _ in range(20):
        slot.insert(EchoCard())
        expect(reader, Absence)
        count = expect(reader, Presence).count
        assert count == before + 1
        before = count


def test_card_pulled_before_the_command_reaches_it_is_gone(
    slots: Mapping[str, Slot], make_readers: MakeReaders
) -> None:
    reader = make_readers()["air-a"]
    faults = Faults(tear=TearAtApdu(0, Moment.BEFORE))
    slots["Onecard Contactless A"].insert(EchoCard(), faults)
    expect(reader, Presence)
    card = reader.open()
    with pytest.raises(CardGone):
        card.transmit(COMMAND)
    expect(reader, Absence)


def test_card_that_the_reader_waits_for_in_vain_is_mute(
    slots: Mapping[str, Slot], make_readers: MakeReaders
) -> None:
    reader = make_readers()["air-a"]
    slots["Onecard Contactless A"].insert(EchoCard(), Faults(timeout_from=1))
    expect(reader, Presence)
    card = reader.open()
    card.transmit(COMMAND)
    with pytest.raises(CardMute):
        card.transmit(COMMAND)
    assert not card.present()
    slots["Onecard Contactless A"].remove()
    expect(reader, Absence)
    assert reader.status().state is DeviceState.READY


def test_a_swap_that_the_watcher_has_not_told_of_yet_is_a_card_gone(
    pcscd: Pcscd, slots: Mapping[str, Slot], monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = PcscReaders(WORLD, GATE[:1])
    (reader,) = driver.readers()
    slot = slots["Onecard Contactless A"]
    slot.insert(EchoCard())
    driver.start()
    expect(reader, Presence)
    card = reader.open()
    with monkeypatch.context() as blind:
        blind.setattr(reader, "see", lambda state, atr: None)
        blind.setattr(scard, "SCardTransmit", lambda *_: (scard.SCARD_E_NOT_TRANSACTED, []))
        slot.insert(EchoCard())
        until(lambda: moves(reader.seen, reader.context.look(slot.attached)) == 2)
        with pytest.raises(CardGone):
            card.transmit(COMMAND)
    driver.stop()


def test_a_card_that_was_told_of_without_its_atr_has_it_when_it_is_opened(
    slots: Mapping[str, Slot],
) -> None:
    """pcscd 1.9, when a card comes back at once: state 0022 with an unmoved counter and no ATR."""
    driver = PcscReaders(WORLD, GATE[:1])
    (reader,) = driver.readers()
    slots["Onecard Contactless A"].insert(EchoCard(CONTACTLESS_ATR))
    driver.start()
    expect(reader, Presence)
    reader.seen = replace(reader.seen, atr=b"")
    card = reader.open(reader.seen.count)
    assert card.atr == CONTACTLESS_ATR
    assert card.transmit(COMMAND)
    card.close()
    driver.stop()


def test_card_without_an_atr_is_mute(slots: Mapping[str, Slot], make_readers: MakeReaders) -> None:
    reader = make_readers()["contact"]
    slots["Onecard Contact"].insert(EchoCard(), Faults(dead=True))
    assert expect(reader, Presence).atr == b""
    with pytest.raises(CardMute):
        reader.open()
    slots["Onecard Contact"].insert(EchoCard(CONTACT_ATR))
    expect(reader, Absence)
    assert expect(reader, Presence).atr == CONTACT_ATR
    reader.open().close()


def test_card_without_an_atr_does_not_disturb_another_reader(
    slots: Mapping[str, Slot], make_readers: MakeReaders
) -> None:
    readers = make_readers()
    slots["Onecard Contact"].insert(EchoCard(), Faults(dead=True))
    expect(readers["contact"], Presence)
    rounds = []
    for _ in range(10):
        started = WORLD.monotonic()
        slots["Onecard Contactless B"].insert(EchoCard())
        expect(readers["air-b"], Presence)
        slots["Onecard Contactless B"].remove()
        expect(readers["air-b"], Absence)
        rounds.append(WORLD.monotonic() - started)
    assert min(rounds) < 0.1  # what disturbs delays all of them, a busy machine some
    slots["Onecard Contact"].remove()
    expect(readers["contact"], Absence)


def test_mute_card_does_not_disturb_another_reader(
    slots: Mapping[str, Slot], make_readers: MakeReaders
) -> None:
    readers = make_readers()
    mute = slots["Onecard Contactless A"].insert(EchoCard(), Faults(mute_from=0))
    expect(readers["air-a"], Presence)
    lane = RealTask(lambda: _expect_gone(readers["air-a"].open()), "lane a")
    assert mute.muted.wait(60)
    readers["air-a"].give_up()
    rounds = []
    for _ in range(20):
        started = WORLD.monotonic()
        slots["Onecard Contactless B"].insert(EchoCard())
        expect(readers["air-b"], Presence)
        card = readers["air-b"].open()
        card.transmit(COMMAND)
        card.close()
        slots["Onecard Contactless B"].remove()
        expect(readers["air-b"], Absence)
        rounds.append(WORLD.monotonic() - started)
    assert min(rounds) < 0.3  # as above
    assert lane.alive
    slots["Onecard Contactless A"].remove()
    assert lane.join(60)


def _expect_gone(card: CardHandle, fault: type[Fault] = CardGone) -> None:
    with pytest.raises(fault):
        card.transmit(COMMAND)


def test_stop_returns_while_a_handle_hangs(slots: Mapping[str, Slot]) -> None:
    driver = PcscReaders(WORLD, GATE[:2])
    driver.start()
    hanging, other = driver.readers()
    mute = slots["Onecard Contactless A"].insert(EchoCard(), Faults(mute_from=0))
    expect(hanging, Presence)
    lane = RealTask(lambda: _expect_gone(hanging.open(), ReaderGone), "lane")
    assert mute.muted.wait(60)
    sound = EchoCard()
    slots["Onecard Contactless B"].insert(sound)
    expect(other, Presence)
    other.open()
    driver.stop()
    assert lane.alive
    slots["Onecard Contactless A"].remove()
    assert lane.join(60)
    until(lambda: not sound.powered)


def test_stopped_readers_open_nothing(slots: Mapping[str, Slot]) -> None:
    driver = PcscReaders(WORLD, GATE[:1])
    driver.start()
    slots["Onecard Contactless A"].insert(EchoCard())
    expect(driver.readers()[0], Presence)
    card = driver.readers()[0].open()
    driver.stop()
    with pytest.raises(CardGone):
        card.transmit(COMMAND)
    with pytest.raises(DeviceAbsent):
        driver.readers()[0].open()


HOLD_A_READER = """
import sys
from smartcard.scard import *
_, context = SCardEstablishContext(SCARD_SCOPE_SYSTEM)
error, handle, _ = SCardConnect(context, sys.argv[1], SCARD_SHARE_EXCLUSIVE, 3)
print(error, flush=True)
sys.stdin.read()
"""


def test_another_process_that_holds_the_reader_is_named(
    pcscd: Pcscd, slots: Mapping[str, Slot], make_readers: MakeReaders
) -> None:
    reader = make_readers()["air-a"]
    slots["Onecard Contactless A"].insert(EchoCard())
    expect(reader, Presence)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_A_READER, slots["Onecard Contactless A"].attached],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=pcscd.environment(),
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"0\n"
        with pytest.raises(DeviceBusy) as caught:
            reader.open()
        assert f"({holder.pid})" in str(caught.value.facts["holder"])
        assert reader.status().state is DeviceState.BUSY
        assert f"({holder.pid})" in reader.status().holder
        holder.communicate()
    until(lambda: _opens(reader))  # pcscd notices the end of a client a moment later
    assert reader.status().state is DeviceState.READY


def _opens(reader: CardReader) -> bool:
    try:
        reader.open().close()
    except DeviceBusy:
        return False
    return True


def test_slots_are_bound_by_alternatives_in_the_order_of_the_settings() -> None:
    slots = ("ACME Pad 00 00", "ACME Pad 00 01", "Zeta CL 00 00")
    assert first_match("*CL*|ACME*", slots) == "Zeta CL 00 00"
    assert first_match("ACME* | *CL*", slots) == "ACME Pad 00 00"
    assert first_match("ACME*", slots) == "ACME Pad 00 00"
    assert first_match("Other*", slots) is None


def test_bindings_that_match_the_same_slots_share_them_out_by_name(
    slots: Mapping[str, Slot], make_readers: MakeReaders
) -> None:
    readers = make_readers(
        SlotBinding("first", "*Contactless*", Interface.CONTACTLESS),
        SlotBinding("second", "*Contactless*", Interface.CONTACTLESS),
    )
    assert readers["first"].status().attached == "Onecard Contactless A 00 00"
    assert readers["second"].status().attached == "Onecard Contactless B 00 00"


def test_a_reader_that_is_not_there_does_not_keep_the_driver_looking(pcscd: Pcscd) -> None:
    driver = PcscReaders(WORLD, [SlotBinding("window", "*Decard*", Interface.CONTACT), GATE[0]])
    assert not driver.looked()
    driver.start()
    until(driver.looked)
    states = [reader.status().state for reader in driver.readers()]
    assert states[0] is DeviceState.ABSENT
    until(lambda: driver.readers()[1].status().state is DeviceState.READY)
    driver.stop()


def test_binding_without_a_reader_is_absent(pcscd: Pcscd, make_readers: MakeReaders) -> None:
    binding = SlotBinding("window", "*Decard*", Interface.CONTACT)
    reader = make_readers(binding, bound=False)["window"]
    assert reader.status().state is DeviceState.ABSENT
    with pytest.raises(DeviceAbsent) as caught:
        reader.open()
    assert caught.value.facts == {"device": "window", "match": "*Decard*"}


def test_service_that_refuses_this_user_is_denied(
    pcscd: Pcscd, make_readers: MakeReaders, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pcscd 1.9 refuses nobody; from 2.0 polkit does, with this number.
    refused = (scard.SCARD_W_SECURITY_VIOLATION, 0)
    monkeypatch.setattr(scard, "SCardEstablishContext", lambda scope: refused)
    reader = make_readers(GATE[0], bound=False)["air-a"]
    until(lambda: reader.status().state is DeviceState.NO_PERMISSION)
    with pytest.raises(DeviceDenied):
        reader.open()


def test_answer_that_pcsc_does_not_define_is_a_protocol_error(
    slots: Mapping[str, Slot], make_readers: MakeReaders, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = make_readers(GATE[0])["air-a"]
    monkeypatch.setattr(scard, "SCardConnect", lambda *_: (scard.SCARD_E_UNEXPECTED, 0, 0))
    with pytest.raises(DeviceProtocol) as caught:
        reader.open()
    assert caught.value.facts["error"] == f"{scard.SCARD_E_UNEXPECTED:08X}"
    assert reader.status().state is DeviceState.PROTOCOL_ERROR
