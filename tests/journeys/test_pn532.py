"""The social security flow over a PN532 on a serial port, the PSAM on the real pcscd: everything
above the driver is what it is over PC/SC, and knows nothing of it.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.messages.reasons import Reason
from agent.tap.tap import TapReport
from drivers.contract import DeviceState
from offline_store.events.tap import Tap
from simulators.cards import Card, Interface
from simulators.cards.faults import wrong_cryptogram
from simulators.devices.pn532 import Pn532Chip, Tag
from simulators.devices.pty import PtyPort
from simulators.gate import LocalGate
from simulators.pcscd import Pcscd
from simulators.people import FOREIGN, Wallet, load_cast
from simulators.site import DOOR_SLOT, PSAM, until
from simulators.terminal import Way
from simulators.timing import TimeTable
from simulators.vpcd import SOUND, Faults, Moment, Slot, TearAtApdu
from tests.agent.events import tap_of
from tests.conftest import LINK

CAST = load_cast()
PATIENCE = 60.0  # seconds
AIR = TimeTable().at(Interface.CONTACTLESS)


@dataclass
class Doors:
    """The gate, and the field at its door in the test's hand."""

    gate: LocalGate
    chip: Pn532Chip
    port: PtyPort
    slot: Slot  # contact
    wallet: Wallet
    opened_before: int = 0

    @property
    def opened(self) -> int:
        return self.gate.opened - self.opened_before

    def card(self, key: str) -> Card:
        return self.wallet.at(key, Interface.CONTACTLESS)

    @contextmanager
    def held(self, *cards: Card, faults: Faults = SOUND) -> Iterator[list[Tag]]:
        yield [self.chip.put(card, faults, AIR) for card in cards]
        self.chip.take()

    def report(self) -> TapReport:
        return self.gate.ended.get(timeout=PATIENCE).report

    def tap(self, card: Card, faults: Faults = SOUND) -> TapReport:
        with self.held(card, faults=faults):
            return self.report()

    def ready(self) -> None:
        """Wait until the driver has its chip: what lies there sooner did not come."""
        reader = next(r for r in self.gate.gate.lane_readers() if r.name == "door")
        until(lambda: reader.status().state is DeviceState.READY, "the chip is not back")

    def opens_for(self, key: str) -> bool:
        report = self.tap(self.card(key))
        return report.accepted and report.reason == Reason.ACCEPTED


@contextmanager
def doors_with(several: str, folder: Path, pcscd: Pcscd) -> Iterator[Doors]:
    """`pcscd` with the PSAM, and the contact reader beside the PN532."""
    pcscd.link(LINK)
    slots = {reader: Slot(pcscd, reader) for reader in (DOOR_SLOT, PSAM)}
    with ExitStack() as stack:
        chip = Pn532Chip()
        stack.callback(chip.close)
        port = stack.enter_context(PtyPort(folder / "by-id" / "usb-PN532", chip))
        for slot in slots.values():
            stack.callback(slot.remove)
        slots[PSAM].insert(CAST.psam())
        door = Way("pn532", str(port.path), {"several": several})
        gate = stack.enter_context(LocalGate(CAST, folder, door=door))
        until(lambda: gate.has_psam, "the PSAM is not ready")
        yield Doors(gate, chip, port, slots[DOOR_SLOT], Wallet(CAST))


@pytest.fixture(scope="module", params=["refuse"])
def all_day(
    request: pytest.FixtureRequest,
    shared_pcscd: Pcscd,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Doors]:
    folder = tmp_path_factory.mktemp("pn532")
    with doors_with(request.param, folder, shared_pcscd) as doors:
        yield doors


@pytest.fixture
def doors(all_day: Doors) -> Iterator[Doors]:
    """The same gate for all, with nothing in the field before and after."""
    all_day.opened_before = all_day.gate.opened
    yield all_day
    all_day.chip.take()
    all_day.slot.remove()


def recorded(report: TapReport) -> Tap:
    assert report.record is not None, report.reason
    return tap_of(report.record)


@pytest.mark.parametrize(
    ("key", "generation", "algorithm"),
    [
        ("lin", "3.0", "SM4"),
        ("zhang", "2.0", "3DES"),
        ("zhao", "2.0", "SSF33"),
        ("qian", "1.0", "3DES"),
    ],
)
def test_every_generation_is_authenticated_and_let_in(
    doors: Doors, key: str, generation: str, algorithm: str
) -> None:
    report = doors.tap(doors.card(key))
    assert (report.reason, report.accepted) == (Reason.ACCEPTED, True)
    event = recorded(report)
    assert event.credential == "card-contactless"
    proof = event.authentication
    assert proof is not None
    assert (proof.mode, proof.result) == ("psam", "passed")
    assert (proof.generation, proof.algorithm) == (generation, algorithm)
    assert doors.opened == 1


def test_same_person_is_the_same_by_either_reader(doors: Doors) -> None:
    over_air = recorded(doors.tap(doors.card("lin")))
    doors.slot.insert(doors.wallet.at("lin", Interface.CONTACT))
    by_contact = recorded(doors.report())
    assert (over_air.person, over_air.card) == (by_contact.person, by_contact.card)


def test_forged_card_and_foreign_card_are_refused(doors: Doors) -> None:
    forged = doors.wallet.at("lin", Interface.CONTACTLESS, wrong=wrong_cryptogram)
    assert doors.tap(forged).reason == Reason.AUTHENTICATION_FAILED
    assert doors.tap(doors.card(FOREIGN)).reason == Reason.UNKNOWN_CARD
    assert doors.opened == 0


def test_card_that_is_no_chip_card_of_ours_is_told_so(doors: Doors) -> None:
    doors.chip.put(doors.card("lin"), storage=True)
    report = doors.report()
    doors.chip.take()
    assert (report.reason, report.accepted) == (Reason.UNKNOWN_CARD, False)


def test_two_cards_at_once_and_none_is_taken(doors: Doors) -> None:
    with doors.held(doors.card("lin"), doors.card("wang")) as tags:
        report = doors.report()
        assert (report.reason, report.accepted) == (Reason.TWO_CARDS, False)
        assert all(tag.trace == [] for tag in tags)
    assert recorded(report).verdict == "refused"
    assert doors.opened == 0
    assert doors.opens_for("lin")


@pytest.mark.parametrize("all_day", ["each"], indirect=True)
def test_each_takes_one_card_after_the_other(doors: Doors) -> None:
    with doors.held(doors.card("lin"), doors.card("wang")):
        persons = {recorded(doors.report()).person for _ in range(2)}
    assert len(persons) == 2
    assert doors.opened == 2
    assert doors.gate.ended.empty()


@pytest.mark.parametrize("moment", list(Moment))
def test_torn_card_is_never_accepted_and_the_next_one_is(doors: Doors, moment: Moment) -> None:
    for apdu in range(0, 7, 2):
        torn = doors.tap(doors.card("lin"), Faults(tear=TearAtApdu(apdu, moment)))
        assert (torn.reason, torn.accepted) == (Reason.CARD_GONE, False), apdu
        assert recorded(torn).verdict == "refused"
    assert doors.opens_for("wang")
    assert doors.opened == 1


def test_mute_card_is_given_up_and_the_next_one_is_let_in(doors: Doors) -> None:
    with doors.held(doors.card("lin"), faults=Faults(mute_from=3)) as (tag,):
        assert tag.muted.wait(PATIENCE)
        assert doors.report().reason == Reason.CARD_MUTE
    assert doors.opens_for("wang")


def test_reader_unplugged_in_a_tap_is_back_by_itself(doors: Doors) -> None:
    with doors.held(doors.card("lin"), faults=Faults(mute_from=4)) as (tag,):
        assert tag.muted.wait(PATIENCE)
        doors.port.unplug()
        report = doors.report()
    assert (report.reason, report.accepted) == (Reason.READER_GONE, False)
    doors.port.plug()
    doors.ready()
    assert doors.opens_for("wang")


def test_chip_that_loses_power_in_a_tap_is_woken_again(doors: Doors) -> None:
    with doors.held(doors.card("lin"), faults=Faults(mute_from=4)) as (tag,):
        assert tag.muted.wait(PATIENCE)
        doors.chip.fall_asleep()
        report = doors.report()
    assert not report.accepted
    doors.ready()
    assert doors.opens_for("wang")
