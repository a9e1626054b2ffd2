"""Cards that were seen coming on the real pcscd, and cards that lay there when it came back."""

from collections.abc import Iterator

import pytest
from smartcard import scard

from contracts.drivers.coming import ComingContract
from contracts.drivers.echo import EchoCard
from contracts.drivers.reader import READY_WITHIN, until
from drivers.contract import CardReader, DeviceState, Interface, Presence, SlotBinding
from drivers.pcsc.card import SETTLES_WITHIN, PcscReader
from drivers.pcsc.readers import PcscReaders
from drivers.pcsc.state import EVENTS
from simulators.pcscd import Pcscd
from simulators.vpcd import Slot
from simulators.world import SimWorld
from tests.conftest import MakePcscd
from tests.drivers.conftest import GATE
from tests.drivers.pcsc.test_state import LATE, presences
from world.real import RealWorld

WORLD = RealWorld()
READER = "Onecard Contactless A"
PRESENT, EMPTY = scard.SCARD_STATE_PRESENT, scard.SCARD_STATE_EMPTY
GONE = scard.SCARD_STATE_UNAVAILABLE


class PcscComing:
    """See `contracts.drivers.coming.ComingBench`."""

    ways = ("restart", "kill", "replug", "reload")

    def __init__(self, pcscd: Pcscd) -> None:
        self._pcscd = pcscd
        self._slot = Slot(pcscd, READER)
        self._driver = self._started()
        self._reloading = False

    @property
    def reader(self) -> CardReader:
        return self._driver.readers()[0]

    def insert(self, card: EchoCard) -> None:
        self._slot.insert(card)
        if self._reloading:  # pcscd goes on, and is to know of the card before we look again
            until(lambda: card.power_ups > 0)
            until(lambda: bool(_state_of(self._slot.attached) & PRESENT))

    def remove(self) -> None:
        self._slot.remove()

    def go(self, way: str) -> None:
        match way:
            case "restart":
                self._pcscd.stop()
            case "kill":
                self._pcscd.kill()
            case "replug":
                self._pcscd.unplug(READER)
            case "reload":
                self._reloading = True
                self._driver.stop()
        until(lambda: self.reader.status().state is DeviceState.ABSENT, READY_WITHIN)

    def come_back(self, way: str) -> None:
        match way:
            case "restart" | "kill":
                self._pcscd.start()
            case "replug":
                self._pcscd.plug(READER)
            case "reload":
                self._driver, self._reloading = self._started(), False
        if way != "reload":
            until(lambda: bool(self.reader.status().attached), READY_WITHIN)

    def stop(self) -> None:
        self._driver.stop()
        self._slot.remove()

    def _started(self) -> PcscReaders:
        driver = PcscReaders(WORLD, [GATE[0]])
        driver.start()
        return driver


def _state_of(attached: str) -> int:
    """The slot's event state as another program sees it."""
    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    _, states = scard.SCardGetStatusChange(context, 0, [(attached, scard.SCARD_STATE_UNAWARE)])
    scard.SCardReleaseContext(context)
    return int(states[0][1])


class TestPcsc(ComingContract):
    WAYS = PcscComing.ways

    @pytest.fixture
    def bench(self, own_pcscd: MakePcscd) -> Iterator[PcscComing]:
        bench = PcscComing(own_pcscd(READER))
        yield bench
        bench.stop()


def came(*looks: tuple[float, int]) -> list[bool]:
    """Of each card that a reader tells of, looked at so: (seconds to wait before, state). 0 is a
    pcscd that goes and comes back."""
    world = SimWorld(1)

    def watch() -> list[bool]:
        reader = PcscReader(world, SlotBinding("door", "*", Interface.CONTACTLESS, {}))
        reader.attach("Reader 00 00")
        for seconds, state in looks:
            world.wait(seconds)
            if state:
                reader.see(state, b"" if state & scard.SCARD_STATE_MUTE else b"\x3b\x00")
            else:
                reader.detach()
                reader.attach("Reader 00 00")
        return [presence.came for presence in presences(reader) if isinstance(presence, Presence)]

    return world.play(watch)


def moved(moves: int, flags: int) -> int:
    return moves << EVENTS | flags


SOON, LATER = SETTLES_WITHIN / 2, SETTLES_WITHIN + 0.1


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        # A reader that has just got power says at first that nothing lies there.
        ([(0, PRESENT), (1, 0), (0, EMPTY), (SOON, moved(1, PRESENT))], [False, False]),
        # It has shown that by now, so who comes quickly has come.
        ([(0, PRESENT), (1, 0), (0, PRESENT), (0.1, moved(1, EMPTY)), (0.1, moved(2, PRESENT))],
         [False, False, True]),
        ([(0, PRESENT), (1, 0), (0, PRESENT), (0.1, moved(2, PRESENT))], [False, False, True]),
        ([(0, EMPTY), (1, 0), (0, EMPTY), (SOON, moved(1, PRESENT))], [False]),
        ([(0, EMPTY), (1, 0), (0, EMPTY), (LATER, moved(1, PRESENT))], [True]),
        # Away twice, the second time before it had settled.
        ([(0, PRESENT), (1, 0), (0, EMPTY), (0.1, 0), (0, EMPTY), (SOON, moved(1, PRESENT))],
         [False, False]),
        # Its driver failed for a moment: the card is called inserted, and nobody has touched it.
        ([(0, EMPTY), (9, moved(1, PRESENT)), (9, GONE), (1, moved(2, PRESENT))], [True, False]),
        ([(0, EMPTY), (9, moved(1, PRESENT)), (9, GONE), (1, moved(2, EMPTY)),
          (SOON, moved(3, PRESENT))], [True, False]),
        ([(0, EMPTY), (9, moved(1, PRESENT)), (9, GONE), (1, moved(2, EMPTY)),
          (LATER, moved(3, PRESENT))], [True, True]),
        # The same between two looks: one move, and it may have been a swap that is half counted.
        ([(0, EMPTY), (9, moved(1, PRESENT)), (9, moved(2, PRESENT)), (LATE, moved(2, PRESENT))],
         [True, False]),
        # Swaps that are counted are seen.
        ([(0, moved(7, PRESENT)), (9, moved(9, PRESENT))], [False, True]),
    ],
)  # fmt: skip
def test_what_the_event_states_tell_of_coming(
    looks: list[tuple[float, int]], told: list[bool]
) -> None:
    assert came(*looks) == told


def test_reader_that_comes_while_we_look_on_has_to_settle_too(own_pcscd: MakePcscd) -> None:
    """pcscd that starts after the agent, a reader that is plugged in for the first time: what lies
    there may be seen only a moment later."""
    pcscd = own_pcscd(READER, started=False)
    driver = PcscReaders(WORLD, [GATE[0]])
    driver.start()
    (reader,) = driver.readers()
    until(driver.looked)
    Slot(pcscd, READER).insert(EchoCard())
    pcscd.start()
    event = reader.events.get(READY_WITHIN)
    assert isinstance(event, Presence)
    assert not event.came
    driver.stop()


def test_a_card_that_lies_there_and_takes_power_at_the_second_try_did_not_come() -> None:
    """A reader that comes back says "mute", "nobody", and then its card, which nobody has touched:
    taken for one that came, a forgotten card would open the gate."""
    mute = moved(0, PRESENT | scard.SCARD_STATE_MUTE)
    again = ((0.0, mute), (0.1, moved(1, EMPTY)), (0.1, moved(2, PRESENT)))
    assert came((0.0, moved(0, EMPTY)), (9.0, 0), *again) == [False, False]
    behind = ((0.5, moved(3, EMPTY)), (0.5, moved(4, PRESENT)))
    assert came((0.0, moved(0, EMPTY)), (9.0, 0), *again, *behind) == [False, False, True]


def test_reader_that_has_come_back_is_ready_when_it_has_settled() -> None:
    world = SimWorld(1)

    def watch() -> None:
        reader = PcscReader(world, SlotBinding("door", "*", Interface.CONTACTLESS, {}))
        reader.attach("Reader 00 00")
        reader.see(EMPTY, b"")
        assert reader.status().state is DeviceState.READY
        reader.detach()
        reader.attach("Reader 00 00")
        reader.see(EMPTY, b"")
        assert reader.status().state is DeviceState.ABSENT
        world.wait(LATER)
        assert reader.status().state is DeviceState.READY

    world.play(watch)
