"""Whole purchases through the real pcscd: a purse in the air, a transit PSAM in the SAM slot."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

import pytest

from apdu.channel import CardGone
from apdu.transit.files import Layouts, national
from apdu.transit.purse import Purse
from apdu.transit.transit_psam import TransitPsam
from apdu.transit.values import Kind
from drivers.contract import CardReader, Presence
from simulators.cards import Interface
from simulators.cards.transit_psam import transit_psam
from simulators.transit.passengers import PurseWallet
from simulators.vpcd import SOUND, Faults, Moment, Slot, TearAtInstruction
from tests.drivers.conftest import GATE, MakeReaders

MOMENT = "20250102030405"
SLOTS = {"air-a": "Onecard Contactless A", "contact": "Onecard Contact", "sam": "Onecard SAM"}


@dataclass
class Validator:
    """Two readers for cards and one with the PSAM in it."""

    slots: Mapping[str, Slot]
    readers: Mapping[str, CardReader]
    psam: TransitPsam
    wallet: PurseWallet

    def pay(
        self, who: str, reader: str, kind: Kind, amount: int, faults: Faults = SOUND
    ) -> list[bytes]:
        """The commands that the card was given."""
        interface = Interface.CONTACT if reader == "contact" else Interface.CONTACTLESS
        slot = self.slots[SLOTS[reader]]
        inside = slot.insert(self.wallet.bring(who, interface), faults)
        presence = self.readers[reader].events.get(60)
        while not isinstance(presence, Presence):
            presence = self.readers[reader].events.get(60)
        try:
            with closing(self.readers[reader].open()) as handle:
                self._purchase(Purse(handle), kind, amount)
        finally:
            slot.remove()
        return [exchange.command for exchange in inside.trace]

    def _purchase(self, purse: Purse, kind: Kind, amount: int) -> None:
        public = purse.select()
        begun = purse.initialise(kind, amount, self.psam.open())
        authorised = self.psam.authorise(public, begun, MOMENT)
        if kind is Kind.COMPOSITE:
            rail, trip = Layouts.shipped().find("5199", "rail"), national().trip
            purse.update_record(rail, rail.encode({"state": 1, "entry_time": MOMENT}))
            purse.update_record(trip, trip.encode({"type": 3, "moment": MOMENT}))
        self.psam.verify(authorised, purse.debit(authorised).mac2)


@pytest.fixture
def validator(slots: Mapping[str, Slot], make_readers: MakeReaders) -> Iterator[Validator]:
    wallet = PurseWallet()
    slots[SLOTS["sam"]].insert(transit_psam(wallet.transit.psam()))
    readers = make_readers(GATE[0], GATE[2], GATE[3])
    presence = readers["sam"].events.get(60)
    assert isinstance(presence, Presence)
    with closing(readers["sam"].open()) as sam:
        yield Validator(slots, readers, TransitPsam(sam), wallet)


@pytest.mark.parametrize("who", ["lin", "one-card"])
@pytest.mark.parametrize("reader", ["air-a", "contact"])
def test_simple_and_composite_purchases_on_real_channels(
    validator: Validator, who: str, reader: str
) -> None:
    start = validator.wallet.passengers[who].money
    validator.pay(who, reader, Kind.SIMPLE, 200)
    validator.pay(who, reader, Kind.COMPOSITE, 0)
    validator.pay(who, reader, Kind.COMPOSITE, 450)
    memory = validator.wallet.inside(who).state
    assert (memory.money, memory.seq, len(memory.trips)) == (start - 650, 4, 2)


@pytest.mark.parametrize(("moment", "paid"), [(Moment.BEFORE, 0), (Moment.DURING, 200)])
def test_a_card_pulled_out_at_its_debit_is_gone_and_has_paid_or_not(
    validator: Validator, moment: Moment, paid: int
) -> None:
    faults = Faults(tear=TearAtInstruction(0x54, moment))
    with pytest.raises(CardGone):
        validator.pay("torn", "air-a", Kind.SIMPLE, 200, faults)
    assert validator.wallet.money == validator.wallet.money_at_first - paid
    sent = validator.pay("torn", "air-a", Kind.SIMPLE, 100)
    assert [command[1] for command in sent] == [0xA4, 0x50, 0x54]
    assert validator.wallet.money == validator.wallet.money_at_first - paid - 100
