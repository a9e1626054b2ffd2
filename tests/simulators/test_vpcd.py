"""The bridge puts cards under the real pcscd, and does to them what people do to cards."""

import subprocess
from collections.abc import Iterator, Mapping

import pytest
from smartcard import scard

from contracts.drivers.echo import CONTACT_ATR, EchoCard
from contracts.drivers.reader import COMMAND, until
from simulators.cards import Generation, Interface
from simulators.pcscd import Pcscd
from simulators.vpcd import Exchange, Faults, Moment, Slot, TearAtApdu, TearAtByte
from tests.simulators.cards.terminal import CITY, SERIAL, SSSE, order
from world.real import RealWorld

WORLD = RealWorld()
A = "Onecard Contactless A"
ECHO = [*COMMAND, 0x90, 0x00]


class RawClient:
    """PC/SC as bare as it gets."""

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        _, self.context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)

    def state(self) -> int:
        states = [(self.slot.attached, scard.SCARD_STATE_UNAWARE)]
        _, [(_, state, _)] = scard.SCardGetStatusChange(self.context, 0, states)
        return int(state)

    def connect(self) -> None:
        until(lambda: bool(self.state() & scard.SCARD_STATE_PRESENT))
        error, self.card, self.protocol = scard.SCardConnect(
            self.context, self.slot.attached, scard.SCARD_SHARE_EXCLUSIVE, 3
        )
        assert error == scard.SCARD_S_SUCCESS

    def transmit(self, command: bytes = COMMAND) -> list[int] | None:
        error, answer = scard.SCardTransmit(self.card, self.protocol, list(command))
        return list(answer) if error == scard.SCARD_S_SUCCESS else None


@pytest.fixture
def slot(slots: Mapping[str, Slot]) -> Slot:
    return slots[A]


@pytest.fixture
def client(slot: Slot) -> Iterator[RawClient]:
    client = RawClient(slot)
    yield client
    scard.SCardReleaseContext(client.context)


def test_trace_holds_each_apdu(slot: Slot, client: RawClient) -> None:
    inside = slot.insert(EchoCard())
    client.connect()
    for number in range(3):
        client.transmit(bytes([number]) * 5)
    assert [exchange.command for exchange in inside.trace] == [bytes([n]) * 5 for n in range(3)]
    assert all(exchange.response == exchange.command + b"\x90\x00" for exchange in inside.trace)


def test_presence_poll_does_not_reset_the_card(slot: Slot, client: RawClient) -> None:
    card = EchoCard()
    slot.insert(card)
    client.connect()
    ups = card.power_ups
    for _ in range(3):
        slot.port.ring()
        assert client.transmit() == ECHO
    assert card.powered
    assert card.power_ups == ups


@pytest.mark.parametrize(
    ("moment", "answered", "executed"),
    [(Moment.BEFORE, 1, 1), (Moment.DURING, 1, 2), (Moment.AFTER, 2, 2)],
)
def test_tear_at_an_apdu(
    moment: Moment, answered: int, executed: int, slot: Slot, client: RawClient
) -> None:
    card = CountingCard()
    inside = slot.insert(card, Faults(tear=TearAtApdu(1, moment)))
    client.connect()
    answers = [client.transmit() for _ in range(3)]
    assert answers == [ECHO] * answered + [None] * (3 - answered)
    assert inside.left.wait(60)
    assert card.executed == executed
    assert sum(exchange.response is not None for exchange in inside.trace) == answered
    until(lambda: bool(client.state() & scard.SCARD_STATE_EMPTY))


class CountingCard(EchoCard):
    """Knows how many commands it carried out."""

    executed = 0

    def transmit(self, command: bytes) -> bytes:
        self.executed += 1
        return super().transmit(command)


@pytest.mark.parametrize("byte", range(26))
def test_tear_at_a_byte(byte: int, slot: Slot, client: RawClient) -> None:
    card = CountingCard()
    slot.insert(card, Faults(tear=TearAtByte(byte)))
    client.connect()
    answers = [client.transmit() for _ in range(3)]
    assert answers.count(ECHO) == byte // 12  # 5 bytes of command, 7 of answer
    assert card.executed == byte // 12 + (byte % 12 >= 5)


def test_mute_card_answers_until_its_apdu(slot: Slot, client: RawClient) -> None:
    inside = slot.insert(EchoCard(), Faults(mute_from=2))
    client.connect()
    assert client.transmit() == client.transmit() == ECHO
    puller = RealWorld().spawn(lambda: _pull_when_mute(slot), name="hand")
    assert client.transmit() is None
    assert puller.join(60)
    assert inside.trace[-1].response is None


def _pull_when_mute(slot: Slot) -> None:
    assert slot.inside is not None
    assert slot.inside.muted.wait(60)
    slot.remove()


def test_silence_of_the_card_itself_is_mute(slot: Slot, client: RawClient) -> None:
    inside = slot.insert(SilentCard())
    client.connect()
    puller = RealWorld().spawn(lambda: _pull_when_mute(slot), name="hand")
    assert client.transmit() is None
    assert puller.join(60)
    assert inside.muted.is_set()


class SilentCard(EchoCard):
    """`simulators.cards.contract.NO_ANSWER`."""

    def transmit(self, command: bytes) -> bytes:
        return b""


class TenMilliseconds:
    """A time table."""

    activation_seconds = 0.02

    def exchange_seconds(self, command: bytes, response: bytes) -> float:
        return 0.01


def test_time_table_is_charged_in_full(slot: Slot, client: RawClient) -> None:
    inside = slot.insert(EchoCard(), timing=TenMilliseconds())
    client.connect()
    for _ in range(10):
        client.transmit()
    assert min(exchange.seconds for exchange in inside.trace) >= 0.01


def test_slow_card_is_slow(slot: Slot, client: RawClient) -> None:
    inside = slot.insert(EchoCard(), Faults(slow=0.03))
    client.connect()
    assert client.transmit() == ECHO
    assert inside.wait_for(1)
    assert inside.trace[0].seconds >= 0.03


def test_wait_for_gives_up(slot: Slot) -> None:
    assert not slot.insert(EchoCard()).wait_for(1, timeout=0.01)


def test_card_stays_when_its_reader_is_replugged(slot: Slot, client: RawClient) -> None:
    card = EchoCard()
    slot.insert(card)
    client.connect()
    slot.unplug()
    until(lambda: not card.powered)
    until(lambda: client.transmit() is None)
    slot.plug()
    client.connect()
    assert client.transmit() == ECHO


@pytest.mark.parametrize("interface", [Interface.CONTACT, Interface.CONTACTLESS])
def test_third_party_client_reads_a_social_security_card(
    interface: Interface, slot: Slot, pcscd: Pcscd, client: RawClient
) -> None:
    slot.insert(CITY.card(order(Generation.V3), interface))
    until(lambda: bool(client.state() & scard.SCARD_STATE_PRESENT))
    le = "" if interface is Interface.CONTACT else "00"
    tool = ["opensc-tool", "--reader", slot.attached]
    tool += ["--send-apdu", f"00A404000F{SSSE}{le}", "--send-apdu", "00A4020002EF05"]
    tool += ["--send-apdu", "00B2010412" if interface is Interface.CONTACT else "00B2010400"]
    said = subprocess.run(tool, env=pcscd.environment(), capture_output=True, text=True, check=True)
    assert said.stdout.count("Received (SW1=0x90, SW2=0x00)") == 3, said.stdout
    card_id = bytes.fromhex(CITY.card_id(SERIAL))
    assert (b"\x01\x10" + card_id[:12]).hex(" ") in said.stdout.lower()


def test_pcsc_scan_sees_the_card(slot: Slot, pcscd: Pcscd, client: RawClient) -> None:
    slot.insert(EchoCard(CONTACT_ATR))
    until(lambda: bool(client.state() & scard.SCARD_STATE_PRESENT))
    scan = subprocess.Popen(
        ["pcsc_scan", "-n"], env=pcscd.environment(), stdout=subprocess.PIPE, text=True
    )
    with scan:
        assert scan.stdout is not None
        for line in scan.stdout:
            if "ATR: 3B 00" in line:
                break
        else:
            pytest.fail("pcsc_scan ended without the card's ATR")
        scan.terminate()


def test_exchange_times_are_of_the_monotonic_clock(slot: Slot, client: RawClient) -> None:
    inside = slot.insert(EchoCard())
    client.connect()
    before = WORLD.monotonic()
    client.transmit()
    exchange: Exchange = inside.trace[0]
    assert before <= exchange.at <= WORLD.monotonic()
