"""Other programs at our readers: a card that is held for a moment is opened while it lies there,
one that was left at another protocol loses its power first, and what lasts says who may hold it.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest
from smartcard import scard

from apdu.channel import CardGone, Transport
from contracts.drivers.echo import CONTACT_ATR, CONTACTLESS_ATR, EchoCard
from contracts.drivers.reader import COMMAND, expect, until
from drivers.contract import (
    CardProtocol,
    CardReader,
    DeviceBusy,
    DeviceState,
    Interface,
    Presence,
    SlotBinding,
)
from drivers.pcsc.card import PcscReader
from drivers.pcsc.context import BUSY_FOR, BUSY_STEP, PROTOCOLS
from drivers.pcsc.readers import PcscReaders
from simulators.pcscd import Pcscd
from simulators.vpcd import Slot
from tests.drivers.conftest import GATE
from world.real import RealWorld

READER = "Onecard Contact"
GOOD = b"\x90\x00"

# What other programs do: connect (share mode, protocols), say so, and let go of it (disposition)
# when a line comes; `lock`: in a transaction.
OTHER = """
import sys
from smartcard import scard
name, share, protocols, disposition, lock = sys.argv[1], *map(int, sys.argv[2:])
error, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
error, card, protocol = scard.SCardConnect(context, name, share, protocols)
if not error and lock:
    error = scard.SCardBeginTransaction(card)
print(error, flush=True)
sys.stdin.readline()
if lock:
    scard.SCardEndTransaction(card, scard.SCARD_LEAVE_CARD)
scard.SCardDisconnect(card, disposition)
print("gone", flush=True)
sys.stdin.readline()
"""
SHARED, EXCLUSIVE = scard.SCARD_SHARE_SHARED, scard.SCARD_SHARE_EXCLUSIVE
LEAVE, RESET, UNPOWER = scard.SCARD_LEAVE_CARD, scard.SCARD_RESET_CARD, scard.SCARD_UNPOWER_CARD
RAW = scard.SCARD_PROTOCOL_RAW


class PatientWorld(RealWorld):
    """Its clock goes on only while the driver waits for a busy card, so that no busy machine is out
    of patience; `meanwhile` is done in the first of these waits."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], None] = lambda: None
        self.waits = 0

    def monotonic(self) -> float:
        return self.waits * BUSY_STEP

    def wait(self, seconds: float) -> None:
        if seconds == BUSY_STEP:
            self.waits += 1
            if self.waits == 1:
                self.meanwhile()
            super().wait(0)
        else:
            super().wait(seconds)


class Other:
    """Another program that has the card."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.pid = process.pid

    def let_go(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "gone\n"


@contextmanager
def other(
    pcscd: Pcscd,
    slot: Slot,
    share: int = SHARED,
    protocols: int = PROTOCOLS,
    disposition: int = LEAVE,
    *,
    lock: bool = False,
) -> Iterator[Other]:
    words = map(str, (share, protocols, disposition, int(lock)))
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, slot.attached, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=pcscd.environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "0\n"
        yield Other(process)
        process.communicate("\n\n")


@pytest.fixture
def world() -> PatientWorld:
    return PatientWorld()


@pytest.fixture
def slot(slots: Mapping[str, Slot]) -> Slot:
    return slots[READER]


@pytest.fixture
def reader(world: PatientWorld, pcscd: Pcscd) -> Iterator[PcscReader]:
    driver = PcscReaders(world, [GATE[2]])
    driver.start()
    (reader,) = driver.readers()
    until(lambda: reader.status().state is DeviceState.READY)
    yield reader
    driver.stop()


def comes(slot: Slot, reader: CardReader, atr: bytes = CONTACT_ATR) -> tuple[EchoCard, Presence]:
    card = EchoCard(atr)
    slot.insert(card)
    return card, expect(reader, Presence)


@pytest.mark.parametrize("disposition", [LEAVE, RESET, UNPOWER])
@pytest.mark.parametrize("share", [SHARED, EXCLUSIVE])
def test_a_card_that_is_held_for_a_moment_is_opened_in_the_same_presentation(
    pcscd: Pcscd, slot: Slot, reader: PcscReader, world: PatientWorld, share: int, disposition: int
) -> None:
    _, presence = comes(slot, reader)
    with other(pcscd, slot, share, disposition=disposition) as holder:
        world.meanwhile = holder.let_go
        card = reader.open(presence.count)
        assert world.waits > 0
        assert card.transmit(COMMAND) == COMMAND + GOOD
        card.close()
    assert reader.status().state is DeviceState.READY
    assert len(reader.events) == 0


def test_a_card_in_another_programs_transaction_is_not_waited_for_in_pcscd(
    pcscd: Pcscd, slot: Slot, reader: PcscReader, world: PatientWorld
) -> None:
    """SCardConnect would come back only when the transaction is over, and the watchdog would take
    the reader for one that hangs."""
    _, presence = comes(slot, reader)
    with other(pcscd, slot, lock=True) as holder:
        world.meanwhile = holder.let_go
        reader.open(presence.count).close()
        assert world.waits > 0


def test_a_card_that_stays_held_is_busy_and_says_by_whom(
    pcscd: Pcscd, slot: Slot, reader: PcscReader, world: PatientWorld
) -> None:
    _, presence = comes(slot, reader)
    with other(pcscd, slot) as holder:
        with pytest.raises(DeviceBusy) as caught:
            reader.open(presence.count)
        assert f"({holder.pid})" in str(caught.value.facts["holder"])
        assert world.waits == round(BUSY_FOR / BUSY_STEP)
        assert reader.status().state is DeviceState.BUSY
        assert f"({holder.pid})" in reader.status().holder
        holder.let_go()
        reader.open(presence.count).close()
    assert reader.status().state is DeviceState.READY


@pytest.mark.parametrize("swapped", [False, True])
def test_a_card_that_leaves_while_it_is_held_is_gone(
    pcscd: Pcscd, slot: Slot, reader: PcscReader, world: PatientWorld, swapped: bool
) -> None:
    _, presence = comes(slot, reader)

    def leave() -> None:
        slot.insert(EchoCard(CONTACT_ATR)) if swapped else slot.remove()
        until(lambda: reader.seen.present is swapped and len(reader.events) > swapped)

    with other(pcscd, slot):
        world.meanwhile = leave
        with pytest.raises(CardGone):
            reader.open(presence.count)
        assert world.waits == 1


@pytest.mark.parametrize(
    ("atr", "transport"), [(CONTACT_ATR, Transport.T0), (CONTACTLESS_ATR, Transport.T1)]
)
def test_a_card_that_was_left_at_raw_loses_its_power_and_is_opened(
    pcscd: Pcscd, slot: Slot, reader: PcscReader, atr: bytes, transport: Transport
) -> None:
    inside, presence = comes(slot, reader, atr)
    for _ in range(2):
        with other(pcscd, slot, protocols=RAW) as holder:
            holder.let_go()
            powered = inside.power_ups
            card = reader.open(presence.count)
            assert inside.power_ups > powered
            assert card.transport is transport
            assert card.transmit(COMMAND) == COMMAND + GOOD
            card.close()
    assert len(reader.events) == 0


def test_a_card_that_is_held_at_raw_is_waited_for(
    pcscd: Pcscd, slot: Slot, reader: PcscReader, world: PatientWorld
) -> None:
    _, presence = comes(slot, reader)
    with other(pcscd, slot, protocols=RAW) as holder:
        world.meanwhile = holder.let_go
        card = reader.open(presence.count)
        assert world.waits > 0
        assert card.transmit(COMMAND) == COMMAND + GOOD
        card.close()


def test_a_card_that_has_no_protocol_of_ours_says_so_and_keeps_no_power(
    slot: Slot, reader: PcscReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, presence = comes(slot, reader)
    connect = scard.SCardConnect
    asked: list[int] = []

    def refuse(context: int, name: str, share: int, protocols: int) -> tuple[int, int, int]:
        asked.append(protocols)
        error, handle, protocol = connect(context, name, share, protocols)
        if protocols != PROTOCOLS:
            return error, handle, protocol
        # pcscd powers the card before it looks at the protocol, and leaves it so.
        scard.SCardDisconnect(handle, LEAVE)
        return scard.SCARD_E_PROTO_MISMATCH, 0, 0

    monkeypatch.setattr(scard, "SCardConnect", refuse)
    with pytest.raises(CardProtocol) as caught:
        reader.open(presence.count)
    assert set(caught.value.facts) == {"reader", "holder"}
    assert asked == [PROTOCOLS, RAW] * 2
    assert not inside.powered
    assert reader.status().fault == "card.protocol"


def test_a_psam_that_another_program_looks_at_when_it_is_plugged_in_is_opened(
    pcscd: Pcscd, slots: Mapping[str, Slot], world: PatientWorld
) -> None:
    slot = slots["Onecard SAM"]
    slot.insert(EchoCard(CONTACT_ATR))
    driver = PcscReaders(world, [SlotBinding("sam", "*SAM*", Interface.SAM)])
    driver.start()
    (sam,) = driver.readers()
    expect(sam, Presence)
    with other(pcscd, slot) as holder:
        world.meanwhile = holder.let_go
        sam.open().close()
    driver.stop()
